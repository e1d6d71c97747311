//! The folded names of places, searched by the beginnings of their words and by fragments.

use super::best_matches::{BestMatches, Match};
use std::{cmp::Ordering, ops::Range};

/// Bytes of a fragment.
const FRAGMENT: usize = 4;

/// Bytes of the text that stand beside a word, so that most comparisons do not look the text up.
const KEY: usize = 8;

/// Where the text of a place stands: the name of an airport's city, a space, and the place's own name.
#[derive(Debug, Clone)]
struct TextPlace {
    /// All of it.
    text: Range<usize>,
    /// Where the own name begins.
    name: usize,
}

/// Where a word begins that a search text may begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WordStart {
    /// The first bytes from there on, the highest byte first; zeros where the text ends.
    key: u64,
    at: usize,
    place: u32,
}

/// The texts of all places, in one string.
#[derive(Debug, Default)]
pub(super) struct PlaceTexts {
    all: String,
    places: Vec<TextPlace>,
    /// By the text from there on.
    words: Vec<WordStart>,
    /// The first bytes of the text from each character on, the highest byte first, with the place. In order.
    fragments: Vec<(u32, u32)>,
}

/// Words whose texts all begin with the same bytes.
#[derive(Debug, Clone)]
pub(super) struct WordRange {
    words: Range<usize>,
    /// How many bytes that are.
    shared: usize,
}

impl PlaceTexts {
    /// Takes in the next place; `city` is empty for a city.
    pub(super) fn add(&mut self, place: u32, city: &str, name: &str) {
        let start = self.all.len();
        if !city.is_empty() {
            self.all.push_str(city);
            self.all.push(' ');
        }
        let own = self.all.len();
        self.all.push_str(name);
        let text = &self.all[start..];
        let mut in_word = false;
        for (offset, character) in text.char_indices() {
            let at = start + offset;
            let begins = !in_word && character.is_alphanumeric();
            in_word = character.is_alphanumeric();
            // A name begins with its first character, whatever that is.
            if begins || at == start || at == own {
                self.words.push(WordStart { key: key(&text.as_bytes()[offset..]), at, place });
            }
            self.fragments.push((fragment(&text.as_bytes()[offset..]), place));
        }
        self.places.push(TextPlace { text: start..self.all.len(), name: own });
    }

    /// To be called when all places are in.
    pub(super) fn sort(&mut self) {
        let (all, places) = (&self.all, &self.places);
        let text = |word: &WordStart| &all[word.at..places[word.place as usize].text.end];
        self.words
            .sort_unstable_by(|one, other| one.key.cmp(&other.key).then_with(|| text(one).cmp(text(other))));
        self.fragments.sort_unstable();
        self.fragments.dedup();
    }

    /// Finds the places in which a word begins with this.
    pub(super) fn find_words(&self, wanted: &str, best: &mut BestMatches) {
        let range = self.continued(&self.all_words(), wanted);
        self.for_each(&range, |kind, place| best.add(kind, place));
    }

    /// Finds the places whose text contains this.
    pub(super) fn find_fragments(&self, wanted: &str, best: &mut BestMatches) {
        let bytes = wanted.as_bytes();
        if bytes.len() <= FRAGMENT {
            let (from, filler) = (fragment(bytes), u32::MAX >> (8 * bytes.len() - 1) >> 1);
            let range = self.fragments_between(from, from | filler);
            range.iter().for_each(|(_, place)| best.add(Match::Contained, *place));
            return;
        }
        let windows = (0..=bytes.len() - FRAGMENT).filter(|at| wanted.is_char_boundary(*at));
        let ranges = windows.map(|at| {
            let fragment = fragment(&bytes[at..]);
            self.fragments_between(fragment, fragment)
        });
        for (_, place) in ranges.min_by_key(|range| range.len()).unwrap_or_default() {
            let text = self.places[*place as usize].text.clone();
            if best.would_take(Match::Contained, *place) && self.all[text].contains(wanted) {
                best.add(Match::Contained, *place);
            }
        }
    }

