//! How many letters an account may cause to strangers: 60 an hour, on all instances together.
//!
//! A stranger's address is any but the account's own. Nobody has confirmed the own address of an unverified account, so
//! a stranger may own it: its holds are few ([`allowance`](super::account_limits::allowance)), but each that is given
//! back makes room for the next. So what counts there is each cancellation, with the letter that came before it, and
//! each change.
//!
//! A hold counts as two letters when it is made: the one that tells of it, and the one that ends it (paid, cancelled
//! or expired). So nobody is kept from paying or giving back what they hold. A purchase in one call is one letter, and
//! so is each change or cancellation of what was bought. The permission `limits:exempt` lifts the limit.

use super::account_limits::{is_own, is_trusted};
use crate::{
    deadline,
    error::failed,
    store::letters_caused::{self, Taken, WINDOW},
};
use booking_engine::{
    ports::RequestContext,
    sell::outcome::{SalesError, SalesOutcome},
};
use shared::{
    auth::{Caller, Permission},
    db::{DbError, Pool},
    email::EmailAddress,
    http::{Problem, Quota},
    ids::UserId,
};

/// Letters of an account to others.
const LETTERS: Quota = Quota { name: "letters", requests: 60, window: Some(WINDOW) };

/// Letters of a purchase in one call.
pub(super) const OF_A_PURCHASE: i32 = 1;
/// Letters of a hold: that it was made, and how it ended.
pub(super) const OF_A_HOLD: i32 = 2;

/// Letters that were counted before they are caused.
#[derive(Debug)]
pub(super) struct CountedLetters {
    account: UserId,
    counted: i32,
}

impl CountedLetters {
    /// Counts letters that a request of the caller will cause to an address; `None` where none count.
    ///
    /// # Errors
    /// `rate_limited`; those of the database.
    pub(super) async fn count(
        (pool, context): (&Pool, RequestContext),
        caller: &Caller,
        (email, letters): (&EmailAddress, i32),
    ) -> Result<Option<Self>, Problem> {
        match Self::are_counted(caller, email) {
            true => Self::count_always((pool, context), caller, letters).await.map(Some),
            false => Ok(None),
        }
    }

    /// The same where it is known that they count.
    ///
    /// # Errors
    /// `rate_limited`; those of the database.
    pub(super) async fn count_always(
        (pool, context): (&Pool, RequestContext),
        caller: &Caller,
        letters: i32,
    ) -> Result<Self, Problem> {
        let account = caller.user_id();
        let most = i32::try_from(LETTERS.requests).unwrap_or(i32::MAX);
        let taken = deadline::until(context.deadline, async {
            let connection = pool.get().await?;
            Ok::<_, DbError>(letters_caused::take(&connection, account, (letters, most)).await?)
        });
        match taken.await? {
            Taken::Counted => Ok(Self { account, counted: letters }),
            Taken::TooMany(left) => Err(Problem::rate_limited(&LETTERS, left)
                .detail("This account has caused as many letters to other addresses as it may in an hour.")),
        }
    }

    /// Whether letters to an address count for the caller.
    pub(super) fn are_counted(caller: &Caller, email: &EmailAddress) -> bool {
        !is_own(caller, email) && !caller.may(Permission::LimitsExempt)
    }

    /// `caused` letters were caused instead of those that were counted. A fault is only logged: the request has had
    /// its effect.
    pub(super) async fn keep(self, pool: &Pool, caused: i32) {
        let corrected = async {
            let connection = pool.get().await?;
            match self.counted - caused {
                0 => Ok(()),
                unused @ 1.. => letters_caused::give_back(&connection, self.account, unused).await,
                // A purchase whose payment was declined has become a hold.
                more => letters_caused::take(&connection, self.account, (-more, i32::MAX)).await.map(drop),
            }
            .map_err(DbError::from)
        };
        if self.counted != caused
            && let Err(error) = corrected.await
        {
            tracing::warn!(%error, "The letters of an account are not counted as they were caused");
        }
    }
}

/// Letters of a change of a booking, or of its cancellation, to an address. `ahead`: those that were counted when the
/// booking was made, and are caused now.
pub(super) fn of_change(caller: &Caller, email: &EmailAddress, (letters, ahead): (i32, i32)) -> i32 {
    match (CountedLetters::are_counted(caller, email), is_trusted(caller)) {
        (true, _) => letters - ahead,
        (false, false) => letters,
        (false, true) => 0,
    }
}

/// Carries out a change that causes letters, unless it leaves the booking at the version that it had before.
pub(super) async fn with_letters(
    (pool, context): (&Pool, RequestContext),
    caller: &Caller,
    (letters, before): (i32, i64),
    change: impl Future<Output = Result<SalesOutcome, SalesError>>,
) -> Result<SalesOutcome, Problem> {
    if letters <= 0 {
        return change.await.map_err(failed);
    }
    let counted = CountedLetters::count_always((pool, context), caller, letters).await?;
    let sold = change.await.map_err(failed)?;
    let changed = matches!(&sold, SalesOutcome::Done(state) if state.version > before);
    counted.keep(pool, if changed { letters } else { 0 }).await;
    Ok(sold)
}
