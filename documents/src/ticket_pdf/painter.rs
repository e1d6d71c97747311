//! Makes the PDF of a canvas: PDF 1.7, tagged, checked against PDF/UA-1 by the library while it is written.

use super::canvas::{BLACK, Bookmark, Canvas, Child, Color, Element, Mark, PAGE, Role, Shape, Sheet};
use crate::ModuleMatrix;
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Accessibility, ConfigurationBuilder},
    destination::XyzDestination,
    error::KrillaError,
    geom::{Path, PathBuilder, Point, Rect, Transform},
    metadata::Metadata,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, Stroke, StrokeDash},
    surface::Surface,
    tagging::{
        Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup,
        TagKind, TagTree,
    },
};
use std::num::NonZeroU16;

/// What the library says of a document that it does not write.
#[derive(Debug)]
pub(super) enum PaintFailure {
    /// No PDF of that kind can be configured.
    Configuration,
    /// The document is against a rule.
    Document(KrillaError),
}

/// The bytes of the PDF.
pub(super) fn paint(canvas: &Canvas, metadata: Metadata) -> Result<Vec<u8>, PaintFailure> {
    let configuration = ConfigurationBuilder::new().with_accessibility_validator(Accessibility::UA1).finish();
    let configuration = configuration.map_err(|_| PaintFailure::Configuration)?;
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let page = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(PaintFailure::Configuration)?;
    let mut identifiers = vec![None; canvas.contents];
    for sheet in &canvas.sheets {
        let mut page = document.start_page_with(page.clone());
        let mut surface = page.surface();
        paint_sheet(&mut surface, sheet, &mut identifiers);
        surface.finish();
        page.finish();
    }
    document.set_metadata(metadata);
    document.set_outline(outline(&canvas.bookmarks));
    document.set_tag_tree(tag_tree(canvas, &identifiers));
    document.finish().map_err(PaintFailure::Document)
}

fn paint_sheet(surface: &mut Surface<'_>, sheet: &Sheet, identifiers: &mut [Option<Identifier>]) {
    // Decoration side by side is one artifact.
    for run in sheet.marks.chunk_by(|left, right| left.content.is_none() && right.content.is_none()) {
        let identifier = surface.start_tagged(tag_of(&run[0]));
        for mark in run {
            paint_shape(surface, &mark.shape);
        }
        surface.end_tagged();
        if let Some(content) = run[0].content {
            identifiers[content] = Some(identifier);
        }
    }
}

fn tag_of(mark: &Mark) -> ContentTag<'_> {
    match (&mark.shape, mark.content) {
        (_, None) => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
        (Shape::Text { text, .. }, Some(_)) => {
            ContentTag::Span(SpanTag::empty().with_actual_text(text.stands_for.as_deref()))
        }
        _ => ContentTag::Other,
    }
}

fn paint_shape(surface: &mut Surface<'_>, shape: &Shape) {
    match shape {
        Shape::Text { x, baseline, size, color, text } => {
            surface.set_fill(Some(fill(*color)));
            let start = Point::from_xy(*x, *baseline);
            surface.draw_glyphs(start, &text.glyphs, text.font.clone(), &text.text, *size, false);
        }
        Shape::Rectangle { x, y, width, height, color } => {
            let mut path = PathBuilder::new();
            push_rectangle(&mut path, *x, *y, *width, *height);
            fill_path(surface, path.finish(), *color);
        }
        Shape::Arrowhead { x, y, size, color } => {
            let mut path = PathBuilder::new();
            path.move_to(*x, *y);
            path.line_to(*x - size, *y - size * 0.6);
            path.line_to(*x - size, *y + size * 0.6);
            path.close();
            fill_path(surface, path.finish(), *color);
        }
        Shape::Dashes { from, to, color } => paint_dashes(surface, *from, *to, *color),
        Shape::Barcode { x, y, module, matrix } => paint_barcode(surface, (*x, *y), *module, matrix),
    }
}

fn paint_dashes(surface: &mut Surface<'_>, from: (f32, f32), to: (f32, f32), color: Color) {
    let mut path = PathBuilder::new();
    path.move_to(from.0, from.1);
    path.line_to(to.0, to.1);
    let dash = Some(StrokeDash { array: vec![3.0, 3.0], offset: 0.0 });
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke { paint: paint_of(color).into(), width: 0.7, dash, ..Stroke::default() }));
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
    surface.set_stroke(None);
}

/// The code in one path of whole numbers, which compresses well; a transformation gives the modules their size. Each run
/// of modules is a line as thick as a row: a rectangle too, and half as long as one of four corners.
fn paint_barcode(surface: &mut Surface<'_>, (x, y): (f32, f32), module: (f32, f32), matrix: &ModuleMatrix) {
    let mut path = PathBuilder::new();
    for run in matrix.dark_runs() {
        path.move_to(run.x as f32, run.y as f32);
        path.line_to((run.x + run.length) as f32, run.y as f32);
    }
    // A line lies on both sides of its path.
    surface.push_transform(&Transform::from_row(module.0, 0.0, 0.0, module.1, x, y + module.1 / 2.0));
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke { paint: paint_of(BLACK).into(), width: 1.0, ..Stroke::default() }));
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
    surface.set_stroke(None);
    surface.pop();
}

fn push_rectangle(path: &mut PathBuilder, x: f32, y: f32, width: f32, height: f32) {
    if let Some(rectangle) = Rect::from_xywh(x, y, width, height) {
        path.push_rect(rectangle);
    }
}

fn fill_path(surface: &mut Surface<'_>, path: Option<Path>, color: Color) {
    surface.set_fill(Some(fill(color)));
    if let Some(path) = path {
        surface.draw_path(&path);
    }
}

fn fill(color: Color) -> Fill {
    Fill { paint: paint_of(color).into(), ..Fill::default() }
}

fn paint_of((red, green, blue): Color) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

fn outline(bookmarks: &[Bookmark]) -> Outline {
    let mut outline = Outline::new();
    for Bookmark { title, sheet, y } in bookmarks {
        let place = XyzDestination::new(*sheet, Point::from_xy(0.0, *y));
        outline.push_child(OutlineNode::new(title.clone(), place));
    }
    outline
}

fn tag_tree(canvas: &Canvas, identifiers: &[Option<Identifier>]) -> TagTree {
    let mut tree = TagTree::new();
    if let Some(root) = canvas.elements.first() {
        for child in nodes(canvas, root, identifiers) {
            tree.push(child);
        }
    }
    tree
}

fn nodes(canvas: &Canvas, element: &Element, identifiers: &[Option<Identifier>]) -> Vec<Node> {
    let node = |child: &Child| match child {
        Child::Content(content) => identifiers[*content].map(Node::from),
        Child::Element(id) => {
            let element = canvas.get(*id);
            let mut group = TagGroup::new(kind(&element.role));
            for node in nodes(canvas, element, identifiers) {
                group.push(node);
            }
            Some(Node::from(group))
        }
    };
    element.children.iter().filter_map(node).collect()
}

fn kind(role: &Role) -> TagKind {
    match role {
        Role::Section => Tag::Section.into(),
        Role::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Table => Tag::Table.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Figure(words) => Tag::Figure(Some(words.clone())).into(),
    }
}
