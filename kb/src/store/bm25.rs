//! Okapi BM25, as Lucene and tantivy have it (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009).

/// How fast further occurrences of a term stop counting.
pub(crate) const K1: f32 = 1.2;
/// How much a text's length counts.
pub(crate) const B: f32 = 0.75;

/// The factor that a term's rarity has at most, however often the term occurs.
pub(crate) const MOST: f32 = K1 + 1.0;

/// Rarity: ln(1 + (N - n + 0.5) / (n + 0.5)), as Lucene and tantivy have it.
pub(crate) fn inverse_document_frequency(documents_with_term: u64, documents: u64) -> f32 {
    let (with, all) = (documents_with_term as f32, documents as f32);
    (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
}

/// `tf (k1 + 1) / (tf + length_part)`.
pub(crate) fn saturated(frequency: f32, length_part: f32) -> f32 {
    frequency * MOST / (frequency + length_part)
}

/// The part of the denominator that depends on the length of the text.
pub(crate) fn length_part(length: f32, average: f32) -> f32 {
    K1 * (1.0 - B + B * length / average.max(f32::MIN_POSITIVE))
}
