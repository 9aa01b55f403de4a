//! JSON schemas of the knowledge base's types, which cannot be derived, since `kb` knows no HTTP.

use kb::{answerable::Status, document::Kind};
use serde_json::json;
use utoipa::openapi::{
    Object, ObjectBuilder,
    schema::{SchemaType, Type},
};

/// The kind of a document.
pub fn kind() -> Object {
    names(Kind::ALL)
}

/// What an answer is worth.
pub fn status() -> Object {
    names([Status::Answered, Status::Partial, Status::Unknown])
}

/// A passage's score in each leg of the search.
pub fn leg_scores() -> Object {
    let score = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
    ObjectBuilder::new()
        .property("bm25", score())
        .property("dense", score())
        .required("bm25")
        .required("dense")
        .build()
}

/// One of the names that values have in JSON.
fn names<T: serde::Serialize>(values: impl IntoIterator<Item = T>) -> Object {
    let names = values.into_iter().map(|value| json!(value));
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}
