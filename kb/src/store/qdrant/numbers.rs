//! The numbers that ranking takes from a document's point.

use super::{
    manifest::{Share, State},
    points::{Fields, payload},
};
use crate::store::error::StoreError;

/// The names in the payload that [`DocumentNumbers`] are read from.
pub(super) const OF_NUMBERS: &[&str] = &[
    payload::SOURCE,
    payload::LENGTHS,
    payload::CHUNKS,
    payload::TERMS,
    payload::CENTROID,
    payload::INBOUND_LENGTH,
    payload::LINKING,
];

/// The lengths and the links of one document that ranking uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct DocumentNumbers {
    pub chunks: u64,
    /// The length of the sum of the chunks' vectors.
    pub centroid: f32,
    /// The documents that link to it.
    pub linking: u32,
    /// The share of its source's documents that are linked to.
    pub coverage: f32,
    /// The terms of each field.
    pub lengths: [f32; 4],
}

impl DocumentNumbers {
    pub fn of(point: &Fields<'_>, state: &State) -> Result<Self, StoreError> {
        let share = Share::of(point)?;
        Ok(Self {
            chunks: share.lengths.chunks,
            centroid: point.float(payload::CENTROID)? as f32,
            linking: share.linking as u32,
            coverage: state.coverage(&share.source),
            lengths: share.fields.map(|length| length as f32),
        })
    }
}
