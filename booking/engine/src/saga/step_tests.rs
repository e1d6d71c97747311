use super::*;
use crate::{
    booking::record::Booking,
    payment::record::{LedgerAccount, LedgerEntry, Payment},
    samples,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use shared_types::{
    events::{BookingPaymentStatus, BookingStatus},
    ids::{FlightId, PaymentId},
};

/// A fault of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum StepFault {
    None,
    /// It is done, but the answer is lost.
    LostAnswer,
    /// It is not done, and there is no answer.
    NotDone,
    /// It is done after the next action, and there is no answer.
    DoneLate,
    /// The process dies after it: everything that is not stored is lost.
    Crash,
}

/// One of two processes takes a step after some minutes.
#[derive(Debug, Clone, Copy)]
struct SagaAction {
    process: usize,
    fault: StepFault,
    minutes: i64,
}

/// The provider: it keeps the promises of its port for any order of calls.
#[derive(Debug, Default)]
struct ProviderModel {
    /// Whether the card is good.
    willing: bool,
    decided: Option<bool>,
    captures: u32,
    voided: bool,
}

impl ProviderModel {
    fn authorise(&mut self) -> ProviderDecision {
        let willing = self.willing && !self.voided;
        decision(*self.decided.get_or_insert(willing))
    }

    fn take(&mut self) {
        assert_eq!((self.decided, self.voided), (Some(true), false), "only reserved money is taken");
        // A repeated capture has no further effect.
        self.captures = 1;
    }

    fn give_up(&mut self) {
        assert_eq!(self.captures, 0, "captured money is never voided");
        self.voided = true;
        self.decided = self.decided.or(Some(false));
    }
}

fn decision(accepted: bool) -> ProviderDecision {
    if accepted { ProviderDecision::Authorised } else { ProviderDecision::Declined }
}

/// Database, provider, and the sagas that two processes have in hand.
struct SagaFixture {
    booking: Booking,
    payment: PaymentId,
    /// Whether it is in the queue of unsettled payments.
    queued: bool,
    provider: ProviderModel,
    books: Vec<LedgerEntry>,
    now: DateTime<Utc>,
    hands: [Option<(PaymentProgress, SagaStep)>; 2],
    /// A step that takes effect after its process has stopped waiting.
    under_way: Option<SagaStep>,
}

impl SagaFixture {
    fn new(willing: bool) -> Self {
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        let now = booking.created_at;
        let payment = Payment {
            id: PaymentId::new(),
            method: "card".to_owned(),
            token: Some("tok_visa".to_owned()),
            amount: booking.total(),
            state: PaymentState::Started,
            held_until: booking.hold_expires_at,
            key_scope: None,
            answer: 200,
            created_at: now,
        };
        let id = payment.id;
        let grace = (TimeDelta::minutes(60), now + TimeDelta::days(30));
        booking.start_payment(payment, grace, now).unwrap();
        Self {
            booking,
            payment: id,
            queued: true,
            provider: ProviderModel { willing, ..ProviderModel::default() },
            books: Vec::new(),
            now,
            hands: [Some((PaymentProgress::STARTED, CHARGE)), None],
            under_way: None,
        }
    }

    fn stored(&self) -> PaymentProgress {
        let state = self.booking.payments[0].state;
        PaymentProgress { state, late: self.booking.hold_expires_at <= self.now }
    }

    /// Carries a step out.
    fn act(&mut self, step: SagaStep) -> StepResult {
        match step {
            SagaStep::Authorise => StepResult::Decided(self.provider.authorise()),
            SagaStep::QueryStatus => {
                let decided = self.provider.decided.map(decision);
                decided.map_or(StepResult::NeverAsked, StepResult::Decided)
            }
            SagaStep::Confirm => {
                // As the ledger does it: a repeated confirmation gives the same.
                if self.stored().state.status() != PaymentStatus::Captured {
                    match self.booking.confirm(self.payment, self.now) {
                        Ok(entries) => self.books.extend(entries),
                        Err(_) => return StepResult::Refused,
                    }
                }
                StepResult::Stands(self.stored().state.status())
            }
            SagaStep::Decline { void } => {
                let declined =
                    self.booking.decline((self.payment, void), self.now + TimeDelta::days(30), self.now);
                // With the provider's refusal, in the same transaction.
                self.queued &= !declined || void;
                StepResult::Stands(self.stored().state.status())
            }
            SagaStep::Capture => {
                self.provider.take();
                StepResult::Finished
            }
            SagaStep::Void => {
                self.provider.give_up();
                StepResult::Finished
            }
            SagaStep::RecordSettlement => {
                self.queued = false;
                StepResult::Recorded
            }
            SagaStep::Done | SagaStep::Suspend => StepResult::NoAnswer,
        }
    }

