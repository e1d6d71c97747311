//! The trace of a run: operations, their answers in words, and rows as lines. The replay repeats and compares them.

mod command_words;
mod database_trace;
mod read_words;
mod table_lines;

pub(crate) use command_words::{command_in_words, counted_as, verdict_in_words};
pub(crate) use database_trace::{DatabaseTrace, TracedOperation, TracedTransaction};
pub(crate) use read_words::{
    booking_in_words, bookings_in_words, disruptions_in_words, ended_holds_in_words, key_in_words,
    payments_in_words, refunds_in_words, seats_in_words,
};
pub(crate) use table_lines::{
    ClaimedLocators, TableLines, locator_words, or_none, stored_answer, table_lines,
};
