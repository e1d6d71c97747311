//! `aerobus api <method> <path>`: signs in and calls the API, for people at a terminal and for scripts.

use crate::{cli::ApiOptions, installation::Installation};
use anyhow::{Context, bail};
use awc::{
    Client, ClientRequest,
    http::{Method, header},
};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    time::Duration,
};

/// How long an answer may take to begin. Longer than the gateway's own patience with a service.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls, and prints the answer: the body on standard output, the status on standard error.
///
/// # Errors
/// When the gateway cannot be reached, the login fails, or the answer is an error.
pub async fn run(options: ApiOptions) -> anyhow::Result<()> {
    let method = Method::from_bytes(options.method.to_uppercase().as_bytes()).context("no method")?;
    let url = format!("{}{}", options.url.trim_end_matches('/'), whole_path(&options.path));
    let body = options.body.as_deref().map(read_body).transpose()?;
    let client = Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let session = match options.anonymous {
        true => None,
        false => Some(Session::start(&client, &options).await?),
    };
    let mut request = client.request(method, url);
    if let Some(session) = &session {
        request = request.bearer_auth(session.access_token.expose_secret());
    }
    for header in &options.header {
        let (name, value) = header.split_once(':').context("a header is written as `Name: value`")?;
        request = request.insert_header((name.trim(), value.trim()));
    }
    let called = call(request, body).await;
    if let Some(session) = session {
        session.end(&client, &options).await;
    }
    called
}

/// Paths are told from the API's base on: `flights` is `/api/v1/flights`.
fn whole_path(path: &str) -> String {
    let path = format!("/{}", path.trim_start_matches('/'));
    let is_whole = ["/api/", "/health/", "/.well-known/"].iter().any(|base| path.starts_with(base));
    if is_whole { path } else { format!("/api/v1{path}") }
}

/// A body as it is written on the command line: JSON, `@file`, or `-` for standard input.
fn read_body(body: &str) -> anyhow::Result<Vec<u8>> {
    if body == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(bytes);
    }
    match body.strip_prefix('@') {
        Some(file) => fs::read(file).with_context(|| format!("{file} cannot be read")),
        None => Ok(body.as_bytes().to_vec()),
    }
}

async fn call(request: ClientRequest, body: Option<Vec<u8>>) -> anyhow::Result<()> {
    let sent = match body {
        Some(body) => {
            let has_type = request.headers().contains_key(header::CONTENT_TYPE);
            let request = if has_type { request } else { request.content_type("application/json") };
            request.send_body(body).await
        }
        None => request.send().await,
    };
    let mut response = sent.map_err(|error| anyhow::anyhow!("the gateway does not answer: {error}"))?;
    let status = response.status();
    eprintln!("{status}");
    for name in [header::LOCATION, header::ETAG, header::RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            eprintln!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = media_type.is_some_and(|text| text.split(';').next().unwrap_or_default().ends_with("json"));
    let mut out = io::stdout();
    if is_json && out.is_terminal() {
        let body = response.body().limit(64 << 20).await.context("the answer broke off")?;
        let document: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
        writeln!(out, "{document:#}")?;
    } else {
        // As it comes: a stream of events has no end.
        while let Some(bytes) = response.next().await {
            out.write_all(&bytes.context("the answer broke off")?)?;
            out.flush()?;
        }
    }
    if status.is_client_error() || status.is_server_error() {
        bail!("the answer is {status}");
    }
    Ok(())
}

/// A session for one call.
struct Session {
    access_token: SecretString,
    refresh_token: SecretString,
}

impl Session {
    async fn start(client: &Client, options: &ApiOptions) -> anyhow::Result<Self> {
        let (email, password) = credentials(options)?;
        let mut login = json!({"email": email, "password": password.expose_secret()});
        if let Some(code) = &options.totp {
            login["totp"] = json!(code);
        }
        let url = format!("{}/api/v1/auth/login", options.url.trim_end_matches('/'));
        let answer = client.post(url).send_json(&login).await;
        let mut answer = answer.map_err(|error| anyhow::anyhow!("the gateway does not answer: {error}"))?;
        let tokens: Value = answer.json().await.context("the answer to the login is no JSON")?;
        let token = |name: &str| tokens[name].as_str().map(|text| SecretString::from(text.to_owned()));
        match (token("access_token"), token("refresh_token")) {
            (Some(access_token), Some(refresh_token)) => Ok(Self { access_token, refresh_token }),
            _ => bail!("the login failed: {}", tokens["title"].as_str().unwrap_or("no tokens")),
        }
    }

    /// Nobody uses the session after the call. A failure harms nobody: it ends by itself.
    async fn end(self, client: &Client, options: &ApiOptions) {
        let url = format!("{}/api/v1/auth/logout", options.url.trim_end_matches('/'));
        let _ =
            client.post(url).send_json(&json!({"refresh_token": self.refresh_token.expose_secret()})).await;
    }
}

/// Those of the options, else those of the installation's administrator.
fn credentials(options: &ApiOptions) -> anyhow::Result<(String, SecretString)> {
    if let (Some(email), Some(password)) = (&options.email, &options.password) {
        return Ok((email.clone(), password.clone()));
    }
    if !options.data_dir.join("admin.json").exists() {
        bail!(
            "{} has no administrator: name an account by --email and AEROBUS_API_PASSWORD, or use --anonymous",
            options.data_dir.display()
        );
    }
    let administrator = Installation::open(&options.data_dir)?.administrator()?;
    Ok((administrator.email, administrator.password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_the_base_of_the_api_on() {
        for (told, whole) in [
            ("flights?date=2026-12-01", "/api/v1/flights?date=2026-12-01"),
            ("/places?q=lon", "/api/v1/places?q=lon"),
            ("/api/openapi.json", "/api/openapi.json"),
            ("/api/v1/cities", "/api/v1/cities"),
            ("/.well-known/jwks.json", "/.well-known/jwks.json"),
            ("health/ready", "/health/ready"),
        ] {
            assert_eq!(whole_path(told), whole);
        }
    }

    #[test]
    fn a_body_is_written_down_or_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[1]").unwrap();
        assert_eq!(read_body("{}").unwrap(), b"{}");
        assert_eq!(read_body(&format!("@{}", file.path().display())).unwrap(), b"[1]");
        assert!(read_body("@/nowhere/at/all").is_err());
    }
}