    fn take(&mut self, action: SagaAction) {
        self.now += TimeDelta::minutes(action.minutes);
        let under_way = self.under_way.take();
        let left = self.queued.then(|| (self.stored(), resume(self.stored())));
        if let Some((stored, step)) = self.hands[action.process].take().or(left) {
            self.carry_on(action, stored, step);
        }
        if let Some(step) = under_way {
            self.act(step);
        }
        self.check();
    }

    fn carry_on(&mut self, action: SagaAction, stored: PaymentProgress, step: SagaStep) {
        let result = match action.fault {
            StepFault::None | StepFault::Crash => self.act(step),
            StepFault::LostAnswer => {
                self.act(step);
                StepResult::NoAnswer
            }
            StepFault::NotDone => StepResult::NoAnswer,
            StepFault::DoneLate => {
                self.under_way = Some(step);
                StepResult::NoAnswer
            }
        };
        let then = next(stored, step, result);
        if action.fault != StepFault::Crash && !matches!(then, SagaStep::Done | SagaStep::Suspend) {
            self.hands[action.process] = Some((stored, then));
        }
    }

    /// The invariants at any time.
    fn check(&self) {
        let confirmed = self.booking.status == BookingStatus::Confirmed;
        assert!(self.provider.captures == 0 || confirmed, "money is taken only for a confirmed booking");
        assert!(!(self.provider.voided && confirmed), "no confirmed booking loses its money");
        assert_eq!(self.books.iter().map(|entry| entry.amount).sum::<i64>(), 0, "the books add up");
        let state = self.stored().state;
        assert!(self.queued || state != PaymentState::Started, "what is not decided is not settled");
        assert!(!self.queued || state != PaymentState::Declined, "a refusal settles it");
        assert!(self.queued || !confirmed || self.provider.captures == 1, "settled with the capture");
    }

    /// The invariants at the end.
    fn check_end(&self) {
        let cleared = self.books.iter().filter(|entry| entry.account == LedgerAccount::Clearing);
        let owed: i64 = cleared.map(|entry| entry.amount).sum();
        let taken = i64::from(self.provider.captures) * self.booking.total();
        assert_eq!(owed, taken, "the books say what the provider took");
        assert!(!self.queued, "unsettled: {:?}", self.stored());
        match self.booking.payments[0].state {
            PaymentState::Confirmed => {
                assert_eq!(self.provider.captures, 1);
                assert_eq!(self.booking.status, BookingStatus::Confirmed);
                assert_eq!(self.booking.payment_status, BookingPaymentStatus::Paid);
            }
            PaymentState::Declined | PaymentState::Voided => {
                assert!(
                    self.provider.voided || self.provider.decided != Some(true),
                    "nothing stays reserved"
                );
                assert_ne!(self.booking.status, BookingStatus::Confirmed);
                assert_eq!(self.booking.payment_status, BookingPaymentStatus::Awaiting);
            }
            PaymentState::Started => panic!("settled, but not decided"),
        }
    }
}

