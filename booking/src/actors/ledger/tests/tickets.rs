//! Ticket numbers: drawn with the booking, issued with the confirmation, given once.

use super::{LedgerFixture, Outcome, claim, done, end_in_commit, process, purchase};
use std::collections::BTreeSet;

#[actix::test]
async fn the_confirmation_issues_missing_tickets() {
    let fixture = LedgerFixture::new().await;
    let (made, confirm, _) = purchase(fixture.booking(&["4A", "4B", "4C"]));
    fixture.batch(&[made]).await;
    // As an instance of the release before makes it; one has a ticket.
    fixture.superuser("UPDATE passengers SET ticket_number = NULL WHERE position > 0").await;
    let with_ticket = "passengers WHERE ticket_number IS NOT NULL AND position = 0";
    let first = format!("{with_ticket} AND ticket_number = (SELECT min(ticket_number) FROM passengers)");
    assert_eq!(fixture.count(&first).await, 1);
    let verdicts = fixture.batch(&[confirm]).await;
    let tickets: Vec<_> = done(&verdicts[0]).passengers.iter().map(|one| one.ticket_number.clone()).collect();
    assert!(tickets.iter().all(Option::is_some), "{tickets:?}");
    assert_eq!(tickets.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(fixture.count("passengers WHERE ticket_number IS NOT NULL").await, 3);
    assert_eq!(fixture.count(&first).await, 1, "an old number stays");
    fixture.stop();
}

/// The server loses the numbers that it drew from the sequence: they were never written to its disk.
const FORGET: &str = "PERFORM setval('booking.ticket_documents', 1000000000, false);";

#[actix::test]
async fn numbers_that_were_drawn_before_a_loss_are_not_given_after_it() {
    let fixture = LedgerFixture::new().await;
    fixture.superuser(&end_in_commit(FORGET)).await;
    let [mut first, mut second] = [(); 2].map(|()| fixture.deps.processor());
    let lost = process(&mut first, vec![claim(fixture.booking(&["4A", "4B"]))]).await;
    let other = process(&mut second, vec![claim(fixture.booking(&["5A", "5B", "5C", "5D"]))]).await;
    for answer in [&lost[0], &other[0]] {
        assert!(matches!(answer, Ok(Outcome::Done(_))), "{answer:?}");
    }
    assert_eq!(fixture.count("passengers WHERE ticket_number IS NOT NULL").await, 6);
    fixture.stop();
}
