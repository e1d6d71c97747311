//! Matches with one letter wrong: one too many, one missing, another one, or two neighbours in each other's place.

use super::{
    best_matches::BestMatches,
    place_texts::{PlaceTexts, WordRange},
};

/// Finds the places in which a word would begin with this, were one letter of it right.
///
/// The words that begin with the first letters of the text are a range of the ordered words. At each letter, the error
/// may be there: then all that follows must be right, which one binary search of the range tells.
pub(super) fn find(texts: &PlaceTexts, wanted: &str, best: &mut BestMatches) {
    let mut range = texts.all_words();
    for (at, letter) in wanted.char_indices() {
        let from_here = &wanted[at..];
        let behind = &from_here[letter.len_utf8()..];
        let mut try_with = |range: &WordRange, rest: &str| {
            let found = texts.continued(range, rest);
            texts.for_each(&found, |kind, place| best.add(kind.with_error(), place));
        };
        // The letter is one too many.
        try_with(&range, behind);
        if let Some(next) = behind.chars().next().filter(|next| *next != letter) {
            let swapped = texts.continued(&range, next.encode_utf8(&mut [0; 4]));
            let swapped = texts.continued(&swapped, letter.encode_utf8(&mut [0; 4]));
            try_with(&swapped, &behind[next.len_utf8()..]);
        }
        for (_, going_on) in texts.by_next(&range).filter(|(other, _)| *other != letter) {
            // Another letter stands in its place, or is missing before it.
            try_with(&going_on, behind);
            try_with(&going_on, from_here);
        }
        range = texts.continued(&range, &from_here[..letter.len_utf8()]);
        if range.is_empty() {
            break;
        }
    }
}

/// Whether two texts differ by exactly one such error.
pub(super) fn is_one(one: &[u8], other: &[u8]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let same = short.iter().zip(long).take_while(|(one, other)| one == other).count();
    let (short, long) = (&short[same..], &long[same..]);
    match (short, long) {
        _ if long.len() == short.len() + 1 => short == &long[1..],
        ([a, b, short @ ..], [c, d, long @ ..]) if (a, b) == (d, c) && short == long => true,
        ([_, short @ ..], [_, long @ ..]) => short == long,
        _ => false,
    }
}
