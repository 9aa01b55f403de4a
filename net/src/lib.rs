//! Calls to other systems, and the secrets that they take. Language models, embeddings and live sources share it.
//!
//! [`Client::new`] makes a client for one configured system; [`Client::get`] and [`Client::post_json`] are the usual
//! calls, [`Client::call`] is every other. No redirect leaves the system, but for a call that is [`Call::handed_on`].
//! Each call has a [`Policy`]: its deadlines, its tries, its largest body. A reply has a successful
//! status; other outcomes are a [`CallError`], which shows neither the query of the address nor a part of a body.
//!
//! The meaning of replies is left to the callers.

// Every other package stands on this one, so its public items are all documented.
#![warn(missing_docs)]

mod addresses;
mod client;
mod error;
mod json;
mod pinned;
mod policy;
mod reply;
pub mod secret;

pub use client::{Authorization, Call, Client, Settings, SetupError};
pub use error::CallError;
pub use json::from_slice;
pub use policy::Policy;
pub use reply::{Incoming, Reply};
pub use reqwest::{
    Method, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
pub use secret::Secret;
