//! The log of each source's last run: when it was in sync, how many documents it has, which failures there were. People
//! read it; the only decision that depends on it is when a live source is listed as a whole again.

use crate::report::{Rejection, Report, SourceReport};
use jiff::Timestamp;
use kb::{causes::with_causes, store::Writer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many of the things that were not indexed are kept of a source.
const MAX_REJECTED: usize = 100;

/// The last run of each source, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLog {
    /// The last runs, by the sources' names.
    #[serde(default)]
    pub sources: BTreeMap<String, LastRun>,
}

/// The last run of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The time of its end.
    pub ended_at: Option<Timestamp>,
    /// When a run last dealt with everything that was listed, without a failure.
    #[serde(default)]
    pub synced_at: Option<Timestamp>,
    /// When everything that the source has was last listed.
    #[serde(default)]
    pub listed_at: Option<Timestamp>,
    /// How many documents the source had after it.
    #[serde(default)]
    pub documents: u64,
    /// Why it failed; nothing of the source was changed then.
    #[serde(default)]
    pub failed: Option<String>,
    /// The first of the entries that were not indexed for a fault.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
    /// How many there were.
    #[serde(default)]
    pub num_rejected: u64,
}

impl RunLog {
    /// The log that a knowledge base has; an empty one where it has none that can be read.
    pub fn of(stored: Option<serde_json::Value>) -> Self {
        stored.and_then(|log| serde_json::from_value(log).ok()).unwrap_or_default()
    }

    /// Stores the log. A failure is logged only, for no run fails because of it.
    pub(crate) async fn keep(&self, writer: &mut dyn Writer) {
        let value = serde_json::to_value(self).expect("a log has only string keys");
        if let Err(error) = writer.set_run_log(&value).await {
            tracing::warn!("the log of runs cannot be written: {}", with_causes(&error));
        }
    }

    /// When everything that a source has was last listed.
    pub fn listed_at(&self, source: &str) -> Option<Timestamp> {
        self.sources.get(source)?.listed_at
    }

    /// Takes in what a run said about its sources.
    pub fn note(&mut self, report: &Report, now: Timestamp) {
        for source in &report.sources {
            self.note_source(source, now);
        }
    }

    /// Takes in that a run failed as a whole.
    pub fn note_failure<'n>(&mut self, sources: impl Iterator<Item = &'n str>, reason: &str, now: Timestamp) {
        for name in sources {
            let run = self.sources.entry(name.to_owned()).or_default();
            (run.ended_at, run.failed) = (Some(now), Some(reason.to_owned()));
        }
    }

    /// Gives a source another name; a run that is known under the new name stays, and the old one is dropped.
    pub fn rename(&mut self, from: &str, to: &str) {
        if let Some(run) = self.sources.remove(from) {
            self.sources.entry(to.to_owned()).or_insert(run);
        }
    }

    fn note_source(&mut self, source: &SourceReport, now: Timestamp) {
        let run = self.sources.entry(source.name.clone()).or_default();
        run.ended_at = Some(now);
        run.failed.clone_from(&source.failed);
        if source.failed.is_some() {
            return;
        }
        run.documents = source.documents.seen;
        let faults = source.rejected.iter().filter(|rejection| !rejection.by_convention);
        run.num_rejected = faults.clone().count() as u64;
        run.rejected = faults.take(MAX_REJECTED).cloned().collect();
        if source.is_complete {
            run.listed_at = Some(now);
        }
        run.synced_at = Some(now);
    }
}
