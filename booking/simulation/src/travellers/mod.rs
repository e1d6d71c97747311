//! The travellers, and what they ask for.

mod changes;
mod lives;
mod orders;
mod purchases;
mod traveller;

pub(crate) use lives::start;
