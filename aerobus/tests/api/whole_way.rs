//! The main job: register, search, choose a seat, book, pay, read the mail.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::json;

#[actix_web::test]
async fn a_traveller_registers_searches_books_a_seat_pays_and_reads_the_mail() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    system.make_network(&admin, "ABC|DEF", 30).await;
    // An airport with a tax of its own.
    let mut database = AsyncPgConnection::establish(&system.database.superuser_url()).await.unwrap();
    let tax = "UPDATE flight.airports SET international_tax = 4321 WHERE iata = 'AAA'";
    assert_eq!(diesel::sql_query(tax).execute(&mut database).await.unwrap(), 1);
    let flight = system.make_flight(&admin, 10).await;
    let id = flight["id"].as_str().unwrap();
    let ada = system.traveller("ada@aerobus.example").await;

    let date = &flight["departure"]["local"].as_str().unwrap()[..10];
    let search =
        format!("/api/v1/search?origin=AAA&destination=BBB&date={date}&adults=1&cabin=economy&sort=price");
    let found = system.anybody.get(&search).await.expect(200);
    assert_eq!(found["data"][0]["slices"][0]["segments"][0]["id"], flight["id"]);
    let offers = found["data"][0]["offers"].as_array().unwrap();
    let offer = offers.iter().find(|offer| offer["brand"] == "standard").unwrap();

    let map = system.anybody.get(&format!("/api/v1/flights/{id}/seat-map")).await.expect(200);
    assert_eq!(map["counts"], json!({"available": 180, "held": 0, "sold": 0, "blocked": 0}));

    let held = book(&ada, &booking(&flight, Some("12A"), None)).await.expect(201);
    assert_eq!((&held["status"], &held["payment_status"]), (&json!("held"), &json!("awaiting")));
    assert_eq!(held["price"]["total"], offer["total"], "what search showed is what booking charges");
    assert_eq!(held["price"]["taxes"], json!({"amount": "43.21", "currency": "EUR"}));

    let path = format!("/api/v1/bookings/{}", held["id"].as_str().unwrap());
    let paid = ada
        .post(&format!("{path}/payments"), &json!({"method": "card", "token": "tok_visa"}))
        .await
        .expect(200);
    assert_eq!((&paid["status"], &paid["payment_status"]), (&json!("confirmed"), &json!("paid")));
    let ticket = paid["passengers"][0]["ticket_number"].as_str().unwrap();
    assert!(ticket.len() == 13 && ticket.starts_with("990"), "{ticket}");
    assert_eq!(ada.get(&path).await.expect(200)["status"], "confirmed");

    let mut text = letter(&system, "").await;
    // One verifies the address, and the hold has its own, where there is one for it.
    while !text.contains(ticket) {
        text = letter(&system, "").await;
    }
    let total = held["price"]["total"]["amount"].as_str().unwrap();
    for part in [paid["locator"].as_str().unwrap(), "12A", "10:00", "XA1", ticket, total] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }

    let map = system.anybody.get(&format!("/api/v1/flights/{id}/seat-map")).await.expect(200);
    assert_eq!(map["counts"]["sold"], 1);
    system.stop().await;
}

/// The next letter to Ada that holds a text.
async fn letter(system: &RunningSystem, wanted: &str) -> String {
    loop {
        let mail = system.smtp.next(PATIENCE).await;
        assert_eq!(mail.to, ["ada@aerobus.example"]);
        // Without the soft line breaks of quoted-printable (RFC 2045, 6.7).
        let text = mail.text().replace("=\r\n", "");
        if text.contains(wanted) {
            return text;
        }
    }
}

/// What stands behind a text in a letter, up to the end of the line.
fn behind<'a>(letter: &'a str, text: &str) -> &'a str {
    letter.split_once(text).expect("the text").1.split(['\r', '"']).next().expect("a part")
}

