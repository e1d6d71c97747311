//! What was revoked before it expires: the access tokens of users whose access changed, and of sessions that ended.
//!
//! Each process has one list, which its [feed](super::RevocationFeed) keeps in step with the gateway's database.
//!
//! Invariants: a revocation is forgotten only when every token that it concerns has expired, and the list never holds
//! more than [`MOST`]. Beyond that the oldest ones become one instant for everybody: tokens issued before it count as
//! expired, and their clients refresh them.

use super::claims::ACCESS_TOKEN_SECONDS;
use crate::{
    events::{AccessChange, SessionEnd},
    ids::{SessionId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// How long a revocation counts: as long as a token lives, and a minute for leeway and clocks that differ.
pub const REVOCATION_COUNTS: TimeDelta = TimeDelta::seconds(ACCESS_TOKEN_SECONDS + 60);

/// Revocations that a list holds at most: about 10 MB.
pub const MOST: usize = 100_000;

/// Whose tokens were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedSubject {
    /// A user's: those issued before the instant.
    User(UserId),
    /// A session's: all of them.
    Session(SessionId),
}

/// A revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose tokens.
    #[serde(flatten)]
    pub subject: RevokedSubject,
    /// When, by the clock of the gateway's database.
    pub at: DateTime<Utc>,
}

impl From<AccessChange> for Revocation {
    fn from(change: AccessChange) -> Self {
        Self { subject: RevokedSubject::User(change.user_id), at: change.not_before }
    }
}

impl From<SessionEnd> for Revocation {
    fn from(end: SessionEnd) -> Self {
        Self { subject: RevokedSubject::Session(end.session_id), at: end.ended_at }
    }
}

/// All revocations that still count: the answer of the gateway's `GET /internal/revocations`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RecentRevocations {
    /// The newest, at most [`MOST`].
    pub revocations: Vec<Revocation>,
    /// Where there were more: tokens of anybody that were issued before this instant count as expired.
    pub all_before: Option<DateTime<Utc>>,
}

impl RecentRevocations {
    /// What to tell of these, the newest first. They were read with a limit of one more than [`MOST`].
    #[must_use]
    pub fn of_newest_first(mut revocations: Vec<Revocation>) -> Self {
        let all_before = revocations.get(MOST).map(|oldest| oldest.at);
        revocations.truncate(MOST);
        Self { revocations, all_before }
    }
}

/// Why a token that was good is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalReason {
    /// The user's access changed since: a refresh gives a token that says so.
    Outdated,
    /// Its session has ended: nothing but a login helps.
    SessionEnded,
}

/// A cloneable handle of the list.
#[derive(Debug, Clone)]
pub struct RevocationList(Arc<SharedList>);

#[derive(Debug)]
struct SharedList {
    entries: RwLock<Entries>,
    /// Grows with each revocation. Who has looked under a number need not look again under the same one.
    generation: AtomicU64,
    ready: AtomicBool,
    changes: watch::Sender<u64>,
}

impl Default for RevocationList {
    fn default() -> Self {
        Self::with_readiness(true)
    }
}

impl RevocationList {
    /// A list that another part of the process fills.
    #[must_use]
    pub fn in_process() -> Self {
        Self::default()
    }

    /// A list that is not ready before it was filled for the first time.
    #[must_use]
    pub fn unfilled() -> Self {
        Self::with_readiness(false)
    }

    fn with_readiness(ready: bool) -> Self {
        Self(Arc::new(SharedList {
            entries: RwLock::default(),
            generation: AtomicU64::new(0),
            ready: AtomicBool::new(ready),
            changes: watch::Sender::new(0),
        }))
    }

    /// Whether it was filled once; readiness probes ask.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    /// Adds revocations.
    pub fn add(&self, revocations: impl IntoIterator<Item = Revocation>) {
        self.change(|entries| revocations.into_iter().for_each(|one| entries.add(one)));
    }

