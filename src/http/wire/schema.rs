//! JSON schemas that cannot be derived: how the knowledge base's types look in requests and replies, since `kb` knows no
//! HTTP, and what a text must hold to be a question.

use kb::{answerable::Status, document::Kind};
use serde_json::{Value, json};
use utoipa::openapi::{
    Object, ObjectBuilder,
    extensions::Extensions,
    schema::{SchemaType, Type},
};

/// More than white space. Derived schemas repeat it, for their attributes take literals only.
const NOT_BLANK: &str = r"\S";

/// Nothing.
pub fn null() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

/// The kind of a document.
pub fn kind() -> Object {
    names(Kind::ALL)
}

/// The kind of a document in a query string, where an empty one is none.
pub fn kind_or_empty() -> Object {
    let kinds = Kind::ALL.into_iter().map(Kind::as_str).chain([""]);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(kinds)).build()
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

/// Keywords of JSON Schema that the builders have no method for.
pub fn keywords<const N: usize>(keywords: [(&str, Value); N]) -> Option<Extensions> {
    Some(keywords.into_iter().collect())
}

/// A text that is more than white space.
pub fn not_blank() -> Value {
    json!({ "type": "string", "pattern": NOT_BLANK })
}

/// An object in which `key` holds a text that is not blank.
pub fn with_text(key: &str) -> Value {
    json!({
        "type": "object",
        "required": [key],
        "properties": { key: not_blank() },
    })
}

/// One of the names that values have in JSON.
fn names<T: serde::Serialize>(values: impl IntoIterator<Item = T>) -> Object {
    let names = values.into_iter().map(|value| json!(value));
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}
