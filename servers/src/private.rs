//! Files and folders that nobody but their owner can read, whatever umask the process was started with.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

/// The most that a mode may grant: to the owner, and to nobody else.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// Makes this process, and the children that it starts from now on, create files for their owner alone.
///
/// It is a second line: what is created by the functions of this module needs no umask.
pub fn keep_new_files_private() {
    umask(Mode::from_bits_truncate(0o077));
}

/// Creates the folder with mode 0700 where it is missing. Folders above it get the usual mode.
///
/// # Errors
/// Those of the file system.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(FOLDER).create(path) {
        // A umask may have taken rights from the owner as well.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(FOLDER)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file with mode 0600; one that exists gets that mode before anything is written.
///
/// # Errors
/// Those of the file system.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.create(true).mode(FILE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE))?;
    Ok(file)
}

/// Writes a file of mode 0600, replacing it as a whole: the new text is on disk before the old one goes.
///
/// # Errors
/// Those of the file system.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!("{name}.new"));
    let mut file = open_private(OpenOptions::new().write(true).truncate(true), &draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// Takes the rights of group and others away from a file, or from a folder and all that is below it; none of the files is
/// a program, so nobody may run one either. Links are not followed. What is missing, or goes meanwhile, is passed over.
///
/// # Errors
/// Those of the file system: a file may belong to another account.
pub fn make_private(path: &Path) -> io::Result<()> {
    make_private_of(path, None)
}

/// `owner`: the account, not ours, that owns a folder above. It may put a link to somebody else's file in the place of
/// its own while we look, so only its own files are touched, by the file that was opened.
fn make_private_of(path: &Path, owner: Option<u32>) -> io::Result<()> {
    match make_private_below(path, owner) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn make_private_below(path: &Path, owner: Option<u32>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let foreign = |found: &Metadata| owner.is_some_and(|owner| found.uid() != owner);
    if metadata.is_symlink() || foreign(&metadata) {
        return Ok(());
    }
    let most = if metadata.is_dir() { FOLDER } else { FILE };
    if metadata.mode() & 0o7777 & !most != 0 {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let opened = file.metadata()?;
        if foreign(&opened) || opened.is_dir() != metadata.is_dir() {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(opened.mode() & most))?;
    }
    if metadata.is_dir() {
        let theirs = metadata.uid() != geteuid().as_raw();
        let owner = if theirs { Some(metadata.uid()) } else { owner };
        for entry in fs::read_dir(path)? {
            make_private_of(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// The umask belongs to the whole process; other tests of it do not mind.
    #[test]
    fn modes_do_not_depend_on_the_umask() {
        let parent = tempfile::tempdir().unwrap();
        for bits in [0o000, 0o022, 0o077] {
            let usual = umask(Mode::from_bits_truncate(bits));
            let folder = parent.path().join(format!("umask-{bits:o}"));
            create_private_folder(&folder).unwrap();
            let file = folder.join("admin.json");
            write_private(&file, b"{}").unwrap();
            write_private(&file, b"{ }").unwrap();
            umask(usual);
            assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600), "umask {bits:o}");
            assert_eq!(fs::read(&file).unwrap(), b"{ }");
        }
    }

    #[test]
    fn wrong_modes_are_repaired_without_leaving_the_folder() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let foreign = outside.path().join("foreign");
        let (below, letter) = (inside.path().join("mail"), inside.path().join("mail/letter.eml"));
        fs::create_dir(&below).unwrap();
        for (path, bits) in [(&foreign, 0o644), (&letter, 0o777), (&inside.path().join("admin.json"), 0o666)]
        {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
        }
        fs::set_permissions(&below, Permissions::from_mode(0o777)).unwrap();
        symlink(&foreign, inside.path().join("link")).unwrap();
        symlink("nowhere", inside.path().join("dangling")).unwrap();

        make_private(inside.path()).unwrap();
        make_private(&inside.path().join("missing")).unwrap();
        assert_eq!((mode(&below), mode(&letter)), (0o700, 0o600));
        assert_eq!(mode(&inside.path().join("admin.json")), 0o600);
        assert_eq!(mode(&foreign), 0o644);
    }
}
