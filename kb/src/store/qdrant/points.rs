//! The points of a collection: their ids, their payload, their vectors, and the conditions that find them.
//!
//! A point's id is made of a key (the document's), a slot (the chunk's ordinal, or the sort of record) and the number
//! of the change that wrote it, so that every version of a record has an id of its own and writing twice is writing
//! once.

use super::visible::Visible;
use crate::store::{
    error::StoreError,
    keys::{ChunkKey, DocumentKey},
    view::Field,
};
use qdrant_client::qdrant::{
    Condition, FieldCondition, Filter, HasIdCondition, ListValue, Match, NamedVectors, PointId, PointStruct,
    Range, RepeatedIntegers, RepeatedStrings, RetrievedPoint, SparseVector, Value, Vector, Vectors,
    VectorsOutput, condition::ConditionOneOf, r#match::MatchValue, point_id::PointIdOptions, value::Kind,
    vector, vector_output, vectors, vectors_output,
};
use std::collections::{BTreeMap, HashMap};

/// The vector of a chunk's passage.
pub(super) const DENSE: &str = "dense";
/// The weighted terms of a chunk's passage.
pub(super) const PASSAGE: &str = "passage";
/// The weighted terms of a document's fields.
pub(super) const FIELDS: &str = "fields";

/// The names of the values in a point's payload.
pub(super) mod payload {
    /// The sort of the point: one of [`super::Sort`].
    pub const SORT: &str = "sort";
    /// The key of the document that it came from.
    pub const KEY: &str = "key";
    /// The position of a chunk.
    pub const ORDINAL: &str = "ordinal";
    /// The change that wrote it.
    pub const FROM: &str = "from";
    /// The change that put another in its place, or took it away; [`super::NEVER`] until then.
    pub const UNTIL: &str = "until";
    /// The terms that filters look for: see [`crate::store::Filter`].
    pub const FILTER: &str = "filter";
    /// The JSON of a chunk, of a document with its lengths, of a source's state.
    pub const STORED: &str = "stored";
    /// The rounded number of terms of a linking sentence.
    pub const LENGTH: &str = "length";
    /// The rounded numbers of terms of a document's title, name and headings.
    pub const LENGTHS: &str = "lengths";
    /// The rounded number of terms in the sentences that link to a document, and the number of linking documents.
    pub const INBOUND_LENGTH: &str = "inbound_length";
    pub const LINKING: &str = "linking";
    /// The number of chunks of a document, and the length of the sum of their vectors.
    pub const CHUNKS: &str = "chunks";
    pub const CENTROID: &str = "centroid";
    /// The sum of the rounded lengths of a document's passages.
    pub const TERMS: &str = "terms";
    /// The name of a document's source, its id and the hash of its content.
    pub const SOURCE: &str = "source";
    pub const ID: &str = "id";
    pub const HASH: &str = "hash";
    /// The digest of everything that is stored for a document: see [`super::super::left`].
    pub const DIGEST: &str = "digest";
    /// The document that a link leads to, and the terms of the linking sentences with their numbers.
    pub const TARGET: &str = "target";
    pub const DIMENSIONS: &str = "dimensions";
    pub const FREQUENCIES: &str = "frequencies";
}

/// Stands for "not superseded". Below 2^53, for ranges are compared as floats.
pub(super) const NEVER: i64 = 1 << 50;

/// The largest number of a change, and of a chunk's ordinal: a point's id has room for no larger ones.
pub(super) const MAX_NUMBER: u64 = (1 << 40) - 1;
pub(super) const MAX_ORDINAL: u32 = 0xff_ff00;

/// The sort of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Chunk,
    Document,
    Link,
    State,
    Term,
    Manifest,
}

impl Sort {
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Chunk => "chunk",
            Sort::Document => "document",
            Sort::Link => "link",
            Sort::State => "state",
            Sort::Term => "term",
            Sort::Manifest => "manifest",
        }
    }

    /// The slot of records of which a key has one.
    fn slot(self) -> u32 {
        match self {
            Sort::Chunk | Sort::Term | Sort::Manifest => 0,
            Sort::Document => 0xff_ffff,
            Sort::Link => 0xff_fffe,
            Sort::State => 0xff_fffd,
        }
    }
}

