//! Mails as files that any mail program opens.

use crate::domain::{DeliveryAttempt, DeliveryOutcome};
use lettre::Message;
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// A folder of `.eml` files, which only their owner can read.
pub(crate) struct MailFolder {
    path: PathBuf,
    kept: Option<Arc<Mutex<KeptLetters>>>,
}

/// The newest letters of a folder: their names begin with the time at which they were queued, so their order is
/// that of the names.
struct KeptLetters {
    limit: usize,
    names: BTreeSet<String>,
}

impl MailFolder {
    /// A folder, made where it is missing. With a limit it keeps so many letters at most, the newest, and
    /// believes that nobody else writes letters into it.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub(crate) fn open(path: &Path, limit: Option<usize>) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
        }
        let kept = match limit {
            Some(limit) => {
                let mut kept = KeptLetters { limit, names: letters(path)? };
                kept.prune(path)?;
                Some(Arc::new(Mutex::new(kept)))
            }
            None => None,
        };
        Ok(Self { path: path.to_owned(), kept })
    }

    /// Writes a mail to `<name>.eml`: a reader sees the whole file or none.
    pub(super) async fn write(&self, message: &Message, name: &str) -> DeliveryAttempt {
        let (bytes, name) = (message.formatted(), file_name(name));
        let (folder, kept, file) = (self.path.clone(), self.kept.clone(), name.clone());
        let writing = tokio::task::spawn_blocking(move || {
            store(&folder, &file, &bytes)?;
            if let Some(kept) = kept {
                // Nobody panics while changing it.
                kept.lock().unwrap_or_else(PoisonError::into_inner).add(&folder, file);
            }
            Ok(())
        });
        match writing.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(()) => DeliveryAttempt::new(DeliveryOutcome::Sent, None, &format!("written to {name}")),
            // Other letters would meet the same: a full disk, a folder that is gone.
            Err(error) => DeliveryAttempt::new(
                DeliveryOutcome::Unreachable,
                None,
                &format!("{name} cannot be written: {error}"),
            ),
        }
    }
}

impl KeptLetters {
    fn add(&mut self, folder: &Path, name: String) {
        if is_letter(&name) {
            self.names.insert(name);
        }
        if let Err(error) = self.prune(folder) {
            // The new letter is written, and the next start tries again.
            tracing::warn!(%error, "An old letter could not be removed from the mail folder");
        }
    }

    /// Removes the oldest letters beyond the limit: after a letter one file at most, as a rule.
    fn prune(&mut self, folder: &Path) -> io::Result<()> {
        while self.names.len() > self.limit {
            let Some(oldest) = self.names.pop_first() else { break };
            match fs::remove_file(folder.join(&oldest)) {
                // Somebody has tidied up.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        Ok(())
    }
}

/// The letters of a folder.
fn letters(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_letter(name)));
    }
    Ok(names)
}

/// Whether a file is a letter of ours, by its name: `20261201T093000...eml`. Other files of the folder are let be.
fn is_letter(name: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        name.as_bytes().get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    digits(0..8) && name.as_bytes().get(8) == Some(&b'T') && digits(9..15) && name.ends_with(".eml")
}

fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part = folder.join(format!(".{name}.part"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    // A file that an earlier attempt has left keeps its mode.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, folder.join(name))
}

/// The file's name: nothing in it leaves the folder or hides the file.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    format!("{}.eml", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn message() -> Message {
        let address = || "ada@aerobus.example".parse().unwrap();
        Message::builder().from(address()).to(address()).body("Dear Ada".to_owned()).unwrap()
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(file_name("20261201T093000Z-ABC123"), "20261201T093000Z-ABC123.eml");
        assert_eq!(file_name("../../etc/passwd"), "-..-etc-passwd.eml");
    }

    #[tokio::test]
    async fn only_the_owner_reads_letters() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("mail");
        let folder = MailFolder::open(&path, None).unwrap();
        assert_eq!(mode(&path), 0o700);
        // What a crash has left, with a mode that others can read.
        let part = path.join(".20261201T093000.000Z-ABC123.eml.part");
        fs::write(&part, "Dear").unwrap();
        fs::set_permissions(&part, Permissions::from_mode(0o666)).unwrap();
        let attempt = folder.write(&message(), "20261201T093000.000Z-ABC123").await;
        assert_eq!(attempt.outcome, DeliveryOutcome::Sent);
        assert_eq!(mode(&path.join("20261201T093000.000Z-ABC123.eml")), 0o600);
    }

    #[tokio::test]
    async fn the_newest_letters_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["20261201T093000.001Z-A.eml", "20261201T093000.002Z-B.eml", "notes.eml", "20261201.txt"]
        {
            fs::write(parent.path().join(name), "Dear Ada").unwrap();
        }
        let names = || {
            let names = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        // Those of an earlier start count, and more than the limit are removed at once.
        let folder = MailFolder::open(parent.path(), Some(3)).unwrap();
        for name in ["20261201T093000.004Z-D", "20261201T093000.003Z-C", "20261201T093000.004Z-D"] {
            assert_eq!(folder.write(&message(), name).await.outcome, DeliveryOutcome::Sent);
        }
        let (b, c, d) =
            ("20261201T093000.002Z-B.eml", "20261201T093000.003Z-C.eml", "20261201T093000.004Z-D.eml");
        assert_eq!(names(), ["20261201.txt", b, c, d, "notes.eml"]);
        drop(folder);
        let _fewer = MailFolder::open(parent.path(), Some(1)).unwrap();
        assert_eq!(names(), ["20261201.txt", d, "notes.eml"]);
    }
}
