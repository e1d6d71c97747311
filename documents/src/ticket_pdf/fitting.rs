//! Texts in the room that they have: wrapped into lines, or made smaller and cut.

use super::{
    canvas::{Align, Canvas, ElementId, Shape, TextStyle},
    typeface::{ShapedText, UnreadableFont},
};
use std::rc::Rc;

/// Height of a line in sizes of its font.
pub(super) const LINE_HEIGHT: f32 = 1.35;

impl Canvas {
    /// The lines of a text in a width. Lines end behind spaces, which they keep, and behind hyphens; a word that is too long for a line of its
    /// own is divided anywhere.
    pub(super) fn wrap(
        &mut self,
        text: &str,
        style: TextStyle,
        width: f32,
    ) -> Result<Vec<String>, UnreadableFont> {
        let TextStyle(size, weight, _) = style;
        if self.shape(text, weight)?.width(size) <= width {
            return Ok(vec![text.to_owned()]);
        }
        let mut lines = vec![String::new()];
        for part in parts(text) {
            for part in self.divide(part, style, width)? {
                let line = lines.last().map_or("", String::as_str);
                let longer = format!("{line}{part}");
                let fits = ShapedText::new(longer.trim_end(), weight)?.width(size) <= width;
                match lines.last_mut() {
                    Some(line) if fits || line.is_empty() => *line = longer,
                    _ => lines.push(part.to_owned()),
                }
            }
        }
        Ok(lines)
    }

    /// A word in pieces that fit into a width.
    fn divide<'a>(
        &mut self,
        word: &'a str,
        TextStyle(size, weight, _): TextStyle,
        width: f32,
    ) -> Result<Vec<&'a str>, UnreadableFont> {
        let (mut pieces, mut rest) = (Vec::new(), word);
        while self.shape(rest.trim_end(), weight)?.width(size) > width {
            let fits = |piece: &str| Ok(ShapedText::new(piece, weight)?.width(size) <= width);
            let Some(end) = longest(rest, fits)? else { break };
            let (piece, later) = rest.split_at(end);
            pieces.push(piece);
            rest = later;
        }
        pieces.push(rest);
        Ok(pieces)
    }

    /// Writes the lines of a text below each other, the first on a baseline. Gives the baseline that would follow.
    pub(super) fn write_lines(
        &mut self,
        element: Option<ElementId>,
        (x, baseline): (f32, f32),
        style: TextStyle,
        lines: &[String],
    ) -> Result<f32, UnreadableFont> {
        let mut baseline = baseline;
        for (line, left) in lines.iter().zip((0..lines.len()).rev()) {
            if left > 0 {
                self.write_exactly(element, (x, baseline), Align::Left, style, line)?;
            } else {
                self.write(element, (x, baseline), Align::Left, style, line)?;
            }
            baseline += style.0 * LINE_HEIGHT;
        }
        Ok(baseline)
    }

    /// Writes one line into a width: smaller where it is too long, down to three quarters of its size, then cut with an
    /// ellipsis. A screen reader still reads all of it. Gives its width.
    pub(super) fn write_fitted(
        &mut self,
        element: Option<ElementId>,
        place: (f32, f32),
        align: Align,
        TextStyle(size, weight, color): TextStyle,
        (text, width): (&str, f32),
    ) -> Result<f32, UnreadableFont> {
        let natural = self.shape(text, weight)?.width(size);
        let fitted = if natural <= width { size } else { (size * width / natural).max(size * 0.75) };
        if natural * fitted / size <= width + 0.01 {
            return self.write(element, place, align, TextStyle(fitted, weight, color), text);
        }
        let cut = |beginning: &str| ShapedText::new(&format!("{}…", beginning.trim_end()), weight);
        let end = longest(text, |beginning| Ok(cut(beginning)?.width(fitted) <= width))?;
        let mut shaped = cut(&text[..end.unwrap_or_default()])?;
        shaped.stands_for = Some(format!("{text} "));
        let (shaped_width, (x, baseline)) = (shaped.width(fitted), place);
        let x = align.left_edge(x, shaped_width);
        self.draw(element, Shape::Text { x, baseline, size: fitted, color, text: Rc::new(shaped) });
        Ok(shaped_width)
    }
}

/// The parts of a text at whose ends a line may end: words with the space behind them, halves of a hyphenated word.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive([' ', '-'])
}

/// Where the longest beginning of a text ends that passes a check: found by halving, as longer ones are wider.
fn longest(
    text: &str,
    passes: impl Fn(&str) -> Result<bool, UnreadableFont>,
) -> Result<Option<usize>, UnreadableFont> {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let (mut low, mut high) = (0, ends.len());
    while low < high {
        let middle = (low + high) / 2;
        if passes(&text[..ends[middle]])? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // One character at least, so that the rest becomes shorter.
    Ok(ends.get(low.saturating_sub(1)).copied())
}

#[cfg(test)]
mod tests {
    use super::{super::canvas::INK, *};
    use crate::ticket_pdf::typeface::Weight;

    const STYLE: TextStyle = TextStyle(10.0, Weight::Regular, INK);

    fn wrap(text: &str, width: f32) -> Vec<String> {
        Canvas::new().wrap(text, STYLE, width).unwrap()
    }

    #[test]
    fn lines_end_at_spaces_and_hyphens() {
        assert_eq!(wrap("one two three", 200.0), ["one two three"]);
        assert_eq!(wrap("one two three", 45.0), ["one two ", "three"]);
        assert_eq!(wrap("Hohenlohe-Waldenburg", 70.0), ["Hohenlohe-", "Waldenburg"]);
        assert_eq!(wrap("", 45.0), [""]);
    }

    #[test]
    fn a_word_that_is_too_long_is_divided() {
        let lines = wrap(&"Wolfeschlegelsteinhausen".repeat(3), 60.0);
        assert!(lines.len() > 5);
        assert_eq!(lines.concat(), "Wolfeschlegelsteinhausen".repeat(3));
        for line in lines {
            assert!(ShapedText::new(&line, Weight::Regular).unwrap().width(10.0) <= 60.0, "{line}");
        }
        assert_eq!(wrap("iii", 1.0), ["i", "i", "i"], "narrower than a letter");
    }

    #[test]
    fn a_line_shrinks_before_it_is_cut() {
        let mut canvas = Canvas::new();
        let place = (0.0, 0.0);
        let natural = canvas.shape("Lovelace", Weight::Regular).unwrap().width(10.0);
        for (width, expected) in [(natural, natural), (natural * 0.8, natural * 0.8)] {
            let wide = canvas.write_fitted(None, place, Align::Left, STYLE, ("Lovelace", width)).unwrap();
            assert!((wide - expected).abs() < 0.1, "{wide} {expected}");
        }
        let wide = canvas.write_fitted(None, place, Align::Left, STYLE, ("Lovelace", natural * 0.5)).unwrap();
        assert!(wide <= natural * 0.5);
        let Some(Shape::Text { text, size, .. }) = canvas.sheets[0].marks.last().map(|mark| &mark.shape)
        else {
            panic!("a text was drawn");
        };
        assert!(text.text.ends_with('…') && text.text.starts_with("Lov"), "{}", text.text);
        assert_eq!((text.stands_for.as_deref(), *size), (Some("Lovelace "), 7.5));
    }
}
