//! What was done to the database, and in which words, so that the same can be done to another and be compared.

mod command_words;
mod database_trace;
mod read_words;
mod table_lines;

pub(crate) use command_words::{counted_as, name, outcome};
pub(crate) use database_trace::{DatabaseTrace, TracedOperation, TracedTransaction};
pub(crate) use read_words::{
    booking_read, bookings_in_order, disruptions, holds_ended, known, seats_read, unsettled,
    unsettled_refunds,
};
pub(crate) use table_lines::{
    ClaimedLocators, TableLines, locator_words, or_none, stored_answer, table_lines,
};
