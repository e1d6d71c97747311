//! Pages of lists: keyset cursors, bound to the query that they came from.

use super::{Problem, QueryParameters, input::FieldError};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::hash::{DefaultHasher, Hash, Hasher};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, full resources.
    pub data: Vec<T>,
    /// Where the list goes on.
    pub page: PageLinks,
}

/// Where a list goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLinks {
    /// The `after` of the next page; null on the last one.
    pub next: Option<String>,
}

/// What a client wants of a list: `limit` and `after`.
#[derive(Debug, Clone)]
pub struct PageRequest<K> {
    /// Items at most, 1-200.
    pub limit: usize,
    /// The key of the last item of the page before.
    pub after: Option<K>,
    query: u64,
}

/// The cursor on the wire: the key and a hash of the query.
#[derive(Serialize, Deserialize)]
pub struct Cursor<K> {
    q: u64,
    k: K,
}

impl<K: Serialize + DeserializeOwned> PageRequest<K> {
    /// Reads `limit` and `after` off the query parameters. The cursor must come from a query with the
    /// same `filters`: anything hashable that identifies path and filters. Errors are noted in the
    /// parameters, for [`QueryParameters::finish`].
    #[must_use]
    pub fn read(parameters: &mut QueryParameters, filters: &impl Hash) -> Self {
        let query = fingerprint(filters);
        let limit = match parameters.optional::<usize>("limit") {
            Some(limit) if (1..=200).contains(&limit) => limit,
            Some(_) => {
                parameters.error("limit", "must be from 1 to 200");
                1
            }
            None => 50,
        };
        let after = parameters.text("after").and_then(|text| {
            let key = decode(&text, query);
            if key.is_none() {
                parameters.error("after", "is not a cursor of this list with these filters");
            }
            key
        });
        Self { limit, after, query }
    }

    /// How many rows to read: one more than the limit, to see whether there is a next page.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX - 1) + 1
    }

    /// Makes the page out of up to [`Self::rows`] items; `key` names an item's place in the order.
    #[must_use]
    pub fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(|last| encode(&Cursor { q: self.query, k: key(last) }));
        Page { data: items, page: PageLinks { next } }
    }
}

/// The hash with fixed keys, so that a cursor is valid on every instance.
fn fingerprint(filters: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    filters.hash(&mut hasher);
    hasher.finish()
}

fn encode<K: Serialize>(cursor: &Cursor<K>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(text: &str, query: u64) -> Option<K> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let cursor: Cursor<K> = serde_json::from_slice(&bytes).ok()?;
    (cursor.q == query).then_some(cursor.k)
}

impl<T> Page<T> {
    /// A list that always fits on one page.
    #[must_use]
    pub fn whole(data: Vec<T>) -> Self {
        Self { data, page: PageLinks { next: None } }
    }

    /// The page with each item turned into another.
    #[must_use]
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(turn).collect(), page: self.page }
    }
}

impl From<Vec<FieldError>> for Problem {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::validation(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_where_the_page_ended_and_is_bound_to_its_query() {
        let mut first = QueryParameters::parse("limit=2");
        let request = PageRequest::<String>::read(&mut first, &("cities", None::<&str>));
        let page = request.page(vec!["a".to_owned(), "b".into(), "c".into()], Clone::clone);
        assert_eq!(page.data, ["a", "b"]);
        let next = page.page.next.unwrap();

        let read = |filters| {
            let mut parameters = QueryParameters::parse(&format!("after={next}"));
            let after = PageRequest::<String>::read(&mut parameters, &filters).after;
            (after, parameters.finish().is_ok())
        };
        assert_eq!(read(("cities", None::<&str>)), (Some("b".to_owned()), true));
        assert_eq!(read(("cities", Some("lon"))), (None, false));
    }

    #[test]
    fn the_last_page_has_no_next_and_bad_limits_are_errors() {
        let request = PageRequest::<u8>::read(&mut QueryParameters::parse(""), &());
        assert_eq!(request.limit, 50);
        assert!(request.page(vec![1, 2], |item| *item).page.next.is_none());
        for query in ["limit=0", "limit=201", "limit=x", "after=%00", "after=e30"] {
            let mut parameters = QueryParameters::parse(query);
            let _ = PageRequest::<u8>::read(&mut parameters, &());
            assert!(parameters.finish().is_err(), "{query}");
        }
    }
}
