//! The browser for the documentation: Swagger UI, whose files are in the binary, so it works offline.

use actix_web::{HttpResponse, http::header, web};
use shared::http::{Code, Problem};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

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
        .body(file.bytes.into_owned()))
}
