//! What is drawn on the pages, as data: shapes at their places, and the structure that screen readers follow. The
//! painter makes the PDF of it once the number of pages is known.

use super::typeface::{ShapedText, UnreadableFont, Weight};
use crate::ModuleMatrix;
use std::{collections::HashMap, rc::Rc};

/// Width and height of a page in points: A4.
pub(super) const PAGE: (f32, f32) = (595.0, 842.0);
/// Left and right edge of what is printed.
pub(super) const LEFT: f32 = 40.0;
pub(super) const RIGHT: f32 = PAGE.0 - LEFT;
/// Upper edge of what is printed, and the lower one above the footer.
pub(super) const TOP: f32 = 40.0;
pub(super) const BOTTOM: f32 = PAGE.1 - 44.0;

/// A colour: red, green, blue.
pub(super) type Color = (u8, u8, u8);
pub(super) const NAVY: Color = (16, 42, 82);
pub(super) const INK: Color = (28, 33, 41);
pub(super) const GREY: Color = (84, 94, 109);
pub(super) const LINE: Color = (205, 212, 222);
pub(super) const TINT: Color = (240, 244, 249);
pub(super) const ACCENT: Color = (176, 66, 8);
pub(super) const GOOD: Color = (20, 108, 60);
pub(super) const WHITE: Color = (255, 255, 255);
pub(super) const BLACK: Color = (0, 0, 0);

/// How a text looks: size in points, weight and colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextStyle(pub(super) f32, pub(super) Weight, pub(super) Color);

/// Where a text lies to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// It begins there.
    Left,
    /// Its middle is there.
    Center,
    /// It ends there.
    Right,
}

impl Align {
    /// Where a text of a width begins.
    pub(super) fn left_edge(self, x: f32, width: f32) -> f32 {
        match self {
            Self::Left => x,
            Self::Center => x - width / 2.0,
            Self::Right => x - width,
        }
    }
}

/// What an element of the structure is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    /// Parts of the document that belong together.
    Section,
    /// A heading of a level from 1 on.
    Heading(u16, String),
    /// A paragraph.
    Paragraph,
    /// A table of rows.
    Table,
    /// A row of cells.
    Row,
    /// The head of a column.
    ColumnHead,
    /// The head of a row.
    RowHead,
    /// A cell.
    Cell,
    /// A picture, told in words.
    Figure(String),
}

/// An element of the structure.
pub(super) struct Element {
    pub(super) role: Role,
    pub(super) children: Vec<Child>,
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    /// Another element.
    Element(ElementId),
    /// A shape, by its [`Mark::content`].
    Content(usize),
}

/// An element's place in [`Canvas::elements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementId(usize);

/// The root of the structure.
pub(super) const ROOT: ElementId = ElementId(0);

/// Something that is drawn.
pub(super) enum Shape {
    /// A line of text from its baseline's left end.
    Text { x: f32, baseline: f32, size: f32, color: Color, text: Rc<ShapedText> },
    /// A filled rectangle.
    Rectangle { x: f32, y: f32, width: f32, height: f32, color: Color },
    /// A filled triangle that points to the right.
    Arrowhead { x: f32, y: f32, size: f32, color: Color },
    /// A dashed line.
    Dashes { from: (f32, f32), to: (f32, f32), color: Color },
    /// A bar code, with the size of a module.
    Barcode { x: f32, y: f32, module: (f32, f32), matrix: ModuleMatrix },
}

/// A shape on a page.
pub(super) struct Mark {
    pub(super) shape: Shape,
    /// Its number among the content of the structure; none for decoration, which screen readers skip.
    pub(super) content: Option<usize>,
}

/// A page.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) marks: Vec<Mark>,
}

/// A place that the outline names.
pub(super) struct Bookmark {
    pub(super) title: String,
    pub(super) sheet: usize,
    pub(super) y: f32,
}

