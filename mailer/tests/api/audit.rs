//! Every write of staff leaves one record.

use crate::{
    bookings::{confirmation, confirmed},
    mailer_fixture::RunningMailer,
};
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    events::{Event, Json},
    ids::{LetterId, UserId},
};
use std::collections::BTreeSet;
use testkit::{Client, admin_write, admin_writes};

#[actix_web::test]
async fn every_write_of_staff_leaves_one_record() {
    let mailer = RunningMailer::start().await;
    let actor = UserId::new();
    let token = mailer.world.issuer.token(actor, &[Permission::MailResend]);
    let operator = Client::new(format!("http://{}", mailer.running.address)).with_token(&token);

    mailer.world.publish(&confirmation(&confirmed())).await;
    mailer.next_mail().await;
    let letter = mailer.letter_with("sent", 1).await;
    let resend = format!("/api/v1/admin/mail/{}/resend", letter["id"].as_str().unwrap());
    let resent = operator.post(&resend, &json!({})).await;
    let request = resent.header("x-request-id").to_owned();
    resent.expect(200);

    let mut booking = confirmed();
    let contact = booking["contact"].take();
    let without = confirmation(&booking);
    mailer.world.publish(&without).await;
    booking["contact"] = contact;
    let mended = Event { data: Json::of(&booking), ..without };
    let payload: String = mended.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    mailer.world.sql(&format!("UPDATE dead_letters SET payload = '\\x{payload}'")).await;
    let dead = mailer.admin.get("/api/v1/admin/mail/dead-letters").await.expect(200);
    let replay =
        format!("/api/v1/admin/mail/dead-letters/{}/replay", dead["data"][0]["id"].as_str().unwrap());
    operator.post(&replay, &json!({})).await.expect(200);

    let records = mailer.world.database.audit_records("mailer").await;
    let shown = |record: &Value| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        [text("actor"), text("action"), text("subject")]
    };
    let shown: Vec<_> = records.iter().map(shown).collect();
    let actor = actor.to_string();
    assert_eq!(
        shown,
        [
            [actor.clone(), "letter.resend".into(), format!("letter/{}", letter["id"].as_str().unwrap())],
            [
                actor,
                "dead_letter.replay".into(),
                format!("dead_letter/{}", dead["data"][0]["id"].as_str().unwrap())
            ],
        ]
    );
    assert_eq!(records[0]["request_id"], request);
    assert_eq!(
        (&records[0]["before"]["status"], &records[0]["after"]["status"]),
        (&json!("sent"), &json!("queued"))
    );
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains('@') && !text.contains("Lovelace"), "nothing of a person: {text}");

    let tried = ["{id}/resend", "dead-letters/{id}/replay"];
    let tried: BTreeSet<_> =
        tried.iter().map(|path| admin_write("post", &format!("/api/v1/admin/mail/{path}"))).collect();
    let document = operator.get("/openapi.json").await.expect(200);
    assert_eq!(tried, admin_writes(&document), "each write of staff is tried here");
}

#[actix_web::test]
async fn what_had_no_effect_leaves_none() {
    let mailer = RunningMailer::start().await;
    let id = LetterId::new();
    mailer
        .admin
        .post(&format!("/api/v1/admin/mail/{id}/resend"), &json!({}))
        .await
        .expect_problem(404, "not_found");
    let replay = format!("/api/v1/admin/mail/dead-letters/{id}/replay");
    mailer.admin.post(&replay, &json!({})).await.expect_problem(404, "not_found");
    assert!(mailer.world.database.audit_records("mailer").await.is_empty());
}

#[actix_web::test]
async fn an_operator_reads_the_status_with_a_token_of_its_own() {
    let mailer = RunningMailer::start().await;
    let operator = mailer.world.client(&mailer.running, &[Permission::SystemCheck]);
    let status = operator.get("/internal/status").await.expect(200);
    assert_eq!((&status["service"], &status["dead_letters"]), (&json!("mailer"), &json!(0)));
    mailer.admin.get("/internal/status").await.expect_problem(403, "forbidden");
    mailer.admin.get("/internal/dead-letters").await.expect_problem(404, "not_found");
}
