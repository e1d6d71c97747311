//! What Stripe's answers mean.

use booking_engine::{ports::ProviderError, saga::step::ProviderDecision};
use serde_json::Value;

/// An answer of Stripe's.
#[derive(Debug, Clone)]
pub(super) struct ApiAnswer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum IntentReading {
    /// Done; the object.
    Object(Value),
    /// The card was refused.
    CardRefused,
    /// It cannot be done: the request is at fault, or the object's state.
    Rejected(ProviderError),
    /// Whether it was done is not known, or it can be done later.
    Unknown(ProviderError),
}

/// Where a payment intent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// Nobody has asked the bank.
    Unconfirmed,
    /// The bank has been asked, and has not answered.
    Processing,
    /// The bank wants the cardholder to identify themselves.
    Challenged,
    Decided(ProviderDecision),
}

impl ApiAnswer {
    /// Only the type and the code of an error: its message may repeat what it was sent.
    fn fault(&self) -> ProviderError {
        let error = &self.body["error"];
        let text = |key: &str| error[key].as_str().unwrap_or("none").to_owned();
        ProviderError(format!("status {}, type {}, code {}", self.status, text("type"), text("code")))
    }

    /// Reads the answer.
    pub(super) fn read(self) -> IntentReading {
        let of_card = self.body["error"]["type"] == "card_error";
        match self.status {
            200..=299 if self.body.is_object() => IntentReading::Object(self.body),
            402 => IntentReading::CardRefused,
            400..=499 if of_card => IntentReading::CardRefused,
            // Our key is not good, the same request runs at this moment, or there are too many.
            401 | 403 | 409 | 429 => IntentReading::Unknown(self.fault()),
            400..=499 => IntentReading::Rejected(self.fault()),
            _ => IntentReading::Unknown(self.fault()),
        }
    }
}

impl IntentReading {
    /// The object, where nothing else is expected.
    pub(super) fn object(self) -> Result<Value, ProviderError> {
        match self {
            Self::Object(object) => Ok(object),
            Self::CardRefused => Err(ProviderError("the card was refused".to_owned())),
            Self::Rejected(error) | Self::Unknown(error) => Err(error),
        }
    }
}

/// Where an intent is; an error for a status that is not known here.
pub(super) fn of(object: &Value) -> Result<Intent, ProviderError> {
    Ok(match object["status"].as_str().unwrap_or_default() {
        "requires_confirmation" => Intent::Unconfirmed,
        "processing" => Intent::Processing,
        "requires_action" => Intent::Challenged,
        "requires_capture" | "succeeded" => Intent::Decided(ProviderDecision::Authorised),
        "requires_payment_method" | "canceled" => Intent::Decided(ProviderDecision::Declined),
        _ => return Err(ProviderError("a payment intent has a strange status".to_owned())),
    })
}

/// The id of an object.
pub(super) fn id(object: &Value) -> Result<String, ProviderError> {
    let id = object["id"].as_str().filter(|id| is_reference(id));
    id.map(str::to_owned).ok_or_else(|| ProviderError("an object has no id".to_owned()))
}

/// Whether a text looks like an id of Stripe's: safe within a path.
pub(super) fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: u16, body: Value) -> IntentReading {
        ApiAnswer { status, body }.read()
    }

    #[test]
    fn only_the_card_is_refused_for_good() {
        let error = |kind: &str| json!({"error": {"type": kind, "code": "x", "message": "pm_secret"}});
        assert!(matches!(read(200, json!({"id": "pi_1"})), IntentReading::Object(_)));
        assert!(matches!(read(402, error("card_error")), IntentReading::CardRefused));
        assert!(matches!(read(400, error("card_error")), IntentReading::CardRefused));
        assert!(matches!(read(400, error("invalid_request_error")), IntentReading::Rejected(_)));
        assert!(matches!(read(404, error("invalid_request_error")), IntentReading::Rejected(_)));
        for status in [401, 403, 409, 429, 500, 502, 503] {
            let IntentReading::Unknown(fault) = read(status, error("idempotency_error")) else {
                panic!("{status}");
            };
            assert!(!fault.to_string().contains("secret"), "no message of theirs: {fault}");
        }
        assert!(matches!(read(200, Value::Null), IntentReading::Unknown(_)), "no JSON");
        assert!(matches!(read(302, Value::Null), IntentReading::Unknown(_)));
    }

    #[test]
    fn statuses_are_known_or_an_error() {
        let intent = |status: &str| of(&json!({"status": status})).ok();
        assert_eq!(intent("requires_capture"), Some(Intent::Decided(ProviderDecision::Authorised)));
        assert_eq!(intent("succeeded"), Some(Intent::Decided(ProviderDecision::Authorised)));
        assert_eq!(intent("canceled"), Some(Intent::Decided(ProviderDecision::Declined)));
        assert_eq!(intent("requires_payment_method"), Some(Intent::Decided(ProviderDecision::Declined)));
        assert_eq!(intent("requires_confirmation"), Some(Intent::Unconfirmed));
        assert_eq!(intent("requires_action"), Some(Intent::Challenged));
        assert_eq!(intent("processing"), Some(Intent::Processing));
        assert_eq!(intent("something_new"), None);
        assert!(id(&json!({"id": "pi_1/../x"})).is_err() && id(&json!({})).is_err());
    }
}
