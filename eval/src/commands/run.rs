//! `evaluate run`: a whole suite.

use crate::{
    config::Settings,
    error::EvalError,
    recording::Recorder,
    results::{RunResult, Timings},
    run::{RunOptions, Runner},
    suite::Suite,
};
use answer::{
    Metrics,
    llm::{breaker, providers::Providers},
};
use kb::causes::with_causes;
use kb::retrieve::Tuning;
use std::{path::PathBuf, sync::Arc};

/// The flags of the command.
#[derive(Debug, Clone)]
pub struct Request {
    /// The file of the suite.
    pub suite: PathBuf,
    /// `--baseline`: the file to compare with.
    pub baseline: Option<PathBuf>,
    /// `--replay`: the directory of recorded replies.
    pub replay: Option<PathBuf>,
    /// `--record`: the directory that replies are recorded in.
    pub record: Option<PathBuf>,
    /// `--judge`: whether the language model judges answers as well.
    pub judge: bool,
    /// `--rebuild`: whether knowledge bases are built anew.
    pub rebuild: bool,
}

/// Runs the suite, with a recorder where replies are recorded or replayed.
pub async fn run(
    settings: Settings,
    tuning: Tuning,
    request: &Request,
) -> Result<(RunResult, Timings), EvalError> {
    let suite = Suite::read(&request.suite, settings.data.as_deref())?;
    let recorder = match (&request.replay, &request.record) {
        (Some(directory), _) => Some(Recorder::replay(directory)?),
        (None, Some(directory)) => {
            // Recordings are of one model: the first.
            let Some(llm) = settings.product.llm.first() else {
                let detail =
                    "--record needs a language model: set RUNBOOKD_LLM_BASE_URL and RUNBOOKD_LLM_MODEL";
                return Err(EvalError::Usage(detail.to_owned()));
            };
            let one = std::slice::from_ref(llm);
            let client = Providers::connect(one, breaker::Settings::default(), &Metrics::default())
                .map_err(|error| EvalError::Usage(with_causes(&error)))?
                .expect("one provider is given");
            Some(Recorder::record(directory, Arc::new(client), &llm.parameters())?)
        }
        (None, None) if request.judge => {
            return Err(EvalError::Usage("--judge needs --record or --replay".to_owned()));
        }
        (None, None) => None,
    };
    let recorder = recorder.map(Arc::new);
    let mut runner = Runner::start(settings, tuning, request.rebuild).await?;
    let options = RunOptions {
        baseline: request.baseline.as_deref(),
        recorder: recorder.clone(),
        judge: request.judge,
    };
    let found = runner.run(&suite, &options).await?;
    if let Some(recorder) = recorder {
        let stale = recorder.stale()?;
        if !stale.is_empty() {
            eprintln!("{} recordings are stale, nothing asked for them: {}", stale.len(), stale.join(", "));
        }
    }
    Ok(found)
}
