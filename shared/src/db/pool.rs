//! Connections and their pool.

use super::messages;
use crate::statement;
use deadpool::managed::{Object, Pool as Deadpool, PoolError, TimeoutType, Timeouts};
use diesel::ConnectionError;
use diesel_async::{
    AsyncConnection, AsyncPgConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod},
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How long a connection out of a pool is waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds; named as tokio-postgres names them.
const KEEPALIVE: &str =
    "keepalives=1&keepalives_idle=10&keepalives_interval=5&keepalives_retries=3&tcp_user_timeout=20";

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;

/// A connection out of the pool; given back when dropped.
///
/// Dropping the future of a transaction midway costs the connection, which is not used again; the server rolls
/// back when it sees it go. What must come to its end runs in a task that nobody aborts.
pub type Connection = Object<Manager>;

statement! {
    /// Asks for an answer.
    Ping {} -> (),
    "SELECT 1"
}

/// Why there is no connection, or a query failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// All connections stayed busy, or none could be opened in time.
    #[error("no database connection could be had")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A query failed.
    #[error("the database refused a query")]
    Query(#[from] diesel::result::Error),
}

/// Where a service's tables are.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// The service's schema.
    pub schema: String,
    /// Connections at most.
    pub pool_size: usize,
    /// How statements are planned.
    pub plans: Plans,
}

/// How the server plans the statements of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plans {
    /// As its statistics suggest.
    #[default]
    ByStatistics,
    /// By indexes, and once for all. For connections whose statements all look rows up by their keys, many
    /// at a time: of a table that was small when the plan was made, or whose statistics are old, the
    /// server would read every row, and of arrays it cannot know the length.
    ByIndex,
    /// The same, and never through the whole of an index. For connections whose statements find all rows by
    /// their keys, and with an order of their own: where a table has some hundred rows at most when the plan
    /// is made, the server would rather go through all of them, and look for each in the arrays. (Scans that
    /// can only be had with a key are those of bitmaps; they cost a little more a row.)
    ByKeys,
}

impl Plans {
    fn options(self) -> &'static str {
        match self {
            Self::ByStatistics => "",
            Self::ByIndex => {
                " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                 -c enable_mergejoin=off -c jit=off"
            }
            Self::ByKeys => {
                " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off \
                 -c enable_mergejoin=off -c jit=off -c enable_indexscan=off -c enable_indexonlyscan=off \
                 -c enable_memoize=off"
            }
        }
    }
}

impl DatabaseConfig {
    /// The URL with the options that every connection of ours sets: its schema, bounds that keep a
    /// forgotten transaction from blocking others, and those by which a connection whose other end has
    /// silently gone is found dead within half a minute.
    #[must_use]
    pub fn url_with_options(&self) -> String {
        let url = self.url.expose_secret();
        let separator = if url.contains('?') { '&' } else { '?' };
        let options = format!(
            "-c search_path={} -c statement_timeout=15s -c idle_in_transaction_session_timeout=10s -c timezone=UTC{}",
            self.schema,
            self.plans.options()
        );
        let options: String = url::form_urlencoded::byte_serialize(options.as_bytes()).collect();
        // libpq's syntax wants %20, not +.
        let options = options.replace('+', "%20");
        format!(
            "{url}{separator}application_name={}&connect_timeout=5&{KEEPALIVE}&options={options}",
            self.schema
        )
    }

    /// The same tables, for connections whose statements are planned in this way.
    #[must_use]
    pub fn planned(&self, plans: Plans) -> Self {
        Self { plans, ..self.clone() }
    }

    /// Opens a connection outside of any pool, driven by the present runtime, within 5 seconds. (The URL's own
    /// `connect_timeout` ends when the server has taken the connection, whether it then says anything or not.)
    ///
    /// # Errors
    /// Those of the connection; and a refusal where the server would not write English to it.
    pub async fn connect(&self) -> Result<AsyncPgConnection, ConnectionError> {
        let url = self.url_with_options();
        let late = |_| Err(ConnectionError::BadConnection("the database is silent".to_owned()));
        tokio::time::timeout(CONNECT_TIMEOUT, open(&url)).await.unwrap_or_else(late)
    }
}

/// Opens a connection of ours: every one comes from here.
async fn open(url: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    messages::require_english(&mut connection).await?;
    Ok(connection)
}

/// A pool of connections, shared by the threads of a service.
#[derive(Clone)]
pub struct Pool(Deadpool<Manager>);

impl Pool {
    /// A pool whose connections are driven by the runtime that calls this, whichever thread uses
    /// them: that runtime must outlive the pool's users. Opens nothing yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(config: &DatabaseConfig) -> Self {
        let runtime = tokio::runtime::Handle::current();
        let mut manager = ManagerConfig::default();
        // `Fast` trusts a connection that is not known to be broken: a ping per use costs as much as a small statement.
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |url| {
            let (runtime, url) = (runtime.clone(), url.to_owned());
            async move {
                let opening = runtime.spawn(async move { open(&url).await });
                opening.await.map_err(|error| ConnectionError::BadConnection(error.to_string()))?
            }
            .boxed()
        });
        let manager = Manager::new_with_config(config.url_with_options(), manager);
        let bound = Some(CONNECT_TIMEOUT);
        let pool = Deadpool::builder(manager)
            .max_size(config.pool_size)
            .timeouts(Timeouts { wait: bound, create: bound, recycle: bound })
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        // Building fails only where timeouts are set without a runtime, and one is.
        Self(pool.unwrap_or_else(|error| unreachable!("{error}")))
    }

    /// A connection, within 5 seconds.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when all stay busy or none can be opened.
    pub async fn get(&self) -> Result<Connection, DbError> {
        // The pool's own bounds are of each part: waiting, a look at each connection that is idle, opening.
        let got = tokio::time::timeout(CONNECT_TIMEOUT, self.0.get()).await;
        got.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait))).map_err(|error| match error {
            PoolError::Backend(error) => DbError::Unavailable(Box::new(error)),
            other => DbError::Unavailable(other.to_string().into()),
        })
    }

    /// Whether the database answers; readiness probes ask. Why it does not is logged.
    pub async fn is_healthy(&self) -> bool {
        use diesel_async::RunQueryDsl;
        let asked = async {
            let mut connection = self.get().await?;
            Ping {}.execute(&mut connection).await?;
            Ok::<_, DbError>(())
        };
        let answer = asked.await;
        if let Err(error) = &answer {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(%error, error.cause = cause, "The database is not usable");
        }
        answer.is_ok()
    }

    /// Whether a connection can be had that is not known to be dead. Asks the server nothing where one is idle.
    pub(crate) async fn has_connection(&self) -> bool {
        self.get().await.is_ok()
    }

    /// Whether the pool was closed: the service stops.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Closes the idle connections and refuses new users.
    pub fn close(&self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{net::TcpListener, time::timeout};

    #[tokio::test]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        // It takes connections, as the system does by itself, and is never heard of.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://aerobus@{}/aerobus", silent.local_addr().unwrap());
        let schema = "booking".to_owned();
        let config = DatabaseConfig { url: url.into(), schema, pool_size: 1, plans: Plans::default() };
        let connected = timeout(CONNECT_TIMEOUT * 2, config.connect()).await;
        assert!(connected.expect("it gives up").is_err());
    }
}
