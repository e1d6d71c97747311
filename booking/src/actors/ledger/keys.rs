//! Idempotency keys: bound in the first commit of their requests, released where there was no effect.

use super::{
    batch::{Verdict, Work},
    command::Outcome,
    tables::Tables,
};
use crate::store::keys::Known;
use booking_engine::booking::refusal::Refusal;
use diesel::QueryResult;
use std::collections::HashMap;

/// Binds the keys of the batch. Commands whose keys are in use get their verdict here.
pub(super) async fn bind(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let mut first: HashMap<&[u8], usize> = HashMap::new();
    let mut wanted = Vec::new();
    for (index, (command, _)) in work.items.iter().enumerate() {
        let Some(key) = command.key() else { continue };
        match first.get(key.scope.as_slice()) {
            // The same request twice in one batch: the first of them runs.
            Some(other) if work.items[*other].0.key().is_some_and(|other| other.body != key.body) => {
                work.refuse(index, Refusal::KeyReused);
            }
            Some(_) => work.refuse(index, Refusal::KeyInProgress),
            None => {
                first.insert(&key.scope, index);
                wanted.push((index, key, command.booking()));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let pairs: Vec<_> = wanted.iter().map(|(_, key, booking)| (*key, *booking)).collect();
    let bound = tables.bind_keys(&pairs).await?;
    for (index, key, _) in wanted.into_iter().filter(|(_, key, _)| !bound.contains(&key.scope)) {
        let outcome = match tables.find_key(key).await? {
            Some(Known::Answered(answer)) => Outcome::Replay(answer),
            Some(Known::OtherBody) => Outcome::Refused(Refusal::KeyReused),
            // Gone between two statements: whoever asks again finds it free.
            Some(Known::Running) | None => Outcome::Refused(Refusal::KeyInProgress),
        };
        work.verdicts[index] = Some(Verdict::Answer(outcome));
    }
    Ok(())
}

/// Releases the keys that were bound for commands without effect.
pub(super) async fn release(tables: &mut impl Tables, work: &Work<'_>) -> QueryResult<()> {
    let without_effect = |verdict: &Option<Verdict>| match verdict {
        // Refused because of the key itself: it is another request's.
        Some(Verdict::Answer(Outcome::Refused(Refusal::KeyReused | Refusal::KeyInProgress))) => false,
        Some(Verdict::Answer(Outcome::Refused(_)) | Verdict::Again(_)) => true,
        _ => false,
    };
    let pairs = work.items.iter().zip(&work.verdicts).filter(|(_, verdict)| without_effect(verdict));
    let scopes: Vec<&[u8]> =
        pairs.filter_map(|((command, _), _)| Some(command.key()?.scope.as_slice())).collect();
    tables.release_keys(&scopes).await
}
