//! Log lines as JSON, one object a line.
//!
//! They are the lines of tracing-subscriber's own format (flat events, the current span, no list of spans), written in one
//! pass: that one goes through serde for each field, and parses the span's fields again for each event.

use std::fmt::{self, Write};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{Format, Json, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// The target of what comes from the crate `log`; its own format knows where it came from.
const FOREIGN: &str = "log";

/// See the module. `JsonFields` must format the fields of spans.
pub(super) struct JsonLines {
    foreign: Format<Json>,
}

impl JsonLines {
    pub(super) fn new() -> Self {
        let foreign = Format::default().json().flatten_event(true);
        Self { foreign: foreign.with_current_span(true).with_span_list(false) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if metadata.target() == FOREIGN {
            return self.foreign.format_event(context, writer, event);
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", metadata.level())?;
        let mut fields = FieldWriter { writer: &mut writer, written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        writer.write_str(",\"target\":")?;
        write_text(&mut writer, metadata.target())?;
        let span = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        if let Some(span) = span {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.as_str());
            // An object already, whose end is opened again for the name.
            let fields = formatted.trim().strip_suffix('}').and_then(|fields| fields.strip_prefix('{'));
            writer.write_str(",\"span\":{")?;
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                writer.write_str(fields)?;
                writer.write_char(',')?;
            }
            writer.write_str("\"name\":")?;
            write_text(&mut writer, span.name())?;
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
}

/// Writes the fields of an event, each with a comma before it.
struct FieldWriter<'a, 'writer> {
    writer: &'a mut Writer<'writer>,
    written: fmt::Result,
}

impl FieldWriter<'_, '_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let write = || {
            self.writer.write_char(',')?;
            write_text(self.writer, field.name())?;
            self.writer.write_char(':')?;
            value(self.writer)
        };
        self.written = self.written.and_then(|()| write());
    }
}

impl Visit for FieldWriter<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, |writer| write_escaped(writer, format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |writer| write_text(writer, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        let written = value.is_finite();
        self.field(
            field,
            |writer| if written { write!(writer, "{value:?}") } else { writer.write_str("null") },
        );
    }
}

/// Writes a text in quotes.
fn write_text(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    write_escaped(writer, format_args!("{text}"))
}

/// Writes in quotes what a value displays.
fn write_escaped(writer: &mut Writer<'_>, value: fmt::Arguments<'_>) -> fmt::Result {
    writer.write_char('"')?;
    match value.as_str() {
        Some(text) => EscapedText(writer).write_str(text)?,
        None => EscapedText(writer).write_fmt(value)?,
    }
    writer.write_char('"')
}

/// Escapes what JSON does not take within quotes (RFC 8259, 7).
struct EscapedText<'a, 'writer>(&'a mut Writer<'writer>);

impl Write for EscapedText<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, byte) in
            text.bytes().enumerate().filter(|(_, byte)| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
        {
            self.0.write_str(&text[plain..at])?;
            match byte {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                other => write!(self.0, "\\u{other:04x}")?,
            }
            plain = at + 1;
        }
        self.0.write_str(&text[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{
        Registry,
        fmt::{self as layer, format::JsonFields},
        layer::SubscriberExt,
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let without_time = |line: &str| {
                let mut line: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
                line
            };
            text.lines().map(without_time).collect()
        }
    }

    fn say_everything() {
        let name = "Ada \"Countess\"\\\n\t\u{1}é";
        tracing::info!("without a span");
        let span = tracing::info_span!("request", request.id = %name, number = 7);
        let _entered = span.enter();
        let error = io::Error::other(name);
        tracing::warn!(target: "access", text = name, debug = ?Some(name), display = %name, some = Some(1_u8), none = None::<u8>, "A message with {name}");
        tracing::error!(
            error = &error as &dyn std::error::Error,
            negative = -1,
            yes = true,
            half = 0.5,
            whole = 1.0,
            nan = f64::NAN
        );
        let _inner = tracing::info_span!("inner").entered();
        tracing::info!(large = u64::MAX, "in a span without fields");
    }

    #[test]
    fn the_lines_are_those_of_the_usual_format() {
        let (ours, usual) = (Written::default(), Written::default());
        let writer = ours.clone();
        let lines = layer::layer().fmt_fields(JsonFields::new()).event_format(JsonLines::new());
        let subscriber = Registry::default().with(lines.with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, say_everything);
        let writer = usual.clone();
        let lines = layer::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
        let subscriber = Registry::default().with(lines.with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, say_everything);
        assert_eq!(ours.lines(), usual.lines());
        assert_eq!(ours.lines().len(), 4);
    }
}
