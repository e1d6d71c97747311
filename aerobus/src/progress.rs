//! Progress that a newcomer can see, on standard error.

use anyhow::Context;
use diesel_async::RunQueryDsl;
use flight::demo::{LoadProgress, LoadStep};
use indicatif::{ProgressBar, ProgressStyle};
use shared::db::DatabaseConfig;
use std::time::Duration;

/// Tells what begins now.
pub fn say(what: &str) {
    eprintln!("==> {what}");
}

/// Loads what is missing of the demo data, with a progress bar.
///
/// # Errors
/// When the database refuses it.
pub async fn load_demo_data(database: &DatabaseConfig) -> anyhow::Result<()> {
    let today = chrono::Utc::now().date_naive();
    let bar = ProgressBar::hidden();
    let style =
        ProgressStyle::with_template("    {msg:<24} [{bar:40}] {pos}/{len}").context("the progress bar")?;
    bar.set_style(style);
    let mut last = None;
    let show = |progress: LoadProgress| {
        if last.is_none() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        last = Some(progress.step);
        bar.set_message(match progress.step {
            LoadStep::Places => "cities and airports",
            LoadStep::Fleet => "airlines and airplanes",
            LoadStep::Flights => "days of flights",
        });
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    };
    let loaded = flight::demo::load(database, today, show).await.context("the demo data cannot be loaded")?;
    bar.finish_and_clear();
    if loaded.flights > 0 {
        say(&format!("Demo data loaded: {} airports, {} flights", loaded.airports, loaded.flights));
    }
    Ok(())
}

/// Waits until the flights that were loaded are told to everybody who sells or shows them: what is
/// created then does not queue behind thousands of them. Gives up after a minute, which harms nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn put_flights_on_sale(database: &DatabaseConfig) -> anyhow::Result<()> {
    let mut connection = database.connect().await?;
    let told = async {
        let mut said = false;
        while diesel::sql_query("SELECT 1 FROM outbox LIMIT 1").execute(&mut connection).await? > 0 {
            if !said {
                say("Putting the flights on sale");
                said = true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(60), told).await.unwrap_or(Ok(()))
}