fn action() -> impl Strategy<Value = SagaAction> {
    let fault = prop_oneof![
        4 => Just(StepFault::None),
        1 => Just(StepFault::LostAnswer),
        1 => Just(StepFault::NotDone),
        1 => Just(StepFault::DoneLate),
        1 => Just(StepFault::Crash),
    ];
    (0..2_usize, fault, prop_oneof![3 => Just(0_i64), 1 => 1_i64..40])
        .prop_map(|(process, fault, minutes)| SagaAction { process, fault, minutes })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn a_payment_is_settled_once_under_random_faults(
        willing: bool,
        actions in prop::collection::vec(action(), 0..30),
    ) {
        let mut fixture = SagaFixture::new(willing);
        for action in actions {
            fixture.take(action);
        }
        // From here on there are no faults, and no process has the payment in hand.
        fixture.hands = [None, None];
        for _ in 0..10 {
            fixture.take(SagaAction { process: 0, fault: StepFault::None, minutes: 0 });
        }
        fixture.check_end();
    }
}

#[test]
fn without_faults_a_good_card_pays_in_four_steps() {
    let mut fixture = SagaFixture::new(true);
    let mut steps = Vec::new();
    while let Some((_, step)) = fixture.hands[0] {
        steps.push(step);
        fixture.take(SagaAction { process: 0, fault: StepFault::None, minutes: 0 });
    }
    assert_eq!(
        steps,
        [SagaStep::Authorise, SagaStep::Confirm, SagaStep::Capture, SagaStep::RecordSettlement]
    );
    assert_eq!(fixture.provider.captures, 1);
    fixture.check_end();
}

#[test]
fn a_late_authorisation_is_voided_and_none_is_requested_late() {
    let mut fixture = SagaFixture::new(true);
    fixture.take(SagaAction { process: 0, fault: StepFault::LostAnswer, minutes: 0 });
    assert_eq!(fixture.provider.decided, Some(true));
    for minutes in [61, 0, 0, 0, 0] {
        fixture.take(SagaAction { process: 1, fault: StepFault::None, minutes });
    }
    assert!(fixture.provider.voided);
    fixture.check_end();

    let mut fixture = SagaFixture::new(true);
    fixture.hands = [None, None];
    for minutes in [61, 0, 0, 0, 0] {
        fixture.take(SagaAction { process: 1, fault: StepFault::None, minutes });
    }
    assert_eq!((fixture.provider.decided, fixture.provider.voided), (Some(false), true), "never reserved");
    fixture.check_end();
}

#[test]
fn the_traveller_is_answered_before_the_money_moves() {
    assert_eq!(verdict(SagaStep::Capture), Some(SagaVerdict::Paid));
    assert_eq!(verdict(SagaStep::Void), Some(SagaVerdict::Declined));
    assert_eq!(verdict(SagaStep::Done), Some(SagaVerdict::Declined));
    assert_eq!(verdict(SagaStep::Suspend), Some(SagaVerdict::Unsettled));
    for step in
        [SagaStep::Authorise, SagaStep::QueryStatus, SagaStep::Confirm, SagaStep::Decline { void: true }]
    {
        assert_eq!(verdict(step), None);
        assert_eq!(next(PaymentProgress::STARTED, step, StepResult::NoAnswer), SagaStep::Suspend);
    }
}

/// A saga may find a payment late, and then be overtaken by a confirmation that was in time and commits later.
#[test]
fn the_ledger_has_the_last_word() {
    let late = PaymentProgress { state: PaymentState::Started, late: true };
    for void in [true, false] {
        let step = next(late, SagaStep::Decline { void }, StepResult::Stands(PaymentStatus::Captured));
        assert_eq!(step, SagaStep::Capture, "a confirmed booking keeps its money");
    }
    assert_eq!(next(late, SagaStep::Confirm, StepResult::Stands(PaymentStatus::Declined)), SagaStep::Void);
    assert_eq!(next(late, SagaStep::Confirm, StepResult::Refused), SagaStep::Decline { void: true });
    assert_eq!(next(late, SagaStep::Decline { void: true }, StepResult::Refused), SagaStep::Suspend);
}

#[test]
fn a_declined_payment_leaves_the_queue() {
    let declined = PaymentProgress { state: PaymentState::Declined, late: false };
    assert_eq!(resume(declined), SagaStep::RecordSettlement);
    assert_eq!(next(declined, SagaStep::RecordSettlement, StepResult::Recorded), SagaStep::Done);
}
