//! End-to-end tests of the asking side: the sample knowledge base in `runbooks/`, the embedded engine, the small
//! deterministic embedder, and a scripted language model. No network beyond this machine, no key, no model.

mod answers;
mod bedrock;
mod cache;
mod cli;
mod completions;
mod dialect;
mod faults;
mod harness;
mod injection;
mod load;
mod mcp;
mod metrics;
mod openapi;
mod panics;
mod passages;
mod process;
mod prohibitions;
mod prompts;
mod providers;
mod ready;
mod refusals;
mod reload;
mod replicas;
mod replies;
mod routes;
mod server;
mod sse;
mod stored;
mod streaming;
mod tls;
mod traces;
mod versions;
