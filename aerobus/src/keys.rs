//! `aerobus keys`: lists, rotates and retires the keys that sign access tokens.

use crate::{
    cli::{KeysCommand, KeysOptions},
    databases::installed,
    private_server::stop_server,
};
use gateway::{KeyAdministration, TrustedKey};
use shared::db::{DatabaseConfig, Plans};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a rotation waits for a gateway to publish the new key. They look every two seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);

/// Does it, and prints the keys.
///
/// # Errors
/// When the database cannot be reached, or there is no such key.
pub async fn run(options: KeysOptions) -> anyhow::Result<()> {
    let (server, url) = match &options.database {
        Some(url) => (None, url.clone()),
        None => installed(&options.data_dir, "gateway").await?,
    };
    let database = DatabaseConfig { url, schema: options.schema, pool_size: 1, plans: Plans::default() };
    let done = carry_out(&options.command, &database).await;
    if let Some(server) = server {
        stop_server(move || server.stop()).await;
    }
    done
}

async fn carry_out(command: &KeysCommand, database: &DatabaseConfig) -> anyhow::Result<()> {
    let mut keys = KeyAdministration::connect(database).await?;
    match command {
        KeysCommand::List => print!("{}", table(&keys.list().await?)),
        KeysCommand::Rotate => {
            let before = keys.list().await?;
            keys.request_rotation().await?;
            print!("{}", rotated(&mut keys, &before).await?);
        }
        KeysCommand::Retire { kid } => {
            keys.retire(kid).await?;
            println!("{kid} is withdrawn: no service trusts it from ten seconds on.");
            print!("{}", table(&keys.list().await?));
        }
    }
    Ok(())
}

/// Waits for the new key.
async fn rotated(keys: &mut KeyAdministration, before: &[TrustedKey]) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = keys.list().await?;
        let is_new = |key: &TrustedKey| !before.iter().any(|known| known.kid == key.kid);
        if now.iter().any(is_new) {
            return Ok(table(&now));
        }
        if Instant::now() >= deadline {
            return Ok(
                "No gateway runs: the first one that starts makes the new key.\n".to_owned() + &table(&now)
            );
        }
        sleep(LOOK).await;
    }
}

/// The keys, for people.
fn table(keys: &[TrustedKey]) -> String {
    let made = |key: &TrustedKey| key.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    keys.iter().map(|key| format!("{}  made {}  {}\n", key.kid, made(key), key.state)).collect()
}
