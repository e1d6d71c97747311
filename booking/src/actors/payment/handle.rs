//! What others ask of the payment desk.

use super::{
    circuit::Circuit,
    desk::{Begin, Closing, Desk, Nudge},
    keeper,
    notes::{self, Note},
    provider::PaymentProvider,
    steps::Means,
};
use crate::actors::ledger::Ledgers;
use actix::prelude::*;
use booking_engine::booking::presentation::ShownBooking;
use shared::{
    db::Pool,
    ids::{BookingId, FlightId, PaymentId},
    trace,
};
use std::{
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

/// How long a stop waits for payments in hand; what is left then is taken up later.
const FINISH: Duration = Duration::from_secs(5);

/// How long things may take, and how many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// A provider's answer, while the traveller waits.
    pub(crate) payment: Duration,
    /// A payment that nobody has had in hand for this long is taken up.
    pub(crate) idle: Duration,
    /// Between looks for such payments.
    pub(crate) sweep: Duration,
    /// Payments in hand at once; more are refused before they are started.
    pub(crate) places: u32,
}

/// A payment that was just started.
#[derive(Clone)]
pub(crate) struct Charge {
    pub(crate) payment: PaymentId,
    pub(crate) booking: BookingId,
    pub(crate) amount: i64,
    pub(crate) token: String,
    /// A flight of the booking, to find its ledger by.
    pub(crate) flight: FlightId,
}

/// What became of a charge within the time that a traveller waits.
#[derive(Debug)]
pub(crate) enum Charged {
    /// The booking is confirmed.
    Confirmed(ShownBooking),
    /// The provider has refused; or the hold had ended before it authorised, which is voided.
    Declined(ShownBooking),
    /// Nothing is known yet; it will be settled later.
    Silent,
}

/// Why a payment is not taken on. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    /// As many payments are in hand as there may be.
    #[error("too many payments are in hand")]
    Full,
    /// It would only wait for nothing.
    #[error("the payment provider is silent")]
    ProviderSilent,
}

/// The right to have a payment carried out; the place is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    _place: OwnedSemaphorePermit,
}

impl Drop for Admission {
    fn drop(&mut self) {
        metrics::gauge!("booking_payments_in_hand").decrement(1.0);
    }
}

/// A cloneable handle of the desk, which is started again when it dies.
#[derive(Clone)]
pub(crate) struct PaymentDesk {
    desk: Arc<RwLock<Option<Addr<Desk>>>>,
    provider: Arc<dyn PaymentProvider>,
    circuit: Circuit,
    notes: mpsc::Sender<Note>,
    closing: Closing,
    /// How long a payment may take up to its answer: the provider's part, and the ledger's.
    longest: Duration,
    /// All free when no payment is in hand.
    places: Arc<Semaphore>,
    all_places: u32,
}

impl PaymentDesk {
    /// Starts the desk on the present arbiter; it begins with what others have left unfinished.
    pub(crate) fn start(
        provider: Arc<dyn PaymentProvider>,
        ledgers: Ledgers,
        pool: Pool,
        times: Times,
    ) -> Self {
        let notes = notes::start(pool.clone());
        let closing = Closing::default();
        let circuit = Circuit::default();
        let longest = times.payment + ledgers.longest();
        let means = Means {
            provider: provider.clone(),
            ledgers,
            pool,
            times,
            notes: notes.clone(),
            circuit: circuit.clone(),
            closing: closing.clone(),
        };
        let desk = Arc::new(RwLock::new(None));
        let place = desk.clone();
        keeper::keep("payment desk", move || {
            let (desk, end) = Desk::open(means.clone());
            *place.write().unwrap_or_else(PoisonError::into_inner) = Some(desk);
            end
        });
        let all_places = times.places.max(1);
        let places = Arc::new(Semaphore::new(all_places as usize));
        Self { desk, provider, circuit, notes, closing, longest, places, all_places }
    }

    fn address(&self) -> Option<Addr<Desk>> {
        self.desk.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a token is one of the provider's.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.provider.knows(token)
    }

    /// A place for a payment.
    pub(crate) fn admit(&self) -> Result<Admission, NotAdmitted> {
        if self.circuit.is_open() {
            return Err(NotAdmitted::ProviderSilent);
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotAdmitted::Full)?;
        metrics::gauge!("booking_payments_in_hand").increment(1.0);
        Ok(Admission { _place: place })
    }

    /// Carries a payment as far as it comes while the traveller waits.
    pub(crate) async fn charge(&self, charge: Charge, admission: Admission) -> Charged {
        let (reply, charged) = oneshot::channel();
        let begin = Begin { charge, admission, trace: trace::current(), reply };
        // The payment is stored: whatever goes wrong here, it is settled later.
        // A fresh address: how many there are is bound by the admissions.
        let Some(desk) = self.address() else { return Charged::Silent };
        match desk.try_send(begin) {
            Ok(()) => match timeout(self.longest, charged).await {
                Ok(Ok(charged)) => charged,
                Ok(Err(_)) | Err(_) => Charged::Silent,
            },
            Err(_) => Charged::Silent,
        }
    }

    /// Ready when no payment is in hand any more and nothing is swept, within 5 seconds. For a stop, when
    /// no more requests come: nothing new is taken up from now on.
    pub(crate) async fn finish(&self) {
        self.closing.asked.store(true, Ordering::Release);
        let finishing = async {
            // An error would mean that the places are closed, which they never are.
            let _all = self.places.acquire_many(self.all_places).await;
            let _last = self.closing.sweep.lock().await;
            let (done, written) = oneshot::channel();
            if self.notes.send(Note::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        if timeout(FINISH, finishing).await.is_err() {
            tracing::info!("Payments in hand are left to be taken up later");
        }
    }

    /// Something is to be settled: a refund, or a void.
    pub(crate) fn nudge(&self) {
        // A full mailbox loses it, and so does a desk that is just started again; it also looks by itself.
        if let Some(desk) = self.address() {
            let _ = desk.try_send(Nudge);
        }
    }

    /// Kills the desk as a fault in it would.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        if let Some(desk) = self.address() {
            desk.try_send(super::desk::Die).unwrap();
        }
    }

    /// Kills the writer of notes as a fault in it would.
    #[cfg(test)]
    pub(super) async fn kill_notes(&self) {
        assert!(self.notes.send(Note::Die).await.is_ok());
    }
}
