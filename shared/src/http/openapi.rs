//! What the OpenAPI documents of all services have in common.

use super::{Code, ProblemBody};
use utoipa::{
    Modify, PartialSchema, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

/// Describes the access token, under the name `bearer`: for `modifiers(&BearerToken)`.
pub struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The media type of problems.
const PROBLEM: &str = "application/problem+json";

/// Declares the problems of operations: for `modifiers(&Refusals)`. Every error is a problem. The extractors, the
/// envelope and the gateway answer some of them before any handler, and each operation gets these here.
///
/// So an operation declares only what its handler decides, with status and description,
/// `(status = 409, description = "...")`, and neither schema nor media type.
pub struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
        ProblemBody::schemas(&mut schemas);
        for (name, schema) in schemas {
            components.schemas.entry(name).or_insert(schema);
        }
        for (path, item) in &mut document.paths.paths {
            let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            methods.into_iter().flatten().for_each(|operation| declare(operation, path.contains('{')));
        }
    }
}

fn declare(operation: &mut Operation, has_path_parameter: bool) {
    let security = operation.security.as_deref().unwrap_or_default();
    let has_body = operation.request_body.is_some();
    let expected = [
        (has_body, Code::MalformedJson, "`malformed_json`"),
        (
            true,
            Code::Unauthenticated,
            "`unauthenticated` or `token_expired`: a bad token is refused even where none is needed",
        ),
        (security.iter().any(needs_permission), Code::Forbidden, "`forbidden`: a permission is missing"),
        (has_path_parameter, Code::NotFound, "`not_found`"),
        (has_body, Code::PayloadTooLarge, "`payload_too_large`"),
        (true, Code::UriTooLong, "`uri_too_long`"),
        (has_body, Code::UnsupportedMediaType, "`unsupported_media_type`"),
        (true, Code::ValidationFailed, "`validation_failed`: all bad parameters or members at once"),
        (true, Code::RateLimited, "`rate_limited`, with `Retry-After`"),
        (true, Code::HeadersTooLarge, "`headers_too_large`"),
        (true, Code::Internal, "`internal`: a fault of ours"),
        (true, Code::UpstreamUnavailable, "`upstream_unavailable` or `overloaded`, with `Retry-After`"),
        (true, Code::UpstreamTimeout, "`upstream_timeout`"),
    ];
    let responses = &mut operation.responses.responses;
    for (_, code, description) in expected.into_iter().filter(|(expected, ..)| *expected) {
        let status = code.status().as_str().to_owned();
        responses.entry(status).or_insert_with(|| Response::new(description).into());
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && matches!(status.as_bytes().first(), Some(b'4' | b'5'))
        {
            let schema = Ref::from_schema_name(ProblemBody::name());
            response.content.clear();
            response.content.insert(PROBLEM.to_owned(), Content::new(Some(schema)).into());
        }
    }
}

/// Whether a requirement has scopes, which only its JSON shows.
fn needs_permission(requirement: &SecurityRequirement) -> bool {
    let json = serde_json::to_value(requirement).unwrap_or_default();
    let mut scopes = json.as_object().into_iter().flatten();
    scopes.any(|(_, scopes)| scopes.as_array().is_some_and(|scopes| !scopes.is_empty()))
}
