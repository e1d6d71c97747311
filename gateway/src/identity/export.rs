//! All that is kept of a person.

use super::IdentityService;
use crate::{
    domain::{api_key::ApiKey, session::Session, user::User},
    error::IdentityError,
    personal_data::{PersonalDataClient, PersonalDataError},
    store::{
        api_keys,
        audit_log::{self, AuditFilter, AuditRights, AuditRow},
        known_devices, sessions, totp_factors, users,
    },
};
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use serde_json::Value;
use shared::ids::{SessionId, UserId};
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use uuid::Uuid;

/// A device that the person has logged in from.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedDevice {
    /// Its network.
    network: String,
    /// Its program, without versions.
    program: String,
    /// The last login.
    last_at: DateTime<Utc>,
}

/// Something that the person did as a member of the staff. What it was done to may belong to others, so its states
/// before and after are left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedAct {
    /// When.
    at: DateTime<Utc>,
    /// What was done.
    #[schema(example = "city.change")]
    action: String,
    /// To what.
    #[schema(example = "city/LON")]
    subject: String,
    /// The request that did it.
    request_id: String,
}

impl From<AuditRow> for ExportedAct {
    fn from(row: AuditRow) -> Self {
        Self { at: row.at, action: row.action, subject: row.subject, request_id: row.request_id }
    }
}

/// All that is kept of a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonalDataExport {
    /// When it was put together.
    pub(crate) exported_at: DateTime<Utc>,
    /// The account.
    pub(crate) user: User,
    /// Sessions that are kept, newest first; also those that have ended.
    pub(crate) sessions: Vec<Session>,
    /// Since when logins need a second factor; null where it is off.
    pub(crate) second_factor_since: Option<DateTime<Utc>>,
    /// Devices that logins came from, the latest first.
    pub(crate) known_devices: Vec<ExportedDevice>,
    /// API keys, oldest first, without their texts: nobody can read those again.
    pub(crate) api_keys: Vec<ApiKey>,
    /// What the audit log holds of the person's acts, newest first.
    pub(crate) audit: Vec<ExportedAct>,
    /// Bookings, as the API shows them, newest first.
    #[schema(value_type = Vec<Object>)]
    pub(crate) bookings: Vec<Value>,
    /// Letters about the account and the bookings, newest first, and where the address is verified all letters to it.
    #[schema(value_type = Vec<Object>)]
    pub(crate) letters: Vec<Value>,
}

impl IdentityService {
    /// All that is kept of a user. `current` is the session of the request.
    ///
    /// # Errors
    /// [`IdentityError::PersonalData`] where a service does not answer, or it is too large: an export is never incomplete.
    /// [`IdentityError::TooManyExports`], [`IdentityError::SessionEnded`], or a fault of ours.
    pub(crate) async fn export(
        &self,
        id: UserId,
        current: SessionId,
        others: &PersonalDataClient,
    ) -> Result<PersonalDataExport, IdentityError> {
        let _place = EXPORTS.try_acquire().map_err(|_| IdentityError::TooManyExports)?;
        let (user, sessions, second_factor_since, devices, api_keys, audit) = {
            // The connection goes back before the other services are asked, which takes long.
            let mut connection = self.pool.get().await?;
            let user = users::active(&mut connection, id).await?.ok_or(IdentityError::SessionEnded)?;
            let sessions = sessions::all_of(&mut connection, id).await?;
            let factor = totp_factors::confirmed_at(&mut connection, id).await?;
            let devices = known_devices::of_user(&mut connection, id).await?;
            let api_keys = api_keys::of_user(&mut connection, id).await?;
            (user, sessions, factor, devices, api_keys, acts(&mut connection, id, MOST_ACTS).await?)
        };
        let bookings = others.bookings(id).await?;
        let mut subjects: Vec<Uuid> =
            bookings.iter().filter_map(|booking| booking["id"].as_str()?.parse().ok()).collect();
        subjects.push(id.0);
        // Letters to an address that was never verified may be those of its owner, who is somebody else.
        let email = user.email_verified.then_some(user.email.as_str());
        let letters = others.letters(email, &subjects).await?;
        let sessions = sessions.into_iter().map(|row| row.into_session(current)).collect();
        let device = |(network, program, last_at)| ExportedDevice { network, program, last_at };
        let known_devices = devices.into_iter().map(device).collect();
        Ok(PersonalDataExport {
            exported_at: Utc::now(),
            user,
            sessions,
            second_factor_since,
            known_devices,
            api_keys,
            audit,
            bookings,
            letters,
        })
    }
}

/// Exports at the same time of an instance, which is a process: each may hold 128 MiB of bookings and letters.
static EXPORTS: Semaphore = Semaphore::const_new(2);

/// Lines of the audit log that one query reads.
const LINES: i64 = 1000;

/// Lines of the audit log in an export, about 20 MiB.
const MOST_ACTS: usize = 100_000;

/// All acts of a person in the audit log. An installation without one keeps none.
async fn acts(
    connection: &mut AsyncPgConnection,
    actor: UserId,
    most: usize,
) -> Result<Vec<ExportedAct>, IdentityError> {
    if audit_log::rights(connection).await? == AuditRights::Missing {
        return Ok(Vec::new());
    }
    let filter = AuditFilter { actor: Some(actor), ..AuditFilter::default() };
    let (mut acts, mut place) = (Vec::new(), None);
    loop {
        let rows = audit_log::list(connection, &filter, place, LINES).await?;
        let Some(last) = rows.last().map(AuditRow::place) else { return Ok(acts) };
        acts.extend(rows.into_iter().map(ExportedAct::from));
        if acts.len() > most {
            return Err(PersonalDataError::TooLarge.into());
        }
        place = Some(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MIGRATIONS;
    use diesel::sql_types::Uuid as SqlUuid;
    use diesel_async::RunQueryDsl;
    use testkit::TestDatabase;

    #[actix_web::test]
    async fn more_acts_than_fit_are_an_error_and_no_part_of_them() {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let mut connection = database.config("gateway").connect().await.unwrap();
        let actor = UserId::new();
        let write = "INSERT INTO audit.audit_log (id, at, actor, action, subject, request_id) \
                     SELECT gen_random_uuid(), now(), $1, 'city.change', 'city/LON', 'r' FROM generate_series(1, 3)";
        diesel::sql_query(write).bind::<SqlUuid, _>(actor.0).execute(&mut connection).await.unwrap();
        assert_eq!(acts(&mut connection, actor, 3).await.unwrap().len(), 3);
        let too_many = acts(&mut connection, actor, 2).await;
        assert!(matches!(too_many, Err(IdentityError::PersonalData(PersonalDataError::TooLarge))));
    }
}
