//! Passwords that are tried first by everybody who guesses.

/// The commonest passwords of 10 characters or more, in lower case and in order, one a line; `data/README.md` tells where
/// they come from.
const LIST: &str = include_str!("../../data/common_passwords.txt");

/// Whether a password is one of the 10,000 commonest, in whatever case.
pub(super) fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    // A few hundred short lines: looking through them takes microseconds, beside a hash of a quarter of a second.
    LIST.lines().any(|common| common == password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_hide_a_common_password() {
        assert!(is_common("1q2w3e4r5t") && is_common("QwertyUiop") && is_common("password123"));
        assert!(!is_common("correct horse") && !is_common("qwertyuiop ") && !is_common(""));
    }

    #[test]
    fn the_list_holds_what_can_be_chosen_and_is_looked_up() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert_eq!(lines.len(), 283);
        assert!(lines.is_sorted());
        assert!(lines.iter().all(|line| line.chars().count() >= 10 && line.to_lowercase() == *line));
    }
}
