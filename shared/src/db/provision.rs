//! Makes a service's role and schema in a database that we administer (embedded mode, tests).

use super::DatabaseConfig;
use diesel::ConnectionError;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::{ExposeSecret, SecretString};

/// The service whose administrators read the audit log.
const GATEWAY: &str = "gateway";

/// What makes the audit log, with a role of its own: the same file is for administrators of other databases.
const AUDIT_LOG: &str = include_str!("../../../migrations/audit/provision.sql");

/// The service whose tables need extensions.
const FLIGHT: &str = "flight";

/// What makes the extensions: the same file is for administrators of other databases.
const EXTENSIONS: &str = include_str!("../../../migrations/extensions/provision.sql");

/// Why a role or schema could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// No connection.
    #[error("the database cannot be reached")]
    Connect(#[from] ConnectionError),
    /// The administrator may not do that.
    #[error("the database refused to make a role or schema")]
    Query(#[from] diesel::result::Error),
    /// The administrator's URL is none.
    #[error("not a database URL")]
    Url(#[from] url::ParseError),
}

/// A service's access to its schema.
pub type Provisioned = DatabaseConfig;

/// Makes (or makes right) the role `aerobus_<service>` with this password and the schema `<service>`
/// that it owns, in the database of the administrator's URL; gives the service's own access to it. The server's
/// messages to the role are English, where the administrator may say so. With the gateway's comes the audit log, which
/// the gateway may read and append to, and nothing else. With flight's come the extensions that its tables need.
///
/// # Errors
/// [`ProvisionError`].
///
/// # Panics
/// If `service` is not a plain lower-case word: it is a constant of the caller's.
pub async fn provision(
    admin_url: &SecretString,
    service: &str,
    password: &SecretString,
    pool_size: usize,
) -> Result<Provisioned, ProvisionError> {
    assert!(service.bytes().all(|byte| byte.is_ascii_lowercase()), "a service's name is one lower-case word");
    let role = format!("aerobus_{service}");
    let mut connection = AsyncPgConnection::establish(admin_url.expose_secret()).await?;
    // Utility statements take no binds; the name is checked above and the password is quoted.
    let quoted = password.expose_secret().replace('\'', "''");
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            // Two starts against one database must not collide. Roles belong to the whole cluster, but
            // these locks do not: who makes several databases at once serialises that.
            diesel::sql_query("SELECT pg_advisory_xact_lock(4711)").execute(connection).await?;
            let make_role = format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} LOGIN; END IF; END $$"
            );
            diesel::sql_query(make_role).execute(connection).await?;
            diesel::sql_query(format!("ALTER ROLE {role} PASSWORD '{quoted}'")).execute(connection).await?;
            // Connections insist on English messages. An administrator who is no superuser may not set this; then
            // what the server has anyway must do.
            let english = format!(
                "DO $$ BEGIN ALTER ROLE {role} SET lc_messages = 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
            );
            diesel::sql_query(english).execute(connection).await?;
            let schema = format!("CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role}");
            diesel::sql_query(schema).execute(connection).await?;
            Ok::<_, diesel::result::Error>(())
        })
        .await?;
    match service {
        GATEWAY => connection.batch_execute(AUDIT_LOG).await?,
        FLIGHT => connection.batch_execute(EXTENSIONS).await?,
        _ => {}
    }
    let mut url = url::Url::parse(admin_url.expose_secret())?;
    // `postgres` URLs have an authority, so user and password can be set.
    let _ = url.set_username(&role);
    let _ = url.set_password(Some(password.expose_secret()));
    Ok(DatabaseConfig {
        url: SecretString::from(String::from(url)),
        schema: service.to_owned(),
        pool_size,
        plans: crate::db::Plans::default(),
    })
}
