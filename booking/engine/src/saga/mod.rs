//! The saga of a payment: authorise, confirm, capture; or decline and void. It survives a crash at any step.
//!
//! | file | content |
//! |---|---|
//! | [`step`] | the steps, and the choice of the next one |
//! | [`carry`] | carries the steps out |
//! | [`sweep`] | resumes unsettled payments and refunds |
//! | [`settlement`] | unsettled payments and refunds |

pub mod carry;
pub mod settlement;
pub mod step;
pub mod sweep;
