//! Texts from outside, made safe for one line.

/// The text without characters that could break out of its line or turn the text around it. Control characters
/// (line ends and NUL among them) become spaces; marks that override the direction of writing are removed.
/// Letters of all scripts and emoji stay.
pub(crate) fn single_line(text: &str) -> String {
    let directional = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaking = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let kept = text.chars().filter(|c| !directional(*c)).map(|c| if breaking(c) { ' ' } else { c });
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_line() {
        assert_eq!(single_line("Ada\r\nBcc: all@example.org\0"), "Ada  Bcc: all@example.org");
        assert_eq!(single_line("\u{202e}evil\u{2069}\u{2028}x"), "evil x");
        assert_eq!(single_line("Zoë 👩‍✈️ محمد <b>"), "Zoë 👩‍✈️ محمد <b>");
    }
}
