//! The templates: MJML is compiled to HTML once, at the start; Jinja fills it in per letter, in its language.

use super::{
    LetterContent, RenderError,
    escaping::{isolated, show},
};
use crate::{
    domain::KeptLetter,
    kinds,
    views::{self, LetterView},
};
use documents::DocumentLanguage;
use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Kwargs,
};
use mrml::prelude::render::RenderOptions;
use shared::events::LetterToken;

/// The frame of every HTML part.
const LAYOUT: &str = include_str!("../../templates/layout.mjml");

/// Where the frame takes the first line of the kind's own part: what mailboxes show beside the subject.
const PREVIEW: &str = "<!-- preview -->";

/// Where it takes the rest of it.
const CONTENT: &str = "<!-- content -->";

/// Parts that several templates include. Names that end in `.html` are escaped for HTML.
const SHARED: [(&str, &str); 8] = [
    ("head.html", include_str!("../../templates/head.html")),
    ("flights.html", include_str!("../../templates/flights.html")),
    ("passengers.html", include_str!("../../templates/passengers.html")),
    ("price.html", include_str!("../../templates/price.html")),
    ("head.txt", include_str!("../../templates/head.txt")),
    ("flights.txt", include_str!("../../templates/flights.txt")),
    ("passengers.txt", include_str!("../../templates/passengers.txt")),
    ("footer.txt", include_str!("../../templates/footer.txt")),
];

/// The templates of letters that an earlier release has stored.
const EARLIER: &str = "earlier";
const EARLIER_MJML: &str = include_str!("../../templates/earlier.mjml");
const EARLIER_TEXT: &str = include_str!("../../templates/earlier.txt");

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

/// A letter's two parts, which say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterParts {
    /// For people who read plain text.
    pub(crate) text: String,
    /// For mail clients that show HTML.
    pub(crate) html: String,
}

/// All templates, compiled, with the texts of each language.
pub(crate) struct Templates {
    english: Environment<'static>,
    german: Environment<'static>,
}

impl Templates {
    /// Compiles all templates. `public_url` is where letters link to.
    ///
    /// # Errors
    /// [`TemplateError`], which only a mistake in the templates themselves can cause.
    pub(crate) fn compile(public_url: &str) -> Result<Self, TemplateError> {
        let mut sources = Vec::new();
        let kinds =
            kinds::LETTER_KINDS.into_iter().map(|kind| (kind.template.as_str(), kind.mjml, kind.text));
        for (name, mjml, text) in kinds.chain([(EARLIER, EARLIER_MJML, EARLIER_TEXT)]) {
            let html = compile_mjml(mjml).map_err(|reason| TemplateError::Mjml(name, reason))?;
            sources.push((format!("{name}.html"), html));
            sources.push((format!("{name}.txt"), text.to_owned()));
        }
        let public_url = public_url.trim_end_matches('/');
        let of = |language| environment(language, public_url, &sources);
        Ok(Self { english: of(DocumentLanguage::English)?, german: of(DocumentLanguage::German)? })
    }

    /// Fills a letter's templates in.
    ///
    /// # Errors
    /// [`RenderError`]; trying again gives the same.
    pub(crate) fn render(&self, letter: &LetterContent<'_>) -> Result<LetterParts, RenderError> {
        let LetterView { shown, structured } =
            LetterView::new(letter.template, &letter.kept, letter.language);
        let name = match &letter.kept {
            KeptLetter::Texts(_) => EARLIER,
            _ => letter.template.as_str(),
        };
        // Without its token, a letter that shows one is none.
        let token = letter.token.map_or(Value::UNDEFINED, |LetterToken(token)| Value::from(token.as_str()));
        let context = |structured: Option<&str>| {
            let structured = structured.map(|json| Value::from_safe_string(json.to_owned()));
            context! { subject => letter.subject, token => token.clone(), structured, ..shown.clone() }
        };
        let text = self.fill(letter.language, &format!("{name}.txt"), &context(None))?;
        let html_name = format!("{name}.html");
        let mut html = self.fill(letter.language, &html_name, &context(structured.as_deref()))?;
        if html.len() > HTML_LIMIT {
            // What machines read of a large party goes first; people read the rest.
            html = self.fill(letter.language, &html_name, &context(None))?;
        }
        if html.len() > HTML_LIMIT {
            Err(RenderError::TooLarge(html.len()))
        } else {
            Ok(LetterParts { text, html })
        }
    }

    fn fill(&self, language: DocumentLanguage, name: &str, context: &Value) -> Result<String, Error> {
        let environment = match language {
            DocumentLanguage::English => &self.english,
            DocumentLanguage::German => &self.german,
        };
        environment.get_template(name)?.render(context)
    }
}

/// The templates with the texts of a language: `t("key", name=value)`.
fn environment(
    language: DocumentLanguage,
    public_url: &str,
    sources: &[(String, String)],
) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    // A misspelt name must not become an empty place in a letter.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(show);
    // A line with a block only leaves no line in the text.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).keep_trailing_newline(true).build()?);
    environment.add_global("public_url", public_url);
    environment.add_global("language", language.tag());
    environment.add_function("t", move |key: &str, values: Kwargs| text(language, key, &values));
    environment.add_filter("isolated", |name: &str| isolated(name));
    environment.add_filter("upper_case", |text: &str| text.to_uppercase());
    for (name, source) in SHARED {
        environment.add_template(name, source)?;
    }
    for (name, source) in sources {
        environment.add_template_owned(name.clone(), source.clone())?;
    }
    Ok(environment)
}

