//! Tests of the lint over small folders.