fn id(key: u64, slot: u32, number: u64) -> PointId {
    let bits = u128::from(key) << 64 | u128::from(slot) << 40 | u128::from(number);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    PointId { point_id_options: Some(PointIdOptions::Uuid(parts.join("-"))) }
}

/// The id of a version of a chunk.
pub(super) fn chunk_id(document: DocumentKey, ordinal: u32, number: u64) -> PointId {
    id(document.0, ordinal, number)
}

/// The id of a version of a record of which its key has one.
pub(super) fn record_id(sort: Sort, key: DocumentKey, number: u64) -> PointId {
    id(key.0, sort.slot(), number)
}

/// The id with a number of its own.
pub(super) fn numbered(number: u64) -> PointId {
    PointId { point_id_options: Some(PointIdOptions::Num(number)) }
}

/// The chunk that a point's id names.
pub(super) fn chunk_of(id: Option<&PointId>) -> Option<ChunkKey> {
    let Some(PointIdOptions::Uuid(text)) = &id?.point_id_options else { return None };
    let bits = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(ChunkKey::new(DocumentKey((bits >> 64) as u64), (bits >> 40) as u32 & 0xff_ffff))
}

/// The document that a point's id names.
pub(super) fn document_of(id: Option<&PointId>) -> Option<DocumentKey> {
    chunk_of(id).map(ChunkKey::document)
}

pub(super) fn integer(number: i64) -> Value {
    Value { kind: Some(Kind::IntegerValue(number)) }
}

pub(super) fn float(number: f64) -> Value {
    Value { kind: Some(Kind::DoubleValue(number)) }
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

pub(super) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values: values.into_iter().collect() })) }
}

/// A document's key as the payload holds it.
pub(super) fn key(key: DocumentKey) -> Value {
    integer(key.0 as i64)
}

/// A point of a collection that is being made.
pub(super) struct Draft {
    id: PointId,
    payload: HashMap<String, Value>,
    vectors: HashMap<String, Vector>,
}

impl Draft {
    pub fn new(id: PointId, sort: Sort) -> Self {
        Self { id, payload: HashMap::new(), vectors: HashMap::new() }.with(payload::SORT, text(sort.as_str()))
    }

    /// A version of a record that the change `number` writes.
    pub fn version(id: PointId, sort: Sort, document: DocumentKey, number: u64) -> Self {
        Self::new(id, sort)
            .with(payload::KEY, key(document))
            .with(payload::FROM, integer(number as i64))
            .with(payload::UNTIL, integer(NEVER))
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.payload.insert(name.to_owned(), value);
        self
    }

    pub fn dense(mut self, vector: &[f32]) -> Self {
        let dense = qdrant_client::qdrant::DenseVector { data: vector.to_vec() };
        self.vectors.insert(DENSE.to_owned(), named(vector::Vector::Dense(dense)));
        self
    }

    pub fn sparse(mut self, name: &str, weights: &BTreeMap<u32, f32>) -> Self {
        if !weights.is_empty() {
            let sparse = sparse(weights);
            self.vectors.insert(name.to_owned(), named(vector::Vector::Sparse(sparse)));
        }
        self
    }

    pub fn build(self) -> PointStruct {
        let vectors = NamedVectors { vectors: self.vectors };
        PointStruct {
            id: Some(self.id),
            payload: self.payload,
            vectors: Some(Vectors { vectors_options: Some(vectors::VectorsOptions::Vectors(vectors)) }),
        }
    }
}

fn named(vector: vector::Vector) -> Vector {
    Vector { vector: Some(vector), ..Vector::default() }
}

pub(super) fn sparse(weights: &BTreeMap<u32, f32>) -> SparseVector {
    SparseVector { indices: weights.keys().copied().collect(), values: weights.values().copied().collect() }
}

/// The dimension that holds the rounded number of terms of a passage, where it is read with the weights: reading the
/// payload of many points takes the server several times as long as their vectors. No term has it, and no query.
pub(super) const LENGTH_DIMENSION: u32 = u32::MAX;
const LARGEST_DIMENSION: u32 = 0xffff_fffb;

