//! Money: what is charged and given back.
//!
//! | file | rule |
//! |---|---|
//! | [`charge`] | a payment on its way |
//! | [`record`] | a payment, and its entries in the ledger |
//! | [`refund`] | what is given back |
//! | [`quote`] | what a cancellation would give back, promised for a while |

pub mod charge;
pub mod quote;
pub mod record;
pub mod refund;
