//! Transactions whose events cannot be written, when their `COMMIT` is on its way already.

use super::{LedgerError, LedgerFixture, Outcome, claim, process};

const REFUSE: &str = "DO $do$ BEGIN
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $fn$ BEGIN
        RAISE EXCEPTION 'no events';
    END $fn$;
    CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();
END $do$";

#[actix::test]
async fn nothing_is_committed_without_its_events() {
    let fixture = LedgerFixture::new().await;
    let mut processor = fixture.deps.processor();
    // The statements are prepared: the next transaction sends its end without waiting for anything.
    process(&mut processor, vec![claim(fixture.booking(&["4A"]))]).await;
    let before = processor.store().backend_for_test();
    fixture.superuser(REFUSE).await;
    let claims = || ["4B", "4C"].map(|seat| claim(fixture.booking(&[seat]))).to_vec();
    for answer in process(&mut processor, claims()).await {
        assert!(matches!(answer, Err(LedgerError::Internal)), "{answer:?}");
    }
    for table in ["bookings", "seats", "travellers", "passengers", "events WHERE kind = 'booking.held'"] {
        assert_eq!(fixture.count(table).await, 1, "{table}");
    }
    assert_eq!(fixture.count("flights WHERE seats_version = 1").await, 1);
    fixture.superuser("DROP TRIGGER refuse ON events").await;
    for answer in process(&mut processor, claims()).await {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(fixture.count("bookings").await, 3);
    assert_eq!(fixture.count("events WHERE kind = 'booking.held'").await, 3);
    assert!(
        before.is_some() && processor.store().backend_for_test() == before,
        "the connection is good for the next"
    );
    fixture.stop();
}