/// The pages while they are laid out, from the top of the first to the bottom of the last.
pub(super) struct Canvas {
    pub(super) sheets: Vec<Sheet>,
    pub(super) elements: Vec<Element>,
    pub(super) bookmarks: Vec<Bookmark>,
    pub(super) contents: usize,
    /// Labels come again and again.
    shaped: HashMap<(String, Weight), Rc<ShapedText>>,
    /// Where the next block begins, in points from the top of the last page.
    pub(super) y: f32,
}

impl Canvas {
    pub(super) fn new() -> Self {
        let root = Element { role: Role::Section, children: Vec::new() };
        Self {
            sheets: vec![Sheet::default()],
            elements: vec![root],
            bookmarks: Vec::new(),
            contents: 0,
            shaped: HashMap::new(),
            y: TOP,
        }
    }

    /// A new element at the end of another one.
    pub(super) fn element(&mut self, parent: ElementId, role: Role) -> ElementId {
        let id = ElementId(self.elements.len());
        self.elements.push(Element { role, children: Vec::new() });
        self.elements[parent.0].children.push(Child::Element(id));
        id
    }

    /// An element of the structure.
    pub(super) fn get(&self, id: ElementId) -> &Element {
        &self.elements[id.0]
    }

    /// Begins a page, with the next block at its top.
    pub(super) fn turn_page(&mut self) {
        self.sheets.push(Sheet::default());
        self.y = TOP;
    }

    /// Makes room for a block of a height: turns the page where it would not fit. Says whether it did.
    pub(super) fn make_room(&mut self, height: f32) -> bool {
        let full = self.y + height > BOTTOM && self.y > TOP;
        if full {
            self.turn_page();
        }
        full
    }

    /// Names this place in the outline.
    pub(super) fn bookmark(&mut self, title: String) {
        self.bookmarks.push(Bookmark { title, sheet: self.sheets.len() - 1, y: self.y });
    }

    /// A text as glyphs, shaped once.
    pub(super) fn shape(&mut self, text: &str, weight: Weight) -> Result<Rc<ShapedText>, UnreadableFont> {
        let key = (text.to_owned(), weight);
        if let Some(shaped) = self.shaped.get(&key) {
            return Ok(Rc::clone(shaped));
        }
        let shaped = Rc::new(ShapedText::new(text, weight)?);
        self.shaped.insert(key, Rc::clone(&shaped));
        Ok(shaped)
    }

    /// Draws a shape that belongs to an element, or that decorates.
    pub(super) fn draw(&mut self, element: Option<ElementId>, shape: Shape) {
        let content = element.map(|element| {
            let content = self.contents;
            self.contents += 1;
            self.elements[element.0].children.push(Child::Content(content));
            content
        });
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.marks.push(Mark { shape, content });
        }
    }

    /// A filled rectangle that decorates.
    pub(super) fn rectangle(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), color: Color) {
        self.draw(None, Shape::Rectangle { x, y, width, height, color });
    }

    /// A hairline over the whole width.
    pub(super) fn hairline(&mut self, y: f32) {
        self.rectangle((LEFT, y), (RIGHT - LEFT, 0.6), LINE);
    }

    /// Writes one line, as long as it is, and a space behind it: the next text of the element is another word. Gives its
    /// width without the space.
    pub(super) fn write(
        &mut self,
        element: Option<ElementId>,
        place: (f32, f32),
        align: Align,
        style: TextStyle,
        text: &str,
    ) -> Result<f32, UnreadableFont> {
        match element {
            Some(_) if !text.is_empty() => {
                self.write_exactly(element, place, align, style, &format!("{} ", text.trim_end()))
            }
            _ => self.write_exactly(element, place, align, style, text),
        }
    }

    /// Writes one line without a space of its own behind it.
    pub(super) fn write_exactly(
        &mut self,
        element: Option<ElementId>,
        (x, baseline): (f32, f32),
        align: Align,
        TextStyle(size, weight, color): TextStyle,
        text: &str,
    ) -> Result<f32, UnreadableFont> {
        let text = self.shape(text, weight)?;
        let width = text.width(size);
        let x = align.left_edge(x, width);
        if !text.glyphs.is_empty() {
            self.draw(element, Shape::Text { x, baseline, size, color, text });
        }
        Ok(width)
    }
}
