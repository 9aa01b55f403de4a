//! The prohibitions of the object's documents beyond the evidence: a rule's whole document counts, however long it is.

use crate::evidence::Evidence;
use kb::{
    document::untranslated,
    retrieve::{Hit, Retrieval},
    store::{DocumentKey, StoreError},
};
use std::collections::HashSet;

/// Most passages of a document that are read for what they forbid.
const MAX_PASSAGES: usize = 400;
/// Most bytes of sentences that are added: the model has to read them.
const MAX_ADDED_BYTES: usize = 16 << 10;

/// The evidence, followed by what else the documents forbid whose rules name the object: a passage each, of which only
/// the sentences that forbid are given. The model sees them, and they are cited like all others.
pub async fn with_prohibitions(
    mut evidence: Vec<Evidence>,
    retrieval: &Retrieval,
) -> Result<Vec<Evidence>, StoreError> {
    let mut told: HashSet<(String, String)> = evidence
        .iter()
        .flat_map(|passage| {
            passage.prohibitions.iter().map(|found| (passage.document.clone(), found.text.clone()))
        })
        .collect();
    // A page and its translation state the same prohibition in different words.
    let told_by_another = |document: &str| {
        let of_page = |passage: &&Evidence| untranslated(&passage.document) == untranslated(document);
        evidence
            .iter()
            .filter(of_page)
            .any(|passage| passage.document != document && !passage.prohibitions.is_empty())
    };
    let mut seen: HashSet<&str> = HashSet::new();
    let hits = retrieval.evidence.iter().chain(&retrieval.hits);
    let ruled: Vec<&Hit> = hits
        .filter(|hit| hit.rule.is_some() && seen.insert(&hit.chunk.document))
        .filter(|hit| !told_by_another(&hit.chunk.document))
        .collect();
    let mut num_bytes = 0;
    for hit in ruled {
        if !Evidence::new(0, &hit.chunk, &hit.document, hit.rule.clone()).rules_object() {
            continue;
        }
        let chunks = retrieval.view.chunks_of(DocumentKey::of(&hit.chunk.document)).await?;
        for (_, chunk) in chunks.iter().take(MAX_PASSAGES).filter(|(_, chunk)| !chunk.prohibitions.is_empty())
        {
            let mut passage = Evidence::new(evidence.len() + 1, chunk, &hit.document, hit.rule.clone());
            let document = passage.document.clone();
            passage.prohibitions.retain(|found| told.insert((document.clone(), found.text.clone())));
            if passage.prohibitions.is_empty() {
                continue;
            }
            let sentences: Vec<String> =
                passage.prohibitions.iter().map(|found| format!("- {}", found.text)).collect();
            passage.text = sentences.join("\n");
            num_bytes += passage.text.len();
            if num_bytes > MAX_ADDED_BYTES {
                tracing::warn!(target: "runbookd::ruled", document, "forbids more than an answer can say");
                return Ok(evidence);
            }
            evidence.push(passage);
        }
    }
    Ok(evidence)
}
