//! Requests that may be sent again: their body, and the key that makes a repetition harmless.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderValue};
use booking_engine::booking::idempotency::Key;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use shared::{
    auth::Caller,
    http::{FieldError, JsonBytes, JsonReader, NoParameters, Problem},
};

/// A `POST` of a caller that may carry an `Idempotency-Key`. As an extractor 401 without a valid token, 422 with query
/// parameters. The body is still to be read: that may need more than the body itself.
#[derive(Debug)]
pub(crate) struct KeyedRequest {
    caller: Caller,
    body: JsonBytes,
    method: String,
    path: String,
    keys: Vec<HeaderValue>,
}

/// What a keyed request asks for.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    pub(super) caller: Caller,
    pub(super) value: T,
    pub(super) key: Option<Key>,
}

impl KeyedRequest {
    /// Reads the body with `read`, and then the key.
    ///
    /// # Errors
    /// `malformed_json`; `validation_failed` with all errors of the body, or with that of the key.
    pub(super) fn read<T>(
        self,
        read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>,
    ) -> Result<Keyed<T>, Problem> {
        let body = self.body.read(read)?;
        let key = self.key(&body.json)?;
        Ok(Keyed { caller: self.caller, value: body.value, key })
    }

    fn key(&self, body: &Value) -> Result<Option<Key>, Problem> {
        let wrong =
            |message: &str| Problem::validation(vec![FieldError::parameter("Idempotency-Key", message)]);
        let value = match self.keys.as_slice() {
            [] => return Ok(None),
            [value] => value.as_bytes(),
            _ => return Err(wrong("must not be repeated")),
        };
        let key = Key::new(self.caller.user_id(), &self.method, &self.path, value, body);
        key.map(Some).map_err(|error| wrong(&error.to_string()))
    }
}

impl FromRequest for KeyedRequest {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        let parameters = NoParameters::from_request(request, payload);
        let body = JsonBytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let caller = caller.await?;
            parameters.await?;
            Ok(Self {
                caller,
                body: body.await?,
                method: request.method().as_str().to_owned(),
                path: request.path().to_owned(),
                keys: request.headers().get_all("idempotency-key").cloned().collect(),
            })
        })
    }
}
