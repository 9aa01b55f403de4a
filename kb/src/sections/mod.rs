//! The structure of a page as its headings tell it: the part that each section plays (`role.rs`), and the smallest part of
//! the page that treats one problem (`outline.rs`).

mod outline;
mod role;

pub use outline::{Part, Unit, parts};
pub use role::Role;
