//! The documents that a request may see: the scope of a view.

use crate::{
    document::{DocumentMeta, Kind},
    version::{self, Versions},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which access tags a reader holds. The default has no tags: it sees only the documents that all readers may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Reads everything: the operator of the machine.
    All,
    /// Reads documents without tags, and those with at least one of these.
    Tags(BTreeSet<String>),
    /// Reads nothing at all.
    Nothing,
}

impl Default for Access {
    fn default() -> Self {
        Access::Tags(BTreeSet::new())
    }
}

/// A part of a filter that documents need not say anything of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenPart {
    /// The open part that [`Filter::products`] selects.
    Product,
    /// The open part that [`Filter::versions`] selects.
    Version,
    /// The open part that [`Filter::clusters`] selects.
    Cluster,
}

/// The documents that a view shows: those that satisfy every part. An empty set leaves its part open. Equal filters
/// hash equally, so a filter can be part of a cache key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// The sources that are shown; empty for all.
    pub sources: BTreeSet<String>,
    /// The kinds that are shown; empty for all.
    pub kinds: BTreeSet<Kind>,
    /// Only these products; a document without a product is shown too.
    pub products: BTreeSet<String>,
    /// Only these versions, as [`crate::version`] compares them; a document without a version is shown too.
    pub versions: BTreeSet<String>,
    /// Only documents with one of these labels.
    pub labels: BTreeSet<String>,
    /// Only documents for these clusters; a document without a `cluster:` label is shown too.
    pub clusters: BTreeSet<String>,
    /// Only documents that say nothing of these parts: two filters asked for different ones.
    pub unsaid: BTreeSet<OpenPart>,
    /// The documents that the reader has access to.
    pub access: Access,
}

impl Filter {
    /// Shows everything, access tags included: for the operator of the machine.
    pub fn everything() -> Self {
        Self { access: Access::All, ..Self::default() }
    }

    /// Shows no document: for a reader who asks for other documents than those that may be read.
    pub fn nothing() -> Self {
        Self { access: Access::Nothing, ..Self::default() }
    }

    /// Shows what both filters do, to readers with this one's access. Where they ask for different sources, kinds or
    /// labels, that is nothing.
    pub fn narrowed_by(mut self, other: Self) -> Self {
        let (Some(sources), Some(kinds), Some(labels)) = (
            shared(self.sources, other.sources),
            shared(self.kinds, other.kinds),
            shared(self.labels, other.labels),
        ) else {
            return Self::nothing();
        };
        self.unsaid.extend(other.unsaid);
        let mut open = |part, one, two| {
            shared(one, two).unwrap_or_else(|| {
                self.unsaid.insert(part);
                BTreeSet::new()
            })
        };
        let products = open(OpenPart::Product, self.products, other.products);
        let versions = open(OpenPart::Version, self.versions, other.versions);
        let clusters = open(OpenPart::Cluster, self.clusters, other.clusters);
        Self {
            sources,
            kinds,
            products,
            versions,
            labels,
            clusters,
            unsaid: self.unsaid,
            access: self.access,
        }
    }

    /// Whether the filter shows all there is.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Whether a document is shown.
    pub fn shows(&self, meta: &DocumentMeta) -> bool {
        let says_nothing = |part: &OpenPart| match part {
            OpenPart::Product => meta.product.is_none(),
            OpenPart::Version => meta.version.is_none(),
            OpenPart::Cluster => !meta.labels.iter().any(|label| label.starts_with(CLUSTER_LABEL)),
        };
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
        let mut clusters =
            meta.labels.iter().filter_map(|label| label.strip_prefix(CLUSTER_LABEL)).peekable();
        let readable = match &self.access {
            Access::All => true,
            Access::Nothing => false,
            Access::Tags(held) => meta.access.is_empty() || meta.access.iter().any(|tag| held.contains(tag)),
        };
        readable
            && self.unsaid.iter().all(says_nothing)
            && (self.sources.is_empty() || self.sources.contains(&meta.source))
            && (self.kinds.is_empty() || self.kinds.contains(&meta.kind))
            && open_or_has(&self.products, &meta.product)
            && (self.versions.is_empty() || meta.version.as_ref().is_none_or(tells_of_version))
            && (self.labels.is_empty() || meta.labels.iter().any(|label| self.labels.contains(label)))
            && (self.clusters.is_empty()
                || clusters.peek().is_none()
                || clusters.any(|cluster| self.clusters.contains(cluster)))
    }

