//! A JSON object that is read member by member.

use super::{
    Patch,
    field_error::{FieldError, LONGEST_MESSAGE, LONGEST_POINTER, MOST_ERRORS, cut, note},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{
    fmt::{self, Display, Write},
    ops::RangeInclusive,
};

/// Where a value stands in its body. It is a pointer once there is an error to tell, not before: most
/// bodies have none.
#[derive(Clone, Copy)]
pub(super) enum ValuePath<'a> {
    Whole,
    Member(&'a ValuePath<'a>, &'a str),
    Item(&'a ValuePath<'a>, usize),
}

impl ValuePath<'_> {
    pub(super) fn pointer(&self) -> String {
        cut(self.to_string(), LONGEST_POINTER)
    }
}

impl Display for ValuePath<'_> {
    /// As a JSON pointer; of a name no more than a pointer may have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Item(list, index) => write!(f, "{list}/{index}"),
            Self::Member(object, name) => {
                write!(f, "{object}/")?;
                name.chars().take(LONGEST_POINTER + 1).try_for_each(|character| match character {
                    '~' => f.write_str("~0"),
                    '/' => f.write_str("~1"),
                    other => f.write_char(other),
                })
            }
        }
    }
}

/// A request body that can be read member by member.
pub trait FromJson: Sized {
    /// Reads the body. Every error must be noted in the object; `None` is allowed only then.
    fn read(object: &mut JsonReader<'_>) -> Option<Self>;
}

/// A JSON object that is being read. What is not asked for is an unknown member, and an error.
pub struct JsonReader<'a> {
    members: &'a Map<String, Value>,
    /// The names of those that were asked for and found.
    read: Vec<&'a str>,
    place: ValuePath<'a>,
    errors: &'a mut Vec<FieldError>,
}

impl<'a> JsonReader<'a> {
    /// Reads a value as an object with `read`, noting errors below its place.
    pub(super) fn read_value<T>(
        value: &'a Value,
        place: ValuePath<'a>,
        errors: &'a mut Vec<FieldError>,
        read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(members) = value else {
            note(errors, || FieldError::at(place.pointer(), "must be an object"));
            return None;
        };
        let mut object =
            JsonReader { members, read: Vec::with_capacity(members.len().min(16)), place, errors };
        let result = read(&mut object);
        if object.read.len() < members.len() {
            let JsonReader { read, errors, .. } = object;
            let unknown = members.keys().filter(|name| !read.contains(&name.as_str()));
            for name in unknown.take(MOST_ERRORS) {
                let pointer = || ValuePath::Member(&place, name).pointer();
                note(errors, || FieldError::at(pointer(), "is not a known field"));
            }
        }
        result
    }

