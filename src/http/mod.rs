//! Serving over HTTP. [`router::router`] lists the routes, a file each holds an endpoint, [`server::serve`] owns the
//! connections. Status codes are chosen in `error.rs` only.

pub mod auth;
mod body;
pub mod completions;
mod error;
mod health;
pub mod router;
mod scope;
pub mod server;

pub use router::{AppState, router};
