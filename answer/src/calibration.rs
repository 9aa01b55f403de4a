//! Which calibration of the decision to answer is in use: the knowledge base's own, when it was fitted for what this
//! program measures, else the compiled-in default.

use kb::{
    answerable::{Calibration, DECISION_VERSION},
    store::{Identity, KnowledgeBase, StoreError},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a calibration is used before the knowledge base is asked for it again.
const MAX_AGE: Duration = Duration::from_secs(10);

/// Where a calibration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The knowledge base has one, and it fits.
    Stored,
    /// The knowledge base has none.
    Builtin,
    /// The knowledge base has one that cannot be used, for this reason; the default is.
    Mismatch(String),
}

/// Chooses between what is stored and the default.
pub fn choose(stored: Option<serde_json::Value>, identity: &Identity) -> (Calibration, Origin) {
    let Some(stored) = stored else { return (Calibration::builtin(), Origin::Builtin) };
    let mismatch = |why: String| (Calibration::builtin(), Origin::Mismatch(why));
    let calibration: Calibration = match serde_json::from_value(stored) {
        Ok(calibration) => calibration,
        Err(error) => return mismatch(format!("it cannot be read: {error}")),
    };
    let pairs = [
        ("decision version", calibration.decision_version.to_string(), DECISION_VERSION.to_string()),
        ("model", calibration.model.clone(), identity.model.name.clone()),
        ("analyzer version", calibration.analyzer_version.to_string(), identity.analyzer_version.to_string()),
    ];
    match pairs.into_iter().find(|(_, stored, current)| stored != current) {
        Some((what, stored, current)) => mismatch(format!(
            "it was fitted for {what} `{stored}`, but this is `{current}`; run `evaluate calibrate`"
        )),
        None => (calibration, Origin::Stored),
    }
}

/// The knowledge base's calibration, read again every few seconds.
#[derive(Default)]
pub struct Current {
    held: Mutex<Option<(Instant, Arc<Calibration>)>>,
}

impl Current {
    /// The calibration to use now.
    pub async fn of(&self, kb: &dyn KnowledgeBase) -> Result<Arc<Calibration>, StoreError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((read_at, calibration)) = held
            && read_at.elapsed() < MAX_AGE
        {
            return Ok(calibration);
        }
        let (calibration, _) = choose(kb.calibration().await?, &kb.identity());
        let calibration = Arc::new(calibration);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), calibration.clone()));
        Ok(calibration)
    }
}
