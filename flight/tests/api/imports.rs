//! Reference data as files.

use crate::{
    files::{counts, dry_run, errors, export, import},
    service::Service,
    world::{body, day},
};
use awc::http::{Method, header};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use shared::auth::Permission;
use std::time::Duration;

const COLLECTIONS: [(&str, u64); 6] = [
    ("cities", 2),
    ("airports", 3),
    ("airlines", 1),
    ("aircraft-types", 1),
    ("seat-layouts", 1),
    ("airplanes", 2),
];

#[actix_web::test]
async fn an_export_is_imported_back_unchanged() {
    let service = Service::start().await;
    let odd = json!({"code": "ODD", "name": "=1+1, \"-x\"; '@", "country": "GB", "time_zone": "UTC"});
    service.operator.post("/api/v1/admin/cities", &odd).await.expect(201);
    let south = json!({
        "iata": "ODD", "icao": null, "name": "-South", "city": "ODD", "country": "GB", "time_zone": "UTC",
        "latitude": -33.946_111, "longitude": -0.1, "min_connection_minutes": null,
        "domestic_tax": {"amount": "0.05", "currency": "EUR"}, "international_tax": null,
    });
    service.operator.post("/api/v1/admin/airports", &south).await.expect(201);
    for (collection, rows) in COLLECTIONS {
        let rows = rows + u64::from(collection == "cities" || collection == "airports");
        let file = export(&service, collection).await;
        for file in [file.clone(), format!("\u{feff}{file}"), file.replace("\r\n", "\n")] {
            let report = dry_run(&service.operator, collection, file.clone()).await;
            assert_eq!(counts(&report), (0, 0, rows), "{collection}: {report}");
            let report = import(&service.operator, collection, file).await.expect(200);
            assert_eq!(counts(&report), (0, 0, rows), "{collection}: {report}");
        }
    }
    let file = export(&service, "airports").await;
    assert!(file.contains("ODD,,'-South,ODD,GB,UTC,-33.946111,-0.1,,0.05 EUR,\r\n"), "{file}");
}