#[actix_web::test]
async fn letters_verify_an_address_set_a_password_and_tell_of_it() {
    let system = RunningSystem::start().await;
    let ada = json!({"email": "ada@aerobus.example", "password": "correct horse"});
    let mut registration = ada.clone();
    registration["given_name"] = json!("Ada");
    registration["family_name"] = json!("Lovelace");
    let _ = system.anybody.post("/api/v1/auth/register", &registration).await.expect(201);
    let welcome = letter(&system, "/verify#token=").await;
    let token = behind(&welcome, "/verify#token=");
    assert!(welcome.contains(&format!("\r\n{token}\r\n")), "the code can be pasted: {welcome}");
    let verified = system.anybody.post("/api/v1/auth/email/verify", &json!({"token": token})).await;
    assert_eq!(verified.status, 204);
    let user = system.anybody.post("/api/v1/auth/login", &ada).await.expect(200)["user"].clone();
    assert_eq!(user["email_verified"], true);

    let forgot = json!({"email": "Ada@aerobus.example"});
    assert_eq!(system.anybody.post("/api/v1/auth/password/forgot", &forgot).await.status, 202);
    let reset = letter(&system, "/reset#token=").await;
    let body = json!({"token": behind(&reset, "/reset#token="), "password": "battery staple"});
    assert_eq!(system.anybody.post("/api/v1/auth/password/reset", &body).await.status, 204);
    let _ = letter(&system, "Your Aerobus password was changed").await;
    system.anybody.post("/api/v1/auth/login", &ada).await.expect_problem(401, "invalid_credentials");

    let admin = system.administrator().await;
    let letters = admin.get("/api/v1/admin/mail?recipient=ada@aerobus.example").await.expect(200).to_string();
    for secret in [token, behind(&reset, "/reset#token=")] {
        assert!(!letters.contains(secret), "staff see no token");
    }
    system.stop().await;
}

#[actix_web::test]
async fn a_new_flight_can_be_booked_at_once_and_paid_in_one_call() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    // No wait between the two: booking waits for the event of a flight that is this young.
    let booked = book(&admin, &booking(&flight, None, Some("tok_visa"))).await.expect(201);
    assert_eq!(booked["status"], "confirmed");
    assert_eq!(booked["passengers"][0]["seats"].as_array().unwrap().len(), 1, "a seat was assigned");

    // Search follows through the bus: seats available go down without anybody asking booking.
    let id = flight["id"].as_str().unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let shown = system.anybody.get(&format!("/api/v1/flights/{id}")).await.expect(200);
        if shown["cabins"][0]["seats_available"] == 179 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "seats.changed did not reach flight: {shown}");
        tokio::task::yield_now().await;
    }
    system.stop().await;
}

#[actix_web::test]
async fn a_flight_with_bookings_cannot_be_deleted_and_one_without_can() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let path = format!("/api/v1/admin/flights/{}", flight["id"].as_str().unwrap());
    let booked = book(&admin, &booking(&flight, None, None)).await.expect(201);
    admin.delete(&path).await.expect_problem(409, "conflict");

    let cancel = format!("/api/v1/bookings/{}/cancel", booked["id"].as_str().unwrap());
    let cancelled = admin.post(&cancel, &json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(admin.delete(&path).await.status.as_u16(), 204);
    book(&admin, &booking(&flight, None, None)).await.expect_problem(409, "flight_not_bookable");
    system.stop().await;
}

#[actix_web::test]
async fn the_api_describes_itself_with_all_services_in_one_document() {
    let system = RunningSystem::start().await;
    let document = system.anybody.get("/api/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    for path in ["/api/v1/auth/login", "/api/v1/search", "/api/v1/bookings", "/api/v1/admin/mail"] {
        assert!(paths.contains_key(path), "{path} is missing");
    }
    assert!(!paths.keys().any(|path| path.starts_with("/internal")), "internal calls are nobody's business");
    let page = system.anybody.get("/api/docs/").await;
    assert_eq!(page.status.as_u16(), 200);
    system.stop().await;
}
