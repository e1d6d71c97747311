use super::*;
use crate::{
    payment::record::{LedgerAccount, MOST_DECLINED},
    samples,
};
use proptest::prelude::*;
use shared_types::patch::Patch;

/// A step in the life of a booking.
#[derive(Debug, Clone, Copy)]
enum LifecycleStep {
    Wait(i64),
    Pay,
    Confirm,
    Decline,
    Void,
    Cancel,
    CancelOnQuote,
    CancelByAirline,
    /// To a version, with a departure in this many minutes.
    Reschedule(i64, i64),
    ChangeContact(bool),
    Expire,
}

fn step() -> impl Strategy<Value = LifecycleStep> {
    prop_oneof![
        (0_i64..20).prop_map(LifecycleStep::Wait),
        Just(LifecycleStep::Pay),
        Just(LifecycleStep::Confirm),
        Just(LifecycleStep::Decline),
        Just(LifecycleStep::Void),
        Just(LifecycleStep::Cancel),
        Just(LifecycleStep::CancelOnQuote),
        Just(LifecycleStep::CancelByAirline),
        (0_i64..5, 0_i64..300).prop_map(|(version, minutes)| LifecycleStep::Reschedule(version, minutes)),
        any::<bool>().prop_map(LifecycleStep::ChangeContact),
        Just(LifecycleStep::Expire),
    ]
}

fn payment(booking: &Booking, now: DateTime<Utc>) -> Payment {
    Payment {
        id: PaymentId::new(),
        method: "card".to_owned(),
        token: Some("tok_visa".to_owned()),
        amount: booking.total(),
        state: PaymentState::Started,
        held_until: booking.hold_expires_at,
        key_scope: None,
        answer: 200,
        created_at: now,
    }
}

/// A journey that the airline flies.
fn flown(departs_at: DateTime<Utc>) -> RefundBasis {
    RefundBasis { departs_at, is_cancelled: false }
}

/// Takes a step; gives the entries that it books.
fn take(
    booking: &mut Booking,
    step: LifecycleStep,
    now: &mut DateTime<Utc>,
    journey: RefundBasis,
) -> Result<Vec<LedgerEntry>, Refusal> {
    let last = booking.payments.last().map_or_else(PaymentId::new, |payment| payment.id);
    match step {
        LifecycleStep::Wait(minutes) => {
            *now += TimeDelta::minutes(minutes);
            Ok(vec![])
        }
        LifecycleStep::Pay => {
            let payment = payment(booking, *now);
            booking
                .start_payment(payment, (TimeDelta::minutes(60), *now + TimeDelta::days(30)), *now)
                .map(|()| vec![])
        }
        LifecycleStep::Confirm => booking.confirm(last, *now),
        LifecycleStep::Decline | LifecycleStep::Void => {
            booking.decline((last, matches!(step, LifecycleStep::Void)), journey.departs_at, *now);
            Ok(vec![])
        }
        LifecycleStep::Cancel => booking.cancel((None, RefundId::new()), journey, *now),
        LifecycleStep::CancelOnQuote => {
            let quote = booking.quote(QuoteId::new(), journey, *now)?;
            let expected = if booking.confirmed_at.is_some() { booking.total() } else { 0 };
            assert_eq!(quote.refund.total() + quote.penalty, expected, "nothing is lost between the two");
            booking.cancel((Some(&quote), RefundId::new()), journey, *now)
        }
        LifecycleStep::CancelByAirline => {
            Ok(booking.cancel_by_airline(RefundId::new(), *now).unwrap_or_default())
        }
        LifecycleStep::Reschedule(version, minutes) => {
            let flight = booking.segments[0].flight_id;
            let departs_at = *now + TimeDelta::minutes(minutes);
            if booking.reschedule((flight, version), departs_at, *now) {
                let waits = booking.payment_status == BookingPaymentStatus::Awaiting;
                assert!(!waits || booking.hold_expires_at <= flight::closes_at(departs_at));
            }
            assert!(!booking.reschedule((flight, version), departs_at, *now), "once is enough");
            Ok(vec![])
        }
        LifecycleStep::ChangeContact(other) => {
            let email = if other { "grace@example.org" } else { "ada@example.org" };
            let patch =
                ContactPatch { email: Some(email.parse().unwrap()), phone: Patch::Keep, locale: Patch::Keep };
            booking.change_contact(&patch, *now).map(|_| vec![])
        }
        LifecycleStep::Expire => {
            booking.expire(*now);
            Ok(vec![])
        }
    }
}

