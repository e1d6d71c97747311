//! Fails on circles between the files of a crate: `module-circles [folder of the workspace]`, part of `./dev check`.
//!
//! File A depends on file B where A names something that B defines. A `use` names it, and so does a path in the code.
//! Each name is followed through re-exports and imports to the file that defines it. What follows from this:
//!
//! - A `mod` declaration is no dependency, and neither is a re-export alone: a `mod.rs` that only declares and
//!   re-exports depends on none of its children, and a child that imports `super::X` depends on the file of `X`.
//! - A re-export is a dependency where the same file also uses the name in its own code.
//! - A child that names an item of its parent's file depends on the parent. The two form a circle when the parent's
//!   code names the child too.
//! - A name that no file defines visibly comes from a macro. The file of the module in its path counts as the one that
//!   defines it.
//!
//! Left out: what stands under `#[cfg(test)]`, and modules called `tests` or `*_tests`. Methods and the use of a trait's
//! items without naming the trait are not seen.

mod circles;
mod dependencies;
mod module_tree;
mod syntax;
mod workspace;

use anyhow::Result;
use std::{env, path::PathBuf, process::ExitCode};

fn main() -> Result<ExitCode> {
    let root = env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut found = 0;
    for member in workspace::members(&root)? {
        for target in workspace::crate_roots(&root.join(&member)) {
            let tree = module_tree::ModuleTree::load(&target)?;
            for circle in circles::find(&dependencies::of(&tree)) {
                found += 1;
                println!("{}", circle.describe(&member, |file| tree.files[file].strip_prefix(&root)));
            }
        }
    }
    if found == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("{found} circles between files");
    Ok(ExitCode::FAILURE)
}