/// The dimension of a passage's term.
pub(super) fn passage_dimension(term: &str) -> u32 {
    let hash = blake3::hash(term.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d]).min(LARGEST_DIMENSION)
}

/// The dimension of a term in a field; its two lowest bits are the field's number.
pub(super) fn field_dimension(field: Field, term: &str) -> u32 {
    passage_dimension(term) & !3 | field as u32
}

/// The field of a dimension.
pub(super) fn is_of(field: Field, dimension: u32) -> bool {
    dimension & 3 == field as u32
}

/// The payload of a point that was read. A value that is missing or of another type is an error that names the value.
pub(super) struct Fields<'a> {
    pub payload: &'a HashMap<String, Value>,
}

impl Fields<'_> {
    pub fn integer(&self, name: &str) -> Result<i64, StoreError> {
        match self.payload.get(name).and_then(|value| value.kind.as_ref()) {
            Some(Kind::IntegerValue(number)) => Ok(*number),
            _ => Err(damaged(name)),
        }
    }

    pub fn count(&self, name: &str) -> Result<u64, StoreError> {
        self.integer(name).map(|number| number.max(0) as u64)
    }

    pub fn key(&self, name: &str) -> Result<DocumentKey, StoreError> {
        self.integer(name).map(|number| DocumentKey(number as u64))
    }

    pub fn float(&self, name: &str) -> Result<f64, StoreError> {
        match self.payload.get(name).and_then(|value| value.kind.as_ref()) {
            Some(Kind::DoubleValue(number)) => Ok(*number),
            Some(Kind::IntegerValue(number)) => Ok(*number as f64),
            _ => Err(damaged(name)),
        }
    }

    pub fn text(&self, name: &str) -> Result<&str, StoreError> {
        match self.payload.get(name).and_then(|value| value.kind.as_ref()) {
            Some(Kind::StringValue(text)) => Ok(text),
            _ => Err(damaged(name)),
        }
    }

    pub fn integers(&self, name: &str) -> Result<Vec<i64>, StoreError> {
        let Some(Kind::ListValue(list)) = self.payload.get(name).and_then(|value| value.kind.as_ref()) else {
            return Err(damaged(name));
        };
        let number = |value: &Value| match value.kind {
            Some(Kind::IntegerValue(number)) => Ok(number),
            _ => Err(damaged(name)),
        };
        list.values.iter().map(number).collect()
    }

    /// The JSON in `stored` as `T`, which may leave out most of it.
    pub fn stored<T: serde::de::DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(self.text(payload::STORED)?).map_err(|_| damaged(payload::STORED))
    }
}

pub(super) fn fields(point: &RetrievedPoint) -> Fields<'_> {
    Fields { payload: &point.payload }
}

/// The error of a point whose content is wrong.
pub(super) fn damaged(name: &str) -> StoreError {
    StoreError::Damaged {
        path: "the collection".into(),
        detail: format!("a point has no usable `{name}`; somebody else may have written to it"),
    }
}

/// The weights of a point that was read, as the server has them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weights<'a> {
    dimensions: &'a [u32],
    values: &'a [f32],
    is_sorted: bool,
}

impl<'a> Weights<'a> {
    pub fn of(vectors: Option<&'a VectorsOutput>, name: &str) -> Self {
        match vector_of(vectors, name) {
            Some(vector_output::Vector::Sparse(sparse)) => {
                // The server keeps dimensions in order, but nothing says that it always will.
                let is_sorted = sparse.indices.is_sorted();
                Self { dimensions: &sparse.indices, values: &sparse.values, is_sorted }
            }
            _ => Self::default(),
        }
    }

    /// The weight of a dimension.
    pub fn get(self, dimension: u32) -> Option<f32> {
        let at = match self.is_sorted {
            true => self.dimensions.binary_search(&dimension).ok(),
            false => self.dimensions.iter().position(|&other| other == dimension),
        };
        self.values.get(at?).copied()
    }
}

/// A sparse vector of a point that was read.
pub(super) fn sparse_of(vectors: Option<&VectorsOutput>, name: &str) -> Option<BTreeMap<u32, f32>> {
    match vector_of(vectors, name)? {
        vector_output::Vector::Sparse(sparse) => {
            Some(sparse.indices.iter().copied().zip(sparse.values.iter().copied()).collect())
        }
        _ => None,
    }
}

