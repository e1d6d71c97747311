//! Schedules as files.

use crate::{
    files::{counts, dry_run, errors, export, import},
    schedules::{keep_still, season},
    service::Service,
    world::day,
};
use awc::http::Method;
use serde_json::{Value, json};
use shared::auth::Permission::{FareWrite, FlightWrite, ReferenceWrite};

const ADMIN: &str = "/api/v1/admin/schedules";
const HEADER: &str = "flight_number,origin,destination,effective_from,effective_to,days_of_operation,departure_time,\
                      arrival_time,arrival_day_offset,airplane,fares";

/// A line without an id: AE100 at 10:00 on Mondays and Fridays, from Heathrow to Paris.
fn line(number: &str, airplane: &str, fares: &str) -> String {
    format!("{number},LHR,CDG,{},{},1 5,10:00,12:15,0,{airplane},{fares}", day(10), day(30))
}

const FARES: &str = "economy light 100.00 EUR / business standard 320.50 EUR";

async fn listed(service: &Service) -> Vec<Value> {
    let list = service.operator.get(ADMIN).await.expect(200);
    list["data"].as_array().expect("a list").clone()
}

#[actix_web::test]
async fn schedules_are_imported_and_exported_and_their_flights_made() {
    let service = Service::start().await;
    let file =
        format!("{HEADER}\r\n{}\r\n{}\r\n", line("AE100", "G-AERA", FARES), line("AE7", "G-AERB", FARES));
    let report = dry_run(&service.operator, "schedules", file.clone()).await;
    assert_eq!((counts(&report), &report["status"]), ((2, 0, 0), &json!("completed")), "{report}");
    assert_eq!(listed(&service).await, Vec::<Value>::new());
    let mut heard = service.listen().await;
    let answer = import(&service.operator, "schedules", file.clone()).await;
    let request = answer.header("x-request-id").to_owned();
    let report = answer.expect(200);
    assert_eq!((counts(&report), &report["collection"]), ((2, 0, 0), &json!("schedules")));
    // The keeper hears of it at once.
    assert_eq!(heard.recv().await.map(|event| event.version), Some(1));
    let made = listed(&service).await;
    let expected = json!([
        {"cabin": "economy", "brand": "light", "base_price": {"amount": "100.00", "currency": "EUR"}},
        {"cabin": "business", "brand": "standard", "base_price": {"amount": "320.50", "currency": "EUR"}},
    ]);
    assert_eq!((&made[0]["fares"], &made[0]["days_of_operation"]), (&expected, &json!([1, 5])));
    // A file without ids may be sent again, and so may one with ids.
    assert_eq!(counts(&import(&service.operator, "schedules", file).await.expect(200)), (0, 0, 2));
    let exported = export(&service, "schedules").await;
    let id = made[0]["id"].as_str().expect("an id");
    assert!(exported.contains(&format!("{id},{}\r\n", line("AE100", "G-AERA", FARES))), "{exported}");
    assert_eq!(counts(&import(&service.operator, "schedules", exported).await.expect(200)), (0, 0, 2));

    let records = service.database.audit_records("flight").await;
    let records = records.iter().filter(|record| record["request_id"] == request);
    let mut acts: Vec<_> =
        records.map(|record| record["action"].as_str().expect("a text").to_owned()).collect();
    acts.sort_unstable();
    assert_eq!(acts, ["schedule.create", "schedule.create", "schedule.import"]);
}

