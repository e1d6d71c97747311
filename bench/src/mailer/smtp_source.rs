//! Postfix's `smtp-source`: the fastest sender of a known letter that there is to be had. `./dev` unpacks it from
//! Debian's package without installing the mail server.

use anyhow::{Context, bail};
use std::{
    env,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// The variable that names a folder into which Debian's package `postfix` was unpacked.
const FOLDER: &str = "AEROBUS_BENCH_POSTFIX";

/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program, and where its libraries are.
pub struct SmtpSource {
    program: PathBuf,
    libraries: Option<OsString>,
}

impl SmtpSource {
    /// Finds it: in the folder that `./dev` names, or installed.
    ///
    /// # Errors
    /// Where it is in neither place.
    pub fn find() -> anyhow::Result<Self> {
        if let Some(folder) = env::var_os(FOLDER) {
            let folder = Path::new(&folder);
            let program = folder.join("usr/sbin/smtp-source");
            let libraries = Some(folder.join("usr/lib/postfix").into_os_string());
            return match program.exists() {
                true => Ok(Self { program, libraries }),
                false => bail!("{} is missing: {FOLDER} names the wrong folder", program.display()),
            };
        }
        let program = PathBuf::from("/usr/sbin/smtp-source");
        match program.exists() {
            true => Ok(Self { program, libraries: None }),
            false => {
                bail!("smtp-source is missing: Debian's package postfix has it, or {FOLDER} names its folder")
            }
        }
    }

    /// Sends a letter so many times over some connections; gives how long that took.
    ///
    /// # Errors
    /// Where it fails, or takes longer than two minutes.
    pub async fn send(
        &self,
        letter: &Path,
        (letters, connections): (usize, u32),
        server: SocketAddr,
    ) -> anyhow::Result<Duration> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(["-d", "-s", &connections.to_string(), "-m", &letters.to_string()]);
        command.args(["-f", "bench@aerobus.example", "-t", "ada@example.org", "-M", "bench.aerobus.example"]);
        command.arg("-F").arg(letter).arg(server.to_string());
        command.stdin(Stdio::null()).kill_on_drop(true);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let began = Instant::now();
        let ended =
            tokio::time::timeout(PATIENCE, command.output()).await.context("smtp-source takes long")?;
        let (taken, ended) = (began.elapsed(), ended.context("smtp-source was not started")?);
        if !ended.status.success() {
            bail!("smtp-source failed: {}", String::from_utf8_lossy(&ended.stderr));
        }
        Ok(taken)
    }
}
