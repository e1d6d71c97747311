//! Mails as files that any mail program opens.
//!
//! The folder stands in for a mail server where there is none. What is written to it survives the end of any process,
//! but not a power cut: no file waits for the disk, which would take longer than all else that a letter needs (ADR
//! 0037). The database keeps the letters, and they can be sent again.

use super::outgoing_mail::OutgoingMail;
use crate::domain::{DeliveryAttempt, DeliveryOutcome};
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// A folder of `.eml` files, which only their owner can read.
pub(crate) struct MailFolder {
    path: PathBuf,
    kept: Option<Arc<Mutex<KeptLetters>>>,
    /// Held by the batch that is being written: a folder takes one file after the other.
    turn: tokio::sync::Mutex<()>,
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
        Ok(Self { path: path.to_owned(), kept, turn: tokio::sync::Mutex::default() })
    }

    /// Writes mails to `<name>.eml` each: a reader sees a whole file or none. Gives an attempt for each, in order.
    pub(super) async fn write(&self, mails: Vec<OutgoingMail>) -> Vec<DeliveryAttempt> {
        let _turn = self.turn.lock().await;
        let count = mails.len();
        let (folder, kept) = (self.path.clone(), self.kept.clone());
        let writing = tokio::task::spawn_blocking(move || {
            let write = |mail| write(&folder, kept.as_deref(), mail);
            mails.into_iter().map(write).collect()
        });
        let unreachable = |panic| {
            let reason = format!("the mails cannot be written: {panic}");
            vec![DeliveryAttempt::new(DeliveryOutcome::Unreachable, None, &reason); count]
        };
        writing.await.unwrap_or_else(unreachable)
    }
}

fn write(
    folder: &Path,
    kept: Option<&Mutex<KeptLetters>>,
    OutgoingMail { name, mail }: OutgoingMail,
) -> DeliveryAttempt {
    let name = file_name(&name);
    // Nobody panics while changing it.
    let mut kept = kept.map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner));
    let spare = kept.as_mut().and_then(|kept| kept.take_spare(&name));
    match store(folder, &name, &mail.bytes, spare.as_deref()) {
        Ok(()) => {
            let attempt = DeliveryAttempt::new(DeliveryOutcome::Sent, None, &format!("written to {name}"));
            if let Some(kept) = &mut kept {
                kept.add(folder, name);
            }
            attempt
        }
        // Other letters would meet the same: a full disk, a folder that is gone.
        Err(error) => DeliveryAttempt::new(
            DeliveryOutcome::Unreachable,
            None,
            &format!("{name} cannot be written: {error}"),
        ),
    }
}

