//! Money: payments, refunds and quotes.
//!
//! | file | rule |
//! |---|---|
//! | [`charge`] | a payment on its way |
//! | [`record`] | a payment, and its ledger entries |
//! | [`refund`] | the refund of a cancellation |
//! | [`quote`] | a promised refund of a cancellation |

pub mod charge;
pub mod quote;
pub mod record;
pub mod refund;
