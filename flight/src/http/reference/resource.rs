//! The trait of a kind of reference data. The handlers are the same for all kinds.

use crate::{
    error::Conflict,
    store::{ReferenceTable, flights::Naming},
};
use diesel_async::AsyncPgConnection;
use serde::Serialize;
use shared::{
    http::{FieldError, FromJson, JsonReader, Problem},
    money::Currency,
};

/// What is read with the sale currency at hand, in which all of its money must be.
pub(in crate::http) trait ReadIn: Sized {
    /// Reads it, as [`FromJson::read`] does.
    fn read_in(object: &mut JsonReader<'_>, currency: Currency) -> Option<Self>;
}

impl<T: FromJson> ReadIn for T {
    fn read_in(object: &mut JsonReader<'_>, _: Currency) -> Option<Self> {
        T::read(object)
    }
}

/// A kind of reference data.
pub(in crate::http) trait Resource:
    ReferenceTable + ReadIn + Clone + PartialEq + 'static
{
    /// A merge patch of it.
    type Change: ReadIn + Send + 'static;
    /// Its form in answers.
    type View: Serialize + Send;
    /// The name of the collection in paths.
    const COLLECTION: &'static str;
    /// The name of one of them in the audit log.
    const KIND: &'static str;

    /// Its form in answers, with its money in the sale currency.
    fn view(&self, currency: Currency) -> Self::View;

    /// The data after a patch.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    fn changed(&self, change: Self::Change) -> Result<Self, Vec<FieldError>>;

    /// What these refer to that is not known, by their places and JSON pointers.
    fn unknown_references(
        _rows: &[Self],
        _connection: &mut AsyncPgConnection,
    ) -> impl Future<Output = Result<Vec<(usize, FieldError)>, Problem>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// The conflict of a change with the use of the data.
    fn check_use(
        _before: &Self,
        _after: &Self,
        _connection: &mut AsyncPgConnection,
    ) -> impl Future<Output = Result<Option<Conflict>, Problem>> + Send {
        std::future::ready(Ok(None))
    }

    /// Whether it is a place, which people look for by name.
    const IS_PLACE: bool = false;

    /// The row that a change makes beside the old one, where the old one is in use and must stay as it is.
    fn successor(
        _before: &Self,
        _after: &Self,
        _connection: &mut AsyncPgConnection,
    ) -> impl Future<Output = Result<Option<Self>, Problem>> + Send {
        std::future::ready(Ok(None))
    }

    /// The flights that carry what a change has changed, where they do: what events and search show of it.
    fn renamed(_before: &Self, _after: &Self) -> Option<Naming> {
        None
    }
}
