//! The folder of an installation: secrets, the administrator, the process id.
//!
//! ```text
//! .aerobus/
//!   secrets.json    random secrets
//!   admin.json      the administrator's e-mail and password
//!   aerobus.pid     the process that runs now
//!   postgres/       the private PostgreSQL, or a link to where its account can reach it
//!   rabbitmq/       the private RabbitMQ, where one was asked for
//!   mail/           letters as .eml files
//! ```
//!
//! Folders have mode 0700 and files 0600: they hold passwords, and the letters of travellers. A start repairs the
//! modes of an installation that has others.

use anyhow::Context;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The administrator's e-mail address where nothing else is said.
const ADMIN_EMAIL: &str = "admin@aerobus.example";

/// What an installation keeps in its folder. Other files that lie there are not ours to change.
const CONTENTS: [&str; 6] = ["secrets.json", "admin.json", "aerobus.pid", "postgres", "rabbitmq", "mail"];

/// The folder of an installation.
#[derive(Debug)]
pub struct Installation {
    path: PathBuf,
    secrets: BTreeMap<String, String>,
}

/// Who may do everything, as kept in `admin.json`.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The e-mail address to log in with.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

#[derive(Serialize, Deserialize)]
struct AdministratorFile {
    email: String,
    password: String,
}

impl Installation {
    /// Opens the folder; creates it where it is missing.
    ///
    /// # Errors
    /// When it cannot be created, or its secrets cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        servers::create_private_folder(path)
            .with_context(|| format!("{} cannot be created", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("{} cannot be opened", path.display()))?;
        let secrets = read(&path.join("secrets.json"))?.unwrap_or_default();
        Ok(Self { path, secrets })
    }

    /// The folder, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of this name: 48 random letters and digits, made at the first call and kept.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn secret(&mut self, name: &str) -> anyhow::Result<SecretString> {
        if let Some(secret) = self.secrets.get(name) {
            return Ok(secret.clone().into());
        }
        let secret = random_text(48);
        self.secrets.insert(name.to_owned(), secret.clone());
        write_private(&self.path.join("secrets.json"), &self.secrets)?;
        Ok(secret.into())
    }

    /// The administrator; at the first call with a random password.
    ///
    /// # Errors
    /// When `admin.json` cannot be read or written.
    pub fn administrator(&self) -> anyhow::Result<Administrator> {
        let path = self.path.join("admin.json");
        let kept = match read::<AdministratorFile>(&path)? {
            Some(kept) => kept,
            None => {
                let fresh = AdministratorFile { email: ADMIN_EMAIL.to_owned(), password: random_text(20) };
                write_private(&path, &fresh)?;
                fresh
            }
        };
        Ok(Administrator { email: kept.email, password: kept.password.into() })
    }

    /// The folder of the letters; made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn mail(&self) -> anyhow::Result<PathBuf> {
        let path = self.path.join("mail");
        servers::create_private_folder(&path)
            .with_context(|| format!("{} cannot be created", path.display()))?;
        Ok(path)
    }

    /// Notes that this process runs from the folder, until the guard is dropped, and repairs the modes of what
    /// lies in it.
    ///
    /// # Errors
    /// When another process that still runs has noted itself, the note cannot be written, or a mode cannot be
    /// set.
    pub fn lock(&self) -> anyhow::Result<ProcessIdFile> {
        let path = self.path.join("aerobus.pid");
        if let Ok(text) = fs::read_to_string(&path)
            && let Ok(pid) = text.trim().parse::<u32>()
            && pid != std::process::id()
            && is_aerobus(pid)
        {
            anyhow::bail!("Aerobus already runs from {} as process {pid}", self.path.display());
        }
        self.make_private().with_context(|| {
            format!("others can read files in {}, and that cannot be changed", self.path.display())
        })?;
        servers::write_private(&path, format!("{}\n", std::process::id()).as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(ProcessIdFile { path })
    }

    /// Before the servers start: they run with what they find.
    fn make_private(&self) -> io::Result<()> {
        let permissions = fs::metadata(&self.path)?.permissions();
        let mode = permissions.mode();
        if mode & 0o077 != 0 && !is_for_more(&self.path, mode) {
            fs::set_permissions(&self.path, PermissionsExt::from_mode(0o700))?;
        }
        CONTENTS.iter().try_for_each(|name| servers::make_private(&self.path.join(name)))
    }
}

