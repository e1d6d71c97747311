use super::*;
use crate::domain::sample::code;
use proptest::prelude::*;

fn place(kind: PlaceKind, key: &str, name: &str, city: &str) -> Place {
    Place { kind, code: key.to_owned(), name: name.to_owned(), city: code(city), country: code("GB") }
}

fn city(key: &str, name: &str) -> Place {
    place(PlaceKind::City, key, name, key)
}

fn airport(key: &str, name: &str, city: &str) -> Place {
    place(PlaceKind::Airport, key, name, city)
}

fn world() -> Vec<Place> {
    vec![
        city("LON", "London"),
        airport("LHR", "Heathrow", "LON"),
        airport("LGW", "Gatwick", "LON"),
        airport("LCY", "London City", "LON"),
        city("LDY", "Londonderry"),
        airport("LDY", "City of Derry", "LDY"),
        city("ELS", "East London"),
        airport("ELS", "King Phalo", "ELS"),
        city("NYC", "New York"),
        airport("JFK", "John F. Kennedy", "NYC"),
        city("ZRH", "Zürich"),
        airport("ZRH", "Zürich Airport", "ZRH"),
        city("SHT", "'s-Hertogenbosch"),
        city("TYO", "東京"),
        airport("HND", "羽田", "TYO"),
        city("LOS", "Lagos"),
    ]
}

/// What a search gives, cities in braces.
fn found(places: Vec<Place>, text: &str, limit: usize) -> Vec<String> {
    let index = PlaceIndex::new(places).unwrap();
    let names = index.search(text, limit).map(|place| match place.kind {
        PlaceKind::City => format!("({})", place.code),
        PlaceKind::Airport => place.code.clone(),
    });
    names.collect()
}

#[test]
fn codes_come_first_then_names_and_cities_with_their_airports() {
    for (text, expected) in [
        // The city of that code and its airports, and other names that begin so.
        ("lon", &["(LON)", "LCY", "LGW", "LHR", "(LDY)", "(ELS)", "ELS", "LDY"][..]),
        ("LHR", &["LHR"]),
        ("zrh", &["(ZRH)", "ZRH"]),
        // Codes that begin so, before the names.
        ("l", &["(LDY)", "(LON)", "(LOS)", "LCY", "LDY", "LGW", "LHR", "(ELS)", "ELS"]),
        ("london", &["(LON)", "LCY", "LGW", "LHR", "(LDY)", "(ELS)", "ELS", "LDY"]),
        ("london city", &["LCY"]),
        ("london heath", &["LHR"]),
        ("city", &["LDY", "LCY"]),
        ("zuri", &["(ZRH)", "ZRH"]),
        ("ZÜRICH air", &["ZRH"]),
        // Within words, behind those that begin with it.
        ("hert", &["(SHT)"]),
        ("row", &["LHR"]),
        ("'s-h", &["(SHT)"]),
        ("東", &["(TYO)", "HND"]),
        ("京", &["(TYO)", "HND"]),
        ("", &[]),
        ("\u{301}", &[]),
    ] {
        assert_eq!(found(world(), text, 50), expected, "{text}");
    }
    assert_eq!(found(world(), "lon", 2), ["(LON)", "LCY"]);
}

#[test]
fn one_wrong_letter_is_forgiven_where_nothing_matches() {
    for (text, expected) in [
        ("lodnon", &["(LON)", "LCY", "LGW", "LHR", "(LDY)", "(ELS)", "ELS", "LDY"][..]),
        ("hethrow", &["LHR"]),
        ("heaathrow", &["LHR"]),
        ("heatrhow", &["LHR"]),
        ("heathraw", &["LHR"]),
        ("xeathrow", &["LHR"]),
        ("ehathrow", &["LHR"]),
        ("eathrow", &["LHR"]),
        ("newyork", &["(NYC)", "JFK"]),
        ("kenedy", &["JFK"]),
        ("gatwick", &["LGW"]),
        ("gatwickk", &["LGW"]),
        // A code with two letters in each other's place.
        ("hdn", &["HND"]),
        // Two errors, and texts that are too short.
        ("haethrwo", &[]),
        ("qx", &[]),
    ] {
        assert_eq!(found(world(), text, 50), expected, "{text}");
    }
}

/// The folded name of a place, and that of its city.
fn folded(places: &[Place], place: &Place) -> (String, Option<String>) {
    let own = fold(&place.name);
    let city = places.iter().find(|city| city.kind == PlaceKind::City && city.code == place.city.as_str());
    let of_city = city.filter(|_| place.kind == PlaceKind::Airport).map(|city| fold(&city.name));
    (own, of_city.filter(|name| !name.is_empty()))
}

/// Where a search text may begin, each with what comes from there on.
fn beginnings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let letter = |at: usize| text[at..].chars().next().is_some_and(char::is_alphanumeric);
    let before = |at: usize| text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    let starts = text.char_indices().map(|(at, _)| at).filter(move |at| letter(*at) && !before(*at));
    starts.map(|at| (at, &text[at..]))
}

