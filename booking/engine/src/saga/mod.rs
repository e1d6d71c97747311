//! The saga of a payment: authorise, confirm, capture; or decline and void. It survives a crash at any step.
//!
//! | file | what |
//! |---|---|
//! | [`step`] | what is to be done next |
//! | [`carry`] | carries the steps out |
//! | [`sweep`] | takes up what was left |
//! | [`settlement`] | what is still to be asked of the provider |

pub mod carry;
pub mod settlement;
pub mod step;
pub mod sweep;
