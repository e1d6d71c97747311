//! Idempotency keys: bound in the first commit of their requests, released where there was no effect.

use crate::{
    booking::refusal::Refusal,
    ledger::{
        command::Outcome,
        rows::KnownKey,
        work::{BatchWork, Verdict},
    },
    ports::LedgerStore,
    store_error::StoreResult,
};
use std::collections::HashMap;

/// Binds the keys of the batch. Commands whose keys are in use get their verdict here.
pub(crate) async fn bind(store: &impl LedgerStore, work: &mut BatchWork<'_>) -> StoreResult<()> {
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
    let bound = store.bind_keys(&pairs).await?;
    for (index, key, _) in wanted.into_iter().filter(|(_, key, _)| !bound.contains(&key.scope)) {
        let outcome = match store.find_key(key).await? {
            Some(KnownKey::Answered(answer)) => Outcome::Replay(answer),
            Some(KnownKey::OtherBody) => Outcome::Refused(Refusal::KeyReused),
            // Gone between two statements: whoever asks again finds it free.
            Some(KnownKey::Running) | None => Outcome::Refused(Refusal::KeyInProgress),
        };
        work.verdicts[index] = Some(Verdict::Answer(outcome));
    }
    Ok(())
}

/// Releases the keys that were bound for commands without effect.
pub(crate) async fn release(store: &impl LedgerStore, work: &BatchWork<'_>) -> StoreResult<()> {
    let without_effect = |verdict: &Option<Verdict>| match verdict {
        // Refused because of the key itself: it is another request's.
        Some(Verdict::Answer(Outcome::Refused(Refusal::KeyReused | Refusal::KeyInProgress))) => false,
        Some(Verdict::Answer(Outcome::Refused(_)) | Verdict::RetryAfterExpiring(_)) => true,
        _ => false,
    };
    let pairs = work.items.iter().zip(&work.verdicts).filter(|(_, verdict)| without_effect(verdict));
    let scopes: Vec<&[u8]> =
        pairs.filter_map(|((command, _), _)| Some(command.key()?.scope.as_slice())).collect();
    store.release_keys(&scopes).await
}
