//! Snapshots of all letters. `cargo insta review`, or `INSTA_UPDATE=always cargo test`, takes over what has changed.

use super::*;

/// The name of the letter, its language, and what is special of it.
fn snapshot(letter: &PreviewedLetter, part: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{}.{part}", letter.name), text));
}

#[test]
fn every_letter_looks_as_it_did() {
    for letter in letters("https://fly.aerobus.example/").unwrap() {
        snapshot(&letter, "txt", &format!("{}\n\n{}", letter.subject, letter.text));
        // Long letters repeat what the others show.
        if !letter.name.contains("large-party") {
            snapshot(&letter, "html", &letter.html);
        }
    }
}

#[test]
fn every_template_is_there_in_every_language() {
    let letters = letters("https://fly.aerobus.example").unwrap();
    for template in crate::domain::LetterTemplate::ALL {
        for language in DocumentLanguage::ALL {
            let name = format!("{template}.{}", language.tag());
            let letter = letters.iter().find(|letter| letter.name == name);
            let html = &letter.unwrap_or_else(|| panic!("{name} is missing")).html;
            assert!(html.contains(&format!("<html lang=\"{}\"", language.tag())), "{name}");
        }
    }
}

#[test]
fn letters_are_short_lines_without_images_and_scripts_that_run() {
    for PreviewedLetter { name, html, text, .. } in letters("https://fly.aerobus.example").unwrap() {
        assert!(html.len() < 100_000, "{name}: {}", html.len());
        for part in [&html, &text] {
            let longest = part.lines().map(str::len).max().unwrap_or_default();
            assert!(longest < 990, "{name}: a line of {longest} bytes");
            assert!(part.contains("https://fly.aerobus.example"), "{name}");
        }
        assert!(!html.contains("<img") && !html.contains("url("), "{name}");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"application/ld+json\">").count()
        );
        assert!(
            html.contains("name=\"color-scheme\"") && html.contains("prefers-color-scheme: dark"),
            "{name}"
        );
        assert!(!text.contains("\n\n\n"), "{name} has a gap:\n{text}");
    }
}

#[test]
fn paid_bookings_bring_their_documents() {
    for letter in letters("https://fly.aerobus.example").unwrap() {
        let names: Vec<_> = letter.attachments.iter().map(|(name, _)| *name).collect();
        let wanted: &[&str] = match letter.name.split('.').next().unwrap() {
            "booking_confirmed" | "booking_changed" | "flight_delayed" => &["ticket.pdf", "calendar.ics"],
            "booking_cancelled" | "flight_cancelled" if !letter.name.contains("unpaid") => &["calendar.ics"],
            _ => &[],
        };
        assert_eq!(names, wanted, "{}", letter.name);
        let calendar = letter.attachments.iter().find(|(name, _)| *name == "calendar.ics");
        if let Some((_, calendar)) = calendar {
            let cancelled = String::from_utf8_lossy(calendar).contains("STATUS:CANCELLED");
            assert_eq!(cancelled, letter.name.contains("cancelled"), "{}", letter.name);
        }
    }
}
