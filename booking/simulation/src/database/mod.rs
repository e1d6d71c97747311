//! A model of the database: the tables of booking as maps, with the keys and conditions that the
//! migrations give them, and a clock.
//!
//! [Transactions](crate::transaction) change it. One writer at a time, as the locks of the flights' rows see to for
//! writers of the same flight: from the locks to the commit a transaction is a single step. What it reads before it has
//! its locks may be overtaken by others, as in PostgreSQL. The [replay](mod@crate::replay) finds out whether the
//! model is kinder than the SQL.

mod model_database;
mod planned_abort;
mod queries;
mod rows;
mod statements;

pub(crate) use model_database::{ModelDatabase, unavailable};
pub(crate) use planned_abort::{AbortCause, PlannedAbort};
pub(crate) use rows::{
    ModelChange, ModelEntryRow, ModelFlightRow, ModelKeyRow, ModelPaymentRow, ModelRefundRow, ModelRows,
    ModelSeatRow, ModelTravellerRow, ModelUnsettledRow,
};