    /// Reads an object that is no request body, such as a line of a table.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read_whole<T>(
        value: &Value,
        read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>,
    ) -> Result<T, Vec<FieldError>> {
        let mut errors = Vec::new();
        match JsonReader::read_value(value, ValuePath::Whole, &mut errors, read) {
            Some(read) if errors.is_empty() => Ok(read),
            _ => Err(errors),
        }
    }

    /// The JSON pointer of a member.
    #[must_use]
    pub fn pointer(&self, name: &str) -> String {
        ValuePath::Member(&self.place, name).pointer()
    }

    /// Notes an error of a member.
    pub fn error(&mut self, name: &str, message: impl Display) {
        let place = ValuePath::Member(&self.place, name);
        note(self.errors, || FieldError::at(place.pointer(), cut(message.to_string(), LONGEST_MESSAGE)));
    }

    /// Notes errors that are pointed to from this object: their pointers are put behind its own.
    pub fn note(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        for error in errors {
            let pointer = || format!("{}{}", self.place, error.pointer.unwrap_or_default());
            note(self.errors, || FieldError::at(cut(pointer(), LONGEST_POINTER), error.message));
        }
    }

    /// Whether anything was found wrong with the body so far.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether a member is there and was not read yet, be it null: for the lists of a merge patch.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name) && !self.read.contains(&name)
    }

    /// A member, be it null, unless it was read before.
    fn take_any(&mut self, name: &str) -> Option<&'a Value> {
        let (name, value) = self.members.get_key_value(name)?;
        if self.read.contains(&name.as_str()) {
            return None;
        }
        self.read.push(name);
        Some(value)
    }

    fn take(&mut self, name: &str) -> Option<&'a Value> {
        self.take_any(name).filter(|value| !value.is_null())
    }

    fn parse<T: DeserializeOwned>(&mut self, name: &str, value: &Value) -> Option<T> {
        T::deserialize(value).map_err(|error| self.error(name, error)).ok()
    }

    fn take_required(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.take(name);
        if value.is_none() {
            self.error(name, "is required");
        }
        value
    }

    /// A member that must be there. `None` means that an error was noted.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.take_required(name)?;
        self.parse(name, value)
    }

    /// A member that may be absent or null.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.take(name)?;
        self.parse(name, value)
    }

    /// A text that must be there, trimmed, of so many characters, without control characters.
    pub fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.required::<String>(name)?;
        self.check_text(name, &text, length)
    }

    /// A text that may be absent or null.
    pub fn optional_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.optional::<String>(name)?;
        self.check_text(name, &text, length)
    }

    /// The same of a text that was read before, and perhaps brought into another form.
    pub fn check_text(&mut self, name: &str, text: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            self.error(name, "must not contain control characters");
        } else if !length.contains(&text.chars().count()) {
            self.error(name, format!("must have {} to {} characters", length.start(), length.end()));
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// A member of a merge patch.
    pub fn patch<T: DeserializeOwned>(&mut self, name: &str) -> Patch<T> {
        match self.take_any(name) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Remove,
            Some(value) => self.parse(name, value).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A member of a merge patch that may be changed but not removed.
    pub fn patch_required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.patch(name) {
            Patch::Keep => None,
            Patch::Set(value) => Some(value),
            Patch::Remove => {
                self.error(name, "cannot be removed");
                None
            }
        }
    }

    /// A text of a merge patch that may be changed but not removed; checked as [`Self::text`] does.
    pub fn patch_text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let text = self.patch_required::<String>(name)?;
        self.check_text(name, &text, length)
    }

    /// A member that a merge patch must not mention: it is fixed when the resource is made.
    pub fn immutable(&mut self, name: &str) {
        if self.take_any(name).is_some() {
            self.error(name, "cannot be changed");
        }
    }

    /// An object that must be there.
    pub fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take_required(name)?;
        JsonReader::read_value(value, ValuePath::Member(&self.place, name), self.errors, read)
    }

    /// An object that may be absent or null.
    pub fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut JsonReader<'_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        JsonReader::read_value(value, ValuePath::Member(&self.place, name), self.errors, read)
    }

    /// A list of so many objects that must be there. `None` if any of them is invalid.
    pub fn list<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl FnMut(&mut JsonReader<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.each(name, length, read)?.into_iter().collect()
    }

    /// The same, with `None` in the place of each that is invalid: so that the others can be checked against
    /// each other.
    pub fn each<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut JsonReader<'_>) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        let items = match self.take_required(name)? {
            Value::Array(items) => items,
            _ => {
                self.error(name, "must be a list");
                return None;
            }
        };
        if !length.contains(&items.len()) {
            self.error(name, format!("must have {} to {} items", length.start(), length.end()));
            return None;
        }
        let list = ValuePath::Member(&self.place, name);
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            all.push(JsonReader::read_value(item, ValuePath::Item(&list, index), self.errors, &mut read));
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pointer_is_cut_between_characters() {
        let whole = ValuePath::Whole;
        let name = "é".repeat(300);
        let pointer = ValuePath::Item(&ValuePath::Member(&whole, &name), 7).pointer();
        assert_eq!(pointer, format!("/{}...", "é".repeat(LONGEST_POINTER - 1)));
        assert_eq!(ValuePath::Item(&ValuePath::Member(&whole, "a/b~c"), 7).pointer(), "/a~1b~0c/7");
    }

    #[test]
    fn a_member_is_read_once() {
        let json = json!({"a": 1, "b": null});
        let mut errors = Vec::new();
        let read = |object: &mut JsonReader<'_>| {
            assert!(object.has("a") && object.has("b") && !object.has("c"));
            assert_eq!((object.optional::<u8>("a"), object.optional::<u8>("a")), (Some(1), None));
            assert_eq!((object.patch::<u8>("b"), object.patch::<u8>("b")), (Patch::Remove, Patch::Keep));
            (!object.has("a") && !object.has("b")).then_some(())
        };
        assert!(JsonReader::read_value(&json, ValuePath::Whole, &mut errors, read).is_some());
        assert_eq!(errors, []);
    }
}
