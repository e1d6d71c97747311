//! What admins may see and do.

use crate::{
    bookings::{confirmation, confirmed},
    mailer_fixture::RunningMailer,
};
use serde_json::json;
use shared::{auth::Permission, ids::LetterId};
use testkit::Client;

#[actix_web::test]
async fn each_route_wants_its_own_permission() {
    let mailer = RunningMailer::start().await;
    let id = LetterId::new();
    let anybody = Client::new(format!("http://{}", mailer.running.address));
    let reader = mailer.world.client(&mailer.running, &[Permission::MailRead]);
    let resender = mailer.world.client(&mailer.running, &[Permission::MailResend]);
    for path in [
        "/api/v1/admin/mail".to_owned(),
        format!("/api/v1/admin/mail/{id}"),
        "/api/v1/admin/mail/dead-letters".to_owned(),
        format!("/api/v1/admin/mail/dead-letters/{id}"),
    ] {
        anybody.get(&path).await.expect_problem(401, "unauthenticated");
        resender.get(&path).await.expect_problem(403, "forbidden");
        assert_ne!(reader.get(&path).await.code(), "forbidden");
    }
    for path in
        [format!("/api/v1/admin/mail/{id}/resend"), format!("/api/v1/admin/mail/dead-letters/{id}/replay")]
    {
        anybody.post(&path, &json!({})).await.expect_problem(401, "unauthenticated");
        reader.post(&path, &json!({})).await.expect_problem(403, "forbidden");
        resender.post(&path, &json!({})).await.expect_problem(404, "not_found");
        let get = reader.get(&path).await;
        get.expect_problem(405, "method_not_allowed");
        assert_eq!(get.header("allow"), "POST");
    }
}

#[actix_web::test]
async fn bad_requests_are_told_apart() {
    let mailer = RunningMailer::start().await;
    let admin = &mailer.admin;
    let bad = admin.get("/api/v1/admin/mail?status=lost&template=novel&limit=0&after=x&colour=red").await;
    bad.expect_problem(422, "validation_failed");
    let mut invalid = bad.invalid();
    invalid.sort();
    assert_eq!(invalid, ["after", "colour", "limit", "status", "template"]);
    admin.get("/api/v1/admin/mail/zebra").await.expect_problem(404, "not_found");
    let id = LetterId::new();
    admin.get(&format!("/api/v1/admin/mail/{id}")).await.expect_problem(404, "not_found");
    let resend = admin.post(&format!("/api/v1/admin/mail/{id}/resend"), &json!({"now": true})).await;
    resend.expect_problem(422, "validation_failed");
    assert_eq!(resend.invalid(), ["/now"]);
    admin.delete("/api/v1/admin/mail").await.expect_problem(405, "method_not_allowed");
}

#[actix_web::test]
async fn the_list_is_paged_newest_first_and_filtered() {
    let mailer = RunningMailer::start().await;
    for number in 0..5 {
        let mut booking = confirmed();
        booking["contact"]["email"] = format!("Reader{number}@example.org").into();
        mailer.world.publish(&confirmation(&booking)).await;
        mailer.next_mail().await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/admin/mail?limit=2".to_owned());
    loop {
        let page = mailer.admin.get(&path).await.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|letter| letter["recipient"].clone()));
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("/api/v1/admin/mail?limit=2&after={next}");
    }
    let expected: Vec<String> = (0..5).rev().map(|number| format!("Reader{number}@example.org")).collect();
    assert_eq!(seen, expected);
    let one =
        mailer.admin.get("/api/v1/admin/mail?recipient=reader3@EXAMPLE.org&template=booking_confirmed").await;
    assert_eq!(one.header("cache-control"), "private, no-store");
    let one = one.expect(200);
    assert_eq!(one["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["data"][0]["recipient"], "Reader3@example.org");
    let none = mailer.admin.get("/api/v1/admin/mail?template=flight_delayed").await.expect(200);
    assert_eq!(none["data"], json!([]));
}

#[actix_web::test]
async fn a_letter_has_an_entity_tag_that_changes_with_it() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    let letter = mailer.letter_with("sent", 1).await;
    let path = format!("/api/v1/admin/mail/{}", letter["id"].as_str().unwrap());
    let first = mailer.admin.get(&path).await;
    let tag = first.header("etag").to_owned();
    let mut read = first.expect(200);
    let content = read["content"].take();
    assert_eq!(read, letter);
    for (part, mark) in [("html", "<html lang=\"en\""), ("text", "K7XQ2M")] {
        let said = content[part].as_str().unwrap();
        assert!(said.contains(mark) && said.contains("Lovelace"), "{said}");
    }
    assert_eq!(mailer.admin.with_header("if-none-match", &tag).get(&path).await.status.as_u16(), 304);
    let resend = format!("{path}/resend");
    let stale = mailer.admin.with_header("if-match", "\"1\"");
    stale.post(&resend, &json!({})).await.expect_problem(412, "precondition_failed");
    let _ = mailer.admin.with_header("if-match", &tag).post(&resend, &json!({})).await.expect(200);
    mailer.letter_with("sent", 2).await;
    assert_ne!(mailer.admin.get(&path).await.header("etag"), tag);
}

#[actix_web::test]
async fn the_service_tells_its_health_and_its_interface() {
    let mailer = RunningMailer::start().await;
    let anybody = Client::new(format!("http://{}", mailer.running.address));
    let _ = anybody.get("/health/live").await.expect(200);
    let ready = anybody.get("/health/ready").await.expect(200);
    assert_eq!(ready["time_zone_database"], shared::time_zones::version());
    let document = anybody.get("/openapi.json").await.expect(200);
    for path in ["/api/v1/admin/mail", "/api/v1/admin/mail/{id}", "/api/v1/admin/mail/{id}/resend"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    anybody.get("/api/v1/admin/post").await.expect_problem(404, "not_found");
}