proptest! {
    #[test]
    fn a_booking_stays_consistent_under_random_steps(steps in proptest::collection::vec(step(), 1..40)) {
        let mut booking = samples::booking(FlightId::new(), &["4A", "4B"]);
        let mut now = booking.created_at;
        let departs_at = now + TimeDelta::days(30);
        let mut books: i64 = 0;
        for step in steps {
            let (before, may) = (booking.clone(), booking.actions(&[flight_at(departs_at)], now));
            let result = take(&mut booking, step, &mut now, flown(departs_at));
            match (&result, step) {
                (Ok(_), LifecycleStep::Pay) => prop_assert!(may.contains(&BookingAction::Pay)),
                (Ok(_), LifecycleStep::Cancel | LifecycleStep::CancelOnQuote) => prop_assert!(may.contains(&BookingAction::Cancel)),
                (Err(_), LifecycleStep::Pay) => prop_assert!(!may.contains(&BookingAction::Pay)),
                (Err(_), LifecycleStep::Cancel | LifecycleStep::CancelOnQuote) => prop_assert!(!may.contains(&BookingAction::Cancel)),
                _ => {}
            }
            if result.is_err() {
                prop_assert_eq!(&before, &booking, "a refusal changes nothing");
            }
            let changed = before != booking;
            prop_assert_eq!(changed, booking.version == before.version + 1, "each change is a version");
            let entries = result.unwrap_or_default();
            prop_assert_eq!(entries.iter().map(|entry| entry.amount).sum::<i64>(), 0);
            books += entries.iter().filter(|entry| entry.account == LedgerAccount::Clearing).map(|entry| entry.amount).sum::<i64>();
            check(&booking, books)?;
        }
    }
}

fn check(booking: &Booking, books: i64) -> Result<(), TestCaseError> {
    let started = booking.payments.iter().filter(|one| one.state == PaymentState::Started).count();
    let taken = booking.payments.iter().filter(|one| one.state == PaymentState::Confirmed).count();
    let refunded: i64 = booking.refunds.iter().map(|refund| refund.amount).sum();
    prop_assert!(started <= 1 && taken <= 1, "one payment at a time, one that succeeds");
    prop_assert_eq!(started == 1, booking.payment_status == BookingPaymentStatus::Processing);
    if booking.status == BookingStatus::Cancelled && taken == 1 {
        let all = booking.payment_status == BookingPaymentStatus::Refunded;
        prop_assert_eq!(all, refunded == booking.total());
    }
    prop_assert!(booking.status != BookingStatus::Confirmed || taken == 1, "no ticket without money");
    prop_assert_eq!(
        books,
        if taken == 1 { booking.total() - refunded } else { 0 },
        "the books are what was paid"
    );
    prop_assert!(
        booking.payments.iter().all(|one| one.state == PaymentState::Started || one.token.is_none())
    );
    Ok(())
}

#[test]
fn each_refusal_has_its_code() {
    let refused = |prepare: fn(&mut Booking, DateTime<Utc>)| {
        let mut booking = samples::booking(FlightId::new(), &["4A"]);
        let now = booking.created_at;
        prepare(&mut booking, now);
        let payment = payment(&booking, now);
        let mut copy = booking.clone();
        let pay = copy.start_payment(payment, (TimeDelta::minutes(60), now + TimeDelta::days(30)), now).err();
        (pay, booking.cancel((None, RefundId::new()), flown(now + TimeDelta::days(30)), now).err())
    };
    let processing = |booking: &mut Booking, now| {
        let payment = payment(booking, now);
        booking.start_payment(payment, (TimeDelta::minutes(60), now + TimeDelta::days(30)), now).unwrap();
    };
    assert_eq!(refused(|_, _| {}), (None, None));
    assert_eq!(refused(processing), (Some(Refusal::PaymentInProgress), Some(Refusal::PaymentInProgress)));
    let expired = (Some(Refusal::HoldExpired), Some(Refusal::HoldExpired));
    assert_eq!(refused(|booking, now| booking.hold_expires_at = now), expired);
    let cancelled = (Some(Refusal::AlreadyCancelled), Some(Refusal::AlreadyCancelled));
    assert_eq!(refused(|booking, _| booking.status = BookingStatus::Cancelled), cancelled);
    assert_eq!(
        refused(|booking, _| booking.status = BookingStatus::Confirmed),
        (Some(Refusal::AlreadyPaid), None)
    );
}

