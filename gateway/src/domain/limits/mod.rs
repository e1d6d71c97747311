//! Limits of clients: requests a minute and requests at once, by class of route.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | how much each class allows |
//! | `client` | whom a request counts for: an address, an account, an API key |
//! | `counts` | the counts of all clients, in bounded memory |
//! | `client_limits` | the decision |

mod client;
mod client_limits;
mod counts;
mod settings;

pub(crate) use client::LimitedClient;
pub(crate) use client_limits::{Admission, ClientLimits, LimitKind, Refusal};
pub(crate) use counts::InFlightCount;
pub use settings::LimitSettings;
