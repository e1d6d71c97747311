//! Season schedules over HTTP, and the flights that are generated from them on demand.

use crate::{
    service::Service,
    world::{body, day},
};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde_json::{Value, json};
use shared::auth::Permission::{FareWrite, FlightWrite, ReferenceWrite};
use std::sync::atomic::Ordering;

pub(crate) const ADMIN: &str = "/api/v1/admin/schedules";

/// Keeps the schedule keepers of this database from working, as long as the connection lives.
pub(crate) async fn keep_still(service: &Service) -> AsyncPgConnection {
    let mut connection = service.connect().await;
    let turn = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; \
                SELECT pg_advisory_xact_lock(4719, hashtext(current_schema()))";
    connection.batch_execute(turn).await.expect("the turn");
    connection
}

/// AE100 from Heathrow at 10:00 on all days of this season, 75 minutes.
pub(crate) fn season(from: NaiveDate, to: NaiveDate) -> Value {
    json!({
        "flight_number": "AE100", "origin": "LHR", "destination": "CDG", "effective_from": from, "effective_to": to,
        "days_of_operation": [1, 2, 3, 4, 5, 6, 7], "departure_time": "10:00", "arrival_time": "12:15",
        "arrival_day_offset": 0, "airplane": "G-AERA",
        "fares": [{"cabin": "economy", "brand": "light", "base_price": {"amount": "100.00", "currency": "EUR"}}],
    })
}

pub(crate) fn with(mut body: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("an object") };
    for (name, value) in changes {
        body[name] = value;
    }
    body
}

pub(crate) fn path(schedule: &Value) -> String {
    format!("{ADMIN}/{}", schedule["id"].as_str().expect("an id"))
}

pub(crate) async fn generate(service: &Service, schedule: &Value, query: &str) -> Value {
    service.operator.post(&format!("{}/generate{query}", path(schedule)), &json!({})).await.expect(200)
}

/// How many flights were created, changed, removed and left alone.
pub(crate) fn counts(answer: &Value) -> [usize; 4] {
    let list = |name: &str| answer[name].as_array().expect("a list").len();
    let unchanged = answer["unchanged"].as_u64().expect("a number");
    [list("created"), list("changed"), list("removed"), usize::try_from(unchanged).expect("a small number")]
}

/// Date, reason and number of flights of each conflict.
pub(crate) fn conflicts(answer: &Value) -> Vec<(String, String, usize)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let conflicts = answer["conflicts"].as_array().expect("a list").iter();
    let refers = |one: &Value| one["refers"].as_array().expect("a list").len();
    conflicts.map(|one| (text(&one["date"]), text(&one["reason"]), refers(one))).collect()
}

pub(crate) fn conflict(date: NaiveDate, reason: &str, refers: usize) -> (String, String, usize) {
    (date.to_string(), reason.to_owned(), refers)
}

pub(crate) async fn departures(service: &Service) -> Vec<String> {
    let list = service.anybody.get("/api/v1/flights?flight_number=AE100&limit=200").await.expect(200);
    let flights = list["data"].as_array().expect("a list").clone();
    let local = |flight: &Value| flight["departure"]["local"].as_str().expect("a time").to_owned();
    flights.iter().map(local).collect()
}

pub(crate) async fn flight_on(service: &Service, date: NaiveDate) -> Value {
    let list =
        service.anybody.get(&format!("/api/v1/flights?flight_number=AE100&date={date}")).await.expect(200);
    list["data"][0].clone()
}

