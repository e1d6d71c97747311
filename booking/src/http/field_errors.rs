//! Where a rule's objection stands in a request: the JSON pointers (RFC 6901) of its members.

use booking_engine::booking::refusal::{InvalidMember, Member};
use shared::http::FieldError;

/// Invalid members as the contract tells them.
pub(crate) fn field_errors(invalid: Vec<InvalidMember>) -> Vec<FieldError> {
    invalid.into_iter().map(|one| FieldError::at(pointer(one.member), one.reason)).collect()
}

fn pointer(member: Member) -> String {
    match member {
        Member::Segments => "/segments".to_owned(),
        Member::Segment(index) => format!("/segments/{index}"),
        Member::SegmentFlight(index) => format!("/segments/{index}/flight_id"),
        Member::Cabin(index) => format!("/segments/{index}/cabin"),
        Member::Brand(index) => format!("/segments/{index}/brand"),
        Member::Passengers => "/passengers".to_owned(),
        Member::Passenger(index) => format!("/passengers/{index}"),
        Member::BornOn(index) => format!("/passengers/{index}/born_on"),
        Member::Seat { passenger, segment } => format!("/passengers/{passenger}/seats/{segment}"),
        Member::ExpectedTotal => "/expected_total".to_owned(),
        Member::HoldMinutes => "/hold_minutes".to_owned(),
        Member::ChangePassenger(index) => format!("/changes/{index}/passenger_id"),
        Member::ChangeFlight(index) => format!("/changes/{index}/flight_id"),
        Member::ChangeSeat(index) => format!("/changes/{index}/designator"),
        Member::GivenName => "/given_name".to_owned(),
        Member::FamilyName => "/family_name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_named_by_pointers() {
        let seat = Member::Seat { passenger: 2, segment: 1 };
        let pointers = [Member::Segments, Member::SegmentFlight(3), seat, Member::ChangeSeat(0)].map(pointer);
        assert_eq!(
            pointers,
            ["/segments", "/segments/3/flight_id", "/passengers/2/seats/1", "/changes/0/designator"]
        );
    }
}