    /// Adds what the gateway knows; the list is ready then.
    pub fn fill(&self, recent: RecentRevocations) {
        self.change(|entries| {
            entries.all_before = entries.all_before.max(recent.all_before.map_or(0, micros));
            recent.revocations.into_iter().for_each(|one| entries.add(one));
        });
        self.0.ready.store(true, Ordering::Release);
    }

    /// Forgets what no longer counts.
    pub(super) fn forget_outdated(&self) {
        self.write(|entries| entries.forget_outdated(Utc::now()));
    }

    /// Sees each change of the list, to wait for one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) {
        self.write(|entries| {
            change(entries);
            entries.forget_outdated(Utc::now());
            entries.make_room(MOST);
        });
        // After the change: who reads the new number finds the change.
        let generation = self.0.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.changes.send_replace(generation);
    }

    fn write(&self, change: impl FnOnce(&mut Entries)) {
        // A panic leaves at most one revocation half added, which the next resync adds again.
        let mut entries = self.0.entries.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut entries);
        metrics::gauge!("aerobus_revocations")
            .set(f64::from(u32::try_from(entries.len()).unwrap_or(u32::MAX)));
    }

    /// The number under which [`Self::refusal`] answers now.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Why a token of this user and session, issued at this instant, is refused; `None` where it is not.
    pub(super) fn refusal(
        &self,
        user: UserId,
        session: SessionId,
        issued_at: DateTime<Utc>,
    ) -> Option<RefusalReason> {
        self.0.entries.read().unwrap_or_else(PoisonError::into_inner).refusal(
            user,
            session,
            micros(issued_at),
        )
    }
}

/// Microseconds since 1970, as precise as PostgreSQL's clock.
fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// The revocations, by subject and by age.
#[derive(Debug, Default)]
struct Entries {
    by_subject: HashMap<RevokedSubject, i64>,
    by_age: BTreeSet<(i64, RevokedSubject)>,
    /// Tokens of anybody that were issued before this count as expired.
    all_before: i64,
}

impl Entries {
    fn len(&self) -> usize {
        debug_assert_eq!(self.by_subject.len(), self.by_age.len());
        self.by_subject.len()
    }

    /// Keeps the newest of a subject, in whatever order they come.
    fn add(&mut self, Revocation { subject, at }: Revocation) {
        let at = micros(at);
        let known = self.by_subject.get(&subject).copied();
        if known.is_some_and(|known| known >= at) {
            return;
        }
        if let Some(known) = known {
            self.by_age.remove(&(known, subject));
        }
        self.by_subject.insert(subject, at);
        self.by_age.insert((at, subject));
    }

    fn forget_outdated(&mut self, now: DateTime<Utc>) {
        let outdated = micros(now - REVOCATION_COUNTS);
        while self.by_age.first().is_some_and(|(at, _)| *at < outdated) {
            self.forget_oldest();
        }
    }

    fn make_room(&mut self, most: usize) {
        while self.len() > most
            && let Some(at) = self.forget_oldest()
        {
            self.all_before = self.all_before.max(at);
        }
    }

    fn forget_oldest(&mut self) -> Option<i64> {
        let (at, subject) = self.by_age.pop_first()?;
        self.by_subject.remove(&subject);
        Some(at)
    }

    fn refusal(&self, user: UserId, session: SessionId, issued_at: i64) -> Option<RefusalReason> {
        if self.by_subject.contains_key(&RevokedSubject::Session(session)) {
            return Some(RefusalReason::SessionEnded);
        }
        let not_before = self.by_subject.get(&RevokedSubject::User(user)).copied().unwrap_or(0);
        (issued_at < not_before.max(self.all_before)).then_some(RefusalReason::Outdated)
    }
}

#[cfg(test)]
mod tests {
    use super::{RefusalReason::*, *};

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    fn of_user(user: UserId, micros: i64) -> Revocation {
        Revocation { subject: RevokedSubject::User(user), at: at(micros) }
    }

