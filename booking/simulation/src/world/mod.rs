//! What all parts of a run share: time, chance, the database, the instances, and the books of what must be true.

mod instance;
mod simulated_world;

pub(crate) use instance::{BatchRunner, SimulatedAllocator, SimulatedInstance};
pub(crate) use simulated_world::SimulatedWorld;
