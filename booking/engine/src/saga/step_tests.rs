use super::*;
use crate::{
    booking::record::Booking,
    payment::record::{Account, Entry, Payment},
    samples,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use shared_types::{
    events::{BookingPaymentStatus, BookingStatus},
    ids::{FlightId, PaymentId},
};

/// What may go wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It is done, but the answer is lost.
    LostAnswer,
    /// It is not done, and there is no answer.
    NotDone,
    /// It is done after the next action, and there is no answer.
    DoneLate,
    /// The process dies after it: all that is not stored is forgotten.
    Crash,
}

/// One of two processes takes a step after some minutes.
#[derive(Debug, Clone, Copy)]
struct Action {
    process: usize,
    fault: Fault,
    minutes: i64,
}

/// The provider: it keeps to its port, whatever is asked in whatever order.
#[derive(Debug, Default)]
struct Provider {
    /// Whether the card is good.
    willing: bool,
    decided: Option<bool>,
    captures: u32,
    voided: bool,
}

impl Provider {
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
        assert_eq!(self.captures, 0, "taken money is never given up");
        self.voided = true;
        self.decided = self.decided.or(Some(false));
    }
}

fn decision(accepted: bool) -> ProviderDecision {
    if accepted { ProviderDecision::Authorised } else { ProviderDecision::Declined }
}

/// Database, provider, and what two processes have in hand.
struct World {
    booking: Booking,
    payment: PaymentId,
    /// Whether it stands in the queue of those that are not settled.
    queued: bool,
    provider: Provider,
    books: Vec<Entry>,
    now: DateTime<Utc>,
    hands: [Option<(PaymentProgress, Step)>; 2],
    /// A step that is done when nobody waits for it any more.
    under_way: Option<Step>,
}

