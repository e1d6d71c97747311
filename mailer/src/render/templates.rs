//! The templates: MJML is compiled to HTML once, at the start; Jinja fills it in per letter.

use super::letter_context::{LetterContext, LetterData};
use crate::{domain::LetterTemplate, kinds};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, escape_formatter};
use mrml::prelude::render::RenderOptions;
use shared::events::LetterToken;
use std::collections::HashMap;

/// The frame of every HTML part.
const LAYOUT: &str = include_str!("../../templates/layout.mjml");

/// Where the frame takes the kind's own part.
const CONTENT: &str = "<!-- content -->";

/// Parts that several templates include. Names that end in `.html` are escaped for HTML.
const SHARED: [(&str, &str); 5] = [
    ("flights.html", include_str!("../../templates/flights.html")),
    ("passengers.html", include_str!("../../templates/passengers.html")),
    ("flights.txt", include_str!("../../templates/flights.txt")),
    ("passengers.txt", include_str!("../../templates/passengers.txt")),
    ("footer.txt", include_str!("../../templates/footer.txt")),
];

/// The largest HTML part, bytes: mail clients cut off what is longer.
const HTML_LIMIT: usize = 100_000;

/// A template of ours is broken: told at the start, not per letter.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The MJML cannot be parsed or rendered.
    #[error("the MJML of {0} is broken: {1}")]
    Mjml(&'static str, String),
    /// The Jinja cannot be parsed.
    #[error("a template is broken")]
    Jinja(#[from] Error),
}

/// Why a letter cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// This release has no such template.
    #[error("there is no template {0}")]
    Unknown(LetterTemplate),
    /// The data is no JSON object.
    #[error("the data of the letter cannot be read: {0}")]
    Data(#[from] serde_json::Error),
    /// The data does not fit the template.
    #[error("the template cannot be filled in: {0}")]
    Fill(#[from] Error),
    /// The HTML part is larger than mail clients show.
    #[error("the letter has {0} bytes of HTML")]
    TooLarge(usize),
}

/// A letter's two parts, which say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterParts {
    /// For people who read plain text.
    pub(crate) text: String,
    /// For mail clients that show HTML.
    pub(crate) html: String,
}

/// All templates, compiled.
pub(crate) struct Templates {
    environment: Environment<'static>,
    names: HashMap<LetterTemplate, TemplateNames>,
}

/// The names of a kind's two templates.
struct TemplateNames {
    text: String,
    html: String,
}

impl Templates {
    /// Compiles all templates. `public_url` is where letters link to.
    ///
    /// # Errors
    /// [`TemplateError`], which only a mistake in the templates themselves can cause.
    pub(crate) fn compile(public_url: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        // A misspelt name must not become an empty place in a letter.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(show);
        for (name, source) in SHARED {
            environment.add_template(name, source)?;
        }
        environment.add_global("public_url", public_url.trim_end_matches('/'));
        let mut names = HashMap::new();
        for kind in kinds::LETTER_KINDS {
            let html = compile_mjml(kind.mjml)
                .map_err(|reason| TemplateError::Mjml(kind.template.as_str(), reason))?;
            let of_kind = TemplateNames {
                text: format!("{}.txt", kind.template),
                html: format!("{}.html", kind.template),
            };
            environment.add_template_owned(of_kind.html.clone(), html)?;
            environment.add_template_owned(of_kind.text.clone(), kind.text)?;
            names.insert(kind.template, of_kind);
        }
        Ok(Self { environment, names })
    }

    /// Fills a letter's template in. `data` is the letter's JSON, and `token` what it brings to its reader.
    ///
    /// # Errors
    /// [`RenderError`]; trying again gives the same.
    pub(crate) fn render(
        &self,
        template: LetterTemplate,
        subject: &str,
        data: &str,
        token: Option<&LetterToken>,
    ) -> Result<LetterParts, RenderError> {
        let names = self.names.get(&template).ok_or(RenderError::Unknown(template))?;
        let context = LetterContext::new(subject, token, LetterData::read(data)?);
        let text = self.fill(&names.text, &context)?;
        let mut html = self.fill(&names.html, &context)?;
        if html.len() > HTML_LIMIT {
            // What machines read of a large party goes first; people read the rest.
            html = self.fill(&names.html, &context.without_structured())?;
        }
        if html.len() > HTML_LIMIT {
            Err(RenderError::TooLarge(html.len()))
        } else {
            Ok(LetterParts { text, html })
        }
    }

    fn fill(&self, name: &str, context: &LetterContext) -> Result<String, Error> {
        self.environment.get_template(name)?.render(context.value())
    }
}

/// Prints a value into a template. Texts in HTML are escaped where HTML needs it and no further:
/// minijinja's own formatter also escapes each slash, which makes dates, zones and links unreadable in
/// the source.
fn show(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => text,
        _ => return escape_formatter(out, state, value),
    };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(match special.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &special[1..];
    }
    out.write_str(rest)?;
    Ok(())
}