#[test]
fn a_declined_payment_gives_the_hold_its_end_back() {
    let mut booking = samples::booking(FlightId::new(), &["4A"]);
    let (now, end) = (booking.created_at, booking.hold_expires_at);
    let payment = payment(&booking, now);
    let id = payment.id;
    booking.start_payment(payment, (TimeDelta::minutes(60), now + TimeDelta::days(30)), now).unwrap();
    assert_eq!(booking.hold_expires_at, now + TimeDelta::minutes(60));
    let later = now + TimeDelta::minutes(30);
    assert_eq!(booking.status_at(later), BookingStatus::Held, "a payment keeps the hold alive");
    let far = now + TimeDelta::days(30);
    assert!(booking.decline((id, false), far, later));
    assert_eq!((booking.hold_expires_at, booking.status_at(later)), (end, BookingStatus::Expired));
    assert!(!booking.decline((id, false), far, later), "once is enough");
}

#[test]
fn a_hold_ends_before_sales_close_of_a_flight_that_was_moved_forward() {
    let flight = FlightId::new();
    let held = samples::booking(flight, &["4A"]);
    let (now, end) = (held.created_at, held.hold_expires_at);
    let moved = |mut booking: Booking, minutes| {
        assert!(booking.reschedule((flight, 2), now + TimeDelta::minutes(minutes), now));
        booking.hold_expires_at
    };
    assert_eq!(moved(held.clone(), 24 * 60), end, "there is time enough");
    assert_eq!(moved(held.clone(), 50), now + TimeDelta::minutes(5));
    let mut late = held.clone();
    assert!(late.reschedule((flight, 2), now + TimeDelta::minutes(30), now));
    assert!(late.expire(now), "nobody can pay it any more");
    let mut paying = held.clone();
    paying.hold_expires_at = now + TimeDelta::hours(24);
    let payment = payment(&paying, now);
    let id = payment.id;
    paying.start_payment(payment, (TimeDelta::minutes(60), now + TimeDelta::days(30)), now).unwrap();
    assert_eq!(moved(paying.clone(), 30), now + TimeDelta::minutes(30), "what was begun is settled by then");
    let sooner = now + TimeDelta::minutes(50);
    assert!(paying.reschedule((flight, 2), sooner, now));
    assert!(paying.decline((id, false), sooner, now));
    assert_eq!(paying.hold_expires_at, now + TimeDelta::minutes(5), "no longer than others'");
    let times = [now + TimeDelta::minutes(45), now + TimeDelta::days(30)].map(flight_at);
    assert!(!held.actions(&times, now).contains(&BookingAction::Pay));
}

#[test]
fn an_impossible_journey_is_not_paid() {
    let held = samples::booking(FlightId::new(), &["4A"]);
    let now = held.created_at;
    let [first, second] = [now + TimeDelta::days(30), now + TimeDelta::days(31)].map(flight_at);
    assert!(held.actions(&[first, second], now).contains(&BookingAction::Pay));
    let actions = held.actions(&[second, first], now);
    assert!(!actions.contains(&BookingAction::Pay) && actions.contains(&BookingAction::Cancel));
}

/// Departure and arrival of a flight of two hours.
fn flight_at(departure: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    (departure, departure + TimeDelta::hours(2))
}

#[test]
fn declined_payments_are_bounded() {
    let mut booking = samples::booking(FlightId::new(), &["4A"]);
    let now = booking.created_at;
    let far = now + TimeDelta::days(30);
    let pay = |booking: &mut Booking, now| {
        let payment = payment(booking, now);
        booking.start_payment(payment.clone(), (TimeDelta::minutes(60), far), now).map(|()| payment.id)
    };
    for attempt in 0..MOST_DECLINED {
        assert!(booking.actions(&[flight_at(far)], now).contains(&BookingAction::Pay));
        let id = pay(&mut booking, now).unwrap();
        // A voided payment counts like a refused one.
        assert!(booking.decline((id, attempt % 2 == 0), far, now));
    }
    let (before, later) = (booking.clone(), now + TimeDelta::minutes(5));
    assert_eq!(pay(&mut booking, later), Err(Refusal::TooManyDeclined(TimeDelta::minutes(10))));
    assert_eq!(booking, before, "a refusal changes nothing");
    assert!(!booking.actions(&[flight_at(far)], now).contains(&BookingAction::Pay));
    assert_eq!(pay(&mut booking, now + TimeDelta::minutes(15)), Err(Refusal::HoldExpired));
    assert!(booking.cancel((None, RefundId::new()), flown(far), now).is_ok(), "nothing else is refused");
}

