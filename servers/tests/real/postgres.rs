//! A private PostgreSQL, started for real.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::fixture::{all_gone, reachable_folder, sql};
use servers::{Postgres, PostgresOptions, ServerError, descendants};

fn options(data_dir: &Path) -> PostgresOptions {
    let settings =
        vec![("fsync".to_owned(), "off".to_owned()), ("max_connections".to_owned(), "23".to_owned())];
    PostgresOptions { data_dir: data_dir.to_path_buf(), port: None, settings }
}

#[test]
fn it_keeps_its_data_over_kill_restart_stop_and_a_second_start() {
    let parent = reachable_folder();
    let folder = parent.path().join("below/postgres");
    let mut postgres = Postgres::start(options(&folder)).unwrap();
    let url = postgres.url("postgres");
    assert_eq!(sql(&url, "SHOW max_connections").unwrap(), "23");
    assert_eq!(sql(&url, "SHOW synchronous_commit").unwrap(), "on");
    assert_eq!(sql(&url, "SHOW listen_addresses").unwrap(), "127.0.0.1");
    assert_eq!(sql(&url, "SHOW unix_socket_directories").unwrap(), "");
    sql(&url, "CREATE TABLE seats AS SELECT '12A' AS seat").unwrap();

    let wrong = format!("postgres://aerobus:wrong@127.0.0.1:{}/postgres", postgres.port());
    assert!(sql(&wrong, "SELECT 1").unwrap_err().contains("password authentication failed"));

    // A crash: everything is gone at once, the port is kept, the stale pid file does not stop the restart.
    let mut processes = descendants(postgres.pid());
    assert!(!processes.is_empty());
    processes.push(postgres.pid());
    postgres.kill();
    assert!(processes.iter().all(|pid| servers::is_gone(*pid)));
    assert!(!postgres.is_running());
    postgres.restart().unwrap();
    assert_eq!(postgres.url("postgres"), url);
    assert_eq!(sql(&url, "SELECT seat FROM seats").unwrap(), "12A");

    // Restarting a running one stops it first.
    let before = postgres.pid();
    postgres.restart().unwrap();
    assert!(servers::is_gone(before));

    let mut processes = descendants(postgres.pid());
    processes.push(postgres.pid());
    postgres.stop().unwrap();
    assert!(all_gone(&processes, 1));

    // A second start finds cluster and password; dropping the server stops it too.
    let postgres = Postgres::start(options(&folder)).unwrap();
    assert_eq!(sql(&postgres.url("postgres"), "SELECT seat FROM seats").unwrap(), "12A");
    let pid = postgres.pid();
    drop(postgres);
    assert!(servers::is_gone(pid));
}

#[test]
fn a_folder_in_use_is_refused_with_the_owner_named() {
    let parent = reachable_folder();
    let folder = parent.path().join("postgres");
    let mut postgres = Postgres::start(options(&folder)).unwrap();
    let refused = Postgres::start(options(&folder)).unwrap_err();
    assert!(matches!(refused, ServerError::AlreadyRunning { .. }));
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");

    // A pid file that names a living process which is no PostgreSQL of this folder is stale.
    postgres.kill();
    drop(postgres);
    let pid_file = folder.join("data/postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    Postgres::start(options(&folder)).unwrap().stop().unwrap();
}

#[test]
fn a_taken_port_is_told_with_the_log() {
    let parent = reachable_folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let refused =
        Postgres::start(PostgresOptions { port, ..options(&parent.path().join("postgres")) }).unwrap_err();
    assert!(refused.to_string().contains("Address already in use"), "{refused}");
}

#[test]
fn as_root_a_folder_out_of_reach_becomes_a_link() {
    let parent = reachable_folder();
    std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let folder = parent.path().join("postgres");
    let postgres = Postgres::start(options(&folder)).unwrap();
    let url = postgres.url("postgres");
    sql(&url, "CREATE TABLE seats AS SELECT '12A' AS seat").unwrap();
    drop(postgres);
    let postgres = Postgres::start(options(&folder)).unwrap();
    assert_eq!(sql(&postgres.url("postgres"), "SELECT seat FROM seats").unwrap(), "12A");
    drop(postgres);
    if let Ok(target) = std::fs::read_link(&folder) {
        assert!(target.starts_with("/var/lib/aerobus"));
        std::fs::remove_dir_all(target).unwrap();
    }
}

/// Mode bits of group and others below a folder, links not followed: the first path that has any.
fn readable_by_others(folder: &Path) -> Option<std::path::PathBuf> {
    let metadata = std::fs::symlink_metadata(folder).expect("a file of ours");
    if !metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0 {
        return Some(folder.to_path_buf());
    }
    let below =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a file of ours").path());
    below.into_iter().find_map(|path| readable_by_others(&path))
}

#[test]
fn modes_are_repaired_and_data_in_a_folder_that_became_private_moves_as_root() {
    let parent = reachable_folder();
    let folder = parent.path().join("postgres");
    let postgres = Postgres::start(options(&folder)).unwrap();
    sql(&postgres.url("postgres"), "CREATE TABLE seats AS SELECT '12A' AS seat").unwrap();
    postgres.stop().unwrap();
    // As an earlier release, or an administrator, may have left them; PostgreSQL refuses such a data folder.
    for name in ["password", "server.log", "data", "data/PG_VERSION"] {
        let mode = std::fs::Permissions::from_mode(if name == "data" { 0o755 } else { 0o644 });
        std::fs::set_permissions(folder.join(name), mode).unwrap();
    }
    std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(0o700)).unwrap();

    let postgres = Postgres::start(options(&folder)).unwrap();
    assert_eq!(sql(&postgres.url("postgres"), "SELECT seat FROM seats").unwrap(), "12A");
    for name in ["password", "server.log", "lock", "data"] {
        assert_eq!(readable_by_others(&folder.join(name)), None);
    }
    drop(postgres);
    if let Ok(target) = std::fs::read_link(&folder) {
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o710, "its account passes through, by its group");
        std::fs::remove_dir_all(target).unwrap();
    }
}
