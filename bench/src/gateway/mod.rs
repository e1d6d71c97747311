//! `./dev bench gateway`: what a client of the gateway meets.
//!
//! | file | what |
//! |---|---|
//! | [`floods`] | one client's flood, and how much longer another client waits meanwhile |

pub mod floods;

use crate::{cluster::Cluster, machine::Machine, report};
use floods::FloodRounds;
use std::{path::PathBuf, time::Duration};

/// What can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct GatewayOptions {
    /// One short round each, for development: the figures are rough
    #[arg(long)]
    quick: bool,
    /// Where the server's data go meanwhile
    #[arg(long, default_value = ".aerobus")]
    data_dir: PathBuf,
}

impl GatewayOptions {
    fn flood_rounds(&self) -> FloodRounds {
        let (count, seconds) = if self.quick { (1, 3) } else { (3, 6) };
        FloodRounds { count, lasts: Duration::from_secs(seconds) }
    }
}

/// Runs the benchmark.
///
/// # Errors
/// Where something does not start, or fails.
pub async fn run(options: &GatewayOptions) -> anyhow::Result<()> {
    eprintln!("Starting a private PostgreSQL ...");
    let parent = options.data_dir.clone();
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&parent)).await??;
    let scratch = cluster.folder().join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let machine = Machine::look(&scratch, cluster.settings())?;
    report::print_head(&machine);
    let lines = floods::measure(&cluster, &scratch, options.flood_rounds()).await?;
    lines.iter().for_each(report::print_line);
    println!("{}", report::json_line("gateway", &machine, &lines));
    Ok(())
}
