//! Where documents come from. A source lists what it has, then hands out one file at a time; it knows no formats.

pub mod folder;
