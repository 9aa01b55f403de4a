//! Confluence: live sites, Cloud and Data Center, and exports of spaces. 
mod addresses;
mod page;
mod settings;
mod storage;

pub use settings::{Flavor, Restrictions, Settings};

#[cfg(test)]
mod tests;
