//! `SharedProvider`: a payment provider behind a pointer that threads share.

use booking_engine::ports::PaymentProvider;
use std::sync::Arc;

/// See the module.
pub(crate) type SharedProvider = Arc<dyn PaymentProvider + Send + Sync>;
