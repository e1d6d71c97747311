//! `aerobus up` as a process of its own.

use crate::system::PATIENCE;
use servers::{OnOwnerDeath, spawn_bound};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
};

/// Files and folders below a folder that have another mode than 0600 and 0700. Links are not followed.
fn not_private(path: &Path) -> Vec<PathBuf> {
    let metadata = fs::symlink_metadata(path).expect("a file of the installation");
    if metadata.is_symlink() {
        return Vec::new();
    }
    let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
    let mut found: Vec<_> = Some(path.to_owned())
        .filter(|_| metadata.permissions().mode() & 0o777 != wanted)
        .into_iter()
        .collect();
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("a folder of the installation") {
            found.extend(not_private(&entry.expect("an entry").path()));
        }
    }
    found
}

#[test]
fn what_the_start_keeps_is_for_its_owner_alone_and_no_log_learns_the_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let installation = folder.path().join("home");
    let mut command = Command::new("/bin/sh");
    // The least careful of umasks.
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_aerobus")]);
    command.args(["up", "--port", "0", "--data-dir"]).arg(&installation);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = spawn_bound(command, OnOwnerDeath::Terminate).expect("the program starts");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let (told, lines) = mpsc::channel();
    let reading =
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));

    let mut banner = String::new();
    while !banner.contains("Ctrl-C stops everything") {
        banner += &lines.recv_timeout(PATIENCE * 2).expect("the banner comes");
        banner.push('\n');
    }
    let kept = fs::read(installation.join("admin.json")).expect("the administrator");
    let administrator: serde_json::Value = serde_json::from_slice(&kept).expect("JSON");
    let password = administrator["password"].as_str().expect("a password");
    assert!(!banner.contains(password), "the output is no terminal");
    assert!(banner.contains("admin.json"), "{banner}");
    assert_eq!(not_private(&installation), Vec::<PathBuf>::new());

    servers::terminate(&child);
    assert!(child.wait().expect("its end").success());
    let _ = reading.join();
    // As root PostgreSQL's folder lies elsewhere.
    if let Ok(target) = fs::read_link(installation.join("postgres")) {
        fs::remove_dir_all(target).expect("PostgreSQL has ended");
    }
}
