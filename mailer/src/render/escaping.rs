//! How values of letters are printed into templates.

use minijinja::{AutoEscape, Error, Output, State, Value, escape_formatter};

/// Prints a value into a template. Texts in HTML are escaped where HTML needs it and no further:
/// minijinja's own formatter also escapes each slash, which makes dates, zones and links unreadable in
/// the source.
pub(super) fn show(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => text,
        _ => return escape_formatter(out, state, value),
    };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(match special.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &special[1..];
    }
    out.write_str(rest)?;
    Ok(())
}

/// A name for plain text: one that is written from right to left stands between marks that keep it from turning its
/// surroundings around (UAX #9: FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE). HTML has `<bdi>` for it.
pub(super) fn isolated(name: &str) -> String {
    if name.contains(is_right_to_left) { format!("\u{2068}{name}\u{2069}") } else { name.to_owned() }
}

/// Whether a character may be written from right to left: those of the blocks that Unicode keeps for such scripts.
fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
            | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_right_to_left_are_isolated() {
        assert_eq!(isolated("Ada Lovelace"), "Ada Lovelace");
        assert_eq!(isolated("\u{5d3}\u{5d5}\u{5d3}"), "\u{2068}\u{5d3}\u{5d5}\u{5d3}\u{2069}");
    }
}
