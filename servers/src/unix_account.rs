//! The account that PostgreSQL runs as when we are root, which it refuses to be.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User};

use crate::error::{ErrorContext, ServerError};

/// An unprivileged account of this machine.
#[derive(Debug, Clone)]
pub(crate) struct UnixAccount {
    pub(crate) name: String,
    uid: Uid,
    gid: Gid,
}

impl UnixAccount {
    /// The account to drop to: `postgres`, else `nobody`. `None` when we are not root and so stay who we are.
    pub(crate) fn to_drop_to() -> Result<Option<Self>, ServerError> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        let known = |name: &str| User::from_name(name).ok().flatten();
        let user = known("postgres").or_else(|| known("nobody")).ok_or(ServerError::NoAccount)?;
        Ok(Some(Self { name: user.name, uid: user.uid, gid: user.gid }))
    }

    /// Lets a command run as this account. The standard library drops our other groups with it.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
    }

    /// Makes the account the owner of a file or folder.
    pub(crate) fn give(&self, path: &Path) -> Result<(), ServerError> {
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .doing(|| format!("give {} to the account {}", path.display(), self.name))
    }

    /// Lets the account pass through a folder of ours, and nobody else: mode 0710, and the account's group.
    pub(crate) fn let_through(&self, folder: &Path) -> Result<(), ServerError> {
        let doing = || format!("let the account {} through {}", self.name, folder.display());
        chown(folder, None, Some(self.gid.as_raw())).doing(doing)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o710)).doing(doing)
    }

    /// Whether the account may pass through `folder` and every folder above it; `folder` is absolute, without links.
    pub(crate) fn can_reach(&self, folder: &Path) -> bool {
        folder.ancestors().all(|ancestor| self.can_pass(ancestor))
    }

    fn can_pass(&self, folder: &Path) -> bool {
        let Ok(metadata) = folder.metadata() else {
            return false;
        };
        let mode = metadata.permissions().mode();
        let needed = if metadata.uid() == self.uid.as_raw() {
            0o100
        } else if metadata.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        mode & needed != 0
    }
}
