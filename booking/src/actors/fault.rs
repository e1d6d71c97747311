//! A fault in an actor, for tests.

use actix::prelude::*;

/// Makes the actor that takes it panic.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Die;
