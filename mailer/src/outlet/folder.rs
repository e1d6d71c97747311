//! Mails as files that any mail program opens.

use crate::domain::{Attempt, Outcome};
use lettre::Message;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A folder of `.eml` files.
pub struct Folder(PathBuf);

impl Folder {
    /// A folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Writes a mail to `<name>.eml`: whoever looks sees the whole file or none.
    pub(super) async fn write(&self, message: &Message, name: &str) -> Attempt {
        let (bytes, name) = (message.formatted(), file_name(name));
        let (part, path) = (self.0.join(format!(".{name}.part")), self.0.join(&name));
        let writing = tokio::task::spawn_blocking(move || store(&part, &path, &bytes));
        match writing.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(()) => Attempt::new(Outcome::Sent, None, &format!("written to {name}")),
            // Other letters would meet the same: a full disk, a folder that is gone.
            Err(error) => {
                Attempt::new(Outcome::Unreachable, None, &format!("{name} cannot be written: {error}"))
            }
        }
    }
}

fn store(part: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(part, path)
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

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(file_name("20261201T093000Z-ABC123"), "20261201T093000Z-ABC123.eml");
        assert_eq!(file_name("../../etc/passwd"), "-..-etc-passwd.eml");
    }
}
