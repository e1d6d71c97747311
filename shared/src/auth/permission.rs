//! What a caller may do beyond its own affairs.

use std::{fmt, str::FromStr};

/// A text that is no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a permission")]
pub struct UnknownPermission;

/// What a route demands of its callers, for [`Permitted`](super::Permitted).
pub trait Requirement {
    /// One of these is enough.
    const ANY_OF: &'static [Permission];
}

macro_rules! permissions {
    ($($(#[$doc:meta])+ $name:ident = $wire:literal),+ $(,)?) => {
        /// A permission, as it stands in the `scope` of a token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])+ $name),+ }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the wire, `booking:read_any`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }
        }

        /// Each permission as a [`Requirement`], by its name.
        pub mod required {
            use super::{Permission, Requirement};
            $($(#[$doc])+ #[derive(Debug)] pub struct $name;
            impl Requirement for $name {
                const ANY_OF: &'static [Permission] = &[Permission::$name];
            })+
        }
    };
}

permissions! {
    /// Read anybody's booking.
    BookingReadAny = "booking:read_any",
    /// Change anybody's booking.
    BookingWriteAny = "booking:write_any",
    /// Change cities, airports, airlines, types, layouts and airplanes.
    ReferenceWrite = "reference:write",
    /// Make and change flights and schedules.
    FlightWrite = "flight:write",
    /// Delay, cancel and re-equip flights.
    DisruptionWrite = "disruption:write",
    /// Read who travels on a flight.
    ManifestRead = "manifest:read",
    /// Change fares.
    FareWrite = "fare:write",
    /// Read statistics.
    ReportRead = "report:read",
    /// Read users.
    UserRead = "user:read",
    /// Change users.
    UserWrite = "user:write",
    /// Change roles and who has them.
    RoleWrite = "role:write",
    /// Read the audit log.
    AuditRead = "audit:read",
    /// Read letters.
    MailRead = "mail:read",
    /// Send letters again.
    MailResend = "mail:resend",
    /// Check the invariants.
    SystemCheck = "system:check",
    /// Be free of rate and hold limits.
    LimitsExempt = "limits:exempt",
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text).ok_or(UnknownPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
