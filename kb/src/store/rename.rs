//! A source under another name: the changes in a document and its chunks.

use crate::{
    document::{Chunk, DocumentRecord},
    store::error::StoreError,
};

/// The change of a source's name.
pub(super) struct Renaming {
    /// The old name with the slash that follows it in ids.
    from: String,
    to: String,
}

impl Renaming {
    pub fn new(from: &str, to: &str) -> Self {
        Self { from: format!("{from}/"), to: format!("{to}/") }
    }

    /// A document of the source, with its chunks.
    pub fn applied(
        &self,
        mut record: DocumentRecord,
        mut chunks: Vec<Chunk>,
    ) -> Result<(DocumentRecord, Vec<Chunk>), StoreError> {
        let meta = &mut record.meta;
        let Some(id) = self.renamed(&meta.id) else {
            let detail = "its id does not begin with the name of its source".to_owned();
            return Err(StoreError::Invalid { document: meta.id.clone(), detail });
        };
        meta.source = self.to.trim_end_matches('/').to_owned();
        for link in &mut meta.links {
            link.target = self.renamed(&link.target).unwrap_or_else(|| std::mem::take(&mut link.target));
        }
        for chunk in &mut chunks {
            chunk.document.clone_from(&id);
        }
        meta.id = id;
        Ok((record, chunks))
    }

    fn renamed(&self, id: &str) -> Option<String> {
        id.strip_prefix(&self.from).map(|rest| format!("{}{rest}", self.to))
    }
}
