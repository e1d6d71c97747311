//! What is in the databases, at the provider and in the mails in the end, against the clients' record.

use super::{record::Record, system::System};
use crate::{database, requests::UserClient};
use serde_json::json;
use shared::{auth::Permission, ids::UserId};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

/// How long everything may take to settle.
const CHECKS_TIMEOUT: Duration = Duration::from_secs(90);

const UNSETTLED: &str =
    "(SELECT payment_id FROM unsettled_payments UNION ALL SELECT id FROM refunds WHERE NOT settled) u";
const CONFIRMED: &str = "bookings WHERE confirmed_at IS NOT NULL";
const LETTERS: &str = "letters WHERE template = 'booking_confirmed'";
const UNSENT: &str = "letter_queue";

/// A booking in the database.
struct Stored {
    status: String,
    flight: String,
    seat: i32,
    /// Whether the seat is its own in the table of seats.
    seated: bool,
}

/// All that was found.
pub(super) struct LoadFindings {
    bookings: HashMap<String, Stored>,
    /// Locators of bookings that were ever confirmed.
    confirmed: BTreeSet<String>,
    /// References of the letters that tell so, with repetitions, and their Message-IDs.
    letters: Vec<(String, String)>,
    /// How often each Message-ID came to the SMTP server.
    mails: BTreeMap<String, usize>,
    /// One count a name: see [`COUNTS`].
    counts: BTreeMap<&'static str, i64>,
}

/// Counts of booking's tables, and what they must be, where that is always the same.
const COUNTS: [(&str, Option<i64>, &str); 9] = [
    ("seats taken", None, "SELECT count(*) FROM seats"),
    (
        "seats of two live bookings",
        Some(0),
        "SELECT count(*) FROM (SELECT 1 FROM bookings b JOIN segments s ON s.booking_id = b.id JOIN passengers p ON p.booking_id = b.id WHERE b.status IN (0, 1) GROUP BY s.flight_id, p.seats[s.position + 1] HAVING count(*) > 1) x",
    ),
    ("captures at the provider", None, "SELECT count(*) FROM sandbox_operations WHERE operation = 1"),
    (
        "bookings charged twice",
        Some(0),
        "SELECT count(*) FROM (SELECT 1 FROM sandbox_operations o JOIN payments p ON p.id = o.payment_id WHERE o.operation = 1 GROUP BY p.booking_id HAVING count(*) > 1) x",
    ),
    (
        "confirmed bookings not charged their price once",
        Some(0),
        "SELECT count(*) FROM bookings b WHERE confirmed_at IS NOT NULL AND (SELECT sum(fare + taxes) FROM segments s WHERE s.booking_id = b.id) IS DISTINCT FROM (SELECT sum(o.amount) FROM sandbox_operations o JOIN payments p ON p.id = o.payment_id WHERE p.booking_id = b.id AND o.operation = 1)",
    ),
    (
        "charges of bookings that are not confirmed",
        Some(0),
        "SELECT count(*) FROM sandbox_operations o JOIN payments p ON p.id = o.payment_id JOIN bookings b ON b.id = p.booking_id WHERE o.operation = 1 AND b.confirmed_at IS NULL",
    ),
    ("refunds at the provider", None, "SELECT count(*) FROM sandbox_operations WHERE operation = 3"),
    (
        "difference of the provider's log and the books",
        Some(0),
        "SELECT coalesce((SELECT sum(CASE operation WHEN 1 THEN amount WHEN 3 THEN -amount END) FROM sandbox_operations WHERE operation IN (1, 3)), 0)::bigint - coalesce((SELECT sum(amount) FROM ledger_entries WHERE account = 0), 0)::bigint",
    ),
    (
        "confirmed bookings without exactly one such event",
        Some(0),
        "SELECT count(*) FROM bookings b WHERE confirmed_at IS NOT NULL AND (SELECT count(*) FROM events e WHERE e.kind = 'booking.confirmed' AND e.subject = b.id::text) <> 1",
    ),
];

