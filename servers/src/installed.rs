//! Where the servers' programs are on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ServerError;

/// Homebrew's prefixes: Apple silicon, Intel, Linux.
const HOMEBREW: [&str; 3] = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];

/// The folder that holds `initdb` and `postgres`: from PATH, else the newest version in the distribution's place
/// (`/usr/lib/postgresql/*/bin`, `/usr/pgsql-*/bin`), else Homebrew's.
///
/// # Errors
/// [`ServerError::NotInstalled`] when there is none.
pub fn find_postgres() -> Result<PathBuf, ServerError> {
    all_postgres().into_iter().next().ok_or(ServerError::NotInstalled {
        server: "PostgreSQL",
        hint: "install its server package (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17)",
    })
}

/// RabbitMQ's own start script: under `RABBITMQ_HOME`, in the distribution's place, in Homebrew's, or from PATH.
///
/// Debian's `rabbitmq-server` in PATH is a wrapper that changes the user and the folder; it is not what is meant here.
///
/// # Errors
/// [`ServerError::NotInstalled`] when there is none.
pub fn find_rabbitmq() -> Result<PathBuf, ServerError> {
    let mut folders = Vec::new();
    folders.extend(std::env::var_os("RABBITMQ_HOME").map(|home| Path::new(&home).join("sbin")));
    folders.push("/usr/lib/rabbitmq/bin".into());
    folders.extend(versions("/usr/lib/rabbitmq/lib", "rabbitmq_server-", "sbin"));
    folders.push("/opt/rabbitmq/sbin".into());
    folders.extend(HOMEBREW.map(|prefix| Path::new(prefix).join("opt/rabbitmq/sbin")));
    folders.extend(path_folders());
    folders.into_iter().find_map(|folder| rabbitmq_script(&folder)).ok_or(ServerError::NotInstalled {
        server: "RabbitMQ",
        hint: "install it (Debian, Ubuntu: apt-get install rabbitmq-server; macOS: brew install rabbitmq)",
    })
}

/// Every installed PostgreSQL, in the order of preference of [`find_postgres`].
pub(crate) fn all_postgres() -> Vec<PathBuf> {
    let mut folders = path_folders();
    folders.extend(versions("/usr/lib/postgresql", "", "bin"));
    folders.extend(versions("/usr", "pgsql-", "bin"));
    for prefix in HOMEBREW {
        folders.push(Path::new(prefix).join("opt/postgresql/bin"));
        folders.extend(versions(&format!("{prefix}/opt"), "postgresql@", "bin"));
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in folders {
        // A link to `postgres` alone may lie in PATH; what belongs to it lies beside the file that it leads to.
        let Ok(program) = folder.join("postgres").canonicalize() else {
            continue;
        };
        let Some(home) = program.parent() else { continue };
        if home.join("initdb").is_file() && !found.iter().any(|other| other == home) {
            found.push(home.to_path_buf());
        }
    }
    found
}

/// The major version of the PostgreSQL in this folder, such as "15".
pub(crate) fn postgres_major(folder: &Path) -> Option<String> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    // "postgres (PostgreSQL) 15.6 (Debian 15.6-0+deb12u1)", "postgres (PostgreSQL) 18beta1"
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_ascii_whitespace().nth(2)?;
    Some(version.chars().take_while(char::is_ascii_digit).collect())
}

/// Erlang's name server, which belongs to RabbitMQ's runtime.
pub(crate) fn find_epmd() -> Result<PathBuf, ServerError> {
    let mut folders = path_folders();
    folders.push("/usr/lib/erlang/bin".into());
    folders.extend(versions("/usr/lib/erlang", "erts-", "bin"));
    folders.extend(HOMEBREW.map(|prefix| Path::new(prefix).join("bin")));
    folders.push("/opt/erlang/bin".into());
    let found = folders.into_iter().map(|folder| folder.join("epmd")).find(|program| program.is_file());
    found.ok_or(ServerError::NotInstalled {
        server: "Erlang",
        hint: "install it with RabbitMQ: its program epmd was not found",
    })
}

fn rabbitmq_script(folder: &Path) -> Option<PathBuf> {
    let script = folder.join("rabbitmq-server").canonicalize().ok()?;
    // Every version has this file beside the script, and Debian's wrapper has not.
    script.parent()?.join("rabbitmq-env").is_file().then_some(script)
}

fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// `parent/<prefix><version>/<inner>`, highest version first.
fn versions(parent: &str, prefix: &str, inner: &str) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(version) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else {
            continue;
        };
        let Ok(numbers) = version.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>() else {
            continue;
        };
        found.push((numbers, entry.path().join(inner)));
    }
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "16", "notes"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versions(parent.path().to_str().unwrap(), "", "bin");
        let expected = ["16/bin", "15/bin", "9.6/bin"].map(|name| parent.path().join(name));
        assert_eq!(found, expected);
    }
}
