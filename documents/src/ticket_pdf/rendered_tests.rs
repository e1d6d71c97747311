//! What another program makes of the PDF: poppler renders its pages, and the codes on them are read back.

use super::*;
use crate::{BoardingPassCode, ModuleMatrix, samples};
use canvas::Shape;
use rxing::{
    BinaryBitmap, Luma8LuminanceSource, Reader, aztec::AztecReader, common::HybridBinarizer,
    pdf417::PDF417Reader,
};
use std::{path::Path, process::Command};

/// Dots an inch: a module of PDF417 is three of them wide.
const RESOLUTION: f32 = 200.0;

/// A page in shades of grey.
struct Picture {
    width: usize,
    height: usize,
    shades: Vec<u8>,
}

impl Picture {
    /// A picture in the format PGM, binary: `P5`, width, height, the brightest shade, and the shades.
    fn of_pgm(data: &[u8]) -> Self {
        let mut parts = data.splitn(4, |byte| byte.is_ascii_whitespace());
        let mut number = || std::str::from_utf8(parts.next().unwrap()).unwrap().to_owned();
        assert_eq!(number(), "P5");
        let (width, height): (usize, usize) = (number().parse().unwrap(), number().parse().unwrap());
        let rest = parts.next().unwrap();
        let shades = rest.strip_prefix(b"255\n").expect("256 shades");
        assert_eq!(shades.len(), width * height);
        Self { width, height, shades: shades.to_vec() }
    }

    /// A rectangle of it, given in points.
    fn cut(&self, (x, y): (f32, f32), (width, height): (f32, f32)) -> Luma8LuminanceSource {
        let dots = |points: f32| (points * RESOLUTION / 72.0).round() as usize;
        let (left, top) = (dots(x), dots(y));
        let (right, bottom) = (dots(x + width).min(self.width), dots(y + height).min(self.height));
        let rows =
            (top..bottom).flat_map(|row| &self.shades[row * self.width + left..row * self.width + right]);
        let (width, height) = ((right - left) as u32, (bottom - top) as u32);
        Luma8LuminanceSource::new(rows.copied().collect(), width, height).unwrap()
    }
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} of poppler-utils is missing, which `./dev test` installs: {error}")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn page(pdf: &Path, number: usize) -> Picture {
    let (number, resolution) = ((number + 1).to_string(), RESOLUTION.to_string());
    let pdf = pdf.to_str().unwrap();
    Picture::of_pgm(&run("pdftoppm", &["-gray", "-r", &resolution, "-f", &number, "-l", &number, pdf]))
}

fn read(reader: &mut impl Reader, picture: Luma8LuminanceSource) -> String {
    let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(picture));
    reader.decode(&mut bitmap).expect("a code that can be read").getText().to_owned()
}

/// The codes on a page, as a scanner reads them off the rendered page: from a cut with a quiet zone around each.
fn codes(canvas: &Canvas, sheet: usize, picture: &Picture) -> Vec<String> {
    let mut codes = Vec::new();
    for mark in &canvas.sheets[sheet].marks {
        let Shape::Barcode { x, y, module, matrix } = &mark.shape else { continue };
        let size = (matrix.width() as f32 * module.0, matrix.height() as f32 * module.1);
        let cut = picture.cut((x - 10.0, y - 8.0), (size.0 + 20.0, size.1 + 16.0));
        codes.push(if matrix.width() == matrix.height() {
            read(&mut AztecReader, cut)
        } else {
            read(&mut PDF417Reader, cut)
        });
    }
    codes
}

fn in_a_file(ticket: &TicketDocument) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ticket.pdf");
    std::fs::write(&file, ticket_pdf(ticket).unwrap()).unwrap();
    (folder, file)
}

#[test]
fn every_code_of_a_rendered_ticket_is_read_back() {
    let ticket = samples::round_trip();
    let canvas = lay_out(&ticket).unwrap();
    let (_folder, file) = in_a_file(&ticket);
    let sheets = 1..canvas.sheets.len();
    let read: Vec<String> = sheets.flat_map(|sheet| codes(&canvas, sheet, &page(&file, sheet))).collect();
    let mut expected = Vec::new();
    for segment in 0..2 {
        for passenger in &ticket.passengers {
            let code = BoardingPassCode::of_ticket(&ticket, passenger, segment).unwrap().to_string();
            // One on paper, one on a screen.
            expected.extend([code.clone(), code]);
        }
    }
    assert_eq!(read, expected);
}