fn compile_mjml(content: &str) -> Result<String, String> {
    let source = LAYOUT.replace(CONTENT, content);
    let parsed = mrml::parse(source).map_err(|error| error.to_string())?;
    if let Some(warning) = parsed.warnings.first() {
        return Err(format!("{warning:?}"));
    }
    let html = parsed.element.render(&RenderOptions::default()).map_err(|error| error.to_string())?;
    Ok(break_lines(&html))
}

/// Begins a new line before tags of tables and of the head, where a space means nothing: a mail may not have lines of
/// 1,000 characters.
fn break_lines(html: &str) -> String {
    let mut lines = html.to_owned();
    for tag in ["<table", "</table>", "<td", "<meta", "<style"] {
        lines = lines.replace(tag, &format!("\n{tag}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"{
        "locator": "K7XQ2M", "flights": [], "passengers": [{"name": "Zo\u00eb <Ada>", "kind": "adult", "ticket_number": null, "seats": []}],
        "price": {"fare": "1", "taxes": "2", "total": "3"}, "hold_expires": null, "refund": null, "structured": [{"name": "a</script>&'"}, 2],
        "expires": "Tue", "happened": "Something", "at": "Tue", "user_agent": "x", "address": null
    }"#;

    fn templates() -> Templates {
        Templates::compile("http://localhost:8080/").unwrap()
    }

    #[test]
    fn every_kind_is_filled_in_and_has_short_lines() {
        let (templates, token) = (templates(), LetterToken("tHe-tOkEn".to_owned()));
        for kind in kinds::LETTER_KINDS {
            let parts = templates.render(kind.template, "The subject", DATA, Some(&token)).unwrap();
            for part in [&parts.text, &parts.html] {
                assert!(part.contains("K7XQ2M") && part.contains("http://localhost:8080"), "{part}");
                let longest = part.lines().map(str::len).max().unwrap_or_default();
                assert!(longest < 900, "{}: a line of {longest} characters", kind.template);
            }
            assert!(parts.html.contains("<title>The subject</title>"), "{}", parts.html);
            for part in [&parts.text, &parts.html] {
                let shown = part.matches("tHe-tOkEn").count();
                assert_eq!(shown, if kind.carries_token { 2 } else { 0 }, "{part}");
                assert_eq!(
                    part.contains("#token=tHe-tOkEn"),
                    kind.carries_token,
                    "no part of a URL goes to a server"
                );
            }
        }
    }

    #[test]
    fn what_machines_read_is_json_that_ends_no_script() {
        let parts = templates().render(LetterTemplate::BookingConfirmed, "x", DATA, None).unwrap();
        let script = parts.html.split_once("<script type=\"application/ld+json\">").unwrap().1;
        let json = script.split_once("</script>").unwrap().0;
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read, serde_json::json!([{"name": "a</script>&'"}, 2]));
        assert!(!json.contains(['<', '>', '&', '\'']), "{json}");
        assert!(parts.html.contains("Zo\u{eb} &lt;Ada&gt;"), "{}", parts.html);
    }

    #[test]
    fn data_that_does_not_fit_is_refused() {
        let templates = templates();
        let fill = |template, data| templates.render(template, "x", data, None);
        assert!(matches!(fill(LetterTemplate::BookingConfirmed, "[1]"), Err(RenderError::Data(_))));
        let missing = fill(LetterTemplate::BookingConfirmed, r#"{"flights": []}"#);
        assert!(matches!(missing, Err(RenderError::Fill(_))));
        assert!(matches!(fill(LetterTemplate::FlightDelayed, "{}"), Err(RenderError::Unknown(_))));
        let without_token = fill(LetterTemplate::PasswordReset, r#"{"expires": "Tue"}"#);
        assert!(matches!(without_token, Err(RenderError::Fill(_))));
        let large = DATA.replace("Zo\\u00eb", &"x".repeat(HTML_LIMIT));
        assert!(matches!(fill(LetterTemplate::BookingHeld, &large), Err(RenderError::TooLarge(_))));
    }

    #[test]
    fn a_letter_for_a_large_party_goes_without_what_machines_read() {
        let large = DATA.replace(r#"{"name": "a</script>&'"}"#, &format!("{:?}", "x".repeat(HTML_LIMIT)));
        let parts = templates().render(LetterTemplate::BookingConfirmed, "x", &large, None).unwrap();
        assert!(!parts.html.contains("<script") && parts.html.contains("K7XQ2M"), "{}", parts.html.len());
    }
}
