//! Payments: the desk that carries their sagas, the port to providers, and the sandbox.

mod desk;
mod notes;
mod provider;
mod sandbox;

pub(crate) use desk::{Admission, Charge, Charged, PaymentDesk, Times};
pub(crate) use sandbox::Sandbox;
