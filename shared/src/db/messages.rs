//! The language that the server writes to us: [`Fault`](super::Fault) knows some errors by their English messages.
//!
//! `lc_messages` decides it, for the server as a whole, or for a role or database. Only a superuser may set it, so a
//! connection cannot choose for itself: it reads the setting, and one that is not English is refused.

use diesel::{ConnectionError, QueryableByName, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

#[derive(QueryableByName)]
struct LcMessages {
    #[diesel(sql_type = Text)]
    lc_messages: String,
    /// Quoted where it must be.
    #[diesel(sql_type = Text)]
    role: String,
}

/// Makes sure that the server's messages to this connection are English.
///
/// # Errors
/// [`ConnectionError`] with the statement that a superuser has to run.
pub(super) async fn require_english(connection: &mut AsyncPgConnection) -> Result<(), ConnectionError> {
    let query =
        "SELECT current_setting('lc_messages') AS lc_messages, quote_ident(session_user::text) AS role";
    let read = diesel::sql_query(query).get_result(connection).await;
    let LcMessages { lc_messages, role } = read.map_err(ConnectionError::CouldntSetupConfiguration)?;
    if is_english(&lc_messages) {
        return Ok(());
    }
    Err(ConnectionError::BadConnection(format!(
        "the server's messages are not English (lc_messages is '{lc_messages}'), and errors are told by them; \
         as a superuser run: ALTER ROLE {role} SET lc_messages = 'C'"
    )))
}

/// Whether messages are English in a locale: in `C` and `POSIX` the server does not translate them, and of its
/// translations none is into English.
fn is_english(locale: &str) -> bool {
    let name = locale.split(['.', '@']).next().unwrap_or_default();
    matches!(name, "C" | "POSIX") || name.starts_with("en_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_locales_are_known_by_their_names() {
        for locale in ["C", "POSIX", "C.UTF-8", "C.utf8", "en_US.UTF-8", "en_GB", "en_DK.ISO-8859-1@euro"] {
            assert!(is_english(locale), "{locale}");
        }
        // Without a value the environment of the server's process decides, which nobody here can see.
        for locale in
            ["de_DE.UTF-8", "fr_FR", "pt_BR.utf8", "", "German_Germany.1252", "Cymru", "eno_XX", "english"]
        {
            assert!(!is_english(locale), "{locale}");
        }
    }
}
