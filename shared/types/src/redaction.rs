//! Which members of a JSON document are masked where more people read it than its owner, or where nothing can be removed
//! any more.

use serde_json::Value;

/// What stands in the place of a masked value.
pub const MASK: &str = "***";

/// Words of member names that mark a secret.
const SECRET: [&str; 14] = [
    "authorization",
    "cookie",
    "credential",
    "digest",
    "hash",
    "key",
    "otp",
    "otpauth",
    "passphrase",
    "password",
    "recovery",
    "secret",
    "signature",
    "token",
];

/// Words of member names that mark personal data.
const PERSONAL: [&str; 6] = ["birth", "born", "email", "passport", "phone", "recipient"];

/// Whole member names that mark personal data. (A `name` alone may be a city's.)
const PERSONAL_NAMES: [&str; 5] = ["address", "family_name", "full_name", "given_name", "user_agent"];

/// Whether a member of this name holds a secret: `refresh_token`, `passwordHash`, `recovery_codes`.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    words(name).any(|word| SECRET.contains(&singular(&word)))
}

/// Whether a member of this name holds data about a person: `email`, `given_name`, `born_on`.
#[must_use]
pub fn is_personal(name: &str) -> bool {
    PERSONAL_NAMES.contains(&name) || words(name).any(|word| PERSONAL.contains(&singular(&word)))
}

/// Masks the values of all members with such a name, at any depth. `null`, `true` and `false` stay: they tell that
/// something is there, and nothing of it.
pub fn mask(document: &mut Value, hidden: fn(&str) -> bool) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Null | Value::Bool(_) => {}
                    value if hidden(name) => *value = Value::String(MASK.to_owned()),
                    value => mask(value, hidden),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, hidden)),
        _ => {}
    }
}

/// Masks the values of secrets in a text that may be broken JSON, as well as can be told: what follows a quoted name and a
/// colon, up to the end of its quotes or its line, or the next comma or bracket.
#[must_use]
pub fn mask_text(text: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, member)) = rest.split_once('"') {
        shown.push_str(before);
        shown.push('"');
        let Some((name, after)) = member.split_once('"') else {
            rest = member;
            continue;
        };
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        match value.filter(|_| is_secret(name)) {
            Some(value) => {
                shown.push_str(&format!("{name}\": {MASK}"));
                rest = after_value(value);
            }
            // The end of this text may be the beginning of a name.
            None => {
                shown.push_str(name);
                rest = &member[name.len()..];
                if value.is_some() {
                    shown.push('"');
                    rest = after;
                }
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// What stands behind a value of JSON, which may be broken off.
fn after_value(value: &str) -> &str {
    let mut escaped = false;
    let end = match value.strip_prefix('"') {
        Some(text) => text.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        }),
        None => return value.find([',', '}', ']', '\n']).map_or("", |end| &value[end..]),
    };
    end.map_or("", |end| &value[end + 2..])
}

/// Masks secrets and personal data, for records that are never removed.
pub fn mask_for_audit(document: &mut Value) {
    mask(document, |name| is_secret(name) || is_personal(name));
}

/// The words of a name in snake_case, kebab-case or camelCase, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> + '_ {
    let mut words = vec![String::new()];
    let capitals = !name.chars().any(char::is_lowercase);
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && !capitals) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|one| !one.ends_with('s')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_told_by_their_words() {
        for name in [
            "password",
            "newPassword",
            "refresh_token",
            "tokens",
            "api-key",
            "keys",
            "password_hash",
            "API_KEY",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in
            ["monkey", "hashtag", "tokenised", "code", "accounting_code", "locator", "prefix", "passes"]
        {
            assert!(!is_secret(name), "{name}");
        }
        for name in ["email", "given_name", "born_on", "contact_phone", "recipients"] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["name", "airplane", "id", "flight_number"] {
            assert!(!is_personal(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_masked_in_broken_json() {
        for (text, shown) in [
            (r#"{"token": "a\"b", "x": 1"#, r#"{"token": ***, "x": 1"#),
            (r#"{"data":{"refresh_token":"abc"#, r#"{"data":{"refresh_token": ***"#),
            (r#"{"key": 12, "name": "London"}"#, r#"{"key": ***, "name": "London"}"#),
            (r#"{"x": "token", "y": "z"}"#, r#"{"x": "token", "y": "z"}"#),
            (r#"a " token":"x" b"#, r#"a " token": *** b"#),
            ("no JSON at all", "no JSON at all"),
            ("\"", "\""),
            ("", ""),
        ] {
            assert_eq!(mask_text(text), shown, "{text}");
        }
    }

    #[test]
    fn values_are_masked_at_any_depth_and_flags_stay() {
        let mut document = json!({
            "user": {"id": "u", "email": "ada@example.org", "email_verified": true, "given_name": null},
            "list": [{"token": "t", "key": {"deep": 1}}, 7],
            "recovery_codes": ["a", "b"],
            "name": "London",
        });
        let mut secrets = document.clone();
        mask(&mut secrets, is_secret);
        assert_eq!(secrets["user"], document["user"]);
        assert_eq!(secrets["list"], json!([{"token": MASK, "key": MASK}, 7]));
        assert_eq!(secrets["recovery_codes"], MASK);
        mask_for_audit(&mut document);
        assert_eq!(
            document["user"],
            json!({"id": "u", "email": MASK, "email_verified": true, "given_name": null})
        );
        assert_eq!((&document["name"], &document["list"]), (&json!("London"), &secrets["list"]));
    }
}
