//! Two-dimensional bar codes as patterns of dark modules.

use rxing::{BarcodeFormat, Writer as _, aztec::AztecWriter, common::BitMatrix, pdf417::encoder::PDF417};

/// The pattern of a bar code: a grid of modules, dark or light, without the quiet zone around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleMatrix {
    width: u32,
    rows: Vec<Vec<bool>>,
}

/// A text that no code of this kind can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text does not fit into a bar code: {0}")]
pub struct TextBeyondBarcode(String);

/// Columns of code words of the PDF417 code: 60 characters then make a code about three times as wide as high, which
/// fits beside a fold.
const PDF417_COLUMNS: u32 = 6;
/// Rows of PDF417 at the most and the least (ISO/IEC 15438).
const PDF417_ROWS: (u32, u32) = (90, 3);
/// ISO/IEC 15438 recommends level 3 for 41 to 160 data code words: 16 code words of correction.
const PDF417_CORRECTION_LEVEL: u32 = 3;

impl ModuleMatrix {
    /// The Aztec code (ISO/IEC 24778) of a text, with at least a third of it correction: for screens.
    ///
    /// # Errors
    /// [`TextBeyondBarcode`] for a text beyond some 1,800 characters.
    pub fn aztec(text: &str) -> Result<Self, TextBeyondBarcode> {
        // Of no size: one point a module, and no margin.
        let matrix = AztecWriter.encode(text, &BarcodeFormat::AZTEC, 0, 0);
        Ok(Self::of_bits(&matrix.map_err(|error| TextBeyondBarcode(error.to_string()))?))
    }

    /// The PDF417 code (ISO/IEC 15438) of a text: for paper. A module is at least three times as high as wide.
    ///
    /// # Errors
    /// [`TextBeyondBarcode`] for a text that needs more than 90 rows.
    pub fn pdf417(text: &str) -> Result<Self, TextBeyondBarcode> {
        let mut encoder = PDF417::new();
        encoder.setDimensions(PDF417_COLUMNS, PDF417_COLUMNS, PDF417_ROWS.0, PDF417_ROWS.1);
        encoder
            .generateBarcodeLogic(text, PDF417_CORRECTION_LEVEL)
            .map_err(|error| TextBeyondBarcode(error.to_string()))?;
        let matrix = encoder.getBarcodeMatrix().as_ref();
        let matrix = matrix.ok_or_else(|| TextBeyondBarcode("no matrix".to_owned()))?.getMatrix();
        // The encoder begins with the last row.
        let rows: Vec<Vec<bool>> =
            matrix.iter().rev().map(|row| row.iter().map(|module| *module == 1).collect()).collect();
        let width = rows.first().map_or(0, Vec::len);
        Ok(Self { width: u32::try_from(width).unwrap_or_default(), rows })
    }

    fn of_bits(bits: &BitMatrix) -> Self {
        let row = |y| (0..bits.getWidth()).map(|x| bits.get(x, y)).collect();
        Self { width: bits.getWidth(), rows: (0..bits.getHeight()).map(row).collect() }
    }

    /// Modules of a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or_default()
    }

    /// Whether a module is dark; those beyond the edge are light.
    #[must_use]
    pub fn is_dark(&self, x: u32, y: u32) -> bool {
        self.rows.get(y as usize).and_then(|row| row.get(x as usize)).copied().unwrap_or_default()
    }

    /// The runs of dark modules of each row, from the top: column, row and length.
    pub fn dark_runs(&self) -> impl Iterator<Item = DarkRun> + '_ {
        self.rows.iter().zip(0..).flat_map(|(row, y)| {
            let mut x = 0;
            row.chunk_by(|left, right| left == right).filter_map(move |run| {
                let (start, length) = (x, u32::try_from(run.len()).unwrap_or_default());
                x += length;
                run[0].then_some(DarkRun { x: start, y, length })
            })
        })
    }
}

/// Dark modules side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DarkRun {
    /// The column of the first one.
    pub x: u32,
    /// The row.
    pub y: u32,
    /// How many.
    pub length: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0025 100";

    #[test]
    fn codes_have_their_shape() {
        let aztec = ModuleMatrix::aztec(TEXT).unwrap();
        assert_eq!(aztec.width(), aztec.height());
        // The bull's eye: dark in the middle, then a light ring.
        let middle = aztec.width() / 2;
        assert!(aztec.is_dark(middle, middle) && !aztec.is_dark(middle + 1, middle));
        let pdf417 = ModuleMatrix::pdf417(TEXT).unwrap();
        // Start, left indicator, columns, right indicator and stop.
        assert_eq!(pdf417.width(), 17 * (PDF417_COLUMNS + 3) + 18);
        assert!(pdf417.height() < 40 && (0..8).all(|x| pdf417.is_dark(x, 0)) && !pdf417.is_dark(8, 0));
    }

    #[test]
    fn runs_cover_the_dark_modules() {
        for matrix in [ModuleMatrix::aztec(TEXT).unwrap(), ModuleMatrix::pdf417(TEXT).unwrap()] {
            let mut drawn = vec![vec![false; matrix.width() as usize]; matrix.height() as usize];
            for run in matrix.dark_runs() {
                for x in run.x..run.x + run.length {
                    assert!(!drawn[run.y as usize][x as usize], "drawn once");
                    drawn[run.y as usize][x as usize] = true;
                }
            }
            assert_eq!(drawn, matrix.rows);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(ModuleMatrix::aztec(&"€".repeat(3000)).is_err());
        assert!(ModuleMatrix::pdf417(&"x".repeat(3000)).is_err());
    }
}