/// Whether two texts have exactly these letters, or differ by one error.
fn alike(errors: usize, one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) == errors
}

/// The best way in which a text matches a place with exactly so many errors, by trying all of them.
fn obvious_match(places: &[Place], place: &Place, wanted: &str, errors: usize) -> Option<Match> {
    let (name, city) = folded(places, place);
    let code = wanted.to_ascii_uppercase();
    let mut ways = Vec::new();
    if errors == 0 {
        ways.extend((place.code == code).then_some(Match::CodeIs));
        let of_group =
            |one: &Place| one.kind == PlaceKind::City && one.code == code && place.city.as_str() == code;
        let of_group = place.kind == PlaceKind::Airport && places.iter().any(of_group);
        ways.extend(of_group.then_some(Match::CityCodeIs));
        ways.extend(place.code.starts_with(&code).then_some(Match::CodeBegins));
    } else {
        ways.extend(alike(1, &place.code, &code).then_some(Match::CodeWithError));
    }
    let text = city.as_ref().map_or_else(|| name.clone(), |city| format!("{city} {name}"));
    if errors == 0 {
        ways.extend(text.contains(wanted).then_some(Match::Contained));
    }
    let name_at = text.len() - name.len();
    let named = (!name.is_empty()).then(|| (name_at, &text[name_at..]));
    for (at, rest) in beginnings(&text).chain([(0, &text[..])]).chain(named) {
        for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            if end == 0 || !alike(errors, wanted, &rest[..end]) {
                continue;
            }
            let way = match at {
                _ if at == name_at && at + end == text.len() => Match::NameIs,
                _ if at == name_at => Match::NameBegins,
                0 if at + end + 1 == name_at => Match::CityNameIs,
                _ => Match::WordBegins,
            };
            ways.push(if errors == 0 { way } else { way.with_error() });
        }
    }
    ways.into_iter().min()
}

fn obvious_search(places: &[Place], text: &str, limit: usize) -> Vec<Place> {
    let wanted = fold(text);
    if wanted.is_empty() {
        return Vec::new();
    }
    let by = |errors| {
        let mut found: Vec<(Match, &Place)> = places
            .iter()
            .filter_map(|place| Some((obvious_match(places, place, &wanted, errors)?, place)))
            .collect();
        found.sort_by(|(one, a), (other, b)| (one, a.kind, &a.code).cmp(&(other, b.kind, &b.code)));
        found.into_iter().take(limit).map(|(_, place)| place.clone()).collect::<Vec<_>>()
    };
    let found = by(0);
    if found.is_empty() && wanted.chars().count() >= LETTERS_WITH_ERROR { by(1) } else { found }
}

/// Names of few letters, so that they often begin alike.
const NAME: &str = "[abé東' -]{0,7}";

fn places() -> impl Strategy<Value = Vec<Place>> {
    let cities = prop::collection::btree_map("[A-C]{3}", NAME, 0..8);
    let airports = prop::collection::btree_map("[A-C]{3}", (NAME, "[A-C]{3}"), 0..12);
    (cities, airports).prop_map(|(cities, airports)| {
        let cities = cities.iter().map(|(key, name)| city(key, name));
        let airports = airports.iter().map(|(key, (name, of))| airport(key, name, of));
        cities.chain(airports).collect()
    })
}

proptest! {
    #[test]
    fn searches_are_those_of_an_obvious_one(
        places in places(), text in "[abcéA東' -]{0,8}", limit in 1_usize..20,
    ) {
        let index = PlaceIndex::new(places.clone()).unwrap();
        let got: Vec<Place> = index.search(&text, limit).cloned().collect();
        prop_assert_eq!(got, obvious_search(&places, &text, limit));
    }

    /// Texts that are a name but for a letter, so that errors are met often.
    #[test]
    fn a_name_with_one_error_is_found(
        places in places(), name in "[abé ]{4,8}", at in 0_usize..8, what in 0_u8..4, letter in "[xab]",
    ) {
        let mut places = places;
        places.push(city("ZZZ", &name));
        let mut letters: Vec<char> = fold(&name).chars().collect();
        prop_assume!(letters.len() > 3);
        let at = at % (letters.len() - 1);
        match what {
            0 => { letters.remove(at); }
            1 => letters.insert(at, letter.chars().next().unwrap()),
            2 => letters[at] = letter.chars().next().unwrap(),
            _ => letters.swap(at, at + 1),
        }
        let text: String = letters.into_iter().collect();
        let index = PlaceIndex::new(places.clone()).unwrap();
        let got: Vec<Place> = index.search(&text, 50).cloned().collect();
        prop_assert_eq!(&got, &obvious_search(&places, &text, 50));
    }

    #[test]
    fn one_error_is_one_of_the_distance(one in "[ABC]{0,5}", other in "[ABC]{0,5}") {
        let is_one = typing_error::is_one(one.as_bytes(), other.as_bytes());
        prop_assert_eq!(is_one, alike(1, &one, &other));
    }
}
