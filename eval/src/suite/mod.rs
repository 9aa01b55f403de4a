//! A suite: a TOML file that names question sets, abstention pairs, single cases and the rest that a run measures, with
//! the bounds that must hold.
//!
//! Entry point: [`Suite::read`]. Paths are relative to `root`, which is relative to the suite's own folder; a leading
//! `$RUNBOOKD_TEST_DATA` stands for a directory of public data that is not part of the project.
//!
//! To add a kind of measurement (another `[[table]]` of the file): its form and the checks of it in `file.rs`, its
//! specification in `spec.rs` and a field of [`Suite`]; its result in `results/` and a field of
//! [`RunResult`](crate::results::RunResult); the measurement in a room of its own, called by [`crate::run`]; its bounds
//! in [`crate::gates`]; its table in each form of [`crate::report`]; a section of `docs/evaluation.md`. To add a field
//! of a case: `case.rs`, and the check that uses it in [`crate::cases`].

mod case;
mod file;
mod spec;
#[cfg(test)]
mod tests;

pub use case::{Case, Relevant};
pub use spec::{
    AbstentionCeilings, AbstentionSpec, Asked, CaseFloors, FidelitySpec, RepliesSpec, Sampling, SetSpec,
    SupportSpec,
};

use crate::{error::EvalError, files::read_text};
use file::{AbstentionFile, Context, FidelityFile, RepliesFile, SetFile, SuiteFile, SupportFile};
use std::path::{Path, PathBuf};

/// A suite, its paths resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// The name, for reports and baselines.
    pub name: String,
    /// How far the lower end of a difference's interval may fall before a gate fails.
    pub tolerance: f64,
    /// Labelled sets of questions.
    pub sets: Vec<SetSpec>,
    /// Pairs of answerable and unanswerable questions.
    pub abstention: Vec<AbstentionSpec>,
    /// The questions for section fidelity.
    pub fidelity: Vec<FidelitySpec>,
    /// Replies whose way through the checks is judged.
    pub replies: Vec<RepliesSpec>,
    /// Sentences that cite a document, true and untrue.
    pub support: Vec<SupportSpec>,
    /// The folders that the cases are asked against; empty if the suite has none.
    pub corpus: Vec<PathBuf>,
    /// Single questions with the properties that their answers must have.
    pub cases: Vec<Case>,
    /// Hash of the cases as they are written.
    pub cases_hash: String,
    /// Bounds on the cases together.
    pub case_floors: CaseFloors,
}

impl Suite {
    /// Reads and checks a suite. `data` is the directory that `$RUNBOOKD_TEST_DATA` stands for.
    pub fn read(path: &Path, data: Option<&Path>) -> Result<Suite, EvalError> {
        let text = read_text(path)?;
        let not_a_suite = |error: toml::de::Error| EvalError::data(path, error.to_string());
        let file: SuiteFile = toml::from_str(&text).map_err(not_a_suite)?;
        let written: toml::Table = toml::from_str(&text).map_err(not_a_suite)?;
        let cases = written.get("case").map(toml::Value::to_string).unwrap_or_default();

        let mut context = Context::new(path, file.root.as_deref(), data)?;
        let sets = context.each(file.set, |part| &part.name, SetFile::spec)?;
        let abstention = context.each(file.abstention, |part| &part.name, AbstentionFile::spec)?;
        let fidelity = context.each(file.fidelity, |part| &part.name, FidelityFile::spec)?;
        let replies = context.each(file.replies, |part| &part.name, RepliesFile::spec)?;
        let support = context.each(file.support, |part| &part.name, SupportFile::spec)?;
        context.check_cases(&file.case, &file.corpus)?;
        Ok(Suite {
            name: file.name,
            tolerance: file.tolerance,
            sets,
            abstention,
            fidelity,
            replies,
            support,
            corpus: context.all(&file.corpus)?,
            cases: file.case,
            cases_hash: blake3::hash(cases.as_bytes()).to_hex().to_string(),
            case_floors: file.case_floors,
        })
    }
}
