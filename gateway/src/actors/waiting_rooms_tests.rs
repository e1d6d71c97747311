use super::*;
use crate::store::MIGRATIONS;
use diesel::sql_types::BigInt;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use shared::ids::UserId;
use testkit::TestDatabase;

const POLICY: AdmissionPolicy = AdmissionPolicy { rate: 50, stay: TimeDelta::minutes(10) };

/// Several gateways over one database. Their time stands still until a test moves it.
struct Gateways {
    _database: TestDatabase,
    pool: Pool,
    rooms: Vec<WaitingRooms>,
    flight: FlightId,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl Gateways {
    async fn start(number: usize) -> Self {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let config = database.config("gateway");
        let pool = Pool::new(&config);
        let now = Arc::new(Mutex::new(Utc::now()));
        let start = |_| {
            let (signer, now) = (TicketSigner::derive(&"the secret".into()), now.clone());
            let clock: Clock = Arc::new(move |_| *now.lock().unwrap());
            WaitingRooms::with_clock(pool.clone(), &config, (signer, POLICY), clock)
        };
        let rooms = (0..number).map(start).collect();
        Self { _database: database, pool, rooms, flight: FlightId::new(), now }
    }

    fn holder(&self) -> TicketHolder {
        TicketHolder { flight: self.flight, user: UserId::new() }
    }

    /// Opens the room for an overload of a request that came before the room was there, and has time begin.
    async fn open(&self, holder: TicketHolder) -> QueuePlace {
        self.hold_still();
        // A look that began at a later time would find the new room quiet for long, and close it.
        self.later(0).await;
        let report = OverloadReport { admitted: false, queues: true };
        let place = self.rooms[0].overloaded(holder, report).await.unwrap();
        *self.now.lock().unwrap() = self.room().await.unwrap().created_at;
        place
    }

    /// Goes back before the database's time: a mark does not move before the time of its room.
    fn hold_still(&self) {
        *self.now.lock().unwrap() = Utc::now() - TimeDelta::seconds(20);
    }

    async fn room(&self) -> Option<WaitingRoom> {
        let rooms = waiting_rooms::all(&mut self.pool.get().await.unwrap()).await.unwrap();
        rooms.into_iter().find(|at| at.flight == self.flight).map(|at| at.room)
    }

    /// A later time, at which all gateways have looked at the rooms.
    async fn later(&self, millis: i64) {
        *self.now.lock().unwrap() += TimeDelta::milliseconds(millis);
        for rooms in &self.rooms {
            rooms.refreshed(Instant::now()).await;
        }
    }

    async fn stop(self) {
        for rooms in &self.rooms {
            rooms.stop().await;
        }
    }
}

fn place(entry: RoomEntry) -> QueuePlace {
    match entry {
        RoomEntry::Queued(place) => place,
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_thousand_get_in_over_two_gateways_in_their_order() {
    let gateways = Gateways::start(2).await;
    let (one, two) = (&gateways.rooms[0], &gateways.rooms[1]);
    let first = gateways.holder();
    let mut waiting = vec![(first, gateways.open(first).await)];
    two.refreshed(Instant::now()).await;
    // Some arrive one after the other, now here and now there; the others at the same time.
    for rooms in [one, two].into_iter().cycle().take(49) {
        let holder = gateways.holder();
        waiting.push((holder, place(rooms.enter(holder, None).await)));
    }
    assert!(waiting.iter().map(|(_, place)| place.position).eq(1..=50));
    let crowd = (0..950).map(|index| (gateways.holder(), &gateways.rooms[index % 2]));
    let crowd =
        join_all(crowd.map(async |(holder, rooms)| (holder, place(rooms.enter(holder, None).await)))).await;
    waiting.extend(crowd);
    let mut positions: Vec<i64> = waiting.iter().map(|(_, place)| place.position).collect();
    positions.sort_unstable();
    assert!(positions.into_iter().eq(1..=1000), "each has a place of its own");

    // Each comes back when it was told to, at any gateway.
    let mut back: Vec<_> = waiting
        .into_iter()
        .map(|(holder, place)| (holder, place.position, place.wait.as_secs(), place.ticket))
        .collect();
    for second in 1..=20_i64 {
        gateways.later(1000).await;
        let (due, later): (Vec<_>, Vec<_>) =
            back.into_iter().partition(|(.., due, _)| *due == second.unsigned_abs());
        let asked = due.iter().enumerate().map(async |(index, (holder, _, _, ticket))| {
            gateways.rooms[index % 2].enter(*holder, Some(ticket)).await
        });
        let asked = join_all(asked).await;
        assert_eq!(asked.len(), 50, "at {second} s");
        // With the last ones everybody is in, and the room closes.
        let expected = if second == 20 { RoomEntry::Free } else { RoomEntry::Admitted };
        for ((_, position, ..), entry) in due.iter().zip(asked) {
            assert_eq!(entry, expected, "{position} at {second} s");
        }
        back = later;
    }
    assert!(back.is_empty(), "nobody is lost");
    gateways.stop().await;
}

#[actix_web::test]
async fn nobody_is_let_in_early_and_an_absent_one_keeps_nobody_waiting() {
    let gateways = Gateways::start(2).await;
    let (one, two) = (&gateways.rooms[0], &gateways.rooms[1]);
    gateways.open(gateways.holder()).await;
    let holders: Vec<_> = (0..200).map(|_| gateways.holder()).collect();
    let places = join_all(holders.iter().map(async |holder| place(one.enter(*holder, None).await))).await;
    gateways.later(1000).await;
    // The first fifty do not come back. The last one asks again and again, and moves not a place by it.
    for _ in 0..5 {
        let again = place(two.enter(holders[199], Some(&places[199].ticket)).await);
        assert_eq!((again.position, again.wait.as_secs(), &again.ticket), (151, 4, &places[199].ticket));
    }
    assert_eq!(one.enter(holders[48], Some(&places[48].ticket)).await, RoomEntry::Admitted);
    assert_eq!(place(one.enter(holders[49], Some(&places[49].ticket)).await).position, 1);
    gateways.later(1000).await;
    assert_eq!(two.enter(holders[98], Some(&places[98].ticket)).await, RoomEntry::Admitted);
    gateways.stop().await;
}

#[actix_web::test]
async fn a_ticket_that_is_not_the_holders_is_none() {
    let gateways = Gateways::start(2).await;
    // The other gateway has issued the ticket, so this one has only the text to go by.
    let rooms = &gateways.rooms[1];
    let (first, second) = (gateways.holder(), gateways.holder());
    let ticket = gateways.open(first).await.ticket;
    gateways.later(1000).await;
    assert_eq!(rooms.enter(first, Some(&ticket)).await, RoomEntry::Admitted);
    // Passed on, cut, changed, and invented.
    let mut changed = ticket.clone();
    changed.replace_range(20..21, if &ticket[20..21] == "A" { "B" } else { "A" });
    for (holder, shown, expected) in [
        (second, ticket.as_str(), 1),
        (first, &ticket[..74], 2),
        // The place that it has by now.
        (first, changed.as_str(), 2),
        (first, "mine", 2),
    ] {
        let position = place(rooms.enter(holder, Some(shown)).await).position;
        assert_eq!(position, expected, "{shown}");
    }
    // The room of another flight is not open.
    let elsewhere = TicketHolder { flight: FlightId::new(), ..first };
    assert_eq!(rooms.enter(elsewhere, Some(&ticket)).await, RoomEntry::Free);
    gateways.stop().await;
}

#[actix_web::test]
async fn a_holder_has_one_place_however_often_it_asks() {
    let gateways = Gateways::start(1).await;
    let rooms = &gateways.rooms[0];
    gateways.open(gateways.holder()).await;
    let (greedy, other) = (gateways.holder(), gateways.holder());
    let at_once = join_all((0..50).map(|_| rooms.enter(greedy, None))).await;
    let places: Vec<_> = at_once.into_iter().map(place).collect();
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    assert_eq!(place(rooms.enter(greedy, None).await), places[0]);
    assert_eq!(place(rooms.enter(other, None).await).position, places[0].position + 1);
    gateways.stop().await;
}

#[actix_web::test]
async fn a_journey_waits_for_each_of_its_flights_that_is_crowded() {
    let gateways = Gateways::start(1).await;
    let rooms = &gateways.rooms[0];
    let holder = gateways.holder();
    let ticket = gateways.open(holder).await.ticket;
    let (quiet, crowded) = (FlightId::new(), gateways.flight);
    let queue = |flights: &[FlightId], shown| rooms.queue_of(flights, holder.user, shown);
    assert_eq!(queue(&[quiet, crowded], None), Some(holder));
    assert_eq!(queue(&[quiet], None), None);
    // With two crowded flights the ticket tells for which one it has waited.
    let also = TicketHolder { flight: quiet, ..holder };
    let place = rooms.overloaded(also, OverloadReport { admitted: false, queues: true }).await.unwrap();
    for (shown, expected) in [(None, also), (Some(&ticket), holder), (Some(&place.ticket), also)] {
        assert_eq!(queue(&[quiet, crowded], shown.map(String::as_str)), Some(expected));
    }
    gateways.stop().await;
}

#[actix_web::test]
async fn overload_of_admitted_ones_slows_down_and_keeps_the_room_open() {
    let gateways = Gateways::start(1).await;
    let rooms = &gateways.rooms[0];
    let holder = gateways.holder();
    let ticket = gateways.open(holder).await.ticket;
    gateways.later(1000).await;
    assert_eq!(rooms.enter(holder, Some(&ticket)).await, RoomEntry::Admitted);
    let report = OverloadReport { admitted: true, queues: false };
    assert_eq!(rooms.overloaded(holder, report).await, None, "it keeps its ticket");
    let reported = gateways.room().await.unwrap();
    assert!(reported.slowed_at.is_some());
    // The times of reports are the database's.
    let mut sql = gateways.pool.get().await.unwrap();
    sql.batch_execute("UPDATE waiting_rooms SET slowed_at = moved_at, overloaded_at = moved_at")
        .await
        .unwrap();
    gateways.later(500).await;
    let slowed = gateways.room().await.unwrap();
    assert!(slowed.rate < reported.rate && slowed.closed_at.is_none(), "{slowed:?}");
    gateways.later(6_000).await;
    assert!(gateways.room().await.unwrap().closed_at.is_some());
    assert_eq!(rooms.enter(gateways.holder(), None).await, RoomEntry::Free);
    // A new overload opens it again, and its tickets go on from the last number.
    gateways.hold_still();
    let place = rooms.overloaded(gateways.holder(), OverloadReport { admitted: false, queues: true }).await;
    assert_eq!(place.unwrap().position, 1);
    assert_eq!(gateways.room().await.unwrap().issued, 2);
    assert_eq!(rooms.enter(holder, Some(&ticket)).await, RoomEntry::Admitted, "who was in is still in");
    gateways.stop().await;
}

#[actix_web::test]
async fn a_room_is_deleted_when_its_tickets_have_expired() {
    let gateways = Gateways::start(1).await;
    let holder = gateways.holder();
    let ticket = gateways.open(holder).await.ticket;
    gateways.later(1_000).await;
    gateways.later(5_000).await;
    assert!(gateways.room().await.unwrap().closed_at.is_some());
    gateways.later(20 * 60_000).await;
    assert!(gateways.room().await.is_some());
    gateways.later(1).await;
    assert!(gateways.room().await.is_none());
    // A later room of the flight is another one.
    gateways.open(gateways.holder()).await;
    assert_eq!(place(gateways.rooms[0].enter(holder, Some(&ticket)).await).position, 2);
    gateways.stop().await;
}

#[actix_web::test]
async fn without_a_database_nobody_is_held() {
    let gateways = Gateways::start(1).await;
    let rooms = &gateways.rooms[0];
    let holder = gateways.holder();
    let ticket = gateways.open(holder).await.ticket;
    let mut sql = gateways.pool.get().await.unwrap();
    sql.batch_execute("ALTER TABLE waiting_rooms RENAME TO gone").await.unwrap();
    assert_eq!(rooms.enter(gateways.holder(), None).await, RoomEntry::Free);
    assert_eq!(rooms.overloaded(holder, OverloadReport { admitted: false, queues: true }).await, None);
    sql.batch_execute("ALTER TABLE gone RENAME TO waiting_rooms").await.unwrap();
    assert_eq!(place(rooms.enter(gateways.holder(), None).await).position, 2);
    assert_eq!(
        place(rooms.enter(holder, Some(&ticket)).await).position,
        1,
        "the tickets are as good as before"
    );
    gateways.stop().await;
}

#[actix_web::test]
async fn rooms_are_bounded_and_so_are_arrivals() {
    let gateways = Gateways::start(1).await;
    let rooms = &gateways.rooms[0];
    let mut sql = gateways.pool.get().await.unwrap();
    let fill = diesel::sql_query(
        "INSERT INTO waiting_rooms (flight_id, created_at, issued, mark, rate, moved_at, overloaded_at, closed_at, expired, checkpoint, checkpoint_at) \
         SELECT gen_random_uuid(), t, 0, 0, 1, t, t, t, 0, 0, t FROM generate_series(1, $1), (SELECT now()) AS n (t)",
    );
    fill.bind::<BigInt, _>(i64::try_from(MOST_ROOMS).unwrap()).execute(&mut sql).await.unwrap();
    rooms.refreshed(Instant::now()).await;
    let report = OverloadReport { admitted: false, queues: true };
    assert_eq!(rooms.overloaded(gateways.holder(), report).await, None, "booking's answer stays as it is");
    sql.batch_execute("DELETE FROM waiting_rooms").await.unwrap();
    rooms.refreshed(Instant::now()).await;
    gateways.open(gateways.holder()).await;
    // No run comes in between: nothing is awaited.
    let mut crowd = Vec::new();
    for _ in 0..=MOST_ARRIVALS {
        let (place, placed) = oneshot::channel();
        crowd.push(placed);
        rooms.desk.arrivals().push(Arrival { holder: gateways.holder(), report: None, place });
    }
    assert_eq!(rooms.enter(gateways.holder(), None).await, RoomEntry::Full);
    gateways.stop().await;
}