#[actix_web::test]
async fn a_file_makes_and_changes_rows_and_leaves_others() {
    let service = Service::start().await;
    let date = day(9);
    let flight = body("AE1", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let mut heard = service.listen().await;
    service.make(&flight).await;
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    let tag = service.anybody.get("/api/v1/cities/LON").await.header("etag").to_owned();

    let file = "time_zone;name;code;country\r\nEurope/London;Londinium;LON;GB\r\n\
                Europe/Paris;Paris;PAR;FR\r\n;;;\r\nAsia/Tokyo;\"Tokyo; city\";TYO;JP\r\n";
    let report = dry_run(&service.operator, "cities", file).await;
    assert_eq!(counts(&report), (1, 1, 1));
    assert_eq!(
        (&report["status"], &report["dry_run"], &report["id"]),
        (&json!("completed"), &json!(true), &Value::Null)
    );
    assert_eq!((&report["lines_read"], &report["lines_total"]), (&json!(5), &json!(5)));
    service.anybody.get("/api/v1/cities/TYO").await.expect_problem(404, "not_found");
    assert_eq!(service.anybody.get("/api/v1/cities/LON").await.header("etag"), tag);

    let answer = import(&service.operator, "cities", file).await;
    let request = answer.header("x-request-id").to_owned();
    let report = answer.expect(200);
    assert_eq!((counts(&report), &report["collection"]), ((1, 1, 1), &json!("cities")));
    let tokyo = service.anybody.get("/api/v1/cities/TYO").await.expect(200);
    assert_eq!(tokyo["name"], "Tokyo; city");
    let london = service.anybody.get("/api/v1/cities/LON").await;
    assert_ne!(london.header("etag"), tag, "another version");
    // Flights that carry the name are told anew, and places have it.
    let event = heard.recv().await.expect("an event");
    let data: Value = event.data().unwrap();
    assert_eq!((event.version, &data["origin"]["city"]["name"]), (2, &json!("Londinium")));
    let places = service.anybody.get("/api/v1/places?q=londinium").await.expect(200);
    assert_eq!(places["data"][0]["code"], "LON");

    let records = service.database.audit_records("flight").await;
    let mut acts: Vec<_> = records
        .iter()
        .filter(|record| record["request_id"] == request)
        .map(|record| (record["action"].as_str().unwrap(), record["subject"].as_str().unwrap()))
        .collect();
    acts.sort_unstable();
    assert_eq!(acts, [("city.change", "city/LON"), ("city.create", "city/TYO"), ("city.import", "cities")]);
    let whole = records.iter().find(|record| record["action"] == "city.import").unwrap();
    assert_eq!(whole["after"], json!({"lines_read": 5, "created": 1, "changed": 1, "unchanged": 1}));
}

#[actix_web::test]
async fn every_bad_line_is_told_and_nothing_is_changed() {
    let service = Service::start().await;
    let file = "iata,icao,name,city,country,time_zone,latitude,longitude,min_connection_minutes,domestic_tax,international_tax\n\
                LCY,EGLC,City,LON,GB,Europe/London,51.5,0.05,30,12.00 EUR,\n\
                lcy,EG,,XXX,GB,Mars/Olympus,north,0,0,12.00 USD,5\n\
                AAA,,A,XXX,GB,UTC,0,0,,,\n\
                LCY,,Again,LON,GB,UTC,0,0,,,\n\
                BBB,,B,LON\n\
                CDG,,Charles de Gaulle,PAR,FR,Europe/London,50,0.5,45,,\n";
    let date = day(9);
    service.make(&body("AE1", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA")).await;
    let report = dry_run(&service.operator, "airports", file).await;
    let fields: Vec<_> = errors(&report).into_iter().map(|(line, field, _)| (line, field)).collect();
    let expected =
        [(3, "latitude"), (3, "international_tax"), (4, "city"), (5, ""), (6, ""), (7, "time_zone")];
    assert_eq!(fields, expected, "{report}");
    assert_eq!((counts(&report), &report["status"]), ((1, 0, 0), &json!("failed")));
    let told = errors(&report);
    assert_eq!((told[3].2, told[4].2), ("has the key of line 2", "has 4 fields where the header has 11"));
    assert_eq!(told[5].2, "time_zone cannot be changed while flights use it");

    // What the fields have to say themselves comes when their forms are right.
    let line = "lcy,EG,,XXX,GB,Mars/Olympus,91,0,0,12.00 USD,-5 EUR\n";
    let file = format!("{}\n{line}", file.lines().next().unwrap());
    let refused = import(&service.operator, "airports", file).await;
    refused.expect_problem(422, "validation_failed");
    let mut pointers = refused.invalid();
    pointers.sort_unstable();
    let expected = [
        "domestic_tax",
        "iata",
        "icao",
        "international_tax",
        "latitude",
        "min_connection_minutes",
        "name",
        "time_zone",
    ];
    assert_eq!(pointers, expected.map(|field| format!("/lines/2/{field}")));
    service.anybody.get("/api/v1/airports/LCY").await.expect_problem(404, "not_found");
    assert!(
        service
            .database
            .audit_records("flight")
            .await
            .iter()
            .all(|record| record["action"] == "flight.create")
    );

    let header = dry_run(&service.operator, "cities", "code,name,mayor\nLON,London,X\n").await;
    let told: Vec<_> = errors(&header).into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(told, [(1, "mayor"), (1, "country"), (1, "time_zone")]);
    import(&service.operator, "cities", "").await.expect_problem(422, "validation_failed");
}

#[actix_web::test]
async fn layouts_are_known_by_their_ids() {
    let service = Service::start().await;
    let file = export(&service, "seat-layouts").await;
    let header = "id,name,aircraft_type,cabins,exit_rows,blocked_seats";
    let cabins = "business 1-2 AC|DF / economy 3-9 ABC|DEF";
    let new = format!("{header}\n,Short,320,{cabins},5 6,9A 9F\n");
    assert_eq!(counts(&import(&service.operator, "seat-layouts", new).await.expect(200)), (1, 0, 0));
    let layouts = service.anybody.get("/api/v1/seat-layouts?q=short").await.expect(200);
    let made = &layouts["data"][0];
    assert_eq!((&made["exit_rows"], &made["blocked_seats"]), (&json!([5, 6]), &json!(["9A", "9F"])));
    assert_eq!(made["cabins"][1], json!({"cabin": "economy", "rows": [3, 9], "columns": "ABC|DEF"}));
    // Another installation has none of these ids.
    let id = "01890000-0000-7000-8000-000000000000";
    let moved = format!("{header}\n{id},Moved,320,{cabins},,\n");
    assert_eq!(
        counts(&import(&service.operator, "seat-layouts", moved.clone()).await.expect(200)),
        (1, 0, 0)
    );
    assert_eq!(counts(&import(&service.operator, "seat-layouts", moved).await.expect(200)), (0, 0, 1));
    // One in use keeps its geometry.
    let refused = import(&service.operator, "seat-layouts", file.replace("10 11", "10 12")).await;
    assert_eq!(refused.invalid(), ["/lines/2"]);
    let renamed = file.replace("A320 two-class", "Two classes");
    assert_eq!(counts(&import(&service.operator, "seat-layouts", renamed).await.expect(200)), (0, 1, 0));
    let bad = format!("{header}\n,x,ZZZ,economy 5-1 ABC,7,\n");
    let report = dry_run(&service.operator, "seat-layouts", bad).await;
    let told: Vec<_> = errors(&report).into_iter().map(|(line, field, _)| (line, field.to_owned())).collect();
    assert_eq!(told, [(2, "cabins/0/rows".to_owned()), (2, "exit_rows/0".to_owned())]);
}

#[actix_web::test]
async fn an_import_has_bounds() {
    let service = Service::start().await;
    let path = "/api/v1/admin/cities/import";
    let file = || Some(b"code,name,country,time_zone\n".to_vec());
    for kind in ["application/json", "text/csv; charset=latin1"] {
        let answer = service.operator.send(Method::POST, path, kind, file()).await;
        answer.expect_problem(415, "unsupported_media_type");
    }
    let packed = service.operator.with_header("content-encoding", "gzip");
    packed.send(Method::POST, path, "text/csv", file()).await.expect_problem(415, "unsupported_media_type");
    let odd =
        service.operator.send(Method::POST, &format!("{path}?dry_run=maybe&x=1"), "text/csv", file()).await;
    assert_eq!(odd.invalid(), ["dry_run", "x"]);
    service.operator.get(path).await.expect_problem(405, "method_not_allowed");
    service.anybody.send(Method::POST, path, "text/csv", file()).await.expect_problem(401, "unauthenticated");
    let planner = service.client(&[Permission::FlightWrite]);
    planner.send(Method::POST, path, "text/csv", file()).await.expect_problem(403, "forbidden");
    planner.get("/api/v1/admin/cities/export").await.expect_problem(403, "forbidden");
    // No more errors than are kept are looked for.
    let many = format!("code,name,country,time_zone\n{}", "x,,,\n".repeat(2000));
    let report = dry_run(&service.operator, "cities", many).await;
    assert_eq!(errors(&report).len(), 1000);
    assert!(report["lines_read"].as_u64() < Some(300), "it stops there: {}", report["lines_read"]);
}

#[actix_web::test]
async fn a_large_table_is_imported_in_chunks() {
    let service = Service::start().await;
    let mut file = "code,name,country,time_zone\n".to_owned();
    let letter = |number: usize| char::from(b'A' + u8::try_from(number % 26).unwrap());
    for number in 0..1201 {
        let code: String = [letter(number / 676), letter(number / 26), letter(number)].iter().collect();
        file.push_str(&format!("{code},City {number},GB,UTC\n"));
    }
    let report = import(&service.operator, "cities", file.clone()).await.expect(200);
    assert_eq!(counts(&report), (1201, 0, 0));
    let renamed = file.replace("City", "Town");
    assert_eq!(counts(&import(&service.operator, "cities", renamed.clone()).await.expect(200)), (0, 1201, 0));
    let exported = export(&service, "cities").await;
    assert_eq!(exported.lines().count(), 1204, "with London and Paris");
    // The last line is bad: nothing of the chunks before it stays.
    let broken = format!("{file}XXX,X,GB,Mars/Olympus\n");
    import(&service.operator, "cities", broken).await.expect_problem(422, "validation_failed");
    let london = service.anybody.get("/api/v1/cities/AAA").await.expect(200);
    assert_eq!(london["name"], "Town 0");
}

/// Reads an import until it has ended; only the service knows when.
async fn ended(service: &Service, location: &str) -> Value {
    let ended = async {
        loop {
            let report = service.operator.get(location).await.expect(200);
            if report["status"] != "running" {
                return report;
            }
        }
    };
    actix_web::rt::time::timeout(Duration::from_secs(20), ended).await.expect("an end")
}

#[actix_web::test]
async fn a_client_need_not_wait() {
    let service = Service::start().await;
    let hasty = service.operator.with_header("prefer", "respond-async");
    let good = "code,name,country,time_zone\nTYO,Tokyo,JP,Asia/Tokyo\n";
    let answer = import(&hasty, "cities", good).await;
    assert_eq!(answer.header("preference-applied"), "respond-async");
    let location = answer.header("location").to_owned();
    let begun = answer.expect(202);
    assert_eq!(location, format!("/api/v1/admin/imports/{}", begun["id"].as_str().expect("an id")));
    assert_eq!((&begun["status"], &begun["lines_total"]), (&json!("running"), &json!(2)));
    let report = ended(&service, &location).await;
    assert_eq!(
        (&report["status"], counts(&report), &report["lines_read"]),
        (&json!("completed"), (1, 0, 0), &json!(2))
    );
    assert_eq!((&report["id"], &report["errors"]), (&begun["id"], &json!([])));
    service.anybody.get("/api/v1/cities/TYO").await.expect(200);

    let bad = "code,name,country,time_zone\nOSA,Osaka,JP,Mars/Olympus\n";
    let location = import(&hasty, "cities", bad).await.header("location").to_owned();
    let report = ended(&service, &location).await;
    assert_eq!((&report["status"], &report["errors"][0]["line"]), (&json!("failed"), &json!(2)));
    let path = "/api/v1/admin/cities/import?dry_run=true";
    let dry = hasty.send(Method::POST, path, "text/csv", Some(good.as_bytes().to_vec())).await;
    let report = ended(&service, dry.header(header::LOCATION.as_str())).await;
    assert_eq!((&report["status"], counts(&report)), (&json!("completed"), (0, 0, 1)));

    service.anybody.get(&location).await.expect_problem(401, "unauthenticated");
    for unknown in ["01890000-0000-7000-8000-000000000000", "zebra"] {
        let answer = service.operator.get(&format!("/api/v1/admin/imports/{unknown}")).await;
        answer.expect_problem(404, "not_found");
    }
}

#[actix_web::test]
async fn an_import_whose_instance_has_died_has_failed() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    let insert = |id: &str, alive: &str, started: &str| {
        diesel::sql_query(format!(
            "INSERT INTO imports (id, collection, dry_run, status, lines_total, started_at, alive_at) \
             VALUES ('{id}', 'cities', false, 'running', 7, now() - interval '{started}', now() - interval '{alive}')"
        ))
    };
    let [alive, dead, old] = ["1", "2", "3"].map(|last| format!("01890000-0000-7000-8000-00000000000{last}"));
    for (id, silent, started) in [(&alive, "10 s", "1 h"), (&dead, "40 s", "1 h"), (&old, "25 h", "25 h")] {
        insert(id, silent, started).execute(&mut connection).await.unwrap();
    }
    let address = |id: &str| format!("/api/v1/admin/imports/{id}");
    assert_eq!(service.operator.get(&address(&alive)).await.expect(200)["status"], "running");
    let failed = service.operator.get(&address(&dead)).await.expect(200);
    assert_eq!((&failed["status"], &failed["errors"][0]["line"]), (&json!("failed"), &Value::Null));
    service.operator.get(&address(&old)).await.expect_problem(404, "not_found");
    // The next one forgets what is older than a day.
    let hasty = service.operator.with_header("prefer", "respond-async");
    import(&hasty, "cities", "").await.expect(202);
    let kept = diesel::sql_query("SELECT 1 FROM imports WHERE started_at < now() - interval '1 day'");
    assert_eq!(kept.execute(&mut connection).await.unwrap(), 0);
}
