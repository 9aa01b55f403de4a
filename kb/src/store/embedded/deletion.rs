//! Deleting by a document's key.
//!
//! The index keeps every deletion of a run until the commit. Its own deletion by a term carries along what scoring by
//! that term would need, more than 3 KB each: a run that writes 430,000 documents would hold over a gigabyte. This one
//! carries the term.

use tantivy::{
    DocId, Score, SegmentReader, TantivyError, Term,
    query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight},
    schema::IndexRecordOption,
};

/// Matches the records that have a term.
#[derive(Debug, Clone)]
pub(super) struct Having(pub Term);

impl Query for Having {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for Having {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let index = reader.inverted_index(self.0.field())?;
        Ok(match index.read_postings(&self.0, IndexRecordOption::Basic)? {
            Some(postings) => Box::new(ConstScorer::new(postings, boost)),
            None => Box::new(EmptyScorer),
        })
    }

    fn explain(&self, _: &SegmentReader, document: DocId) -> tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument(format!("a deletion has no score to explain, of {document}")))
    }
}