    /// The filter as sets of terms: a document is shown when its [`filter_terms`] have one of each set. The same
    /// documents as [`Filter::shows`].
    pub(super) fn term_sets(&self) -> Vec<Vec<String>> {
        let Filter { sources, kinds, products, versions, labels, clusters, unsaid, access } = self;
        if *access == Access::Nothing {
            return vec![vec![OF_NO_DOCUMENT.to_owned()]];
        }
        let values = |part: &str, values: &BTreeSet<String>| -> Vec<String> {
            values.iter().map(|value| filter_term(part, value)).collect()
        };
        let open_or = |part: &str, set: &BTreeSet<String>| {
            let mut terms = values(part, set);
            if !terms.is_empty() {
                terms.push(without(part));
            }
            terms
        };
        let mut sets = vec![
            values("source", sources),
            kinds.iter().map(|kind| filter_term("kind", kind.as_str())).collect(),
            open_or("product", products),
            open_or("version", &versions.iter().flat_map(|version| version::wanted_terms(version)).collect()),
            values("label", labels),
            open_or("cluster", clusters),
        ];
        if let Access::Tags(held) = access {
            let mut terms = values("access", held);
            terms.push(without("access"));
            sets.push(terms);
        }
        sets.retain(|terms| !terms.is_empty());
        sets.extend(unsaid.iter().map(|part| vec![without(part.as_str())]));
        sets
    }
}

impl OpenPart {
    /// The name of the part in terms.
    fn as_str(self) -> &'static str {
        match self {
            OpenPart::Product => "product",
            OpenPart::Version => "version",
            OpenPart::Cluster => "cluster",
        }
    }
}

/// The values that both sets allow; an empty set allows all values. `None` if they have no value in common.
fn shared<T: Ord + Clone>(one: BTreeSet<T>, two: BTreeSet<T>) -> Option<BTreeSet<T>> {
    match (one.is_empty(), two.is_empty()) {
        (true, _) => Some(two),
        (_, true) => Some(one),
        (false, false) => Some(&one & &two).filter(|shared| !shared.is_empty()),
    }
}

/// The beginning of a label that names a cluster.
const CLUSTER_LABEL: &str = "cluster:";

/// Longer values are compared by their hash: an index has a limit on terms, and documents have none on labels.
const MAX_FILTER_VALUE_BYTES: usize = 200;

/// The terms of a document that [`Filter::term_sets`] are compared with.
pub(super) fn filter_terms(meta: &DocumentMeta) -> Vec<String> {
    let mut terms = vec![filter_term("source", &meta.source), filter_term("kind", meta.kind.as_str())];
    terms.push(meta.product.as_ref().map_or(without("product"), |product| filter_term("product", product)));
    match &meta.version {
        Some(version) => {
            terms.extend(Versions::terms(version).iter().map(|term| filter_term("version", term)));
        }
        None => terms.push(without("version")),
    }
    terms.extend(meta.labels.iter().map(|label| filter_term("label", label)));
    let clusters: Vec<String> = meta
        .labels
        .iter()
        .filter_map(|label| Some(filter_term("cluster", label.strip_prefix(CLUSTER_LABEL)?)))
        .collect();
    match clusters.is_empty() {
        true => terms.push(without("cluster")),
        false => terms.extend(clusters),
    }
    match meta.access.is_empty() {
        true => terms.push(without("access")),
        false => terms.extend(meta.access.iter().map(|tag| filter_term("access", tag))),
    }
    if !meta.applies_to.is_empty() {
        terms.push(HAS_RULES.to_owned());
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The term that no document has: each of theirs is [`HAS_RULES`], or a part followed by `=`, `#` or `-`.
const OF_NO_DOCUMENT: &str = "nothing";

/// Marks documents with `applies_to` rules.
pub(super) const HAS_RULES: &str = "rules";

fn filter_term(part: &str, value: &str) -> String {
    match value.len() <= MAX_FILTER_VALUE_BYTES {
        true => format!("{part}={value}"),
        false => format!("{part}#{}", blake3::hash(value.as_bytes())),
    }
}

/// The term of a document that has no value for `part`; no value's term looks like it.
fn without(part: &str) -> String {
    format!("{part}-")
}