    fn fragments_between(&self, first: u32, last: u32) -> &[(u32, u32)] {
        let from = self.fragments.partition_point(|(fragment, _)| *fragment < first);
        let many = self.fragments[from..].partition_point(|(fragment, _)| *fragment <= last);
        &self.fragments[from..from + many]
    }

    /// All words.
    pub(super) fn all_words(&self) -> WordRange {
        WordRange { words: 0..self.words.len(), shared: 0 }
    }

    /// Those of the words that go on with this.
    pub(super) fn continued(&self, range: &WordRange, with: &str) -> WordRange {
        let words = &self.words[range.words.clone()];
        let wanted = key(with.as_bytes());
        let compare = |word: &WordStart| self.compare(word, range, with, wanted);
        let from = words.partition_point(|word| compare(word) == Ordering::Less);
        let (start, shared) = (range.words.start + from, range.shared + with.len());
        if words.get(from).is_none_or(|word| compare(word) == Ordering::Greater) {
            return WordRange { words: start..start, shared };
        }
        let many = words[from..].partition_point(|word| compare(word) == Ordering::Equal);
        WordRange { words: start..start + many, shared }
    }

    /// How a word of a range goes on, compared with a text and its key: equal where it begins with the text.
    fn compare(&self, word: &WordStart, range: &WordRange, with: &str, wanted: u64) -> Ordering {
        let known = KEY.saturating_sub(range.shared).min(with.len());
        if known > 0 {
            let unknown = 8 * (KEY - known);
            let by_key = ((word.key << (8 * range.shared)) >> unknown).cmp(&(wanted >> unknown));
            if by_key != Ordering::Equal || known == with.len() {
                return by_key;
            }
        }
        let rest = self.rest(word, range);
        if rest.starts_with(with) { Ordering::Equal } else { rest.cmp(with) }
    }

    /// The words by the character that they go on with, without those that end.
    pub(super) fn by_next(&self, range: &WordRange) -> impl Iterator<Item = (char, WordRange)> {
        let (mut at, end) = (range.words.start, range.words.end);
        std::iter::from_fn(move || {
            while at < end {
                let (start, next) = (at, self.next(&self.words[at], range));
                let words = &self.words[start..end];
                let same = |word: &WordStart| self.next(word, range) == next;
                at += words.partition_point(same);
                if let Some(next) = next {
                    let shared = range.shared + next.len_utf8();
                    return Some((next, WordRange { words: start..at, shared }));
                }
            }
            None
        })
    }

    /// The character that a word of a range goes on with, if it goes on.
    fn next(&self, word: &WordStart, range: &WordRange) -> Option<char> {
        if range.shared < KEY {
            let byte = word.key.to_be_bytes()[range.shared];
            if byte.is_ascii() {
                return (byte != 0).then_some(char::from(byte));
            }
        }
        self.rest(word, range).chars().next()
    }

    /// The text of a word behind what the words of its range share.
    fn rest(&self, word: &WordStart, range: &WordRange) -> &str {
        &self.all[word.at + range.shared..self.places[word.place as usize].text.end]
    }

    /// Tells of each word how what its range shares matches its place.
    pub(super) fn for_each(&self, range: &WordRange, mut tell: impl FnMut(Match, u32)) {
        for WordStart { at, place, .. } in &self.words[range.words.clone()] {
            let TextPlace { text, name } = &self.places[*place as usize];
            let end = at + range.shared;
            let kind = match (at == name, at == &text.start) {
                (true, _) if end == text.end => Match::NameIs,
                (true, _) => Match::NameBegins,
                // Between the two names is a space.
                (false, true) if end + 1 == *name => Match::CityNameIs,
                _ => Match::WordBegins,
            };
            tell(kind, *place);
        }
    }
}

impl WordRange {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// The first bytes of a text as a number that is ordered like it; zeros where it ends.
fn fragment(text: &[u8]) -> u32 {
    (0..FRAGMENT).fold(0, |fragment, at| fragment << 8 | u32::from(text.get(at).copied().unwrap_or(0)))
}

/// The first bytes of a text as a number that is ordered like it; zeros where it ends.
fn key(text: &[u8]) -> u64 {
    (0..KEY).fold(0, |key, at| key << 8 | u64::from(text.get(at).copied().unwrap_or(0)))
}
