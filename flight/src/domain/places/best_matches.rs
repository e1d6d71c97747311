//! How well places match, and the best of them.

/// The ways in which a text matches a place, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    /// It is the place's code.
    CodeIs,
    /// It is the code of the airport's city.
    CityCodeIs,
    /// The place's code begins with it.
    CodeBegins,
    /// It is the place's name.
    NameIs,
    /// It is the name of the airport's city.
    CityNameIs,
    /// The place's name begins with it.
    NameBegins,
    /// It begins at a word of the place's name, or of the name of the airport's city.
    WordBegins,
    /// It stands elsewhere in such a name.
    Contained,
    /// With one letter wrong it would be [`Match::NameIs`].
    NameIsWithError,
    /// With one letter wrong it would be [`Match::CityNameIs`].
    CityNameIsWithError,
    /// With one letter wrong it would be [`Match::NameBegins`].
    NameBeginsWithError,
    /// With one letter wrong it would be [`Match::WordBegins`].
    WordBeginsWithError,
    /// With one letter wrong it would be [`Match::CodeIs`].
    CodeWithError,
}

impl Match {
    /// The same way with one letter wrong.
    pub(super) fn with_error(self) -> Self {
        match self {
            Self::NameIs => Self::NameIsWithError,
            Self::CityNameIs => Self::CityNameIsWithError,
            Self::NameBegins => Self::NameBeginsWithError,
            Self::WordBegins => Self::WordBeginsWithError,
            other => other,
        }
    }
}

/// The best matches so far: each place once, with the best of its matches.
pub(super) struct BestMatches {
    /// In order.
    found: Vec<(Match, u32)>,
    limit: usize,
}

impl BestMatches {
    /// None so far, and never more than the limit.
    pub(super) fn new(limit: usize) -> Self {
        Self { found: Vec::with_capacity(limit + 1), limit }
    }

    /// Whether a match of this kind could be among the best.
    pub(super) fn wants(&self, kind: Match) -> bool {
        self.found.len() < self.limit || self.found.last().is_some_and(|(worst, _)| *worst >= kind)
    }

    /// Whether a match would be among the best.
    pub(super) fn would_take(&self, kind: Match, place: u32) -> bool {
        self.found.len() < self.limit || self.found.last().is_some_and(|worst| (kind, place) < *worst)
    }

    /// Takes in a match.
    pub(super) fn add(&mut self, kind: Match, place: u32) {
        if !self.would_take(kind, place) {
            return;
        }
        if let Some(known) = self.found.iter().position(|(_, known)| *known == place) {
            if self.found[known].0 <= kind {
                return;
            }
            self.found.remove(known);
        }
        let at = self.found.partition_point(|found| *found < (kind, place));
        self.found.insert(at, (kind, place));
        self.found.truncate(self.limit);
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The places, best first.
    pub(super) fn into_places(self) -> Vec<u32> {
        self.found.into_iter().map(|(_, place)| place).collect()
    }
}
