//! Headers that tell browsers how little they may do with an answer.

/// Those of an answer of the API, which is data and never a page: it is not guessed to be of another type, loads
/// nothing, stands in no frame, and its address is told to nobody.
pub const SECURITY_HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
];
