//! The `ingest` command as its users run it: files in, exit codes, reports and stored chunks out. The hashed embedder
//! needs no model.

mod backup;
mod files;
mod interruptions;
mod lint;
mod rename;
mod restrictions;
mod runs;
mod world;
