//! The commands of the command line, a file each: they bring files and knowledge bases together with the measures.
//! Printing is done by [`crate::cli`].

pub mod abstention;
pub mod calibrate;
pub mod fidelity;
pub mod init;
pub mod lint;
pub mod retrieval;
pub mod run;

use crate::{
    config::Settings,
    error::EvalError,
    knowledge::Indexed,
    run::{AskedSides, Runner},
    suite::Suite,
};
use std::path::PathBuf;

/// The sources of answerable and unanswerable questions.
#[derive(Debug, Clone)]
pub enum Sides {
    /// Every pair of a suite, each with its corpus.
    Suite(PathBuf),
    /// Files of questions, asked of `--kb` as one pair.
    Files {
        /// Files of questions that the knowledge base covers.
        answerable: Vec<PathBuf>,
        /// Files of questions that it does not cover.
        unanswerable: Vec<PathBuf>,
    },
}

/// A pair of sides, asked.
struct AskedPair {
    name: String,
    corpus: String,
    asked: AskedSides,
}

/// Asks the questions of all pairs.
async fn ask(settings: &Settings, runner: &mut Runner, sides: &Sides) -> Result<Vec<AskedPair>, EvalError> {
    let mut pairs = Vec::new();
    match sides {
        Sides::Suite(path) => {
            let suite = Suite::read(path, settings.data.as_deref())?;
            if suite.abstention.is_empty() {
                return Err(EvalError::data(path, "has no [[abstention]] pair"));
            }
            for spec in &suite.abstention {
                let asked = runner.pair(spec).await?;
                let corpus = runner.indexed(&spec.corpus).await?.corpus;
                pairs.push(AskedPair { name: spec.name.clone(), corpus, asked });
            }
        }
        Sides::Files { answerable, unanswerable } => {
            let indexed = Indexed::open(settings.knowledge_base()?, &runner.identity()).await?;
            let asked = runner.sides("given questions", &indexed, answerable, unanswerable).await?;
            pairs.push(AskedPair { name: "given questions".to_owned(), corpus: indexed.corpus, asked });
        }
    }
    Ok(pairs)
}
