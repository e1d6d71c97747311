//! Which characters the names of people are made of.

/// Marks that belong to letters without being letters: accents, points, viramas, tone marks. Ranges of
/// code points of the categories Mn and Mc; letters and gaps between them are included where they make
/// the table shorter. Neither enclosing marks nor variation selectors, which make emoji of letters.
#[rustfmt::skip]
const MARKS: [(u32, u32); 78] = [
    (0x300, 0x34e), (0x350, 0x36f), (0x483, 0x487), (0x591, 0x5bd), (0x5bf, 0x5bf), (0x5c1, 0x5c2),
    (0x5c4, 0x5c5), (0x5c7, 0x5c7), (0x610, 0x61a), (0x64b, 0x65f), (0x670, 0x670), (0x6d6, 0x6dc),
    (0x6df, 0x6e8), (0x6ea, 0x6ed), (0x711, 0x74a), (0x7eb, 0x7f3), (0x7fd, 0x7fd), (0x816, 0x82d),
    (0x859, 0x85b), (0x898, 0x8e1), (0x8e3, 0x954), (0x9bc, 0x9cd), (0x9fe, 0xa4d), (0xabc, 0xacd),
    (0xb3c, 0xb4d), (0xbcd, 0xbcd), (0xc3c, 0xc56), (0xcbc, 0xccd), (0xd3b, 0xd4d), (0xdca, 0xdca),
    (0xe38, 0xe3a), (0xe47, 0xe4e), (0xeb8, 0xecb), (0xf18, 0xf19), (0xf35, 0xf35), (0xf37, 0xf37),
    (0xf39, 0xf39), (0xf71, 0xf84), (0xf86, 0xf87), (0xfc6, 0xfc6), (0x1037, 0x103a), (0x108d, 0x108d),
    (0x135d, 0x135f), (0x1714, 0x1734), (0x17b6, 0x17d3), (0x17dd, 0x17dd), (0x18a9, 0x193b),
    (0x1a17, 0x1a18), (0x1a60, 0x1a7f), (0x1ab0, 0x1abd), (0x1abf, 0x1b44), (0x1b6b, 0x1b73),
    (0x1baa, 0x1bab), (0x1be6, 0x1bf3), (0x1c37, 0x1c37), (0x1cd0, 0x1cd2), (0x1cd4, 0x1dff),
    (0x2cf0, 0x2cf1), (0x2d7f, 0x2dff), (0x302a, 0x302f), (0x3099, 0x309a), (0xa66f, 0xa66f),
    (0xa674, 0xa67d), (0xa69e, 0xa69f), (0xa6f0, 0xa6f1), (0xa806, 0xa806), (0xa82c, 0xa82c),
    (0xa8c4, 0xa8c4), (0xa8e0, 0xa8f1), (0xa92b, 0xa92d), (0xa953, 0xa953), (0xa9b3, 0xa9c0),
    (0xaab0, 0xaac1), (0xaaf6, 0xaaf6), (0xabed, 0xabed), (0xfb1e, 0xfb1e), (0xfe20, 0xfe2f),
    (0x16ff0, 0x16ff1),
];

/// What counts as alphabetic and yet is no letter of a script: letters in circles and squares, of which
/// emoji are made, mathematical letters, and fillers that nobody sees.
const NO_LETTERS: [(u32, u32); 7] = [
    (0x115f, 0x1160),
    (0x24b6, 0x24e9),
    (0x3164, 0x3164),
    (0xffa0, 0xffa0),
    (0x1_d400, 0x1_d7ff),
    (0x1_ee00, 0x1_eeff),
    (0x1_f130, 0x1_f189),
];

fn is_within(table: &[(u32, u32)], character: char) -> bool {
    let code = u32::from(character);
    let at = table.partition_point(|(_, last)| *last < code);
    table.get(at).is_some_and(|(first, _)| *first <= code)
}

/// A letter of any script.
pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && !is_within(&NO_LETTERS, character)
}

/// Tells how the letters on both sides of it are joined, where a script leaves that open; itself it is not seen.
pub(super) fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether each joiner stands by itself between letters or their marks; or at the end of a word behind a mark, where
/// it makes the last letters of some Indian scripts (ന + virama + U+200D). Elsewhere it does nothing, and two names
/// would look the same.
pub(super) fn joiners_join(text: &str) -> bool {
    let is_mark = |character: char| is_within(&MARKS, character);
    let joinable = |character: char| is_letter(character) || is_mark(character);
    let joins = |(at, joiner): (usize, &str)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + joiner.len()..].chars().next());
        let ends = joiner == "\u{200d}" && before.is_some_and(is_mark) && !after.is_some_and(is_joiner);
        before.is_some_and(joinable) && (after.is_some_and(joinable) || ends)
    };
    text.match_indices(is_joiner).all(joins)
}

/// Letters, marks that combine with letters, joiners that some scripts need, and punctuation of names in the form
/// that [`normalised`](super::normalised) gives it. No digits, no symbols.
pub(super) fn may_stand_in_a_name(character: char) -> bool {
    is_letter(character)
        || is_within(&MARKS, character)
        || is_joiner(character)
        || " -'.·".contains(character)
}

/// Characters that nobody sees and that turn the direction of what is printed around them.
pub(super) fn turns_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        for table in [&MARKS[..], &NO_LETTERS[..]] {
            assert!(table.iter().all(|(first, last)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
        let marks = MARKS.iter().flat_map(|(first, last)| (*first..=*last).filter_map(char::from_u32));
        let digits: Vec<_> = marks.filter(|mark| mark.is_numeric()).collect();
        assert!(digits.is_empty(), "{digits:?}");
    }
}
