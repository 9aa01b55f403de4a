//! Serving over HTTP. [`router::router`] lists the routes, a file each holds an endpoint, [`server::serve`] owns the
//! connections. `wire/` is what goes over the wire. Status codes are chosen in
//! `error.rs` only.

mod ask;
pub mod auth;
mod bodies;
mod body;
mod chat;
mod completions;
mod documents;
mod error;
mod feedback;
pub mod follow;
mod guard;
mod health;
mod linger;
mod mcp;
mod metrics;
mod models;
mod observe;
mod openapi;
pub mod router;
mod search;
pub mod server;
pub mod settings;
mod sse;
mod state;
pub mod tls;
pub(crate) mod wire;

pub use router::router;
pub use state::AppState;
