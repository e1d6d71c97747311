//! What is on the pages, without a reader of PDF.

use super::*;
use crate::{DocumentLanguage, samples};
use canvas::{BOTTOM, Shape, TOP};
use proptest::prelude::*;
use shared_types::{
    events::BookingStatus,
    fare::{Brand, PassengerType},
    seat::Cabin,
};

fn texts(canvas: &Canvas) -> Vec<Vec<String>> {
    let text = |mark: &canvas::Mark| match &mark.shape {
        Shape::Text { text, .. } => Some(text.text.trim_end().to_owned()),
        _ => None,
    };
    canvas.sheets.iter().map(|sheet| sheet.marks.iter().filter_map(text).collect()).collect()
}

fn passes(canvas: &Canvas) -> usize {
    let codes = |sheet: &canvas::Sheet| {
        sheet.marks.iter().filter(|mark| matches!(mark.shape, Shape::Barcode { .. })).count()
    };
    canvas.sheets.iter().map(codes).sum::<usize>() / 2
}

/// No text leaves the printed part of its page; only footers stand below it.
fn check_edges(canvas: &Canvas) {
    for (number, sheet) in canvas.sheets.iter().enumerate() {
        for mark in &sheet.marks {
            let Shape::Text { x, baseline, size, text, .. } = &mark.shape else { continue };
            let right = x + text.width(*size);
            assert!(*x >= LEFT && right <= RIGHT + 0.1, "page {number}: {} ends at {right}", text.text);
            let footer = *baseline > BOTTOM + 10.0 && mark.content.is_none();
            assert!(*baseline > TOP && (*baseline <= BOTTOM || footer), "page {number}: {}", text.text);
        }
    }
}

#[test]
fn a_ticket_tells_the_journey() {
    let canvas = lay_out(&samples::round_trip()).unwrap();
    let first = texts(&canvas)[0].join("\n");
    for text in [
        "Paris\u{a0}– New York\u{a0}– Paris",
        "K7XQ2M",
        "Monday, 14 December 2026",
        "10:30",
        "12:55",
        "+1 day",
        "8 h 25 min",
        "AE101 · Aerobus · Economy · Standard",
        "Confirmed",
        "997 2400000018",
        "31J",
        "EUR\u{a0}1,578.56",
        "Standard (AE101)",
        "1 checked bag · Changes for EUR\u{a0}60.00 a person · Taxes refundable, fare not refundable",
        "Manage your booking: https://aerobus.example/manage",
        "Page 1 of 3",
    ] {
        assert!(first.contains(text), "{text} in {first}");
    }
    assert_eq!((canvas.sheets.len(), passes(&canvas)), (3, 4));
}

#[test]
fn a_ticket_speaks_german() {
    let ticket = TicketDocument { language: DocumentLanguage::German, ..samples::round_trip() };
    let first = texts(&lay_out(&ticket).unwrap())[0].join("\n");
    for text in ["Montag, 14. Dezember 2026", "+1 Tag", "Buchungscode", "1.578,56\u{a0}EUR", "Seite 1 von 3"]
    {
        assert!(first.contains(text), "{text} in {first}");
    }
}

#[test]
fn every_kind_has_its_word() {
    let texts = Catalogue::of(DocumentLanguage::English);
    let cabins = Cabin::ALL.map(|cabin| format!("cabin-{cabin}"));
    let brands = Brand::ALL.map(|brand| format!("brand-{brand}"));
    let types = PassengerType::ALL.map(|kind| format!("type-{kind}"));
    for key in cabins.iter().chain(&brands).chain(&types) {
        assert!(!texts.text(key).is_empty());
    }
}

#[test]
fn fees_of_a_refund_are_told() {
    let mut ticket = samples::round_trip();
    let fee = shared_types::money::Money::new(2500, ticket.price.total.currency);
    ticket.segments[0].conditions.refund_fee = Some(fee);
    let first = texts(&lay_out(&ticket).unwrap())[0].join("\n");
    assert!(first.contains("Refundable less EUR\u{a0}25.00 a person"), "{first}");
}

