//! The modules of a crate as its files declare them.

use crate::syntax::{Names, only_for_tests, text};
use anyhow::{Context, Result};
use quote::ToTokens;
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta};

/// A module, in a file of its own or inside another's.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its parent among the tree's modules; the root has none.
    pub(crate) parent: Option<usize>,
    /// Its file among the tree's files.
    pub(crate) file: usize,
    /// The modules that it declares.
    pub(crate) children: HashMap<String, usize>,
    /// The items that it defines itself.
    pub(crate) defined: HashSet<String>,
    /// What its code names.
    pub(crate) names: Names,
}

/// A crate's modules; the first one is its root.
#[derive(Debug, Default)]
pub(crate) struct ModuleTree {
    /// The files.
    pub(crate) files: Vec<PathBuf>,
    /// The modules.
    pub(crate) modules: Vec<Module>,
}

impl ModuleTree {
    /// Reads a crate from its root file on.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.load_file(root, None, &folder)?;
        Ok(tree)
    }

    /// Reads a file's module; the files of its children are in `folder`.
    fn load_file(&mut self, path: &Path, parent: Option<usize>, folder: &Path) -> Result<usize> {
        let content =
            fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let syntax =
            syn::parse_file(&content).with_context(|| format!("{} cannot be parsed", path.display()))?;
        let file = self.files.len();
        self.files.push(path.to_owned());
        self.load_items(&syntax.items, parent, file, folder)
    }

    fn load_items(
        &mut self,
        items: &[Item],
        parent: Option<usize>,
        file: usize,
        folder: &Path,
    ) -> Result<usize> {
        let module = self.modules.len();
        self.modules.push(Module { parent, file, ..Module::default() });
        for item in items {
            match item {
                Item::Mod(child) => self.load_child(child, module, folder)?,
                Item::Use(import) => self.modules[module].names.add_use(import),
                item => {
                    let (name, attributes) = defined(item);
                    if !only_for_tests(attributes) {
                        self.modules[module].defined.extend(name);
                        self.modules[module].names.add_tokens(item.to_token_stream());
                    }
                }
            }
        }
        Ok(module)
    }

    fn load_child(&mut self, child: &ItemMod, parent: usize, folder: &Path) -> Result<()> {
        let name = text(&child.ident);
        if only_for_tests(&child.attrs) || name == "tests" || name.ends_with("_tests") {
            return Ok(());
        }
        let inner = folder.join(&name);
        let file = self.modules[parent].file;
        let module = if let Some((_, items)) = &child.content {
            self.load_items(items, Some(parent), file, &inner)?
        } else if let Some(path) = path_attribute(&child.attrs) {
            let beside = self.files[file].with_file_name(path);
            self.load_file(&beside, Some(parent), &inner)?
        } else {
            let beside = folder.join(format!("{name}.rs"));
            let within = inner.join("mod.rs");
            self.load_file(if beside.is_file() { &beside } else { &within }, Some(parent), &inner)?
        };
        self.modules[parent].children.insert(name, module);
        Ok(())
    }
}

/// The name that an item defines, and its attributes.
fn defined(item: &Item) -> (Option<String>, &[Attribute]) {
    let (name, attributes) = match item {
        Item::Const(item) => (Some(&item.ident), &item.attrs),
        Item::Enum(item) => (Some(&item.ident), &item.attrs),
        Item::Fn(item) => (Some(&item.sig.ident), &item.attrs),
        Item::Macro(item) => (item.ident.as_ref(), &item.attrs),
        Item::Static(item) => (Some(&item.ident), &item.attrs),
        Item::Struct(item) => (Some(&item.ident), &item.attrs),
        Item::Trait(item) => (Some(&item.ident), &item.attrs),
        Item::TraitAlias(item) => (Some(&item.ident), &item.attrs),
        Item::Type(item) => (Some(&item.ident), &item.attrs),
        Item::Union(item) => (Some(&item.ident), &item.attrs),
        Item::Impl(item) => (None, &item.attrs),
        _ => return (None, &[]),
    };
    (name.map(text), attributes)
}

/// The value of `#[path = "..."]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(path) => Some(path.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}
