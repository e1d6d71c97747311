//! The currency of sales.

use shared::money::Currency;

/// The one currency of all fares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaleCurrency(pub Currency);