    fn of_session(session: SessionId, micros: i64) -> Revocation {
        Revocation { subject: RevokedSubject::Session(session), at: at(micros) }
    }

    #[test]
    fn the_newest_instant_of_a_user_counts_whatever_the_order() {
        let (user, session, mut entries) = (UserId::new(), SessionId::new(), Entries::default());
        for micros in [20, 30, 10, 30] {
            entries.add(of_user(user, micros));
        }
        assert_eq!(entries.len(), 1);
        assert_eq!(entries.refusal(user, session, 29), Some(Outdated));
        assert_eq!(entries.refusal(user, session, 30), None);
        assert_eq!(entries.refusal(UserId::new(), session, 29), None);
    }

    #[test]
    fn of_an_ended_session_no_token_is_good() {
        let (user, session, mut entries) = (UserId::new(), SessionId::new(), Entries::default());
        entries.add(of_session(session, 10));
        entries.add(of_user(user, 15));
        for issued_at in [9, 10, 20] {
            assert_eq!(entries.refusal(user, session, issued_at), Some(SessionEnded));
        }
        assert_eq!(entries.refusal(user, SessionId::new(), 15), None);
    }

    #[test]
    fn what_concerns_no_living_token_is_forgotten() {
        let (user, session, mut entries) = (UserId::new(), SessionId::new(), Entries::default());
        entries.add(of_user(user, 1_000_000));
        entries.add(of_session(session, 2_000_000));
        entries.forget_outdated(at(1_000_000) + REVOCATION_COUNTS);
        assert_eq!(entries.len(), 2, "the last of its tokens may still be good");
        entries.forget_outdated(at(1_000_001) + REVOCATION_COUNTS);
        assert_eq!((entries.len(), entries.refusal(user, SessionId::new(), 0)), (1, None));
        entries.forget_outdated(at(2_000_001) + REVOCATION_COUNTS);
        assert_eq!((entries.len(), entries.by_age.len()), (0, 0));
    }

    #[test]
    fn beyond_its_bound_the_oldest_become_one_instant_for_everybody() {
        let (users, mut entries) = ([(); 5].map(|()| UserId::new()), Entries::default());
        for (micros, user) in (1..).zip(users) {
            entries.add(of_user(user, micros * 10));
        }
        entries.make_room(3);
        assert_eq!(entries.len(), 3);
        let refusal = |user, issued_at| entries.refusal(user, SessionId::new(), issued_at);
        assert_eq!(refusal(users[0], 9), Some(Outdated), "its entry is gone, and it is still refused");
        assert_eq!(refusal(users[1], 19), Some(Outdated));
        assert_eq!(refusal(UserId::new(), 19), Some(Outdated), "and so is a bystander, who refreshes");
        assert_eq!(refusal(UserId::new(), 20), None);
        assert_eq!(refusal(users[4], 49), Some(Outdated));
    }

    #[test]
    fn a_list_that_was_told_too_much_at_once_is_cut_by_age() {
        let newest_first = (0..=MOST as i64).rev().map(|micros| of_user(UserId::new(), micros)).collect();
        let recent = RecentRevocations::of_newest_first(newest_first);
        assert_eq!((recent.revocations.len(), recent.all_before), (MOST, Some(at(0))));
        assert_eq!(RecentRevocations::of_newest_first(Vec::new()).all_before, None);
    }

    #[test]
    fn a_revocation_has_its_form_on_the_wire() {
        let user = UserId::new();
        let json = serde_json::to_value(of_user(user, 1_500_000)).unwrap();
        assert_eq!(json, serde_json::json!({"user": user, "at": "1970-01-01T00:00:01.500Z"}));
        assert_eq!(serde_json::from_value::<Revocation>(json).unwrap(), of_user(user, 1_500_000));
    }
}
