//! What goes over the wire at `/mcp`, for the interface's description. The SDK reads and writes it; its own types know no
//! OpenAPI.

use super::schema;
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, Ref, RefOr, Schema,
        schema::{AnyOfBuilder, SchemaType, Type},
    },
};

/// A message of JSON-RPC 2.0, which the protocol is made of; without an `id` it is a notification.
pub enum JsonRpcMessage {}

impl ToSchema for JsonRpcMessage {}

impl PartialSchema for JsonRpcMessage {
    fn schema() -> RefOr<Schema> {
        let params = SchemaType::from_iter([Type::Object, Type::Null]);
        envelope()
            .property("method", ObjectBuilder::new().schema_type(Type::String))
            .required("method")
            .property("params", ObjectBuilder::new().schema_type(params))
            .into()
    }
}

/// A reply of JSON-RPC 2.0: a result, or an error in the message that it answers.
pub enum JsonRpcReply {}

impl ToSchema for JsonRpcReply {}

impl PartialSchema for JsonRpcReply {
    fn schema() -> RefOr<Schema> {
        let has = |key: &str| {
            let content = json!({ key: { "type": "object" } });
            json!({ "type": "object", "required": [key], "properties": content })
        };
        let outcome = json!([has("result"), has("error")]);
        envelope().extensions(schema::keywords([("oneOf", outcome)])).into()
    }
}

/// A refusal, ours or the protocol's.
pub enum Refusal {}

impl ToSchema for Refusal {}

impl PartialSchema for Refusal {
    fn schema() -> RefOr<Schema> {
        let forms = ["Error", "JsonRpcReply"].map(Ref::from_schema_name);
        forms.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
    }
}

/// What every message has.
fn envelope() -> ObjectBuilder {
    let id = SchemaType::from_iter([Type::String, Type::Integer]);
    ObjectBuilder::new()
        .property("jsonrpc", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["2.0"])))
        .required("jsonrpc")
        .property("id", ObjectBuilder::new().schema_type(id))
}