#[actix_web::test]
async fn a_file_changes_the_schedules_that_it_names() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let mut made = Vec::new();
    for (number, airplane) in [("AE100", "G-AERA"), ("AE7", "G-AERB")] {
        let mut new = season(day(10), day(20));
        (new["flight_number"], new["airplane"]) = (json!(number), json!(airplane));
        made.push(service.operator.post(ADMIN, &new).await.expect(201));
    }
    let file = export(&service, "schedules").await;
    let moved = file.replacen(",10:00,12:15,", ",11:00,13:15,", 1);
    // Other permissions: a file that changes no fare needs none of theirs.
    let planner = service.client(&[FlightWrite]);
    assert_eq!(counts(&import(&planner, "schedules", moved.clone()).await.expect(200)), (0, 1, 1));
    let changed: Vec<Value> = listed(&service).await;
    let changed = changed.iter().find(|one| one["departure_time"] == "11:00").expect("the changed one");
    assert_eq!((&changed["version"], &changed["arrival_time"]), (&json!(2), &json!("13:15")));
    let dearer = moved.replace("100.00 EUR", "110.00 EUR");
    let refused = import(&planner, "schedules", dearer.clone()).await;
    assert_eq!(refused.invalid(), ["/lines/2/fares", "/lines/3/fares"]);
    let both = service.client(&[FlightWrite, FareWrite]);
    assert_eq!(counts(&import(&both, "schedules", dearer.clone()).await.expect(200)), (0, 2, 0));
    // Number and route stay.
    let elsewhere = dearer.replace(",LHR,CDG,", ",LGW,CDG,").replacen("AE7", "AE8", 1);
    let report = dry_run(&both, "schedules", elsewhere).await;
    let fields: Vec<_> = errors(&report).into_iter().map(|(_, field, message)| (field, message)).collect();
    let stays = "cannot be changed";
    assert_eq!(fields.iter().filter(|one| **one == ("origin", stays)).count(), 2, "{report}");
    assert_eq!(fields.iter().filter(|one| **one == ("flight_number", stays)).count(), 1, "{report}");
    // What is over may stay in the file.
    let past = "UPDATE schedules SET effective_from = current_date - 40, effective_to = current_date - 30";
    diesel_async::RunQueryDsl::execute(diesel::sql_query(past), &mut service.connect().await)
        .await
        .expect("rows");
    let file = export(&service, "schedules").await;
    assert_eq!(counts(&import(&planner, "schedules", file).await.expect(200)), (0, 0, 2));
}

#[actix_web::test]
async fn the_lines_of_schedules_are_checked_as_requests_are() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let good = line("AE100", "G-AERA", FARES);
    let (from, to) = (day(10).to_string(), day(30).to_string());
    let bad = [
        (good.replace("AE100", "XX1"), "flight_number"),
        (good.replace(",LHR,", ",JFK,"), "origin"),
        (good.replace(",CDG,", ",LHR,"), "destination"),
        (good.replace(&to, &day(9).to_string()), "effective_to"),
        (good.replace(&from, "tomorrow"), "effective_from"),
        (good.replace("1 5", "1 8"), "days_of_operation"),
        (good.replace("10:00", "25:00"), "departure_time"),
        (good.replace("12:15", "10:30"), "arrival_time"),
        (good.replace(",0,", ",5,"), "arrival_day_offset"),
        (good.replace("G-AERA", "G-NONE"), "airplane"),
        (good.replace("business", "first"), "fares/1/cabin"),
        (good.replace("320.50 EUR", "0.00 EUR"), "fares/1/base_price"),
        (good.replace(FARES, "economy light"), "fares"),
        (good.replace(FARES, ""), "fares"),
        (format!("{good},"), ""),
        (good.clone(), ""),
    ];
    let lines: Vec<&str> = bad.iter().map(|(line, _)| line.as_str()).collect();
    let file = format!("{HEADER}\n{good}\n{}\n", lines.join("\n"));
    let report = dry_run(&service.operator, "schedules", file.clone()).await;
    let told: Vec<_> = errors(&report).into_iter().map(|(line, field, _)| (line, field)).collect();
    let expected: Vec<_> = (3..).zip(bad.iter().map(|(_, field)| *field)).collect();
    assert_eq!(told, expected, "{report}");
    assert_eq!(counts(&report), (1, 0, 0));
    import(&service.operator, "schedules", file).await.expect_problem(422, "validation_failed");
    assert_eq!(listed(&service).await, Vec::<Value>::new(), "all or nothing");
    // A POST of the same refuses the same.
    let mut body = season(day(10), day(30));
    body["airplane"] = json!("G-NONE");
    assert_eq!(service.operator.post(ADMIN, &body).await.invalid(), ["/airplane"]);
}

#[actix_web::test]
async fn files_of_schedules_need_the_permissions_of_schedules() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let path = format!("{ADMIN}/import");
    let file = format!("{HEADER}\n{}\n", line("AE100", "G-AERA", FARES));
    for other in [ReferenceWrite, FareWrite] {
        let client = service.client(&[other]);
        import(&client, "schedules", file.clone()).await.expect_problem(403, "forbidden");
    }
    service.client(&[ReferenceWrite]).get(&format!("{ADMIN}/export")).await.expect_problem(403, "forbidden");
    let export = service.client(&[FareWrite]).get(&format!("{ADMIN}/export")).await;
    assert_eq!(export.status.as_u16(), 200);
    // A planner may see how an import stands that nobody waits for.
    let planner = service.client(&[FlightWrite]);
    let hasty = planner.with_header("prefer", "respond-async");
    let begun = hasty.send(Method::POST, &path, "text/csv", Some(file.into_bytes())).await;
    let location = begun.header("location").to_owned();
    begun.expect(202);
    planner.get(&location).await.expect(200);
    service.client(&[FareWrite]).get(&location).await.expect_problem(403, "forbidden");
}
