//! What it was measured on.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

use crate::{cluster::SETTINGS, statistics::median};
use serde::Serialize;

/// A machine, and the server on it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory, GiB.
    pub memory_gib: u64,
    /// PostgreSQL's version.
    pub postgres: String,
    /// The server's settings that are not its defaults, or that decide how durable a commit is.
    pub settings: String,
    /// The median time of writing and syncing 8 KiB beside the server's data, milliseconds.
    pub fsync_ms: f64,
    /// The load of the machine when the run began: above some tenths, others were at work.
    pub load: String,
}

impl Machine {
    /// Looks at this machine; `folder` is on the disk of the server's data. Blocks for some tenths of a
    /// second.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn look(folder: &Path, postgres: String) -> std::io::Result<Self> {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let value =
                text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Ok(Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.div_ceil(1024 * 1024),
            postgres,
            settings: SETTINGS.map(|(name, value)| format!("{name}={value}")).join(" "),
            fsync_ms: fsync_ms(folder)?,
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
        })
    }
}

/// The median time of writing 8 KiB over what is there and syncing it, as a commit does.
fn fsync_ms(folder: &Path) -> std::io::Result<f64> {
    const WRITES: usize = 200;
    let path = folder.join("fsync-probe");
    let mut file = File::create(&path)?;
    file.write_all(&[0; 8192])?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(WRITES);
    let began = Instant::now();
    while times.len() < WRITES && began.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[1; 8192])?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(&path)?;
    Ok(median(&times))
}
