//! `GET /openapi.json`: the interface described, from the handlers and the types they read and write. The parts that
//! follow from a route's role (security, scope and refusals) are taken from `routes()`.

use super::{
    ask, chat, completions, documents, error, feedback, health, mcp, metrics, models,
    router::{Route, routes},
    search,
    wire::{chat::Message, filter},
};
use axum::{Json, http::Method};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        PathItem, RefOr,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

/// The name of the security scheme.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "runbookd",
        description = "Answers to failures from a team's own runbooks, SOPs, documentation and issues: grounded, cited, \
                       or an honest \"I don't know\". Bodies are read as JSON, whatever their content type says; only \
                       the Model Context Protocol insists on it."
    ),
    paths(
        completions::completions,
        completions::v1_completions,
        chat::chat_completions,
        ask::ask,
        search::search,
        documents::document,
        models::models,
        feedback::feedback,
        mcp::mcp,
        metrics::metrics,
        health::healthz,
        health::readyz,
        openapi,
    ),
    components(schemas(error::Body, Message)),
    modifiers(&Roles)
)]
struct Description;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| json!(Description::openapi()));

/// Describes the interface.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    responses((status = 200, description = "This document.", body = Object))
)]
pub async fn openapi() -> Json<&'static Value> {
    Json(&DESCRIPTION)
}

/// Adds to every operation what its route's role brings with it.
struct Roles;

impl Modify for Roles {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme(BEARER, bearer);
        for route in routes() {
            let (is_scoped, is_guarded) = (route.is_scoped(), route.is_guarded());
            let Route { method, path, role, .. } = route;
            let item = openapi.paths.paths.get_mut(path);
            let Some(operation) = item.and_then(|item| operation(item, &method)) else { continue };
            let guarded = if is_guarded { error::Guarded::responses() } else { BTreeMap::new() };
            for (status, failure) in error::Broken::responses().into_iter().chain(guarded) {
                operation.responses.responses.entry(status).or_insert(failure);
            }
            if role.is_some() {
                // The token is optional in the description, for a server without tokens asks for no token.
                operation.security =
                    Some(vec![SecurityRequirement::default(), SecurityRequirement::new(BEARER, [""; 0])]);
                if is_scoped {
                    operation
                        .parameters
                        .get_or_insert_default()
                        .extend(filter::parameters().into_iter().map(RefOr::T));
                }
                for (status, refusal) in error::Admission::responses() {
                    operation.responses.responses.entry(status).or_insert(refusal);
                }
            }
        }
    }
}

fn operation<'i>(item: &'i mut PathItem, method: &Method) -> Option<&'i mut Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        _ => None,
    }
}
