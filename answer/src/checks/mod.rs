//! The checks of every text that leaves, by a model or quoted: commands are judged, links and HTML taken out, masked
//! names whole, secrets masked. Replies, quotations, refusals and titles pass through these files, and `evaluate`
//! scores with them. The checks of a model's reply alone are in `reply/`. All pure.
//!
//! To add one: a file here with one function from text to text, data as sorted lines beside it, and a call where texts
//! are finished: `reply/mod.rs` for a model's, `extractive/mod.rs` for quotations.

pub mod commands;
pub mod markup;
pub mod masked;
pub mod secrets;
pub mod title;
