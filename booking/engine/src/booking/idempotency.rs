//! Idempotency keys: when two requests are the same.

use serde_json::Value;
use sha2::{Digest, Sha256};
use shared_types::ids::UserId;

/// Hours for which a key keeps its answer.
pub const KEPT_HOURS: i32 = 24;

/// An idempotency key in its scope, with the body that was sent under it. Both are SHA-256 hashes: rows stay slim, and
/// reveal nothing of the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The hash of caller, method, path and key.
    pub scope: Vec<u8>,
    /// The hash of the body as parsed JSON: white space and the order of members do not matter.
    pub body: Vec<u8>,
}

/// The text is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key must have 1 to 255 visible characters")]
pub struct InvalidKey;

impl Key {
    /// The key of a request. `key`: the value of its `Idempotency-Key` header.
    ///
    /// # Errors
    /// [`InvalidKey`]: the header does not have 1 to 255 visible ASCII characters.
    pub fn new(
        caller: UserId,
        method: &str,
        path: &str,
        key: &[u8],
        body: &Value,
    ) -> Result<Self, InvalidKey> {
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(InvalidKey);
        }
        let mut scope = Sha256::new();
        for part in [caller.0.as_bytes().as_slice(), method.as_bytes(), path.as_bytes(), key] {
            scope.update((part.len() as u64).to_be_bytes());
            scope.update(part);
        }
        let mut text = String::new();
        canonical(body, &mut text);
        Ok(Self { scope: scope.finalize().to_vec(), body: Sha256::digest(text).to_vec() })
    }
}

/// Writes JSON with the members of objects in order, so that equal values have equal texts.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            out.push('{');
            for name in names {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(&members[name], out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// The stored answer of a request that had an effect. A repeated request gets it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status: 2xx, or 402 for a declined payment.
    pub status: i16,
    /// The JSON text of the answer's body: the booking, or the quote.
    pub booking: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_compare_as_parsed_json() {
        let user = UserId::new();
        let key = |body| Key::new(user, "POST", "/x", b"k", &body).unwrap();
        let text = |text: &str| key(serde_json::from_str(text).unwrap());
        assert_eq!(text(r#"{"a": 1, "b": [true]}"#), text(r#"{ "b":[true],"a":1 }"#));
        assert_ne!(key(json!({"a": [1, 2]})), key(json!({"a": [2, 1]})));
        assert_ne!(key(json!({"a": "1"})), key(json!({"a": 1})));
    }

    #[test]
    fn scopes_are_told_apart_and_keys_are_visible() {
        let user = UserId::new();
        let scope =
            |path: &str, key: &[u8]| Key::new(user, "POST", path, key, &Value::Null).map(|key| key.scope);
        assert_ne!(scope("/a", b"bc"), scope("/ab", b"c"));
        for key in [&b""[..], b"a b", b"\xff", &[b'x'; 256]] {
            assert_eq!(scope("/a", key), Err(InvalidKey));
        }
    }
}
