//! From a question to ranked hits and to a budgeted set of evidence.
//!
//! [`Retriever::retrieve`] is the whole path: curated rules, both legs, fusion by document, near-duplicates, evidence.
//! Whether the result can answer the question is decided in [`crate::answerable`].

mod absent;
mod evidence;
mod fusion;
mod legs;
mod order;
mod results;
mod rules;
mod signals;
mod versions;

pub use evidence::{joined, unit_of};
pub use fusion::PASSAGE_SHARES;
pub use legs::Tuning;
pub use results::{Hit, LegScores, Options, RankedDocument, RetrieveError, RuleMatch, RuleStrength, Stages};
pub use rules::matches;
pub use signals::Signals;
pub use versions::VersionGap;

use crate::{analyzer::humps, embed::Embedder, question::Question, store::View};
use legs::Legs;
use std::sync::Arc;

/// The results of one retrieval.
pub struct Retrieval {
    /// The state that was searched; expansion and document look-ups must use it.
    pub view: Arc<dyn View>,
    /// The best chunks, best first, near-duplicates collapsed.
    pub hits: Vec<Hit>,
    /// The passages for the final prompt, within the budget, best first; consecutive passages of a document are merged.
    pub evidence: Vec<Hit>,
    /// Documents by stage, at most [`Options::documents`] each; empty when that is 0.
    pub stages: Stages,
    /// The names in the question that no document mentions, as they were written; a few at most.
    pub absent: Vec<String>,
    /// The version that the question asks for, where others are described instead.
    pub version_gap: Option<VersionGap>,
    /// The signals that the decision to answer is based on.
    pub signals: Signals,
}

impl AsRef<Retrieval> for Retrieval {
    fn as_ref(&self) -> &Retrieval {
        self
    }
}

/// Finds passages for questions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Retriever {
    embedder: Embedder,
    tuning: Tuning,
}

impl Retriever {
    /// A retriever that embeds questions with `embedder`.
    pub fn new(embedder: Embedder) -> Self {
        Self::tuned(embedder, Tuning::DEFAULT)
    }

    /// A retriever with other numbers: for measuring what each is worth.
    pub fn tuned(embedder: Embedder, tuning: Tuning) -> Self {
        Self { embedder, tuning }
    }

    /// The numbers in use.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Searches one view for one question.
    pub async fn retrieve(
        &self,
        view: Arc<dyn View>,
        question: &Question,
        options: &Options,
    ) -> Result<Retrieval, RetrieveError> {
        let vector = self.embedder.embed_question(&with_humps_explained(question.embedded_text())).await?;
        let legs = Legs::search(view.as_ref(), question, &vector, &self.tuning).await?;
        let mut ranked = order::ranked(view.as_ref(), question, &legs, &self.tuning, options).await?;
        let version_gap = versions::choose(&mut ranked, question);
        let hits = order::hits(view.as_ref(), question, &legs, &ranked, &self.tuning, options).await?;
        let hits = evidence::without_duplicates(hits, options.distinct_hits());
        let evidence = evidence::choose(view.as_ref(), &hits, options).await?;
        let absent = absent::absent(question, &legs);
        let signals = signals::measure(view.as_ref(), question, &legs, &ranked).await?;
        let stages = match options.documents {
            0 => Stages::default(),
            limit => {
                Stages { ranked: order::ranking(&ranked, limit), ..legs.stages(view.as_ref(), limit).await? }
            }
        };
        let hits = hits.into_iter().take(options.hits).collect();
        Ok(Retrieval { view, hits, evidence, stages, absent, version_gap, signals })
    }
}

/// A question as it is embedded: CamelCase words are followed by their parts, which the model knows better.
fn with_humps_explained(text: &str) -> String {
    let mut explained = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        explained.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..end];
        explained.push_str(word);
        let parts = humps(word);
        if parts.len() > 1 {
            explained.push_str(&format!(" ({})", parts.join(" ")));
        }
        rest = &rest[end..];
    }
    explained.push_str(rest);
    explained
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_humps_are_explained() {
        assert_eq!(with_humps_explained("pod OOMKilled, 節點 x"), "pod OOMKilled (OOM Killed), 節點 x");
    }
}