#[test]
fn a_cancelled_flight_refunds_everything_and_voids_a_payment_under_way() {
    let mut booking = samples::booking(FlightId::new(), &["4A"]);
    let now = booking.created_at;
    let far = now + TimeDelta::days(30);
    let order = payment(&booking, now);
    let id = order.id;
    booking.start_payment(order, (TimeDelta::minutes(60), far), now).unwrap();
    let mut paying = booking.clone();
    assert_eq!(paying.cancel_by_airline(RefundId::new(), now), Some(vec![]), "nothing was paid yet");
    assert_eq!(paying.confirm(id, now), Err(Refusal::HoldExpired));
    assert!(paying.decline((id, true), far, now), "what was authorised meanwhile is voided");
    assert_eq!(paying.payment_status, BookingPaymentStatus::Awaiting);
    booking.confirm(id, now).unwrap();
    let late = now + TimeDelta::days(29);
    assert!(booking.refund_now(flown(far), late).total() < booking.total(), "the traveller would get less");
    assert!(booking.cancel_by_airline(RefundId::new(), late).is_some());
    assert_eq!(booking.refunds[0].amount, booking.total());
    assert_eq!(booking.cancel_by_airline(RefundId::new(), late), None, "once is enough");
}

#[test]
fn quotes_are_good_for_the_booking_as_it_was_and_for_a_while() {
    let mut booking = samples::booking(FlightId::new(), &["4A"]);
    let now = booking.created_at;
    let far = now + TimeDelta::days(30);
    booking.hold_expires_at = now + TimeDelta::hours(1);
    let quote = booking.quote(QuoteId::new(), flown(far), now).unwrap();
    let mut other = booking.clone();
    assert_eq!(
        other.cancel((Some(&quote), RefundId::new()), flown(far), now + TimeDelta::minutes(15)),
        Err(Refusal::QuoteExpired)
    );
    let patch = ContactPatch {
        email: Some("grace@example.org".parse().unwrap()),
        phone: Patch::Keep,
        locale: Patch::Keep,
    };
    assert_eq!(other.change_contact(&patch, now), Ok(true));
    assert_eq!(
        other.cancel((Some(&quote), RefundId::new()), flown(far), now),
        Err(Refusal::QuoteExpired),
        "it has changed"
    );
    assert!(booking.cancel((Some(&quote), RefundId::new()), flown(far), now).is_ok());
}

#[test]
fn a_cancellation_after_the_airlines_refunds_everything_despite_a_lower_quote() {
    let mut booking = samples::booking(FlightId::new(), &["4A"]);
    let (now, far) = (booking.created_at, booking.created_at + TimeDelta::days(30));
    let order = payment(&booking, now);
    let id = order.id;
    booking.start_payment(order, (TimeDelta::minutes(60), far), now).unwrap();
    booking.confirm(id, now).unwrap();
    let late = now + TimeDelta::days(2);
    let quoted = booking.quote(QuoteId::new(), flown(far), late).unwrap();
    assert_eq!(quoted.refund, Refund { fare: 0, taxes: booking.taxes() });
    let gone = RefundBasis { departs_at: far, is_cancelled: true };
    let since = booking.quote(QuoteId::new(), gone, late).unwrap();
    assert_eq!((since.refund.total(), since.penalty), (booking.total(), 0));
    for (quote, at) in [(Some(&quoted), late), (Some(&since), late), (None, far + TimeDelta::hours(1))] {
        let mut one = booking.clone();
        one.cancel((quote, RefundId::new()), gone, at).unwrap();
        assert_eq!(one.refunds[0].amount, booking.total());
        assert_eq!(one.refunds[0].reason, "cancelled by the airline");
        assert_eq!(one.payment_status, BookingPaymentStatus::Refunded);
    }
    // A quote that is no longer good is still no quote.
    let refused = booking.cancel((Some(&quoted), RefundId::new()), gone, late + TimeDelta::minutes(15));
    assert_eq!(refused, Err(Refusal::QuoteExpired));
}
