//! The templates: MJML is compiled to HTML once, at the start; Jinja fills it in per letter.

use crate::{domain::LetterTemplate, kinds};
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value as Shown, escape_formatter,
    value::Serde,
};
use mrml::prelude::render::RenderOptions;
use serde_json::{Map, Value};

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
    public_url: String,
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
        for kind in kinds::LETTER_KINDS {
            let html = compile_mjml(kind.mjml)
                .map_err(|reason| TemplateError::Mjml(kind.template.as_str(), reason))?;
            environment.add_template_owned(html_name(kind.template), html)?;
            environment.add_template_owned(text_name(kind.template), kind.text)?;
        }
        Ok(Self { environment, public_url: public_url.trim_end_matches('/').to_owned() })
    }

    /// Fills a letter's template in.
    ///
    /// # Errors
    /// [`RenderError`]; trying again gives the same.
    pub(crate) fn render(
        &self,
        template: LetterTemplate,
        subject: &str,
        data: &Value,
    ) -> Result<LetterParts, RenderError> {
        if kinds::kind_of(template).is_none() {
            return Err(RenderError::Unknown(template));
        }
        let mut context = data.as_object().cloned().unwrap_or_default();
        context.insert("subject".into(), subject.into());
        context.insert("public_url".into(), self.public_url.as_str().into());
        let text = self.fill(&text_name(template), &context)?;
        let mut html = self.fill(&html_name(template), &context)?;
        if html.len() > HTML_LIMIT {
            // What machines read of a large party goes first; people read the rest.
            context.insert("structured".into(), Value::Array(Vec::new()));
            html = self.fill(&html_name(template), &context)?;
        }
        if html.len() > HTML_LIMIT {
            Err(RenderError::TooLarge(html.len()))
        } else {
            Ok(LetterParts { text, html })
        }
    }

    fn fill(&self, name: &str, context: &Map<String, Value>) -> Result<String, Error> {
        self.environment.get_template(name)?.render(Serde(context))
    }
}

/// Prints a value into a template. Texts in HTML are escaped where HTML needs it and no further:
/// minijinja's own formatter also escapes each slash, which makes dates, zones and links unreadable in
/// the source.
fn show(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Shown) -> Result<(), Error> {
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

fn html_name(template: LetterTemplate) -> String {
    format!("{template}.html")
}

fn text_name(template: LetterTemplate) -> String {
    format!("{template}.txt")
}

fn compile_mjml(content: &str) -> Result<String, String> {
    let source = LAYOUT.replace(CONTENT, content);
    let parsed = mrml::parse(source).map_err(|error| error.to_string())?;
    if let Some(warning) = parsed.warnings.first() {
        return Err(format!("{warning:?}"));
    }
    parsed.element.render(&RenderOptions::default()).map_err(|error| error.to_string())
}
