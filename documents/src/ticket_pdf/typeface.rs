//! The fonts of the ticket, and texts shaped with them.

use crate::transliteration::romanised;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, Script, ShapePlan, UnicodeBuffer, script};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// How heavy the letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Weight {
    /// For reading.
    Regular,
    /// For what the eye should find.
    Bold,
}

/// A font, read once for the whole program.
struct Typeface {
    font: Font,
    face: Face<'static>,
    /// Preparing a plan takes longer than shaping a text with it. Latin is the first.
    plans: [(Script, ShapePlan); 3],
}

static REGULAR: LazyLock<Option<Typeface>> =
    LazyLock::new(|| Typeface::read(include_bytes!("../../fonts/NotoSans-Regular.ttf")));
static BOLD: LazyLock<Option<Typeface>> =
    LazyLock::new(|| Typeface::read(include_bytes!("../../fonts/NotoSans-Bold.ttf")));

/// The fonts that are built into the program cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnreadableFont;

impl Typeface {
    fn read(data: &'static [u8]) -> Option<Self> {
        let font = Font::new(data.into(), 0)?;
        let face = Face::from_slice(data, 0)?;
        let plans = [script::LATIN, script::GREEK, script::CYRILLIC]
            .map(|script| (script, ShapePlan::new(&face, Direction::LeftToRight, Some(script), None, &[])));
        Some(Self { font, face, plans })
    }

    fn of(weight: Weight) -> Result<&'static Self, UnreadableFont> {
        match weight {
            Weight::Regular => REGULAR.as_ref(),
            Weight::Bold => BOLD.as_ref(),
        }
        .ok_or(UnreadableFont)
    }

    fn has(&self, character: char) -> bool {
        self.face.glyph_index(character).is_some()
    }

    /// A text in letters of this font. A word with a letter that it lacks is romanised: letters that a reader can
    /// spell out are better than boxes. What cannot be printed at all goes.
    fn printable(&self, text: &str) -> String {
        let text: String = text.nfc().filter(|character| !character.is_control()).collect();
        if text.chars().all(|character| self.has(character)) {
            return text;
        }
        let words = text.split(' ').map(|word| {
            if word.chars().all(|character| self.has(character)) { word.to_owned() } else { romanised(word) }
        });
        let words: Vec<String> = words.collect();
        words.join(" ").chars().filter(|character| self.has(*character)).collect()
    }

    fn shape(&self, text: &str) -> (Vec<KrillaGlyph>, f32) {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        // Digits and signs are of no script: they are shaped as Latin ones.
        let known = self.plans.iter().find(|(script, _)| *script == buffer.script());
        let (script, plan) = known.unwrap_or(&self.plans[0]);
        buffer.set_script(*script);
        let shaped = rustybuzz::shape_with_plan(&self.face, plan, buffer);
        let em = self.font.units_per_em();
        let infos = shaped.glyph_infos();
        let (mut width, visible) = (0.0, text.trim_end().len());
        let glyphs = infos.iter().zip(shaped.glyph_positions()).enumerate().map(|(at, (info, place))| {
            let later = infos[at..].iter().map(|info| info.cluster as usize);
            let start = info.cluster as usize;
            let end = later.filter(|cluster| *cluster != start).find(|_| true).unwrap_or(text.len());
            let share = |units: i32| units as f32 / em;
            if start < visible {
                width += share(place.x_advance);
            }
            KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                share(place.x_advance),
                share(place.x_offset),
                share(place.y_offset),
                share(place.y_advance),
                start..end,
                None,
            )
        });
        (glyphs.collect(), width)
    }
}

/// A line of text, made into glyphs.
#[derive(Clone)]
pub(super) struct ShapedText {
    /// What is printed.
    pub(super) text: String,
    /// What it stands for, where the print had to be another: for screen readers, searches and copies.
    pub(super) stands_for: Option<String>,
    /// The glyphs, in parts of the font's size.
    pub(super) glyphs: Vec<KrillaGlyph>,
    /// The font.
    pub(super) font: Font,
    width: f32,
}

impl ShapedText {
    /// Shapes a line.
    ///
    /// # Errors
    /// [`UnreadableFont`], which a test excludes.
    pub(super) fn new(text: &str, weight: Weight) -> Result<Self, UnreadableFont> {
        let typeface = Typeface::of(weight)?;
        let printable = typeface.printable(text);
        let (glyphs, width) = typeface.shape(&printable);
        let stands_for = (printable != text).then(|| text.to_owned());
        Ok(Self { text: printable, stands_for, glyphs, font: typeface.font.clone(), width })
    }

    /// The width in points at a size in points, without spaces at the end.
    pub(super) fn width(&self, size: f32) -> f32 {
        self.width * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(text: &str) -> ShapedText {
        ShapedText::new(text, Weight::Bold).unwrap()
    }

    #[test]
    fn letters_of_three_scripts_are_printed() {
        for text in ["Jean-Luc Müller", "Nguyễn Hồng", "Łukasz Żółć", "Παπαδόπουλος", "Щербаков Ґ", "İnönü ſ"]
        {
            for weight in [Weight::Regular, Weight::Bold] {
                let shaped = ShapedText::new(text, weight).unwrap();
                assert_eq!((shaped.text.as_str(), shaped.stands_for), (text, None));
                assert!(shaped.glyphs.iter().all(|glyph| glyph.glyph_id.to_u32() != 0), "{text}");
            }
        }
    }

    #[test]
    fn words_in_other_scripts_are_romanised() {
        for (text, printed) in [
            ("Ада محمد", "Ада Mhmd"),
            ("李小龍", "LiXiaoLong"),
            ("Zoe\u{308}", "Zoë"),
            ("a\u{7}b\tc", "abc"),
            ("\u{10ffff}", ""),
        ] {
            let shaped = shaped(text);
            assert_eq!(shaped.text, printed);
            assert_eq!(shaped.stands_for.as_deref(), Some(text));
        }
    }

    #[test]
    fn glyphs_cover_the_text_and_marks_join_their_letters() {
        let shaped = shaped("M\u{302}x");
        assert_eq!(shaped.text, "M\u{302}x");
        let ranges: Vec<_> = shaped.glyphs.iter().map(|glyph| glyph.text_range.clone()).collect();
        assert_eq!(ranges, [0..3, 0..3, 3..4]);
        assert!(shaped.width(10.0) > 10.0 && shaped.width(10.0) < 20.0);
    }
}
