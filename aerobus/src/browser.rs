//! A headless Chromium, which takes pictures of pages.

use anyhow::{Context, bail};
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, time::timeout};

/// What it is called where it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The longest that it may take for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The browser.
pub(crate) struct Browser(PathBuf);

impl Browser {
    /// The browser that was named, else one of the machine.
    pub(crate) fn find(named: Option<PathBuf>) -> Option<Self> {
        let on_path = || {
            let path = std::env::var_os("PATH")?;
            let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
            let mut programs =
                NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
            programs.find(|program| program.is_file())
        };
        named.or_else(on_path).map(Self)
    }

    /// The height that a page tells by its title, `height:1234`. `scratch` keeps what the browser writes.
    pub(crate) async fn height(&self, page: &Path, scratch: &Path) -> anyhow::Result<u32> {
        let dom = self.run(page, scratch, &["--dump-dom".into()]).await?;
        let told = dom.split_once("<title>height:").and_then(|(_, rest)| rest.split_once('<'));
        told.and_then(|(height, _)| height.parse().ok()).context("the browser tells no height of a letter")
    }

    /// Takes a picture of a page, of a width and a height in pixels.
    pub(crate) async fn take(
        &self,
        page: &Path,
        scratch: &Path,
        picture: &Path,
        (width, height): (u32, u32),
        dark: bool,
    ) -> anyhow::Result<()> {
        let mut screenshot = OsString::from("--screenshot=");
        screenshot.push(std::path::absolute(picture)?);
        // Blink's enumeration: 0 is dark, 1 is light.
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        let size = format!("--window-size={width},{height}");
        self.run(page, scratch, &[screenshot, scheme.into(), size.into()]).await?;
        if picture.is_file() { Ok(()) } else { bail!("the browser has taken no picture") }
    }

    async fn run(&self, page: &Path, scratch: &Path, options: &[OsString]) -> anyhow::Result<String> {
        let mut profile = OsString::from("--user-data-dir=");
        profile.push(scratch.join("profile"));
        let mut command = Command::new(&self.0);
        command.args(["--headless", "--disable-gpu", "--hide-scrollbars"]).arg(profile).args(options);
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            // Chromium's sandbox refuses to run as root. It shows nothing but our own letters.
            command.arg("--no-sandbox");
        }
        command.arg(std::path::absolute(page)?).stdin(Stdio::null()).kill_on_drop(true);
        let ended = timeout(PAGE_TIMEOUT, command.output()).await.context("the browser takes too long")?;
        let ended = ended.with_context(|| format!("{} cannot be started", self.0.display()))?;
        if !ended.status.success() {
            let told = String::from_utf8_lossy(&ended.stderr).into_owned();
            bail!("the browser failed: {}", told.lines().last().unwrap_or_default());
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }
}
