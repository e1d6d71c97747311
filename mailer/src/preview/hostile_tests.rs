//! Names, cities and reasons of strangers stay text, in all parts of all letters.

use super::*;
use documents::samples as tickets;
use shared::events::BookingDisruption;
use shared::events::{BookingContact, BookingState, DisruptedBooking, DisruptionKind, EventType, Json};

const HOSTILE: &str = "<b onclick=\"x\">{{ locator }}{% raw %}</script>\r\nBcc: all@example.org \u{202e}gnp.exe \u{5d3}\u{5d5}\u{5d3} \u{1f469}\u{200d}\u{2708}\u{fe0f} & 'x'";

/// What is left of it: one line, without marks that turn its surroundings around.
const SHOWN: &str = "<b onclick=\"x\">{{ locator }}{% raw %}</script>  Bcc: all@example.org gnp.exe \u{5d3}\u{5d5}\u{5d3} \u{1f469}\u{200d}\u{2708}\u{fe0f} & 'x'";

fn booking() -> BookingState {
    let mut booking = tickets::booking_of(&tickets::round_trip());
    let hostile = || HOSTILE.to_owned();
    booking.contact =
        Some(BookingContact { email: "ada@aerobus.example".to_owned(), phone: None, locale: None });
    booking.passengers[0].given_name = hostile();
    booking.segments[0].origin.city.name = hostile();
    booking.segments[0].origin.name = hostile();
    booking.segments[0].airline = Some(hostile());
    booking
}

fn sample(event: EventType, data: &impl serde::Serialize) -> samples::SampleEvent {
    samples::SampleEvent { name: "hostile", event, data: Json::of(data) }
}

#[test]
fn names_are_only_ever_text() {
    let templates = Templates::compile("https://fly.aerobus.example").unwrap();
    let flight_id = booking().segments[0].flight_id;
    let disrupted = |kind| {
        let disruption =
            BookingDisruption { kind, flight_id, reason: Some(HOSTILE.to_owned()), reseated: Vec::new() };
        DisruptedBooking { booking: booking(), disruption }
    };
    for sample in [
        sample(EventType::BookingConfirmed, &booking()),
        sample(EventType::BookingExpired, &booking()),
        sample(EventType::BookingChanged, &booking()),
        sample(EventType::BookingCancelled, &booking()),
        sample(EventType::BookingChanged, &disrupted(DisruptionKind::Rescheduled)),
        sample(EventType::BookingCancelled, &disrupted(DisruptionKind::Cancelled)),
    ] {
        let letter = preview(&templates, &sample, "hostile").unwrap();
        let escaped = SHOWN
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;");
        assert!(letter.text.contains(SHOWN), "{}", letter.text);
        assert!(letter.html.contains(&escaped), "{}", letter.html);
        assert!(!letter.html.contains("<b onclick") && !letter.html.contains('\u{202e}'), "{}", letter.html);
        let scripts = letter.html.matches("<script").count();
        assert_eq!(letter.html.matches("</script>").count(), scripts, "no name ends the script of machines");
        let raw = String::from_utf8_lossy(&letter.eml);
        assert!(!raw.lines().any(|line| line.starts_with("Bcc:")), "{raw}");
    }
}

#[test]
fn names_from_right_to_left_turn_nothing_around() {
    let templates = Templates::compile("https://fly.aerobus.example").unwrap();
    let mut booking = booking();
    booking.passengers[0].given_name = "\u{645}\u{62d}\u{645}\u{62f}".to_owned();
    let letter = preview(&templates, &sample(EventType::BookingConfirmed, &booking), "x").unwrap();
    assert!(letter.html.contains("<bdi>\u{645}\u{62d}\u{645}\u{62f} Lovelace</bdi>"), "{}", letter.html);
    assert!(letter.text.contains("\u{2068}\u{645}\u{62d}\u{645}\u{62f} Lovelace\u{2069}"), "{}", letter.text);
}
