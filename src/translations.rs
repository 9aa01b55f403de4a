//! A document as a whole, in the language of whoever asks where there is a translation.

use crate::{
    evidence::{Evidence, untranslated},
    phrases,
};
use kb::{
    question::Language,
    retrieve::Retrieval,
    store::{DocumentKey, StoreError},
};

/// Most passages of a document that are read for an answer without a model.
const MAX_PASSAGES: usize = 200;

/// The passages of the leading document, or of its translation into the asker's language where there is one, read from
/// the state that was searched.
pub async fn whole_document(
    retrieval: &Retrieval,
    lead: &Evidence,
    language: &Language,
) -> Result<Vec<Evidence>, StoreError> {
    let Some(hit) = retrieval.evidence.get(lead.n - 1) else { return Ok(Vec::new()) };
    let mut document = hit.document.clone();
    let is_readable =
        |tag: &Option<String>| tag.as_ref().is_none_or(|tag| phrases::is_same_language(tag, &language.0));
    if !is_readable(&document.meta.language) {
        let candidates = translations(&lead.document, language);
        let keys: Vec<DocumentKey> = candidates.iter().map(|id| DocumentKey::of(id)).collect();
        let found = retrieval.view.documents(&keys).await?.into_iter().flatten();
        if let Some(translation) =
            found.into_iter().find(|found| found.meta.language.is_some() && is_readable(&found.meta.language))
        {
            document = translation;
        }
    }
    let chunks = retrieval.view.chunks_of(DocumentKey::of(&document.meta.id)).await?;
    let passages = chunks.iter().take(MAX_PASSAGES);
    Ok(passages.map(|(_, chunk)| Evidence::new(0, chunk, &document, lead.rule.clone())).collect())
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