#[actix_web::test]
async fn schedules_are_made_read_listed_changed_and_deleted() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let (from, to) = (day(10), day(20));
    let new = season(from, to);
    let answer = service.operator.post(ADMIN, &new).await;
    let (location, tag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    assert_eq!(answer.header("cache-control"), "private, no-store");
    let made = answer.expect(201);
    assert_eq!(location, path(&made));
    for (name, value) in new.as_object().expect("an object") {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(
        (&made["version"], &made["generated_until"], &made["conflicts"]),
        (&json!(1), &Value::Null, &json!([]))
    );
    assert_eq!(service.operator.get(&location).await.expect(200), made);
    let known = service.operator.with_header("if-none-match", &tag);
    assert_eq!(known.get(&location).await.status.as_u16(), 304);

    let other =
        with(season(from, to), json!({"flight_number": "AE7", "origin": "LGW", "airplane": "G-AERB"}));
    service.operator.post(ADMIN, &other).await.expect(201);
    let listed = async |query: &str| {
        let list = service.operator.get(&format!("{ADMIN}?{query}")).await.expect(200);
        let numbers = list["data"].as_array().expect("a list").iter();
        let numbers = numbers.map(|one| one["flight_number"].as_str().expect("a number").to_owned());
        (numbers.collect::<Vec<_>>(), list["page"]["next"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("").await.0, ["AE100", "AE7"]);
    for (query, number) in [
        ("q=ae1".to_owned(), "AE100"),
        ("flight_number=AE7".into(), "AE7"),
        ("origin=LGW".into(), "AE7"),
        ("destination=CDG&airplane=G-AERA".into(), "AE100"),
        (format!("q=AE1&date={to}"), "AE100"),
    ] {
        assert_eq!(listed(&query).await.0, [number], "{query}");
    }
    assert_eq!(listed(&format!("date={}", day(21))).await.0, Vec::<String>::new());
    let (page, next) = listed("limit=1").await;
    assert_eq!(page, ["AE100"]);
    let next = next.expect("a next page");
    assert_eq!(listed(&format!("limit=1&after={next}")).await, (vec!["AE7".to_owned()], None));
    for (query, parameter) in [
        (format!("q=AE&after={next}"), "after"),
        ("q=A%25".into(), "q"),
        ("origin=heathrow".into(), "origin"),
        ("page=2".into(), "page"),
    ] {
        assert_eq!(service.operator.get(&format!("{ADMIN}?{query}")).await.invalid(), [parameter], "{query}");
    }

    let careful = service.operator.with_header("if-match", &tag);
    let changed =
        careful.patch(&location, &json!({"departure_time": "10:30", "arrival_time": "12:45"})).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["version"], &changed["departure_time"]), (&json!(2), &json!("10:30")));
    careful
        .patch(&location, &json!({"departure_time": "11:00"}))
        .await
        .expect_problem(412, "precondition_failed");
    careful.delete(&location).await.expect_problem(412, "precondition_failed");
    let refused = service.operator.patch(&location, &json!({"flight_number": "AE8", "airplane": null})).await;
    assert_eq!(refused.invalid(), ["/flight_number", "/airplane"]);
    let refused = service.operator.delete("/api/v1/admin/airplanes/G-AERA").await;
    refused.expect_problem(409, "conflict");
    assert_eq!(refused.json["refers"], json!([location.trim_start_matches("/api/v1/admin/")]));
    service.operator.delete(&location).await.expect(204);
    service.operator.get(&location).await.expect_problem(404, "not_found");
    service.operator.delete(&location).await.expect_problem(404, "not_found");
    service.operator.get(&format!("{ADMIN}/zebra")).await.expect_problem(404, "not_found");
}

#[actix_web::test]
async fn bad_schedules_are_refused_with_all_that_is_wrong() {
    let service = Service::start().await;
    let refused = async |body: Value| {
        let answer = service.operator.post(ADMIN, &body).await;
        answer.expect_problem(422, "validation_failed");
        answer.invalid()
    };
    let good = || season(day(10), day(20));
    let all = [
        "/flight_number",
        "/origin",
        "/destination",
        "/effective_from",
        "/effective_to",
        "/days_of_operation",
        "/departure_time",
        "/arrival_time",
        "/arrival_day_offset",
        "/airplane",
        "/fares",
    ];
    assert_eq!(refused(json!({})).await, all);
    let formats = json!({
        "effective_from": "2026-1-1", "days_of_operation": [1, 8], "departure_time": "9:00", "arrival_time": "24:00",
        "arrival_day_offset": 3, "gate": 1,
    });
    let pointers = [
        "/effective_from",
        "/days_of_operation",
        "/departure_time",
        "/arrival_time",
        "/arrival_day_offset",
        "/gate",
    ];
    assert_eq!(refused(with(good(), formats)).await, pointers);
    let unknown = json!({"flight_number": "ZZ1", "origin": "XXX", "destination": "YYY", "airplane": "X-1"});
    let pointers = ["/flight_number", "/origin", "/destination", "/airplane"];
    assert_eq!(refused(with(good(), unknown)).await, pointers);
    assert_eq!(refused(with(good(), json!({"destination": "LHR"}))).await, ["/destination"]);
    assert_eq!(refused(with(good(), json!({"effective_to": day(9)}))).await, ["/effective_to"]);
    assert_eq!(refused(with(good(), json!({"effective_to": "2199-01-01"}))).await, ["/effective_to"]);
    assert_eq!(refused(with(good(), json!({"arrival_time": "11:00"}))).await, ["/arrival_time"]);
    let price = json!({"amount": "1.00", "currency": "EUR"});
    let fare = |cabin: &str| json!({"cabin": cabin, "brand": "light", "base_price": price});
    let fares = json!({"fares": [fare("first"), fare("economy"), fare("economy")]});
    assert_eq!(refused(with(good(), fares)).await, ["/fares/0/cabin", "/fares/2"]);
    assert_eq!(departures(&service).await, Vec::<String>::new());
}

#[actix_web::test]
async fn fares_of_a_schedule_need_their_own_permission() {
    let service = Service::start().await;
    let [planner, pricer] = [[FlightWrite], [FareWrite]].map(|permissions| service.client(&permissions));
    let new = season(day(10), day(20));
    pricer.post(ADMIN, &new).await.expect_problem(403, "forbidden");
    let made = planner.post(ADMIN, &new).await.expect(201);
    let path = path(&made);
    let price = json!({"amount": "120.00", "currency": "EUR"});
    let fares = json!({"fares": [{"cabin": "economy", "brand": "light", "base_price": price}]});
    let times = json!({"effective_to": day(19)});
    let both = with(fares.clone(), times.clone());
    for (client, refused) in [(&planner, &fares), (&planner, &both), (&pricer, &times), (&pricer, &both)] {
        client.patch(&path, refused).await.expect_problem(403, "forbidden");
    }
    pricer.patch(&path, &fares).await.expect(200);
    planner.patch(&path, &times).await.expect(200);
    pricer.get(&path).await.expect(200);
    pricer.delete(&path).await.expect_problem(403, "forbidden");
    pricer.post(&format!("{path}/generate"), &json!({})).await.expect_problem(403, "forbidden");
    let stranger = service.client(&[ReferenceWrite]);
    stranger.get(&path).await.expect_problem(403, "forbidden");
    stranger.get(ADMIN).await.expect_problem(403, "forbidden");
    service.anybody.get(ADMIN).await.expect_problem(401, "unauthenticated");
}

#[actix_web::test]
async fn a_dry_run_tells_what_a_run_then_does() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let (from, to) = (day(10), day(12));
    let made = service.operator.post(ADMIN, &season(from, to)).await.expect(201);
    let dry = generate(&service, &made, "?dry_run=true").await;
    assert_eq!(counts(&dry), [3, 0, 0, 0]);
    assert_eq!(dry["created"][0]["flight_id"], Value::Null);
    assert_eq!(dry["created"][2]["departure"]["local"], format!("{to}T10:00"));
    assert_eq!(departures(&service).await, Vec::<String>::new());
    assert_eq!(service.operator.get(&path(&made)).await.expect(200), made, "a dry run changes nothing");

    let mut heard = service.listen().await;
    let run = generate(&service, &made, "").await;
    assert_eq!(counts(&run), [3, 0, 0, 0]);
    let expected: Vec<String> = [10, 11, 12].map(|ahead| format!("{}T10:00", day(ahead))).to_vec();
    assert_eq!(departures(&service).await, expected);
    for _ in 0..3 {
        assert_eq!(
            heard.recv().await.map(|event| event.kind.as_str().to_owned()),
            Some("flight.published".into())
        );
    }
    let found = service.search(&format!("origin=LHR&destination=CDG&date={from}")).await;
    assert_eq!(found[0]["slices"][0]["segments"][0]["id"], run["created"][0]["flight_id"]);
    let again = generate(&service, &made, "?dry_run=false").await;
    assert_eq!((counts(&again), conflicts(&again)), ([0, 0, 0, 3], vec![]));

    // The schedule moves, and its flights follow.
    let times = json!({"departure_time": "11:00", "arrival_time": "13:20", "airplane": "G-AERB"});
    service.operator.patch(&path(&made), &times).await.expect(200);
    let dry = generate(&service, &made, "?dry_run=true").await;
    assert_eq!(counts(&dry), [0, 3, 0, 0]);
    assert_eq!(departures(&service).await, expected);
    assert_eq!(counts(&generate(&service, &made, "").await), [0, 3, 0, 0]);
    let moved = flight_on(&service, from).await;
    assert_eq!(
        (&moved["airplane"], &moved["departure"]["local"]),
        (&json!("G-AERB"), &json!(format!("{from}T11:00")))
    );
    assert_eq!((&moved["id"], moved["version"].as_i64()), (&run["created"][0]["flight_id"], Some(2)));
    assert_eq!(heard.recv().await.map(|event| event.kind.as_str().to_owned()), Some("flight.changed".into()));
    let shown = service.operator.get(&path(&made)).await.expect(200);
    assert_eq!((&shown["generated_until"], &shown["version"]), (&json!(to), &json!(2)));
    service
        .operator
        .post(&format!("{}/generate?dry_run=maybe", path(&made)), &json!({}))
        .await
        .expect_problem(422, "validation_failed");
}

