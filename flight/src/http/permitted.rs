//! The permissions that the routes of staff need. Writes are audited.

use shared::auth::{Audited, Permission, Permitted, Requirement, required};

/// A caller who may change reference data.
pub(crate) type ReferenceWriter = Audited<required::ReferenceWrite>;

/// A caller who may export reference data.
pub(crate) type ReferenceExporter = Permitted<required::ReferenceWrite>;

/// A caller who may make and change flights.
pub(crate) type FlightWriter = Audited<required::FlightWrite>;

/// A caller who may delay and cancel flights and change their airplanes.
pub(crate) type DisruptionWriter = Audited<required::DisruptionWrite>;

/// A caller who may change flights or their fares. The body decides which permission the change needs.
pub(crate) type FlightChanger = Audited<FlightOrFareWrite>;

/// A caller who may read schedules: they have plans and prices.
pub(crate) type ScheduleReader = Permitted<FlightOrFareWrite>;

/// See [`FlightChanger`].
pub(crate) struct FlightOrFareWrite;

impl Requirement for FlightOrFareWrite {
    const ANY_OF: &'static [Permission] = &[Permission::FlightWrite, Permission::FareWrite];
}

/// A caller who may read the progress of imports: everybody who may import something.
pub(crate) type ImportReader = Permitted<ReferenceOrFlightWrite>;

/// See [`ImportReader`].
pub(crate) struct ReferenceOrFlightWrite;

impl Requirement for ReferenceOrFlightWrite {
    const ANY_OF: &'static [Permission] = &[Permission::ReferenceWrite, Permission::FlightWrite];
}