#[test]
fn codes_of_names_of_all_scripts_are_read_back() {
    let ticket = samples::large_party();
    let canvas = lay_out(&ticket).unwrap();
    let (_folder, file) = in_a_file(&ticket);
    let last = canvas.sheets.len() - 1;
    let read = codes(&canvas, last, &page(&file, last));
    let expected = [
        "M1LI/XIAOLONG         EK7XQ2M JFKCDGAE 0102 005Y036G0000 000",
        "M1ZOLC/LUKASZ         EK7XQ2M JFKCDGAE 0102 005Y036H0000 000",
        "M1OERSTED/INIGO       EK7XQ2M JFKCDGAE 0102 005YINF 0000 000",
    ];
    assert_eq!(read, expected.map(|code| [code, code]).concat());
}

#[test]
fn texts_can_be_searched_and_copied() {
    let (_folder, file) = in_a_file(&samples::large_party());
    let text = run("pdftotext", &[file.to_str().unwrap(), "-"]);
    let text = String::from_utf8(text).unwrap();
    for name in ["Лавлейс", "Νεφέλη Παπαδοπούλου", "Nguyễn Thị Hồng Nhung", "Łukasz Żółć", "小龍 李"]
    {
        assert!(text.contains(name), "{name}");
    }
    // What is printed stands for the name as it was given. pdftotext turns right-to-left letters round, because the
    // printed ones run from left to right.
    let turned: String = "محمد".chars().rev().collect();
    assert!(text.contains(&turned) && !text.contains("Mhmd"), "the name as it was given");
}

#[test]
fn the_document_is_tagged_and_names_its_language_and_title() {
    let ticket = TicketDocument { language: DocumentLanguage::German, ..samples::round_trip() };
    let (_folder, file) = in_a_file(&ticket);
    let information = String::from_utf8(run("pdfinfo", &[file.to_str().unwrap()])).unwrap();
    for (name, value) in
        [("Title", "E-Ticket K7XQ2M"), ("Author", "Aerobus"), ("Tagged", "yes"), ("Pages", "3")]
    {
        let line = information.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(line.ends_with(value), "{line}");
    }
    let structure = run("pdfinfo", &["-struct-text", file.to_str().unwrap()]);
    // It shows texts of other encodings as they are.
    let structure = String::from_utf8_lossy(&structure);
    for part in ["H1", "H2", "Table (block)", "TH:", "TD", "Figure"] {
        assert!(structure.contains(part), "{part} in {structure}");
    }
    let pdf = std::fs::read(&file).unwrap();
    let holds = |text: &[u8]| pdf.windows(text.len()).any(|part| part == text);
    assert!(holds(b"/Lang(de)") && holds(b"pdfuaid:part"), "a language, and the mark of PDF/UA");
}

#[test]
fn a_matrix_is_what_the_page_shows() {
    let ticket = samples::round_trip();
    let (_folder, file) = in_a_file(&ticket);
    let picture = page(&file, 1);
    let canvas = lay_out(&ticket).unwrap();
    let code = canvas.sheets[1].marks.iter().find_map(|mark| match &mark.shape {
        Shape::Barcode { x, y, module, matrix } => Some((*x, *y, *module, matrix)),
        _ => None,
    });
    let (x, y, module, matrix): (f32, f32, (f32, f32), &ModuleMatrix) = code.unwrap();
    let dot = |points: f32| (points * RESOLUTION / 72.0) as usize;
    for row in 0..matrix.height() {
        for column in 0..matrix.width() {
            let middle = (x + (column as f32 + 0.5) * module.0, y + (row as f32 + 0.5) * module.1);
            let shade = picture.shades[dot(middle.1) * picture.width + dot(middle.0)];
            assert_eq!(shade < 128, matrix.is_dark(column, row), "{column}, {row}");
        }
    }
}
