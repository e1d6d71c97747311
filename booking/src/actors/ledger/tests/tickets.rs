//! Ticket numbers: drawn with the booking, issued with the confirmation, given once.

use super::{Outcome, Runner, Scene, claim, done, process, purchase};
use std::collections::BTreeSet;

#[actix::test]
async fn who_was_booked_without_a_ticket_gets_one_with_the_confirmation() {
    let scene = Scene::new().await;
    let (made, confirm, _) = purchase(scene.booking(&["4A", "4B", "4C"]));
    scene.batch(&[made]).await;
    // As an instance of the release before makes it; one has a ticket.
    scene.superuser("UPDATE passengers SET ticket_number = NULL WHERE position > 0").await;
    let with_ticket = "passengers WHERE ticket_number IS NOT NULL AND position = 0";
    let first = format!("{with_ticket} AND ticket_number = (SELECT min(ticket_number) FROM passengers)");
    assert_eq!(scene.count(&first).await, 1);
    let verdicts = scene.batch(&[confirm]).await;
    let tickets: Vec<_> = done(&verdicts[0]).passengers.iter().map(|one| one.ticket_number.clone()).collect();
    assert!(tickets.iter().all(Option::is_some), "{tickets:?}");
    assert_eq!(tickets.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(scene.count("passengers WHERE ticket_number IS NOT NULL").await, 3);
    assert_eq!(scene.count(&first).await, 1, "an old number stays");
    scene.stop();
}

/// The server dies in the middle of its first commit, and forgets what it has drawn from the sequence: that
/// was never written to its disk.
const DIE_IN_COMMIT: &str = "DO $do$ BEGIN
    CREATE SEQUENCE strikes;
    GRANT ALL ON SEQUENCE strikes TO PUBLIC;
    CREATE FUNCTION strike() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $fn$ BEGIN
        IF nextval('booking.strikes') = 1 THEN
            PERFORM setval('booking.ticket_documents', 1000000000, false);
            PERFORM pg_terminate_backend(pg_backend_pid());
        END IF;
        RETURN NULL;
    END $fn$;
    CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON bookings DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION strike();
END $do$";

#[actix::test]
async fn numbers_that_were_drawn_before_a_loss_are_not_given_after_it() {
    let scene = Scene::new().await;
    scene.superuser(DIE_IN_COMMIT).await;
    let [mut first, mut second] = [(); 2].map(|()| Runner::new(scene.means.clone()));
    let lost = process(&mut first, vec![claim(scene.booking(&["4A", "4B"]))]).await;
    let other = process(&mut second, vec![claim(scene.booking(&["5A", "5B", "5C", "5D"]))]).await;
    for answer in [&lost[0], &other[0]] {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(scene.count("passengers WHERE ticket_number IS NOT NULL").await, 6);
    scene.stop();
}
