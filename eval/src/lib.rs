//! The judging side: measures retrieval, the decision to answer and answers on labelled questions, compares with a
//! baseline, and gates a change.
//!
//! Entry points: [`run::Runner`] for suites, [`cli::run`] for the `evaluate` command. The measures themselves are pure:
//! [`metrics`], [`abstention`], [`answers`], [`statistics`], [`logistic`]. No other package of the workspace knows this
//! one.

pub mod abstention;
pub mod answers;
pub mod asking;
pub mod baseline;
pub mod calibration;
pub mod cases;
pub mod cli;
pub mod commands;
pub mod config;
mod corpus_source;
pub mod datasets;
pub mod error;
pub mod fidelity;
pub mod files;
pub mod gates;
pub mod judge;
pub mod knowledge;
pub mod labels;
pub mod lint;
pub mod logistic;
pub mod metrics;
pub mod pages;
pub mod recording;
pub mod replies;
pub mod report;
pub mod results;
pub mod retrieval;
pub mod rules;
pub mod run;
pub mod statistics;
pub mod suite;
pub mod support;
pub mod text;
pub mod trec;