#[actix_web::test]
async fn what_staff_have_changed_or_disrupted_is_left_alone() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let dates = [10, 11, 12, 13].map(day);
    let made = service.operator.post(ADMIN, &season(dates[0], dates[3])).await.expect(201);
    generate(&service, &made, "").await;
    let by_hand = flight_on(&service, dates[0]).await;
    let admin = format!("/api/v1/admin/flights/{}", by_hand["id"].as_str().expect("an id"));
    let price = json!({"amount": "90.00", "currency": "EUR"});
    let fares = json!({"fares": [{"cabin": "economy", "brand": "light", "base_price": price}]});
    service.operator.patch(&admin, &fares).await.expect(200);
    let mut connection = service.connect().await;
    for (date, change) in [
        (dates[1], "status = 'cancelled'"),
        // As a delay writes it.
        (
            dates[2],
            "status = 'delayed', departs_at = departs_at + interval '1 hour', arrives_at = arrives_at + interval '1 hour'",
        ),
    ] {
        let statement = format!("UPDATE flights SET {change} WHERE departure_date = '{date}'");
        connection.batch_execute(&statement).await.expect("a disruption");
    }
    let expected = [
        conflict(dates[0], "changed_by_hand", 1),
        conflict(dates[1], "disrupted", 1),
        conflict(dates[2], "disrupted", 1),
    ];
    let run = generate(&service, &made, "").await;
    assert_eq!((counts(&run), conflicts(&run)), ([0, 0, 0, 1], expected.to_vec()));
    service.operator.patch(&path(&made), &json!({"departure_time": "09:30"})).await.expect(200);
    let run = generate(&service, &made, "").await;
    assert_eq!((counts(&run), conflicts(&run)), ([0, 1, 0, 0], expected.to_vec()));
    assert_eq!(flight_on(&service, dates[0]).await["departure"]["local"], format!("{}T10:00", dates[0]));
    let shown = service.operator.get(&path(&made)).await.expect(200);
    assert_eq!(conflicts(&shown), expected);
    // The schedule gets what staff have made: then it is the schedule's own again.
    service.operator.patch(&path(&made), &with(fares, json!({"departure_time": "10:00"}))).await.expect(200);
    let run = generate(&service, &made, "").await;
    assert_eq!((counts(&run), conflicts(&run)), ([0, 1, 0, 1], expected[1..].to_vec()));
}

