//! Which file depends on which: each name is followed to the file that defines it.

use crate::{circles::Graph, module_tree::ModuleTree};
use std::collections::HashSet;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A module, which is no dependency by itself.
    Module(usize),
    /// An item of a file.
    Item(usize),
}

/// The dependencies between a crate's files.
pub(crate) fn of(tree: &ModuleTree) -> Graph {
    let mut graph = Graph::new(tree.files.len());
    for (index, module) in tree.modules.iter().enumerate() {
        let own = module.names.imports.iter().filter(|import| !import.exported);
        let own = own.map(|import| (&import.path, import.line));
        let mentions = module.names.mentions.iter().map(|mention| (&mention.path, mention.line));
        for (path, line) in own.chain(mentions) {
            for target in NameSearch::new(tree).resolve(index, path).unwrap_or_default() {
                if let Target::Item(file) = target {
                    graph.add(module.file, file, line, &path.join("::"));
                }
            }
        }
    }
    graph
}

/// One search of a path. It remembers which names it is looking up, as imports can lead to each other.
struct NameSearch<'a> {
    tree: &'a ModuleTree,
    under_way: HashSet<(usize, String)>,
}

impl<'a> NameSearch<'a> {
    fn new(tree: &'a ModuleTree) -> Self {
        Self { tree, under_way: HashSet::new() }
    }

    /// What a path leads to from within a module; nothing for what other crates define, `None` for a name that the
    /// module does not know.
    fn resolve(&mut self, from: usize, path: &[String]) -> Option<Vec<Target>> {
        let (first, mut rest) = path.split_first()?;
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" | "super" => {
                let mut module = if first == "self" { from } else { self.tree.modules[from].parent? };
                while let Some((next, further)) = rest.split_first()
                    && next == "super"
                {
                    module = self.tree.modules[module].parent?;
                    rest = further;
                }
                vec![Target::Module(module)]
            }
            name => self.look_up(from, name)?,
        };
        for segment in rest {
            targets = targets.into_iter().flat_map(|target| self.step(target, segment)).collect();
        }
        Some(targets)
    }

    fn step(&mut self, target: Target, segment: &str) -> Vec<Target> {
        match target {
            // A variant, an associated function.
            Target::Item(file) => vec![Target::Item(file)],
            Target::Module(module) => {
                // What nobody knows is made by a macro.
                let made_here = vec![Target::Item(self.tree.modules[module].file)];
                self.look_up(module, segment).unwrap_or(made_here)
            }
        }
    }

    /// What a name stands for in a module. A module and an item may share it.
    fn look_up(&mut self, module: usize, name: &str) -> Option<Vec<Target>> {
        if !self.under_way.insert((module, name.to_owned())) {
            return Some(Vec::new());
        }
        let found = self.look_up_anew(module, name);
        self.under_way.remove(&(module, name.to_owned()));
        found
    }

    fn look_up_anew(&mut self, module: usize, name: &str) -> Option<Vec<Target>> {
        let known = &self.tree.modules[module];
        let mut found = Vec::new();
        found.extend(known.children.get(name).map(|child| Target::Module(*child)));
        found.extend(known.defined.contains(name).then_some(Target::Item(known.file)));
        let mut imported = false;
        for import in known.names.imports.iter().filter(|import| import.name == name) {
            imported = true;
            found.extend(self.resolve(module, &import.path).unwrap_or_default());
        }
        if imported || !found.is_empty() {
            return Some(found);
        }
        let globs = known.names.imports.iter().filter(|import| import.is_glob());
        globs.into_iter().find_map(|glob| {
            let sources = self.resolve(module, &glob.path)?;
            sources.into_iter().find_map(|source| match source {
                Target::Module(source) => self.look_up(source, name),
                Target::Item(_) => None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circles;
    use std::fs;

    /// The circles of a crate with these files, each as the names of its files.
    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let tree = ModuleTree::load(&folder.path().join("lib.rs")).unwrap();
        let name = |file: usize| tree.files[file].strip_prefix(folder.path()).unwrap().display().to_string();
        let found = circles::find(&of(&tree));
        found.iter().map(|circle| circle.files().map(name).collect()).collect()
    }

    const LIB: (&str, &str) = ("lib.rs", "mod a; mod b;");

    #[test]
    fn two_files_that_name_each_other_form_a_circle() {
        let found = circles_of(&[
            LIB,
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() { crate::a::A::new() }"),
        ]);
        assert_eq!(found, [["a.rs", "b.rs"]]);
    }

    #[test]
    fn re_exports_alone_form_none_and_are_followed() {
        let child = ("m/one.rs", "use super::Two; pub struct One(Two);");
        let two = ("m/two.rs", "pub struct Two;");
        let only = ("m/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two;");
        assert!(circles_of(&[("lib.rs", "mod m;"), only, child, two]).is_empty());
        let back = ("m/two.rs", "use super::*; pub struct Two(Box<One>);");
        assert_eq!(circles_of(&[("lib.rs", "mod m;"), only, child, back]), [["m/one.rs", "m/two.rs"]]);
    }

    #[test]
    fn a_parent_with_items_of_its_own_counts_as_any_file() {
        let child = ("m/one.rs", "use super::Parent; pub struct One(Parent);");
        let idle = ("m/mod.rs", "mod one; pub use one::One; pub struct Parent;");
        assert!(circles_of(&[("lib.rs", "mod m;"), idle, child]).is_empty());
        let using = ("m/mod.rs", "mod one; pub use one::One; pub struct Parent; fn f(one: One) {}");
        assert_eq!(circles_of(&[("lib.rs", "mod m;"), using, child]), [["m/mod.rs", "m/one.rs"]]);
    }

    #[test]
    fn a_module_that_is_imported_counts_where_its_items_are_named() {
        let a = ("a.rs", "use crate::b; pub struct A; fn f() { b::g() }");
        assert_eq!(circles_of(&[LIB, a, ("b.rs", "use crate::a::A; pub fn g() {}")]), [["a.rs", "b.rs"]]);
        let idle = ("a.rs", "use crate::b; pub struct A;");
        assert!(circles_of(&[LIB, idle, ("b.rs", "use crate::a::A; pub fn g() {}")]).is_empty());
    }

    #[test]
    fn what_macros_define_stands_in_the_file_of_its_module() {
        let a = ("a.rs", "use crate::b::Made; pub struct A;");
        let b = ("b.rs", "make!(Made); use crate::a::A;");
        assert_eq!(circles_of(&[LIB, a, b]), [["a.rs", "b.rs"]]);
    }

    #[test]
    fn tests_form_none() {
        let a = ("a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }");
        assert!(circles_of(&[LIB, a, ("b.rs", "use crate::a::A; pub struct B;")]).is_empty());
    }

    #[test]
    fn names_of_other_crates_are_no_dependencies() {
        let a = ("a.rs", "use std::sync::Arc; use crate::b::B; pub struct A(Arc<B>);");
        let b = ("b.rs", "use super::a::Arc; pub struct B(Arc<u8>);");
        assert!(circles_of(&[LIB, a, b]).is_empty());
    }
}
