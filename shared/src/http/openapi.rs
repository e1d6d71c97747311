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

/// Describes how operations refuse: for `modifiers(&Refusals)`. Every error is a problem, and what extractors and the
/// envelope answer is told for each operation that they stand before.
///
/// So an operation states status and description of an error, `(status = 404, description = "...")`, and neither body
/// nor media type.
pub struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
        ProblemBody::schemas(&mut schemas);
        for (name, schema) in schemas {
            components.schemas.entry(name).or_insert(schema);
        }
        for item in document.paths.paths.values_mut() {
            let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            methods.into_iter().flatten().for_each(describe);
        }
    }
}

fn describe(operation: &mut Operation) {
    let security = operation.security.as_deref().unwrap_or_default();
    let has_body = operation.request_body.is_some();
    let expected = [
        (true, Code::ValidationFailed, "`validation_failed`: a query parameter or a member is bad"),
        (true, Code::UpstreamUnavailable, "`upstream_unavailable` or `overloaded`, with `Retry-After`"),
        (has_body, Code::MalformedJson, "`malformed_json`"),
        (has_body, Code::PayloadTooLarge, "`payload_too_large`"),
        (has_body, Code::UnsupportedMediaType, "`unsupported_media_type`"),
        (!security.is_empty(), Code::Unauthenticated, "`unauthenticated` or `token_expired`"),
        (security.iter().any(needs_permission), Code::Forbidden, "`forbidden`"),
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
