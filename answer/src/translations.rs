//! The part of a page that treats the problem, in the asker's language where there is a translation; with the section
//! that fits as well, and the documents that the part links to.

use crate::{evidence::Evidence, phrases};
use kb::{
    document::{Chunk, DocumentRecord, untranslated},
    question::Language,
    retrieve::{self, Hit, Retrieval},
    sections::Unit,
    store::{ChunkKey, DocumentKey, StoreError},
};

/// Most passages of a unit that are read for an answer without a model.
const MAX_PASSAGES: usize = 200;
/// Most documents that a part's links are followed to.
const MAX_LINKED: usize = 8;
/// Shorter words of a link may stand anywhere.
const MIN_LINK_CHARS: usize = 4;
/// A passage of another part that scores this share of the best one fits about as well.
const TWIN_SHARE: f32 = 0.94;

/// The part of a page that an answer without a model quotes.
#[derive(Debug, Default)]
pub struct Page {
    /// The passages, in their order.
    pub passages: Vec<Evidence>,
    /// How many headings of their paths stand above the part, its own included.
    pub depth: usize,
    /// The id of the passage that was found.
    pub lead: Option<String>,
    /// The passage of another part that fits about as well.
    pub twin: Option<Evidence>,
    /// The documents that the part links to.
    pub linked: Vec<Linked>,
}

/// A document that a page links to.
#[derive(Debug)]
pub struct Linked {
    /// The words of the link.
    pub words: String,
    /// The document's first passage.
    pub to: Evidence,
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
    let twin = twin_of(retrieval, hit, &passages, &unit);
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
    let quoted: Vec<&Chunk> =
        unit.passages.iter().take(MAX_PASSAGES).filter_map(|&at| passages.get(at)).collect();
    let linked = linked_from(retrieval, &document, &quoted).await?;
    Ok(Page {
        passages: quoted
            .into_iter()
            .map(|chunk| Evidence::new(0, chunk, &document, lead.rule.clone()))
            .collect(),
        depth: unit.depth,
        lead: lead_id,
        twin,
        linked,
    })
}

/// The best passage outside of the unit, where it fits about as well as the unit's own and no rule decides between them.
fn twin_of(retrieval: &Retrieval, lead: &Hit, passages: &[Chunk], unit: &Unit) -> Option<Evidence> {
    let best = retrieval.hits.first().filter(|_| lead.rule.is_none())?.score;
    let is_in_unit = |hit: &Hit| {
        let at = passages.iter().position(|passage| passage.ordinal == hit.chunk.ordinal);
        hit.chunk.document == lead.chunk.document && at.is_some_and(|at| unit.passages.contains(&at))
    };
    let is_translation = |hit: &Hit| {
        hit.chunk.document != lead.chunk.document
            && untranslated(&hit.chunk.document) == untranslated(&lead.chunk.document)
    };
    let outside = retrieval.hits.iter().find(|hit| !is_in_unit(hit) && !is_translation(hit))?;
    (outside.rule.is_none() && outside.score >= TWIN_SHARE * best)
        .then(|| Evidence::new(0, &outside.chunk, &outside.document, None))
}

/// The documents that passages link to, as far as they may be seen, in the order of the links.
async fn linked_from(
    retrieval: &Retrieval,
    document: &DocumentRecord,
    passages: &[&Chunk],
) -> Result<Vec<Linked>, StoreError> {
    let mut linked = Vec::new();
    for link in &document.meta.links {
        if linked.len() >= MAX_LINKED {
            break;
        }
        let is_said = link.text.chars().count() >= MIN_LINK_CHARS
            && passages.iter().any(|passage| passage.text.contains(&link.text));
        if !is_said || linked.iter().any(|known: &Linked| known.words == link.text) {
            continue;
        }
        let key = DocumentKey::of(&link.target);
        let Some(Some(target)) = retrieval.view.documents(&[key]).await?.into_iter().next() else { continue };
        if target.num_chunks == 0 {
            continue;
        }
        let Some(first) = retrieval.view.chunks(&[ChunkKey::new(key, 0)]).await?.into_iter().next() else {
            continue;
        };
        linked.push(Linked { words: link.text.clone(), to: Evidence::new(0, &first, &target, None) });
    }
    Ok(linked)
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
