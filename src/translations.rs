//! The part of a page that treats the problem, in the language of whoever asks where there is a translation.

use crate::{evidence::Evidence, phrases};
use kb::{
    document::{Chunk, untranslated},
    question::Language,
    retrieve::{self, Retrieval},
    sections::Unit,
    store::{DocumentKey, StoreError},
};

/// Most passages of a unit that are read for an answer without a model.
const MAX_PASSAGES: usize = 200;

/// The part of a page that an answer without a model quotes.
#[derive(Debug, Default)]
pub struct Page {
    /// The passages, in their order.
    pub passages: Vec<Evidence>,
    /// How many headings of their paths stand above the part, its own included.
    pub depth: usize,
    /// The id of the passage that was found.
    pub lead: Option<String>,
}

/// The unit that the leading passage stands in, of its document or of the translation into the asker's language where
/// there is one, read from the state that was searched.
pub async fn unit_of(
    retrieval: &Retrieval,
    lead: &Evidence,
    language: &Language,
) -> Result<Page, StoreError> {
    let Some(hit) = retrieval.evidence.get(lead.n - 1) else { return Ok(Page::default()) };
    let passages_of = async |id: &str| -> Result<Vec<Chunk>, StoreError> {
        let chunks = retrieval.view.chunks_of(DocumentKey::of(id)).await?;
        Ok(chunks.into_iter().map(|(_, chunk)| chunk).collect())
    };
    let mut document = hit.document.clone();
    let mut passages = passages_of(&document.meta.id).await?;
    let Some(at) = passages.iter().position(|chunk| chunk.ordinal == hit.chunk.ordinal) else {
        return Ok(Page::default());
    };
    let mut unit = retrieve::unit_of(&passages, at, hit);
    let is_readable =
        |tag: &Option<String>| tag.as_ref().is_none_or(|tag| phrases::is_same_language(tag, &language.0));
    if !is_readable(&document.meta.language) {
        let candidates = translations(&lead.document, language);
        let keys: Vec<DocumentKey> = candidates.iter().map(|id| DocumentKey::of(id)).collect();
        let found = retrieval.view.documents(&keys).await?.into_iter().flatten();
        if let Some(translation) =
            found.into_iter().find(|found| found.meta.language.is_some() && is_readable(&found.meta.language))
        {
            let translated = passages_of(&translation.meta.id).await?;
            // Where the two are cut alike, a passage has the place of its original.
            let is_whole = unit.passages.len() == passages.len();
            if translated.len() == passages.len() || is_whole {
                unit = if is_whole { Unit::whole(&translated) } else { unit };
                (document, passages) = (translation, translated);
            }
        }
    }
    let lead_id = passages.get(at).map(Chunk::id);
    let shown = unit.passages.iter().take(MAX_PASSAGES).filter_map(|&at| passages.get(at));
    Ok(Page {
        passages: shown.map(|chunk| Evidence::new(0, chunk, &document, lead.rule.clone())).collect(),
        depth: unit.depth,
        lead: lead_id,
    })
}

/// The ids a document's translation would have: the language stands before the ending, as in `a/b.zh-TW.md`.
fn translations(id: &str, language: &Language) -> Vec<String> {
    let (stem, ending) = untranslated(id);
    let primary = language.0.split('-').next().unwrap_or_default();
    let mut ids: Vec<String> = [language.0.clone(), language.0.to_lowercase(), primary.to_owned()]
        .iter()
        .map(|tag| format!("{stem}.{tag}{ending}"))
        .collect();
    ids.push(format!("{stem}{ending}"));
    ids.retain(|candidate| candidate != id);
    ids.dedup();
    ids
}
