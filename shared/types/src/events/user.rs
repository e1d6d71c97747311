//! The state of a user, as the gateway tells it.

use crate::ids::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user in full: the data of `user.registered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserState {
    /// Its id.
    pub id: UserId,
    /// Where letters go.
    pub email: String,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// BCP 47 language tag, `en`.
    pub locale: String,
}
