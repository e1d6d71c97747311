//! What the routes of staff demand. Each that writes is audited.

use shared::auth::{Audited, Permission, Permitted, Requirement, required};

/// A caller who may change reference data.
pub(crate) type ReferenceWriter = Audited<required::ReferenceWrite>;

/// A caller who may make and change flights.
pub(crate) type FlightWriter = Audited<required::FlightWrite>;

/// A caller who may delay and cancel flights and change their airplanes.
pub(crate) type DisruptionWriter = Audited<required::DisruptionWrite>;

/// A caller who may change flights, or their fares: the body tells which of the two it takes.
pub(crate) type FlightChanger = Audited<FlightOrFareWrite>;

/// A caller who may look at schedules, which say what is planned and what it costs.
pub(crate) type ScheduleReader = Permitted<FlightOrFareWrite>;

/// See [`FlightChanger`].
pub(crate) struct FlightOrFareWrite;

impl Requirement for FlightOrFareWrite {
    const ANY_OF: &'static [Permission] = &[Permission::FlightWrite, Permission::FareWrite];
}