/// The dense vector of a point that was read.
pub(super) fn dense_of(vectors: Option<&VectorsOutput>) -> Option<Vec<f32>> {
    match vector_of(vectors, DENSE)? {
        vector_output::Vector::Dense(dense) => Some(dense.data.clone()),
        _ => None,
    }
}

fn vector_of<'a>(vectors: Option<&'a VectorsOutput>, name: &str) -> Option<&'a vector_output::Vector> {
    match vectors?.vectors_options.as_ref()? {
        vectors_output::VectorsOptions::Vectors(named) => named.vectors.get(name)?.vector.as_ref(),
        vectors_output::VectorsOptions::Vector(_) => None,
    }
}

fn field_condition(name: &str, field: FieldCondition) -> Condition {
    let field = FieldCondition { key: name.to_owned(), ..field };
    Condition { condition_one_of: Some(ConditionOneOf::Field(field)) }
}

fn matching(name: &str, value: MatchValue) -> Condition {
    let matching = Match { match_value: Some(value) };
    field_condition(name, FieldCondition { r#match: Some(matching), ..FieldCondition::default() })
}

/// Points of a sort.
pub(super) fn is_sort(sort: Sort) -> Condition {
    matching(payload::SORT, MatchValue::Keyword(sort.as_str().to_owned()))
}

/// Points whose texts under `name` have one of `values`.
pub(super) fn has_any(name: &str, values: Vec<String>) -> Condition {
    matching(name, MatchValue::Keywords(RepeatedStrings { strings: values }))
}

/// Points whose number under `name` is one of `values`.
pub(super) fn is_any(name: &str, integers: Vec<i64>) -> Condition {
    matching(name, MatchValue::Integers(RepeatedIntegers { integers }))
}

/// Points that came from one of the documents, or that lead to one of them.
pub(super) fn is_key(name: &str, keys: impl IntoIterator<Item = DocumentKey>) -> Condition {
    is_any(name, keys.into_iter().map(|key| key.0 as i64).collect())
}

/// Points with one of the ids.
pub(super) fn has_id(ids: Vec<PointId>) -> Condition {
    Condition { condition_one_of: Some(ConditionOneOf::HasId(HasIdCondition { has_id: ids })) }
}

/// Points whose number under `name` is within bounds, both included.
pub(super) fn between(name: &str, from: Option<i64>, to: Option<i64>) -> Condition {
    let range = Range { gte: from.map(|from| from as f64), lte: to.map(|to| to as f64), ..Range::default() };
    field_condition(name, FieldCondition { range: Some(range), ..FieldCondition::default() })
}

/// Points that satisfy a whole filter.
pub(super) fn nested(filter: Filter) -> Condition {
    Condition { condition_one_of: Some(ConditionOneOf::Filter(filter)) }
}

/// The points that a filter shows at a state.
pub(super) fn shown(filter: &crate::store::filter::Filter, visible: &Visible) -> Filter {
    let mut conditions = visible.filter();
    conditions.must.extend(filter.term_sets().into_iter().map(|terms| has_any(payload::FILTER, terms)));
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_chunk() {
        for (document, ordinal, number) in [(0, 0, 1), (u64::MAX, MAX_ORDINAL, MAX_NUMBER), (7, 300, 1 << 33)]
        {
            let id = chunk_id(DocumentKey(document), ordinal, number);
            assert_eq!(chunk_of(Some(&id)), Some(ChunkKey::new(DocumentKey(document), ordinal)));
            for other in [Sort::Document, Sort::Link, Sort::State] {
                assert_ne!(record_id(other, DocumentKey(document), number), id);
            }
        }
        assert_eq!(chunk_of(Some(&numbered(5))), None);
    }

    #[test]
    fn a_dimension_tells_its_field() {
        for field in Field::ALL {
            let dimension = field_dimension(field, "oomkilled");
            let fields: Vec<Field> =
                Field::ALL.into_iter().filter(|&field| is_of(field, dimension)).collect();
            assert_eq!(fields, [field]);
        }
    }
}
