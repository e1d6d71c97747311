//! Airports and cities for a traveller who is typing: an immutable index in memory.
//!
//! | file | what it holds |
//! |---|---|
//! | `best_matches` | the ranks of matches, and the best of them |
//! | `place_texts` | the folded names: words in order, and fragments |
//! | `typing_error` | matches with one letter wrong |
//!
//! A search text matches a place in one of the ways of [`Match`]. A city comes before an airport that matches as well,
//! and codes decide between equals. Names are compared in their [folded](super::folding::fold) form.

mod best_matches;
mod place_texts;
#[cfg(test)]
mod tests;
mod typing_error;

use super::folding::fold;
use best_matches::{BestMatches, Match};
use place_texts::PlaceTexts;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::iata::{CityCode, CountryCode};
use std::{collections::HashMap, ops::Range};
use utoipa::ToSchema;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// A city, with all of its airports.
    City,
    /// An airport.
    Airport,
}

/// Somewhere to fly from or to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
    /// Its code.
    #[schema(example = "LHR")]
    pub code: String,
    /// Its name.
    pub name: String,
    /// The city that it is or serves.
    pub city: CityCode,
    /// The country that it is in.
    pub country: CountryCode,
}

/// A place with its JSON text: answers copy it.
#[derive(Debug)]
struct ListedPlace {
    place: Place,
    json: Box<RawValue>,
}

/// The fewest letters of a text in which one may be wrong: almost every name is one letter away from a shorter text.
const LETTERS_WITH_ERROR: usize = 3;

/// Letters of a code.
const CODE: usize = 3;

/// All places, in the order in which they come where nothing else decides: cities, then airports, each by code.
#[derive(Debug)]
pub struct PlaceIndex {
    places: Vec<ListedPlace>,
    /// So many of them are cities.
    cities: usize,
    /// The airports of each city, by the city's number.
    airports: HashMap<u32, Vec<u32>>,
    texts: PlaceTexts,
    /// The codes once more, side by side.
    codes: Vec<[u8; CODE]>,
}

impl PlaceIndex {
    /// An index of these places. An airport is found by the name of its city, too.
    ///
    /// # Errors
    /// [`serde_json::Error`] where a place has no JSON text.
    pub fn new(mut places: Vec<Place>) -> Result<Self, serde_json::Error> {
        places.sort_unstable_by(|one, other| (one.kind, &one.code).cmp(&(other.kind, &other.code)));
        let cities = places.partition_point(|place| place.kind == PlaceKind::City);
        let mut names: HashMap<&str, (u32, String)> = HashMap::new();
        for (number, city) in (0..).zip(&places[..cities]) {
            names.insert(&city.code, (number, fold(&city.name)));
        }
        let (mut texts, mut airports) = (PlaceTexts::default(), HashMap::<u32, Vec<u32>>::new());
        for (number, place) in (0..).zip(&places) {
            match (place.kind, names.get(place.city.as_str())) {
                (PlaceKind::City, Some((_, name))) => texts.add(number, "", name),
                (PlaceKind::Airport, Some((city, name))) => {
                    airports.entry(*city).or_default().push(number);
                    texts.add(number, name, &fold(&place.name));
                }
                (_, None) => texts.add(number, "", &fold(&place.name)),
            }
        }
        texts.sort();
        drop(names);
        let codes = places.iter().map(|place| place.code.as_bytes().try_into().unwrap_or_default()).collect();
        let listed = places.into_iter().map(|place| {
            let json = serde_json::value::to_raw_value(&place)?;
            Ok(ListedPlace { place, json })
        });
        let places = listed.collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { places, cities, airports, texts, codes })
    }

    /// How many places there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The JSON texts of the best matches, best first.
    pub fn search_json(&self, text: &str, limit: usize) -> impl Iterator<Item = &RawValue> {
        self.find(text, limit).into_iter().filter_map(|number| Some(&*self.places.get(number as usize)?.json))
    }

    /// The best matches, best first.
    pub fn search(&self, text: &str, limit: usize) -> impl Iterator<Item = &Place> {
        self.find(text, limit).into_iter().filter_map(|number| Some(&self.places.get(number as usize)?.place))
    }

    fn find(&self, text: &str, limit: usize) -> Vec<u32> {
        let wanted = fold(text);
        // No name has a null character, which the keys of words use.
        if wanted.is_empty() || wanted.contains('\0') {
            return Vec::new();
        }
        let code = wanted.to_ascii_uppercase();
        let mut best = BestMatches::new(limit);
        self.find_codes(&code, &mut best);
        if best.wants(Match::NameIs) {
            self.texts.find_words(&wanted, &mut best);
        }
        if best.wants(Match::Contained) {
            self.texts.find_fragments(&wanted, &mut best);
        }
        if best.is_empty() && wanted.chars().count() >= LETTERS_WITH_ERROR {
            typing_error::find(&self.texts, &wanted, &mut best);
            if best.wants(Match::CodeWithError) {
                self.find_codes_with_error(&code, &mut best);
            }
        }
        best.into_places()
    }

    fn find_codes(&self, code: &str, best: &mut BestMatches) {
        for kind in [0..self.cities, self.cities..self.places.len()] {
            for number in self.starting_with(code, kind) {
                let is_it = self.places[number].place.code == code;
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                best.add(if is_it { Match::CodeIs } else { Match::CodeBegins }, number);
                if is_it {
                    let airports = self.airports.get(&number).into_iter().flatten();
                    airports.for_each(|airport| best.add(Match::CityCodeIs, *airport));
                }
            }
        }
    }

    /// The places of a kind whose codes begin with this.
    fn starting_with(&self, code: &str, kind: Range<usize>) -> Range<usize> {
        let of_kind = &self.places[kind.clone()];
        let first = of_kind.partition_point(|listed| listed.place.code.as_str() < code);
        let many = of_kind[first..].partition_point(|listed| listed.place.code.starts_with(code));
        kind.start + first..kind.start + first + many
    }

    fn find_codes_with_error(&self, code: &str, best: &mut BestMatches) {
        // Codes are of ASCII: a letter that is not stands for one wrong letter.
        let letters: Vec<u8> = code.chars().map(|letter| u8::try_from(letter).unwrap_or_default()).collect();
        if letters.len() > CODE + 1 {
            return;
        }
        for (number, code) in (0..).zip(&self.codes) {
            if typing_error::is_one(&letters, code) {
                best.add(Match::CodeWithError, number);
            }
        }
    }
}