impl World {
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
        let settle = (TimeDelta::minutes(60), now + TimeDelta::days(30));
        booking.start_payment(payment, settle, now).unwrap();
        Self {
            booking,
            payment: id,
            queued: true,
            provider: Provider { willing, ..Provider::default() },
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

    /// Does what a step asks for.
    fn act(&mut self, step: Step) -> StepResult {
        match step {
            Step::Authorise => StepResult::Decided(self.provider.authorise()),
            Step::QueryStatus => {
                let decided = self.provider.decided.map(decision);
                decided.map_or(StepResult::NeverAsked, StepResult::Decided)
            }
            Step::Confirm => {
                // As the ledger does it: what was confirmed before is confirmed.
                if self.stored().state.status() != PaymentStatus::Captured {
                    match self.booking.confirm(self.payment, self.now) {
                        Ok(entries) => self.books.extend(entries),
                        Err(_) => return StepResult::Refused,
                    }
                }
                StepResult::Stands(self.stored().state.status())
            }
            Step::Decline { void } => {
                let declined =
                    self.booking.decline((self.payment, void), self.now + TimeDelta::days(30), self.now);
                // With the provider's refusal, in the same transaction.
                self.queued &= !declined || void;
                StepResult::Stands(self.stored().state.status())
            }
            Step::Capture => {
                self.provider.take();
                StepResult::Finished
            }
            Step::Void => {
                self.provider.give_up();
                StepResult::Finished
            }
            Step::RecordSettlement => {
                self.queued = false;
                StepResult::Recorded
            }
            Step::Done | Step::Suspend => StepResult::NoAnswer,
        }
    }

    fn take(&mut self, action: Action) {
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

    fn carry_on(&mut self, action: Action, stored: PaymentProgress, step: Step) {
        let result = match action.fault {
            Fault::None | Fault::Crash => self.act(step),
            Fault::LostAnswer => {
                self.act(step);
                StepResult::NoAnswer
            }
            Fault::NotDone => StepResult::NoAnswer,
            Fault::DoneLate => {
                self.under_way = Some(step);
                StepResult::NoAnswer
            }
        };
        let then = next(stored, step, result);
        if action.fault != Fault::Crash && !matches!(then, Step::Done | Step::Suspend) {
            self.hands[action.process] = Some((stored, then));
        }
    }

    /// What must hold at any time.
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

    /// What must hold in the end.
    fn check_end(&self) {
        let cleared = self.books.iter().filter(|entry| entry.account == Account::Clearing);
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

fn action() -> impl Strategy<Value = Action> {
    let fault = prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::LostAnswer),
        1 => Just(Fault::NotDone),
        1 => Just(Fault::DoneLate),
        1 => Just(Fault::Crash),
    ];
    (0..2_usize, fault, prop_oneof![3 => Just(0_i64), 1 => 1_i64..40])
        .prop_map(|(process, fault, minutes)| Action { process, fault, minutes })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn a_payment_is_settled_once_whatever_happens(
        willing: bool,
        actions in prop::collection::vec(action(), 0..30),
    ) {
        let mut world = World::new(willing);
        for action in actions {
            world.take(action);
        }
        // From here on nothing goes wrong; whoever has it in hand is forgotten.
        world.hands = [None, None];
        for _ in 0..10 {
            world.take(Action { process: 0, fault: Fault::None, minutes: 0 });
        }
        world.check_end();
    }
}

#[test]
fn without_faults_a_good_card_pays_in_four_steps() {
    let mut world = World::new(true);
    let mut steps = Vec::new();
    while let Some((_, step)) = world.hands[0] {
        steps.push(step);
        world.take(Action { process: 0, fault: Fault::None, minutes: 0 });
    }
    assert_eq!(steps, [Step::Authorise, Step::Confirm, Step::Capture, Step::RecordSettlement]);
    assert_eq!(world.provider.captures, 1);
    world.check_end();
}

#[test]
fn a_late_authorisation_is_voided_and_a_question_never_asked_is_not_asked_late() {
    let mut world = World::new(true);
    world.take(Action { process: 0, fault: Fault::LostAnswer, minutes: 0 });
    assert_eq!(world.provider.decided, Some(true));
    for minutes in [61, 0, 0, 0, 0] {
        world.take(Action { process: 1, fault: Fault::None, minutes });
    }
    assert!(world.provider.voided);
    world.check_end();

    let mut world = World::new(true);
    world.hands = [None, None];
    for minutes in [61, 0, 0, 0, 0] {
        world.take(Action { process: 1, fault: Fault::None, minutes });
    }
    assert_eq!((world.provider.decided, world.provider.voided), (Some(false), true), "never reserved");
    world.check_end();
}

#[test]
fn the_traveller_is_answered_before_the_money_moves() {
    assert_eq!(verdict(Step::Capture), Some(SagaVerdict::Paid));
    assert_eq!(verdict(Step::Void), Some(SagaVerdict::Declined));
    assert_eq!(verdict(Step::Done), Some(SagaVerdict::Declined));
    assert_eq!(verdict(Step::Suspend), Some(SagaVerdict::Unsettled));
    for step in [Step::Authorise, Step::QueryStatus, Step::Confirm, Step::Decline { void: true }] {
        assert_eq!(verdict(step), None);
        assert_eq!(next(PaymentProgress::STARTED, step, StepResult::NoAnswer), Step::Suspend);
    }
}

/// Who finds a payment late may be overtaken by a confirmation that was in time and committed after.
#[test]
fn the_ledger_has_the_last_word() {
    let late = PaymentProgress { state: PaymentState::Started, late: true };
    for void in [true, false] {
        let step = next(late, Step::Decline { void }, StepResult::Stands(PaymentStatus::Captured));
        assert_eq!(step, Step::Capture, "a confirmed booking keeps its money");
    }
    assert_eq!(next(late, Step::Confirm, StepResult::Stands(PaymentStatus::Declined)), Step::Void);
    assert_eq!(next(late, Step::Confirm, StepResult::Refused), Step::Decline { void: true });
    assert_eq!(next(late, Step::Decline { void: true }, StepResult::Refused), Step::Suspend);
}

#[test]
fn what_was_declined_leaves_the_queue() {
    let declined = PaymentProgress { state: PaymentState::Declined, late: false };
    assert_eq!(resume(declined), Step::RecordSettlement);
    assert_eq!(next(declined, Step::RecordSettlement, StepResult::Recorded), Step::Done);
}