/// Waits until nothing is under way any more: money, events, letters.
pub(super) async fn until_all_is_settled(system: &System) {
    let deadline = Instant::now() + CHECKS_TIMEOUT;
    loop {
        let unsettled = database::count(&system.booking, UNSETTLED).await;
        let unpublished = database::count(&system.booking, "outbox").await;
        let unsent = database::count(&system.mail, UNSENT).await;
        let unwritten = database::count(&system.booking, CONFIRMED)
            .await
            .abs_diff(database::count(&system.mail, LETTERS).await);
        if [unsettled, unpublished, unsent, unwritten] == [0; 4] {
            return;
        }
        let waiting = format!(
            "{unsettled} payments and refunds, {unpublished} events, {unsent} letters to be sent, {unwritten} to be written"
        );
        assert!(Instant::now() < deadline, "still under way: {waiting}");
        // A letter that was being sent when the database died waits for the end of its lease, which is
        // much longer than sending may take.
        let lapse = "UPDATE letter_queue SET next_attempt_at = now() WHERE letter_id IN (SELECT letter_id FROM letter_queue WHERE NOT sending OR next_attempt_at < now() + interval '85 seconds' FOR UPDATE SKIP LOCKED)";
        database::run(&system.mail, lapse).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Has the service itself check what must always hold.
pub(super) async fn invariants(system: &System) {
    let token = system.keys.token(UserId::new(), &[Permission::SystemCheck]);
    let client = UserClient::new(system.instances[0].address, &token);
    let report = client.post("/api/v1/admin/invariants/check", None, &json!({})).await.unwrap();
    assert_eq!((report.status, &report.json["violations"]), (200, &json!([])), "{:?}", report.json);
}

impl LoadFindings {
    pub(super) async fn read(system: &System) -> Self {
        let stored = "SELECT concat_ws(' ', b.id, (ARRAY['held', 'confirmed', 'cancelled', 'expired'])[b.status + 1], s.flight_id, p.seats[1], t.booking_id IS NOT NULL) AS line \
            FROM bookings b JOIN segments s ON s.booking_id = b.id JOIN passengers p ON p.booking_id = b.id \
            LEFT JOIN seats t ON t.flight_id = s.flight_id AND t.seat = p.seats[1] AND t.booking_id = b.id";
        let bookings =
            database::lines(&system.booking, stored).await.into_iter().map(|line| stored_of(&line));
        let locators = format!("SELECT locator AS line FROM {CONFIRMED}");
        let letters = format!("SELECT reference || ' ' || message_id AS line FROM {LETTERS}");
        let letters = database::lines(&system.mail, &letters).await;
        let mut mails = BTreeMap::new();
        for mail in system.smtp.mails() {
            *mails.entry(message_id(&mail.text())).or_default() += 1;
        }
        let mut counts = BTreeMap::new();
        for (name, _, query) in COUNTS {
            let lines = database::lines(&system.booking, &format!("SELECT ({query})::text AS line")).await;
            counts.insert(name, lines[0].parse().unwrap());
        }
        Self {
            bookings: bookings.collect(),
            confirmed: database::lines(&system.booking, &locators).await.into_iter().collect(),
            letters: letters.iter().map(|line| two(line)).collect(),
            mails,
            counts,
        }
    }

    pub(super) fn print(&self, system: &System, record: &Record) {
        let line = |what: &str, count: &dyn std::fmt::Display| println!("{what:52} {count:>8}");
        println!("\nWhat the clients saw:");
        line("requests", &record.samples.borrow().len());
        record.counts().iter().for_each(|(what, count)| line(&format!("  {what}"), count));
        line("bookings that clients know", &record.bookings.borrow().len());
        line("longest wait for an answer under a key, ms", &record.longest_keyed.borrow().as_millis());
        println!("\nWhat there is:");
        line("bookings in the database", &self.bookings.len());
        for status in ["held", "confirmed", "cancelled", "expired"] {
            let count = self.bookings.values().filter(|booking| booking.status == status).count();
            line(&format!("  {status}"), &count);
        }
        line("seats of all flights", &system.capacity());
        COUNTS.iter().for_each(|(name, _, _)| line(name, &self.counts[name]));
        line("bookings that were confirmed", &self.confirmed.len());
        line("letters that tell so", &self.letters.len());
        line("mails at the SMTP server, of all kinds", &self.mails.values().sum::<usize>());
        line(
            "  of these repeated, with the same Message-ID",
            &self.mails.values().map(|times| times - 1).sum::<usize>(),
        );
    }

    pub(super) fn check(&self, record: &Record) {
        for known in record.bookings.borrow().iter() {
            let stored = self.bookings.get(&known.id).unwrap_or_else(|| panic!("{known:?} is lost"));
            let status = stored.status.as_str();
            assert!(known.may_be.contains(&status), "{known:?} is {status}");
            assert_eq!(known.seats, [(stored.flight.clone(), designator(stored.seat))], "{known:?}");
        }
        for (id, stored) in &self.bookings {
            let live = ["held", "confirmed"].contains(&stored.status.as_str());
            assert_eq!(
                stored.seated, live,
                "{id} is {} and its seat is its own: {}",
                stored.status, stored.seated
            );
        }
        let live = self.bookings.values().filter(|booking| booking.seated).count();
        assert_eq!(self.counts["seats taken"], i64::try_from(live).unwrap(), "seats that are nobody's");
        for (name, expected, _) in COUNTS {
            assert_eq!(expected.unwrap_or(self.counts[name]), self.counts[name], "{name}");
        }
        let told: BTreeSet<String> = self.letters.iter().map(|(locator, _)| locator.clone()).collect();
        assert_eq!(told, self.confirmed, "every confirmed booking has its letter");
        assert_eq!(told.len(), self.letters.len(), "and none has two");
        for (locator, message) in &self.letters {
            assert!(self.mails.contains_key(message), "the letter of {locator} did not arrive");
        }
    }
}

fn stored_of(line: &str) -> (String, Stored) {
    let parts: Vec<&str> = line.split(' ').collect();
    let [id, status, flight, seat, seated] = parts[..] else { panic!("{line}") };
    let stored = Stored {
        status: status.to_owned(),
        flight: flight.to_owned(),
        seat: seat.parse().unwrap(),
        seated: seated == "t",
    };
    (id.to_owned(), stored)
}

fn two(line: &str) -> (String, String) {
    let (first, second) = line.split_once(' ').unwrap();
    (first.to_owned(), second.to_owned())
}

/// The designator of a number in the table of seats.
fn designator(seat: i32) -> String {
    let letter = u8::try_from(seat % 32).unwrap() + b'A';
    format!("{}{}", seat / 32, char::from(letter))
}

/// The Message-ID of a mail. It may stand in the line after its name.
fn message_id(text: &str) -> String {
    let (_, rest) = text.split_once("Message-ID:").expect("a mail has an id");
    rest.split_whitespace().next().unwrap_or_default().to_owned()
}
