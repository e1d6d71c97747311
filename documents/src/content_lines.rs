//! The lines of an iCalendar object (RFC 5545, 3.1).

/// Octets of a line at the most, without its end.
const LINE_OCTETS: usize = 75;

/// The same lines, folded anew: never beside a space. The library means to do that, but counts characters where it
/// should count octets, and readers that trim lines lose the spaces there.
pub(crate) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 32);
    for line in text.replace("\r\n ", "").split_terminator("\r\n") {
        let (mut rest, mut room) = (line, LINE_OCTETS);
        while rest.len() > room {
            let (head, tail) = rest.split_at(fold_place(rest, room));
            folded.push_str(head);
            folded.push_str("\r\n ");
            // The space at the beginning of the next line counts.
            (rest, room) = (tail, LINE_OCTETS - 1);
        }
        folded.push_str(rest);
        folded.push_str("\r\n");
    }
    folded
}

/// Where to fold a line that is longer than its room: at the last place between two characters that are no spaces.
/// A line of spaces alone is folded at its room.
fn fold_place(line: &str, room: usize) -> usize {
    let space = |character: Option<char>| character.is_none_or(char::is_whitespace);
    let places = (1..=room).rev().filter(|at| line.is_char_boundary(*at));
    let mut good = places.clone().filter(|at| {
        let (head, tail) = line.split_at(*at);
        !space(head.chars().next_back()) && !space(tail.chars().next())
    });
    good.next().or_else(|| places.clone().next()).unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_folded_between_letters() {
        let line = format!("{} ab\r\n", "x".repeat(74));
        assert_eq!(folded(&line), format!("{}\r\n x ab\r\n", "x".repeat(73)));
        let umlauts = format!("{}äöü\r\n", "x".repeat(74));
        assert_eq!(folded(&umlauts), format!("{}\r\n äöü\r\n", "x".repeat(74)));
        let short = "x".repeat(75) + "\r\n";
        assert_eq!(folded(&short), short);
    }

    proptest! {
        #[test]
        fn unfolding_gives_the_line_back(line in "[a ä\u{1f600}]{0,300}") {
            let text = folded(&format!("X:{line}.\r\n"));
            prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS));
            prop_assert_eq!(text.replace("\r\n ", ""), format!("X:{line}.\r\n"));
        }
    }
}