/// Removes the note of the process id at the end.
#[derive(Debug)]
pub struct ProcessIdFile {
    path: PathBuf,
}

impl Drop for ProcessIdFile {
    fn drop(&mut self) {
        // The next start tells a stale note by its process, so a failure here harms nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a folder is there for other things too, which must go on being reached: the root folder, a home folder,
/// or one like `/tmp`, which has the sticky bit.
fn is_for_more(path: &Path, mode: u32) -> bool {
    let is_home = || env::var_os("HOME").is_some_and(|home| Path::new(&home) == path);
    path.parent().is_none() || mode & 0o1000 != 0 || is_home()
}

/// Whether that process is an Aerobus: process ids are given again after a while.
fn is_aerobus(pid: u32) -> bool {
    if servers::is_gone(pid) {
        return false;
    }
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim() == "aerobus",
        // No /proc on this system: better to refuse a start than to run twice.
        Err(_) => true,
    }
}

fn random_text(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).with_context(|| format!("{} is damaged", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes a file that only its owner can read, replacing it as a whole.
fn write_private(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let write = || servers::write_private(path, &serde_json::to_vec_pretty(value)?);
    write().with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn secrets_and_the_administrator_are_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let mut installation = Installation::open(&folder.path().join("new")).unwrap();
        let secret = installation.secret("services").unwrap();
        let password = installation.administrator().unwrap().password;
        assert_eq!(secret.expose_secret().len(), 48);

        let mut again = Installation::open(installation.path()).unwrap();
        assert_eq!(again.secret("services").unwrap().expose_secret(), secret.expose_secret());
        assert_ne!(again.secret("other").unwrap().expose_secret(), secret.expose_secret());
        assert_eq!(again.administrator().unwrap().password.expose_secret(), password.expose_secret());
        let _process_id_file = installation.lock().unwrap();
        for file in ["secrets.json", "admin.json", "aerobus.pid"] {
            assert_eq!(mode(&installation.path().join(file)), 0o600, "{file}");
        }
        assert_eq!(mode(installation.path()), 0o700);
        assert_eq!(mode(&installation.mail().unwrap()), 0o700);
    }

    #[test]
    fn a_start_repairs_the_modes_of_what_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation::open(folder.path()).unwrap();
        let _ = installation.administrator().unwrap();
        let letter = installation.mail().unwrap().join("20261201T093000.000Z-ABC123-booking_held.eml");
        let (other, outside) =
            (installation.path().join("notes.txt"), tempfile::NamedTempFile::new().unwrap());
        for file in [&letter, &other] {
            fs::write(file, "").unwrap();
            set_mode(file, 0o644);
        }
        set_mode(outside.path(), 0o644);
        symlink(outside.path(), installation.path().join("postgres")).unwrap();
        set_mode(&installation.path().join("admin.json"), 0o666);
        set_mode(&installation.path().join("mail"), 0o777);
        set_mode(installation.path(), 0o755);

        drop(installation.lock().unwrap());
        assert_eq!(mode(installation.path()), 0o700);
        assert_eq!((mode(&installation.path().join("mail")), mode(&letter)), (0o700, 0o600));
        assert_eq!(mode(&installation.path().join("admin.json")), 0o600);
        assert_eq!((mode(&other), mode(outside.path())), (0o644, 0o644), "not ours");

        // A folder that others need too, as /tmp is one, stays open to them.
        set_mode(installation.path(), 0o1777);
        drop(installation.lock().unwrap());
        assert_eq!(mode(installation.path()), 0o1777);
    }

    #[test]
    fn a_stale_note_does_not_keep_the_next_start_out() {
        let folder = tempfile::tempdir().unwrap();
        let installation = Installation::open(folder.path()).unwrap();
        fs::write(folder.path().join("aerobus.pid"), "1\n").unwrap();
        let process_id_file = installation.lock().unwrap();
        drop(process_id_file);
        assert!(!folder.path().join("aerobus.pid").exists());
    }
}