#[test]
fn what_is_not_confirmed_or_ticketed_has_no_boarding_pass() {
    let mut ticket = samples::round_trip();
    ticket.segments[0].status = BookingStatus::Cancelled;
    assert_eq!(passes(&lay_out(&ticket).unwrap()), 2);
    ticket.passengers[0].ticket_number = None;
    assert_eq!(passes(&lay_out(&ticket).unwrap()), 1);
    ticket.segments[1].status = BookingStatus::Held;
    let canvas = lay_out(&ticket).unwrap();
    assert_eq!((canvas.sheets.len(), passes(&canvas)), (1, 0));
    let first = texts(&canvas)[0].join("\n");
    assert!(first.contains("Cancelled") && first.contains("Not paid yet"), "{first}");
}

#[test]
fn an_earlier_date_and_a_connection_are_told() {
    let pages = texts(&lay_out(&samples::large_party()).unwrap());
    let all = pages.concat().join("\n");
    assert!(all.contains("-1 day"), "across the date line");
    assert!(all.contains("Connection in Dubai: 1 h 45 min"));
    assert!(!all.contains("Connection in Hong Kong"), "three days are no connection");
}

#[test]
fn the_largest_party_stays_within_its_pages() {
    let mut ticket = samples::large_party();
    ticket.segments[0].airline = "Long Airline Name ".repeat(9);
    ticket.segments[1].origin.name = "An Airport of a Very Long Name ".repeat(5);
    ticket.segments[1].origin.city.name = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch".into();
    ticket.issuer = "A Holding of Airlines ".repeat(8);
    for language in DocumentLanguage::ALL {
        let canvas = lay_out(&TicketDocument { language, ..ticket.clone() }).unwrap();
        assert_eq!(passes(&canvas), 54);
        check_edges(&canvas);
    }
}

#[test]
fn equal_tickets_give_equal_bytes() {
    for ticket in [samples::round_trip(), samples::large_party()] {
        let (first, second) = (ticket_pdf(&ticket).unwrap(), ticket_pdf(&ticket.clone()).unwrap());
        assert!(first == second, "{} and {} bytes", first.len(), second.len());
        let other = TicketDocument { version: 4, ..ticket };
        assert!(ticket_pdf(&other).unwrap() != first);
    }
}

#[test]
fn documents_stay_small() {
    for (ticket, most) in [(samples::round_trip(), 60_000), (samples::large_party(), 450_000)] {
        let size = ticket_pdf(&ticket).unwrap().len();
        assert!(size < most, "{size} bytes");
    }
}

#[test]
fn an_empty_ticket_is_a_document_too() {
    let ticket = TicketDocument { segments: Vec::new(), passengers: Vec::new(), ..samples::round_trip() };
    assert!(ticket_pdf(&ticket).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever stands in names and places, the library takes the document, and nothing leaves its page.
    #[test]
    fn any_texts_make_a_document(
        given in any::<String>(), family in "\\PC{0,130}", airport in any::<String>(), city in "\\PC{0,80}",
        airline in any::<String>(), locator in "[ -~]{0,12}",
    ) {
        let mut ticket = samples::round_trip();
        ticket.passengers.truncate(1);
        ticket.passengers[0].given_name = given;
        ticket.passengers[0].family_name = family;
        ticket.segments[0].origin.name = airport;
        ticket.segments[0].destination.city.name = city;
        ticket.segments[1].airline = airline.clone();
        ticket.issuer = airline;
        ticket.locator = locator;
        let canvas = lay_out(&ticket).unwrap();
        check_edges(&canvas);
        prop_assert!(ticket_pdf(&ticket).is_ok(), "{:?}", ticket_pdf(&ticket));
    }
}
