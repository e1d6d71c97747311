//! The browser for the documentation: Swagger UI, whose files are in the binary, so it works offline.

use actix_web::{HttpResponse, http::header, web};
use shared::http::{Code, Problem};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

/// What the pages of Swagger UI may do: run and show what lies beside them, and ask this gateway. Its drawings are
/// `data:` addresses within its styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /api/docs`: relative links of the page need the slash.
pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/api/docs/")).finish()
}

/// `GET /api/docs/...`: a file of Swagger UI.
pub(super) async fn file(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let config = Arc::new(Config::new(["/api/openapi.json"]).use_base_layout());
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| Problem::internal(&*error))?;
    let file = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header(header::ContentEncoding::Gzip);
    }
    Ok(response
        .content_type(file.content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=60"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(file.bytes.into_owned()))
}
