//! The settings of `evaluate`: the product's configuration with the few settings that only evaluations have. No other
//! file of this package reads the environment.

use crate::error::EvalError;
use runbookd::config::Config;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

/// All settings of `evaluate`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The product's configuration: embedding model, language model, budgets.
    pub product: Config,
    /// The directory of the knowledge bases that are built for suites.
    pub cache: PathBuf,
    /// The server, with the beginning of their names, whose copies of these knowledge bases are searched in their
    /// place.
    pub server: Option<String>,
    /// The directory that `$RUNBOOKD_TEST_DATA` stands for in suites.
    pub data: Option<PathBuf>,
    /// Number of retrievals that run at once.
    pub concurrency: usize,
}

impl Settings {
    /// The product's settings with the default of `cache` where it is absent, and as many retrievals at once as there
    /// are cores.
    pub fn new(product: Config, cache: Option<PathBuf>, data: Option<PathBuf>) -> Result<Self, EvalError> {
        let cache = match cache {
            Some(cache) => cache,
            None => default_cache().ok_or_else(|| {
                EvalError::Usage(
                    "there is no home directory to keep caches in; give `--cache DIR`".to_owned(),
                )
            })?,
        };
        Ok(Self {
            product,
            cache,
            server: None,
            data,
            concurrency: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
        })
    }

    /// `--kb`, which some commands need.
    pub fn knowledge_base(&self) -> Result<&kb::store::Address, EvalError> {
        self.product.knowledge_base().map_err(|error| EvalError::Usage(error.to_string()))
    }
}

/// The directory `${XDG_CACHE_HOME:-$HOME/.cache}/runbookd/evaluate`; `None` where neither variable has an absolute
/// path.
#[expect(clippy::disallowed_methods, reason = "this is config.rs")]
fn default_cache() -> Option<PathBuf> {
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = directory("XDG_CACHE_HOME").or_else(|| Some(directory("HOME")?.join(".cache")))?;
    Some(base.join(Path::new("runbookd/evaluate")))
}
