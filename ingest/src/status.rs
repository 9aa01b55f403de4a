//! How the sources of a knowledge base are: what `ingest status` prints.

use crate::runs::{LastRun, RunLog};
use kb::store::{self, Address, Filter, StoreError};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// So much of what failed is printed of a source; `--json` has more.
const MAX_SHOWN: usize = 5;

/// The sources of a knowledge base.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The knowledge base's version; `None` if it does not exist yet.
    pub kb_version: Option<String>,
    /// The sources by name: those that are stored, those that were read, and those that are configured.
    pub sources: BTreeMap<String, SourceStatus>,
}

/// How one source is.
#[derive(Debug, Default, Serialize)]
pub struct SourceStatus {
    /// Number of stored documents.
    pub documents: u64,
    /// The last run; `None` where none is known of.
    pub last_run: Option<LastRun>,
}

impl SourceStatus {
    /// Whether the last run read everything there was.
    fn is_well(&self) -> bool {
        self.last_run.as_ref().is_some_and(|run| run.failed.is_none() && run.num_rejected == 0)
    }
}

impl Status {
    /// Looks into a knowledge base; `configured` are sources that it should have.
    pub async fn of<'n>(
        address: &Address,
        configured: impl Iterator<Item = &'n str>,
    ) -> Result<Self, StoreError> {
        let mut status = Self { kb_version: None, sources: BTreeMap::new() };
        status.sources.extend(configured.map(|name| (name.to_owned(), SourceStatus::default())));
        let kb = match store::open(address, None).await {
            Err(StoreError::Missing { .. }) if !status.sources.is_empty() => return Ok(status),
            opened => opened?,
        };
        let view = kb.view(&Filter::everything()).await?;
        status.kb_version = Some(view.version().to_owned());
        for record in view.all_documents().await? {
            status.sources.entry(record.meta.source.clone()).or_default().documents += 1;
        }
        for (name, run) in RunLog::of(kb.run_log().await?).sources {
            status.sources.entry(name).or_default().last_run = Some(run);
        }
        Ok(status)
    }

    /// Whether the last run of each source read everything there was.
    pub fn is_well(&self) -> bool {
        self.sources.values().all(SourceStatus::is_well)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "knowledge base version: {}", self.kb_version.as_deref().unwrap_or("none"))?;
        for (name, source) in &self.sources {
            let SourceStatus { documents, last_run } = source;
            let Some(run) = last_run else {
                writeln!(f, "{name}: {documents} documents; no run is known of")?;
                continue;
            };
            let at = |time: Option<jiff::Timestamp>| {
                time.map_or_else(|| "never".to_owned(), |time| format!("{time:.0}"))
            };
            write!(f, "{name}: {documents} documents; in sync {}", at(run.synced_at))?;
            if let Some(reason) = &run.failed {
                write!(f, "; failed {}: {reason}", at(run.ended_at))?;
            }
            writeln!(
                f,
                "{}",
                match run.num_rejected {
                    0 => String::new(),
                    rejected => format!("; {rejected} not indexed"),
                }
            )?;
            for rejection in run.rejected.iter().take(MAX_SHOWN) {
                writeln!(f, "  not indexed: {}: {}", rejection.path, rejection.reason)?;
            }
            if run.num_rejected > MAX_SHOWN as u64 {
                writeln!(f, "  and {} more", run.num_rejected - MAX_SHOWN as u64)?;
            }
        }
        Ok(())
    }
}