impl KeptLetters {
    /// Takes the letter out for which there is no place beside a new one of this name.
    fn take_spare(&mut self, name: &str) -> Option<String> {
        let is_full = self.names.len() >= self.limit && is_letter(name) && !self.names.contains(name);
        // A letter that is older than all others is not kept itself.
        let is_older = self.names.first().is_some_and(|oldest| oldest.as_str() < name);
        if is_full && is_older { self.names.pop_first() } else { None }
    }

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

/// Writes a file, into the file of a letter that is not kept any more where there is one.
fn store(folder: &Path, name: &str, bytes: &[u8], spare: Option<&str>) -> io::Result<()> {
    let part = folder.join(format!(".{name}.part"));
    let spare = spare.map(|spare| folder.join(spare));
    let mut file = match spare.map(|spare| reuse(&spare, &part)) {
        Some(Ok(file)) => file,
        _ => create(&part)?,
    };
    file.write_all(bytes)?;
    file.set_len(u64::try_from(bytes.len()).unwrap_or_default())?;
    fs::rename(part, folder.join(name))
}

/// Takes the file of a removed letter for a new one. Where files are removed by the thousand the system takes long to
/// find a place for each new one. A reader that still has the removed letter open may find the new one in it.
fn reuse(spare: &Path, part: &Path) -> io::Result<File> {
    fs::rename(spare, part)?;
    let found = fs::symlink_metadata(part)?;
    if !found.is_file() || found.nlink() > 1 {
        return Err(io::Error::other("somebody keeps the file under another name"));
    }
    let file = OpenOptions::new().write(true).open(part)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn create(part: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(part);
    match create() {
        // An earlier attempt has left it, perhaps with another mode.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(part)?;
            create()
        }
        created => created,
    }
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
    use crate::render::RenderedMail;
    use lettre::address::Envelope;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn mail(name: &str) -> OutgoingMail {
        let address = || "ada@aerobus.example".parse().unwrap();
        let envelope = Envelope::new(Some(address()), vec![address()]).unwrap();
        OutgoingMail { name: name.to_owned(), mail: RenderedMail { envelope, bytes: b"Dear Ada".to_vec() } }
    }

    async fn write(folder: &MailFolder, names: &[&str]) {
        let attempts = folder.write(names.iter().copied().map(mail).collect()).await;
        assert_eq!(attempts.len(), names.len());
        for (attempt, name) in attempts.iter().zip(names) {
            assert_eq!(attempt.outcome, DeliveryOutcome::Sent);
            assert_eq!(attempt.message, format!("written to {name}.eml"));
        }
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
        write(&folder, &["20261201T093000.000Z-ABC123"]).await;
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
        write(&folder, &["20261201T093000.004Z-D", "20261201T093000.003Z-C"]).await;
        write(&folder, &["20261201T093000.004Z-D"]).await;
        let (b, c, d) =
            ("20261201T093000.002Z-B.eml", "20261201T093000.003Z-C.eml", "20261201T093000.004Z-D.eml");
        assert_eq!(names(), ["20261201.txt", b, c, d, "notes.eml"]);
        drop(folder);
        let _fewer = MailFolder::open(parent.path(), Some(1)).unwrap();
        assert_eq!(names(), ["20261201.txt", d, "notes.eml"]);
    }

    #[tokio::test]
    async fn a_letter_that_cannot_be_written_waits_and_the_others_are_written() {
        let parent = tempfile::tempdir().unwrap();
        let folder = MailFolder::open(parent.path(), None).unwrap();
        fs::create_dir(parent.path().join(".taken.eml.part")).unwrap();
        let attempts = folder.write(vec![mail("taken"), mail("free")]).await;
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [DeliveryOutcome::Unreachable, DeliveryOutcome::Sent]);
        assert_eq!(fs::read(parent.path().join("free.eml")).unwrap(), b"Dear Ada");
    }

    #[tokio::test]
    async fn a_new_letter_takes_the_place_of_the_oldest_one_with_its_own_words_and_mode() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(format!("20261201T093000.00{name}.eml"));
        for name in ["1Z-A", "2Z-B", "3Z-C"] {
            fs::write(path(name), "a letter that is longer than the new one").unwrap();
        }
        // Somebody keeps this one.
        fs::hard_link(path("2Z-B"), parent.path().join("keepsake")).unwrap();
        let oldest = fs::metadata(path("1Z-A")).unwrap().ino();
        let folder = MailFolder::open(parent.path(), Some(3)).unwrap();
        write(&folder, &["20261201T093000.004Z-D", "20261201T093000.005Z-E"]).await;
        assert_eq!(fs::metadata(path("4Z-D")).unwrap().ino(), oldest);
        for name in ["4Z-D", "5Z-E"] {
            assert_eq!((fs::read(path(name)).unwrap(), mode(&path(name))), (b"Dear Ada".to_vec(), 0o600));
        }
        let kept = fs::read_to_string(parent.path().join("keepsake")).unwrap();
        assert_eq!(kept, "a letter that is longer than the new one");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 4);
        // An older one than all of them is not kept, and none goes for it.
        write(&folder, &["20261201T093000.000Z-O"]).await;
        assert!(path("3Z-C").exists() && !path("0Z-O").exists());
    }
}