/// A text of the catalogue with its variables.
fn text(language: DocumentLanguage, key: &str, values: &Kwargs) -> Result<String, Error> {
    let mut arguments = Vec::new();
    for name in values.args() {
        let value: Value = values.get(name)?;
        arguments.push((name.to_owned(), value.to_string()));
    }
    let text = views::catalogue(language).find_with(key, arguments);
    text.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no text {key} with these variables")))
}

fn compile_mjml(kind: &str) -> Result<String, String> {
    let (preview, content) = kind.split_once('\n').unwrap_or((kind, ""));
    let source = LAYOUT.replace(PREVIEW, preview).replace(CONTENT, content);
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
    use crate::domain::LetterTemplate;

    /// A booking as an earlier release kept it.
    const EARLIER_BOOKING: &str = r#"{
        "locator": "K7XQ2M", "flights": [], "passengers": [{"name": "Zo\u00eb <Ada>", "kind": "adult", "ticket_number": null, "seats": []}],
        "price": {"fare": "1", "taxes": "2", "total": "3"}, "hold_expires": null, "refund": null, "structured": [{"name": "a</script>&'"}, 2]
    }"#;

    fn render(
        template: LetterTemplate,
        data: &str,
        token: Option<&LetterToken>,
    ) -> Result<LetterParts, RenderError> {
        let templates = Templates::compile("http://localhost:8080/").unwrap();
        templates.render(&LetterContent::read(template.as_str(), ("The subject", "en", data), token)?)
    }

    #[test]
    fn a_token_stands_in_the_letter_twice_and_in_no_request() {
        let token = LetterToken("tHe-tOkEn".to_owned());
        let data = r#"{"expires_at": "2026-12-01T09:30:00Z"}"#;
        for template in [LetterTemplate::VerifyEmail, LetterTemplate::PasswordReset] {
            let LetterParts { text, html } = render(template, data, Some(&token)).unwrap();
            assert!(html.contains("<title>The subject</title>"), "{html}");
            for part in [&text, &html] {
                assert_eq!(part.matches("tHe-tOkEn").count(), 2, "{part}");
                assert!(part.contains("#token=tHe-tOkEn"), "no part of a URL goes to a server: {part}");
            }
            assert!(matches!(render(template, data, None), Err(RenderError::Fill(_))));
        }
    }

    #[test]
    fn letters_of_an_earlier_release_are_shown_as_they_were_kept() {
        let LetterParts { text, html } =
            render(LetterTemplate::BookingConfirmed, EARLIER_BOOKING, None).unwrap();
        assert!(text.contains("K7XQ2M") && html.contains("Zo\u{eb} &lt;Ada&gt;"), "{html}");
        let script = html.split_once("<script type=\"application/ld+json\">").unwrap().1;
        let json = script.split_once("</script>").unwrap().0;
        assert!(!json.contains(['<', '>', '&', '\'']), "{json}");
        let token = LetterToken("tHe-tOkEn".to_owned());
        let parts =
            render(LetterTemplate::VerifyEmail, r#"{"expires": "Tue 1 Dec 2026"}"#, Some(&token)).unwrap();
        assert!(parts.text.contains("tHe-tOkEn") && parts.html.contains("Tue 1 Dec 2026"));
        let alert = r#"{"happened": "It did", "at": "Tue", "user_agent": null, "address": "192.0.2.7"}"#;
        let parts = render(LetterTemplate::SessionAlert, alert, None).unwrap();
        assert!(parts.text.contains("It did\nTue\n192.0.2.7"), "{}", parts.text);
    }

    #[test]
    fn a_letter_for_a_large_party_goes_without_what_machines_read() {
        let large =
            EARLIER_BOOKING.replace(r#"{"name": "a</script>&'"}"#, &format!("{:?}", "x".repeat(HTML_LIMIT)));
        let parts = render(LetterTemplate::BookingConfirmed, &large, None).unwrap();
        assert!(!parts.html.contains("<script") && parts.html.contains("K7XQ2M"), "{}", parts.html.len());
        let larger = EARLIER_BOOKING.replace("Zo\\u00eb", &"x".repeat(HTML_LIMIT));
        let refused = render(LetterTemplate::BookingHeld, &larger, None);
        assert!(matches!(refused, Err(RenderError::TooLarge(_))));
    }

    #[test]
    fn data_that_does_not_fit_is_refused() {
        for data in ["[1]", "{}", r#"{"booking": {"id": 1}}"#] {
            let refused = render(LetterTemplate::BookingConfirmed, data, None);
            assert!(matches!(refused, Err(RenderError::Data(_))), "{data}");
        }
        let missing = render(LetterTemplate::BookingConfirmed, r#"{"locator": "K7XQ2M"}"#, None);
        assert!(matches!(missing, Err(RenderError::Fill(_))));
        let unknown = LetterContent::read("booking_lost", ("x", "en", "{}"), None);
        assert!(matches!(unknown, Err(RenderError::Unknown(_))));
    }
}
