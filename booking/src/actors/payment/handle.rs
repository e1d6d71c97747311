//! What others ask of the payment desk.

use super::{
    circuit::Circuit,
    deps::{Closing, PaymentDeps, Settlements},
    desk::DeskActor,
    messages::{BeginPayment, PaymentAdmission},
    settlement_writer::{self, SettlementMessage},
    shared_provider::SharedProvider,
    unsettled_gauges,
    watched_provider::WatchedProvider,
};
use crate::actors::ledger::Ledgers;
use booking_engine::{
    payment::charge::{Charge, ChargeOutcome, NotAdmitted},
    ports::Payments,
    saga::{carry::SagaDeps, sweep::sweep},
};
use shared::{db::Pool, error_chain::ErrorChain, supervisor::SupervisedActor, ticker::Ticker, trace};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// How long a stop waits for payments in hand; a later sweep resumes the rest.
const FINISH: Duration = Duration::from_secs(5);

/// How long payments may take, and how many there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaymentTimes {
    /// A provider's answer, while the traveller waits.
    pub(crate) payment: Duration,
    /// The sweep resumes a payment that was idle for this time.
    pub(crate) idle: Duration,
    /// Between two sweeps.
    pub(crate) sweep: Duration,
    /// The most payments in hand at once; more are refused before they are started.
    pub(crate) places: u32,
}

/// A cloneable handle of the desk, which is started again when it dies.
#[derive(Clone)]
pub(crate) struct PaymentDesk {
    desk: SupervisedActor<DeskActor>,
    sweeps: Ticker,
    deps: PaymentDeps,
    /// How long a payment may take up to its answer: the provider's part, and the ledger's.
    longest: Duration,
    /// All free when no payment is in hand.
    places: Arc<Semaphore>,
    all_places: u32,
}

impl PaymentDesk {
    /// Starts the desk on the present arbiter; it begins with a sweep for unfinished payments.
    pub(crate) fn start(provider: SharedProvider, ledgers: Ledgers, pool: Pool, times: PaymentTimes) -> Self {
        let (closing, circuit) = (Closing::default(), Circuit::default());
        let longest = times.payment + ledgers.longest();
        let (asked, of_needs) = (closing.asked.clone(), pool.clone());
        let provider = WatchedProvider {
            provider,
            circuit: circuit.clone(),
            timeout: times.payment,
            needed: Arc::new(move || !asked.load(Ordering::Acquire) && !of_needs.is_closed()),
        };
        let settlements = Settlements { writer: settlement_writer::start(pool.clone()), pool };
        let deps = PaymentDeps { provider, ledgers, settlements, circuit, closing, idle: times.idle };
        let of_desk = deps.clone();
        let make = move |lifeline| DeskActor::new(of_desk.clone(), lifeline);
        let desk = SupervisedActor::start("booking", "payment desk", make);
        let sweeps = start_sweeps(deps.clone(), times.sweep);
        let all_places = times.places.max(1);
        let places = Arc::new(Semaphore::new(all_places as usize));
        Self { desk, sweeps, deps, longest, places, all_places }
    }

    /// The payment provider.
    pub(crate) fn provider(&self) -> &SharedProvider {
        &self.deps.provider.provider
    }

    /// Ready when no payment is in hand and no sweep runs, within 5 seconds. For a stop, when no more requests come: no
    /// sweep begins from now on.
    pub(crate) async fn finish(&self) {
        self.deps.closing.asked.store(true, Ordering::Release);
        let finishing = async {
            // An error would mean that the places are closed, which they never are.
            let _all = self.places.acquire_many(self.all_places).await;
            let _last = self.deps.closing.sweep.lock().await;
            let (done, written) = oneshot::channel();
            if self.deps.settlements.writer.send(SettlementMessage::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        if timeout(FINISH, finishing).await.is_err() {
            tracing::info!("Payments in hand are left for a later sweep");
        }
    }

    /// Kills the desk as a fault in it would.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        if let Some(desk) = self.desk.address() {
            desk.try_send(crate::actors::fault::Die).unwrap();
        }
    }

    /// Kills the settlement writer as a fault in it would.
    #[cfg(test)]
    pub(super) async fn kill_settlement_writer(&self) {
        assert!(self.deps.settlements.writer.send(SettlementMessage::Die).await.is_ok());
    }
}

/// Looks for what is unsettled, now and then and when nudged.
fn start_sweeps(deps: PaymentDeps, interval: Duration) -> Ticker {
    let of_end = deps.clone();
    let work = async move || {
        let _turn = deps.closing.sweep.lock().await;
        let swept = async {
            // If no payment and no refund is unsettled, the sweep sends no further query.
            match unsettled_gauges::measure(&deps.settlements.pool).await? {
                true => Ok::<_, shared::db::DbError>(sweep(&deps).await),
                false => Ok(Ok(())),
            }
        };
        match swept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %ErrorChain(&error), "Unsettled payments could not be read")
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "Unsettled payments could not be counted")
            }
        }
    };
    let sweeps = Ticker::start("payment sweep", interval, move || of_end.is_closing(), work);
    sweeps.nudge();
    sweeps
}

impl Payments for PaymentDesk {
    type Admission = PaymentAdmission;

    fn admit(&self) -> Result<PaymentAdmission, NotAdmitted> {
        if self.deps.circuit.is_open() {
            return Err(NotAdmitted::ProviderSilent);
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotAdmitted::Full)?;
        Ok(PaymentAdmission::new(place))
    }

    async fn charge(&self, charge: Charge, admission: PaymentAdmission) -> ChargeOutcome {
        let (reply, outcome) = oneshot::channel();
        let begin = BeginPayment { charge, admission, trace: trace::current(), reply };
        // The payment is stored: after any fault here, a sweep settles it.
        // A fresh address: the admissions bound the messages in the mailbox.
        let Some(desk) = self.desk.address() else { return ChargeOutcome::Unsettled };
        match desk.try_send(begin) {
            Ok(()) => match timeout(self.longest, outcome).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) | Err(_) => ChargeOutcome::Unsettled,
            },
            Err(_) => ChargeOutcome::Unsettled,
        }
    }

    fn nudge(&self) {
        self.sweeps.nudge();
    }
}
