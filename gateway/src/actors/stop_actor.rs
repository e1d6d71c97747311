//! The message that ends an actor of the gateway.

use actix::prelude::*;

/// Asks an actor to stop. The service sends it after it has answered the last request.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopActor;