#[actix_web::test]
async fn others_stand_in_the_way_and_are_named() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let dates = [10, 11, 12].map(day);
    let on = |date: NaiveDate, number: &str, from: &str, to: &str, airplane: &str| {
        body(number, "LHR", &format!("{date}T{from}"), &format!("{date}T{to}"), airplane)
    };
    let namesake = service.make(&on(dates[0], "AE100", "18:00", "20:15", "G-AERB")).await;
    let busy = service.make(&on(dates[1], "AE5", "11:50", "14:10", "G-AERA")).await;
    let made = service.operator.post(ADMIN, &season(dates[0], dates[2])).await.expect(201);
    let expected = [conflict(dates[0], "number_taken", 1), conflict(dates[1], "airplane_busy", 1)];
    for query in ["?dry_run=true", "", ""] {
        let run = generate(&service, &made, query).await;
        assert_eq!(conflicts(&run), expected, "{query}");
        for (conflict, flight) in [(0, &namesake), (1, &busy)] {
            let id = flight["id"].as_str().expect("an id");
            assert_eq!(run["conflicts"][conflict]["refers"], json!([format!("flights/{id}")]));
        }
    }
    // All of them leave London, where the airplane is not when it has flown to Paris.
    let run = generate(&service, &made, "").await;
    let warnings = run["warnings"].as_array().expect("a list");
    let dates_of: Vec<&Value> = warnings.iter().map(|warning| &warning["date"]).collect();
    assert_eq!(dates_of, [&json!(dates[2])]);
    let message = warnings[0]["message"].as_str().expect("a text");
    assert_eq!(message, "AE100 leaves LHR, where the airplane is not: AE5 takes it to CDG before");
}

