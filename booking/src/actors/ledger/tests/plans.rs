//! What the server reads for a batch does not grow with its tables, even where it planned the statements when
//! they were empty and it knew that.

use super::{At, Command, Item, Scene, Setting, claim, done, purchase};
use crate::{
    actors::ledger::{batch, memory::Memory, postgres::PostgresTables, runner},
    domain::{booking::Booking, contact::ContactPatch, idempotency::Key, samples, seat_change::SeatChange},
    store::transaction,
};
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{http::input::Patch, ids::FlightId};
use uuid::Uuid;

/// A connection in a transaction that does not end.
struct Bench<'a> {
    scene: &'a Scene,
    connection: AsyncPgConnection,
    memory: Memory,
}

impl Bench<'_> {
    /// Carries commands out, all of which come off.
    async fn batch(&self, commands: &[Command]) {
        let items: Vec<Item<'_>> = commands.iter().map(|command| (command, None)).collect();
        let setting = Setting { settle: self.scene.means.settle, begins: std::time::Instant::now() };
        let (connection, flights) = (&self.connection, &self.scene.means.flights);
        let mut tables = PostgresTables { connection, flights, memory: &self.memory };
        let written = batch::carry_out(&mut tables, &items, setting).await.unwrap();
        for verdict in &written.verdicts {
            done(verdict);
        }
    }

    /// Has bookings go through all that may become of them, on a flight of their own.
    async fn lives(&self) {
        let flight = self.scene.further_flight().await;
        let [sold, declined, moved, left] = ["4A", "4B", "4C", "4D"].map(|seat| on(flight, seat));
        let (start, confirm, _) = purchase(sold.clone());
        let (start_other, _, decline) = purchase(declined.clone());
        self.batch(&[start, start_other, keyed(claim(moved.clone())), claim(left.clone())]).await;
        let at = |booking: &Booking| At { booking: booking.id, version: None };
        let change = SeatChange { passenger: moved.passengers[0].id, flight, seat: "5A".parse().unwrap() };
        let contact = ContactPatch { email: Some("other@example.org".parse().unwrap()), phone: Patch::Keep };
        self.batch(&[
            confirm,
            decline,
            Command::ChangeSeats { at: at(&moved), changes: vec![change] },
            Command::ChangeContact { at: at(&sold), patch: contact },
            Command::Cancel { at: at(&left), quote: None, key: None },
        ])
        .await;
        self.batch(&[Command::Cancel { at: at(&sold), quote: None, key: None }]).await;
    }

    /// Entries of indexes, and rows without an index, that this transaction has looked at.
    async fn looked_at(&self) -> i64 {
        let entries = "(SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM pg_class \
                       WHERE relkind IN ('r', 'i') AND relnamespace = 'booking'::regnamespace)";
        let count = diesel::select(diesel::dsl::sql::<BigInt>(entries));
        count.get_result(&mut &self.connection).await.unwrap()
    }
}

fn on(flight: FlightId, seat: &str) -> Booking {
    samples::booking(flight, &[seat])
}

/// With an idempotency key of its own.
fn keyed(mut command: Command) -> Command {
    if let Command::Claim(claim) = &mut command {
        claim.key = Some(Key { scope: Uuid::now_v7().into_bytes().to_vec(), body: vec![1] });
    }
    command
}

#[actix::test]
async fn of_other_bookings_nothing_is_read() {
    let scene = Scene::new().await;
    scene.superuser("ANALYZE").await;
    let (connection, _) = runner::open(&scene.means.database, None).await.unwrap();
    transaction::begin(&connection).await.unwrap();
    let bench = Bench { scene: &scene, connection, memory: Memory::default() };
    bench.lives().await;
    let before = bench.looked_at().await;
    bench.lives().await;
    let few = bench.looked_at().await - before;
    for _ in 0..10 {
        let flight = scene.further_flight().await;
        let seats = (4..=12).flat_map(|row| "ABCDEF".chars().map(move |letter| format!("{row}{letter}")));
        let (claims, confirmations): (Vec<_>, Vec<_>) =
            seats.map(|seat| purchase(on(flight, &seat))).map(|(start, confirm, _)| (start, confirm)).unzip();
        bench.batch(&claims).await;
        bench.batch(&confirmations).await;
    }
    let before = bench.looked_at().await;
    bench.lives().await;
    let many = bench.looked_at().await - before;
    assert!(many < few + 100, "with 540 bookings more: {many} instead of {few}");
    scene.stop();
}
