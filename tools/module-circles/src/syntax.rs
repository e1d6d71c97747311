//! What a piece of code names: its imports, and the paths in its expressions, types and macro calls.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, ItemUse, UseTree, Visibility};

/// One leaf of a `use`.
#[derive(Debug)]
pub(crate) struct Import {
    /// The name that it gives here; `*` of a glob.
    pub(crate) name: String,
    /// What it stands for; of a glob the path before the `*`.
    pub(crate) path: Vec<String>,
    /// Its line in the file, from 1.
    pub(crate) line: usize,
    /// Whether others may use the name, too.
    pub(crate) exported: bool,
}

impl Import {
    /// Whether it is a glob.
    pub(crate) fn is_glob(&self) -> bool {
        self.name == "*"
    }
}

/// A path in the code, `a::b::c`; a single name counts as one.
#[derive(Debug)]
pub(crate) struct Mention {
    /// Its segments.
    pub(crate) path: Vec<String>,
    /// Its line in the file, from 1.
    pub(crate) line: usize,
}

/// What a piece of code names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Imports, those inside functions among them.
    pub(crate) imports: Vec<Import>,
    /// Paths.
    pub(crate) mentions: Vec<Mention>,
}

impl Names {
    /// Adds the leaves of a `use`.
    pub(crate) fn add_use(&mut self, item: &ItemUse) {
        // `use ::name` is a crate's name always.
        if item.leading_colon.is_none() {
            let exported = !matches!(item.vis, Visibility::Inherited);
            self.add_tree(&item.tree, &mut Vec::new(), exported);
        }
    }

    fn add_tree(&mut self, tree: &UseTree, prefix: &mut Vec<String>, exported: bool) {
        let mut add = |ident: &Ident, name: String, path: Vec<String>| {
            self.imports.push(Import { name, path, line: ident.span().start().line, exported });
        };
        match tree {
            UseTree::Path(path) => {
                prefix.push(text(&path.ident));
                self.add_tree(&path.tree, prefix, exported);
                prefix.pop();
            }
            UseTree::Name(leaf) => {
                let path = joined(prefix, &leaf.ident);
                add(&leaf.ident, path.last().cloned().unwrap_or_default(), path);
            }
            UseTree::Rename(leaf) => add(&leaf.ident, text(&leaf.rename), joined(prefix, &leaf.ident)),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.imports.push(Import { name: "*".to_owned(), path: prefix.clone(), line, exported });
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(tree, prefix, exported);
                }
            }
        }
    }

    /// Adds what tokens name, whether they are code or a macro's input.
    pub(crate) fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(hash) if hash.as_char() == '#' && is_for_tests(tokens.get(at)) => {
                    at += 1 + item_length(&tokens[at + 1..]);
                }
                TokenTree::Punct(quote) if quote.as_char() == '\'' => at += 1,
                TokenTree::Ident(word) if word == "use" && !is_punct(tokens.get(at), '<') => {
                    let length = tokens[at..].iter().take_while(|token| !is_semicolon(token)).count() + 1;
                    let end = tokens.len().min(at + length);
                    if let Ok(item) = syn::parse2::<ItemUse>(tokens[at - 1..end].iter().cloned().collect()) {
                        self.add_use(&item);
                    }
                    at = end;
                }
                TokenTree::Ident(first) => {
                    let follows = follows_path_or_value(&tokens[..at - 1]);
                    let mut path = vec![text(first)];
                    while let [colon, second, TokenTree::Ident(next), ..] = &tokens[at..]
                        && is_punct(Some(colon), ':')
                        && is_punct(Some(second), ':')
                    {
                        path.push(text(next));
                        at += 3;
                    }
                    if !follows {
                        self.mentions.push(Mention { path, line: first.span().start().line });
                    }
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => {}
            }
        }
    }
}

/// Whether what stands before a name makes it a method, a field, or the rest of a path.
fn follows_path_or_value(before: &[TokenTree]) -> bool {
    match before {
        [.., one, two] if is_punct(Some(two), '.') => !is_punct(Some(one), '.'),
        [.., one, two] => is_punct(Some(one), ':') && is_punct(Some(two), ':'),
        [one] => is_punct(Some(one), '.'),
        [] => false,
    }
}

/// Tokens of the item that stands after an attribute.
fn item_length(tokens: &[TokenTree]) -> usize {
    let ends = |token: &TokenTree| {
        let body = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        body || is_semicolon(token) || is_punct(Some(token), ',')
    };
    tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1)
}

/// Whether an attribute's bracket is `[cfg(test)]`, or one with further conditions.
fn is_for_tests(bracket: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = bracket else { return false };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text.starts_with("cfg(test") || text.starts_with("cfg(all(test")
}

/// Whether one of the attributes leaves an item to the tests.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut tokens = attribute.to_token_stream().into_iter();
        is_for_tests(tokens.nth(1).as_ref())
    })
}

/// A name without the mark of a raw one.
pub(crate) fn text(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

/// The path of a leaf; `a::{self}` is `a`.
fn joined(prefix: &[String], leaf: &Ident) -> Vec<String> {
    let mut path = prefix.to_vec();
    if leaf != "self" || path.is_empty() {
        path.push(text(leaf));
    }
    path
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn is_semicolon(token: &TokenTree) -> bool {
    is_punct(Some(token), ';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Names {
        let mut names = Names::default();
        names.add_tokens(code.parse().unwrap());
        names
    }

    fn mentioned(code: &str) -> Vec<String> {
        names(code).mentions.iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_in_code_and_in_macro_calls() {
        assert_eq!(mentioned("a::b(c.d, e..f)"), ["a::b", "c", "e", "f"]);
        assert_eq!(mentioned("json!({ \"x\": crate::y::Z })"), ["json", "crate::y::Z"]);
        assert_eq!(mentioned("Vec::<super::A>::new"), ["Vec", "super::A"]);
        assert_eq!(mentioned("&'a str"), ["str"]);
    }

    #[test]
    fn what_is_only_for_tests_is_left_out() {
        assert_eq!(mentioned("#[cfg(test)] fn a() { b() } c"), ["c"]);
        assert_eq!(mentioned("#[cfg(unix)] a"), ["cfg", "unix", "a"]);
    }

    #[test]
    fn imports_have_their_leaves_with_their_lines() {
        let names = names("use a::{self, b as c,\n d::*};");
        let leaves: Vec<_> = names
            .imports
            .iter()
            .map(|import| (import.name.as_str(), import.path.join("::"), import.line))
            .collect();
        assert_eq!(
            leaves,
            [("a", "a".to_owned(), 1), ("c", "a::b".to_owned(), 1), ("*", "a::d".to_owned(), 2)]
        );
    }
}
