//! The requests of travellers, and how an instance serves them.

mod amendment;
mod serving;
mod traveller_request;

pub(crate) use amendment::Amendment;
pub(crate) use traveller_request::TravellerRequest;
