//! What a request may see: the scope of a view.

use crate::{
    document::{DocumentMeta, Kind},
    version::{self, Versions},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which access tags a reader holds. The default holds none: it sees only what everybody may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Reads everything: the operator of the machine.
    All,
    /// Reads documents without tags, and those with at least one of these.
    Tags(BTreeSet<String>),
}

impl Default for Access {
    fn default() -> Self {
        Access::Tags(BTreeSet::new())
    }
}

/// The documents that a view shows: those that satisfy every part. An empty set leaves its part open. Equal filters
/// hash equally, so a filter can be part of a cache key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Only these sources.
    pub sources: BTreeSet<String>,
    /// Only these kinds.
    pub kinds: BTreeSet<Kind>,
    /// Only these products; a document without a product is shown too.
    pub products: BTreeSet<String>,
    /// Only these versions, as [`crate::version`] compares them; a document without a version is shown too.
    pub versions: BTreeSet<String>,
    /// Only documents with one of these labels.
    pub labels: BTreeSet<String>,
    /// Only documents for these clusters; a document without a `cluster:` label is shown too.
    pub clusters: BTreeSet<String>,
    /// What the reader may see at all.
    pub access: Access,
}

impl Filter {
    /// Shows everything, access tags included: for the operator of the machine.
    pub fn everything() -> Self {
        Self { access: Access::All, ..Self::default() }
    }

    /// Whether the filter shows all there is.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether a document is shown.
    pub fn shows(&self, meta: &DocumentMeta) -> bool {
        let open_or_has = |wanted: &BTreeSet<String>, value: &Option<String>| {
            wanted.is_empty() || value.as_ref().is_none_or(|value| wanted.contains(value))
        };
        let tells_of_version = |said: &String| {
            let terms = Versions::terms(said);
            self.versions
                .iter()
                .flat_map(|asked| version::wanted_terms(asked))
                .any(|term| terms.contains(&term))
        };
        let mut clusters = meta.labels.iter().filter_map(|label| label.strip_prefix("cluster:")).peekable();
        let readable = match &self.access {
            Access::All => true,
            Access::Tags(held) => meta.access.is_empty() || meta.access.iter().any(|tag| held.contains(tag)),
        };
        readable
            && (self.sources.is_empty() || self.sources.contains(&meta.source))
            && (self.kinds.is_empty() || self.kinds.contains(&meta.kind))
            && open_or_has(&self.products, &meta.product)
            && (self.versions.is_empty() || meta.version.as_ref().is_none_or(tells_of_version))
            && (self.labels.is_empty() || meta.labels.iter().any(|label| self.labels.contains(label)))
            && (self.clusters.is_empty()
                || clusters.peek().is_none()
                || clusters.any(|cluster| self.clusters.contains(cluster)))
    }
}
