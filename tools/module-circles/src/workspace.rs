//! Which crates the workspace has, and where their modules begin.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders of the workspace's members, as the root `Cargo.toml` lists them.
pub(crate) fn members(root: &Path) -> Result<Vec<String>> {
    let path = root.join("Cargo.toml");
    let manifest = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let members = listed(&manifest);
    ensure!(!members.is_empty(), "{} lists no members", path.display());
    Ok(members)
}

/// The texts of the list `members = [...]`. Our own manifest has no comments and no patterns in it.
fn listed(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("\nmembers = [").and_then(|(_, rest)| rest.split_once(']'));
    let quoted = list.map_or("", |(list, _)| list).split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// The files in which the crates of a member begin: the library, the program, further programs.
pub(crate) fn crate_roots(member: &Path) -> Vec<PathBuf> {
    let source = member.join("src");
    let mut roots: Vec<PathBuf> = ["lib.rs", "main.rs"]
        .map(|name| source.join(name))
        .into_iter()
        .filter(|path| path.is_file())
        .collect();
    let programs = fs::read_dir(source.join("bin")).into_iter().flatten().flatten();
    roots.extend(
        programs.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "rs")),
    );
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_one_line_or_many() {
        assert_eq!(listed("[workspace]\nmembers = [\"a\", \"b/c\"]\n"), ["a", "b/c"]);
        assert_eq!(listed("[workspace]\nmembers = [\n    \"a\",\n    \"b\",\n]\nx = [\"y\"]"), ["a", "b"]);
        assert!(listed("[package]\n").is_empty());
    }
}