#[actix_web::test]
async fn flights_outside_of_the_season_go_unless_they_have_bookings() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let (from, to) = (day(10), day(13));
    let made = service.operator.post(ADMIN, &season(from, to)).await.expect(201);
    generate(&service, &made, "").await;
    service.operator.patch(&path(&made), &json!({"effective_to": day(11)})).await.expect(200);
    let dry = generate(&service, &made, "?dry_run=true").await;
    assert_eq!((counts(&dry), conflicts(&dry)), ([0, 0, 2, 2], vec![]));
    assert_eq!(departures(&service).await.len(), 4);

    service.live_bookings.store(1, Ordering::SeqCst);
    service.booking.set_impact(json!({
        "bookings": 1, "passengers": 1, "paid": {"amount": "0.00", "currency": "EUR"}, "reseated": [], "too_small": null,
    }));
    let dry = generate(&service, &made, "?dry_run=true").await;
    let run = generate(&service, &made, "").await;
    let kept = [conflict(day(12), "has_bookings", 1), conflict(day(13), "has_bookings", 1)];
    assert_eq!((counts(&dry), conflicts(&dry)), ([0, 0, 0, 2], kept.to_vec()), "a dry run tells the same");
    assert_eq!((counts(&run), conflicts(&run)), ([0, 0, 0, 2], kept.to_vec()));
    assert_eq!(conflicts(&service.operator.get(&path(&made)).await.expect(200)), kept);
    assert_eq!(departures(&service).await.len(), 4);

    service.live_bookings.store(0, Ordering::SeqCst);
    let run = generate(&service, &made, "").await;
    assert_eq!((counts(&run), conflicts(&run)), ([0, 0, 2, 2], vec![]));
    assert_eq!(departures(&service).await, [10, 11].map(|ahead| format!("{}T10:00", day(ahead))));
    // Without its schedule a flight is one of its own.
    service.operator.delete(&path(&made)).await.expect(204);
    assert_eq!(departures(&service).await.len(), 2);
}

#[actix_web::test]
async fn local_times_stay_when_clocks_change() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let change = |month| {
        // The next last Sunday of the month, within the horizon; Europe changes its clocks then.
        (3..328)
            .map(day)
            .find(|date| date.month() == month && date.weekday() == Weekday::Sun && date.day() > 24)
    };
    for (change, before, after) in
        [(change(3), "10:00:00Z", "09:00:00Z"), (change(10), "09:00:00Z", "10:00:00Z")]
    {
        let Some(sunday) = change else { continue };
        let (from, to) = (sunday - Days::new(1), sunday + Days::new(1));
        let made = service.operator.post(ADMIN, &season(from, to)).await.expect(201);
        let run = generate(&service, &made, "").await;
        let instants: Vec<_> =
            run["created"].as_array().expect("a list").iter().map(|one| &one["departure"]["at"]).collect();
        assert_eq!(
            instants,
            [
                &json!(format!("{from}T{before}")),
                &json!(format!("{sunday}T{after}")),
                &json!(format!("{to}T{after}"))
            ]
        );
        let night = json!({"flight_number": "AE2", "departure_time": "01:30", "arrival_time": "04:00", "airplane": "G-AERB"});
        let night = service.operator.post(ADMIN, &with(season(from, to), night)).await.expect(201);
        let run = generate(&service, &night, "").await;
        if sunday.month() == 3 {
            assert_eq!(
                (counts(&run), conflicts(&run)),
                ([2, 0, 0, 0], vec![conflict(sunday, "departure_skipped", 0)])
            );
        } else {
            assert_eq!(counts(&run), [3, 0, 0, 0]);
            assert_eq!(
                run["created"][1]["departure"]["at"],
                format!("{sunday}T00:30:00Z"),
                "the first of the two"
            );
        }
    }
}
