//! `private-servers` as a program: what it passes on, and that nothing outlives it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::fixture::{all_gone, eventually, reachable_folder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use servers::descendants;

/// Starts a daemon in a session of its own, a child in the background and one in front, then says that it runs.
const UNRULY: &str =
    "trap 'exit 9' TERM; setsid sleep 600 & (sleep 600 &); touch \"$RUNS\"; while :; do sleep 0.1; done";

/// `private-servers run`, with its temporary folder in `folder`.
fn private_servers(folder: &Path, servers: &[&str], script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_private-servers"));
    command.arg("run").args(servers).args(["--", "bash", "-c", script]);
    // These tests may themselves run under `private-servers`.
    command.env_remove("AEROBUS_TEST_POSTGRES_URL").env_remove("AEROBUS_TEST_AMQP_URL");
    command.env("TMPDIR", folder).env("RUNS", folder.join("runs")).stderr(Stdio::null());
    command
}

fn start_unruly(folder: &Path, servers: &[&str]) -> Child {
    let child = private_servers(folder, servers, UNRULY).spawn().expect("the program starts");
    assert!(eventually(120, || folder.join("runs").exists()), "the command did not start");
    child
}

fn is_clean(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("aerobus-servers-")).count() == 0
}

#[test]
fn the_command_gets_the_addresses_and_its_exit_code_is_passed_on() {
    let folder = reachable_folder();
    let script = "[[ $AEROBUS_TEST_POSTGRES_URL == postgres://aerobus:*/postgres && -z $AEROBUS_TEST_AMQP_URL ]] && exit 42";
    let status = private_servers(folder.path(), &["--postgres", "--fsync-off"], script).status().unwrap();
    assert_eq!(status.code(), Some(42));
    assert!(is_clean(folder.path()));
}

#[test]
fn killed_with_sigkill_it_leaves_nothing() {
    let folder = reachable_folder();
    let mut child = start_unruly(folder.path(), &["--postgres", "--rabbitmq", "--fsync-off"]);
    let processes = descendants(child.id());
    // Supervisor, bash, three sleepers; postmaster and its five at least; beam, erl_child_setup, epmd.
    assert!(processes.len() >= 14, "{} processes", processes.len());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(all_gone(&processes, 20));
    assert!(eventually(10, || is_clean(folder.path())));
}

#[test]
fn killed_while_the_servers_start_it_leaves_nothing() {
    let folder = reachable_folder();
    let mut child = private_servers(folder.path(), &["--postgres", "--rabbitmq"], "true").spawn().unwrap();
    assert!(eventually(30, || descendants(child.id()).len() >= 3));
    let processes = descendants(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(all_gone(&processes, 20));
}

#[test]
fn a_signal_reaches_the_command_and_then_ends_everything() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = reachable_folder();
        let mut child = start_unruly(folder.path(), &["--postgres", "--fsync-off"]);
        let processes = descendants(child.id());
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(128 + signal as i32));
        assert!(all_gone(&processes, 1));
        assert!(is_clean(folder.path()));
    }
}

#[test]
fn the_death_of_the_supervisor_ends_everything_too() {
    let folder = reachable_folder();
    let mut child = start_unruly(folder.path(), &["--postgres", "--fsync-off"]);
    let processes = descendants(child.id());
    let is_supervisor = |pid: &&u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("supervise")
    };
    let supervisor = processes.iter().find(is_supervisor).expect("a supervisor");
    kill(Pid::from_raw(supervisor.cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + Signal::SIGKILL as i32));
    assert!(all_gone(&processes, 1));
    assert!(is_clean(folder.path()));
}
