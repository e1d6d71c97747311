//! What letters say, as it is kept: they are rendered of it whenever they are sent or shown.

use super::schema::letters;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::ids::LetterId;

/// What a letter is rendered of, without its token.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letters)]
pub(crate) struct StoredContent {
    pub(crate) template: String,
    pub(crate) locale: String,
    pub(crate) subject: String,
    /// What the template shows: a JSON object. An erased letter has an empty one.
    pub(crate) data: String,
}

/// The content of a letter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    id: LetterId,
) -> QueryResult<Option<StoredContent>> {
    letters::table.find(id.0).select(StoredContent::as_select()).first(connection).await.optional()
}
