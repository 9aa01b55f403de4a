//! What a request may see: what its token allows, narrowed by its query string, narrowed by its own filter.

use super::schema;
use crate::http::{auth::Caller, error::ApiError};
use kb::store::{Access, Filter};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::{AdditionalProperties, Type},
    },
};

/// Most values of one key. What is kept for an answer is kept with its filter, so that has a bound.
const MAX_VALUES: usize = 64;
/// Longest value of a key, in characters.
pub const MAX_VALUE_CHARS: usize = 256;

/// Every key, and what it does.
const KEYS: [(&str, &str); 6] = [
    ("source", "Only these sources."),
    (KIND, "Only these kinds of documents."),
    ("product", "Only these products, and documents that name none."),
    ("version", "Only these versions, and documents that name none."),
    ("label", "Only documents with one of these labels."),
    ("cluster", "Only documents for these clusters, and those for all."),
];
const KIND: &str = "kind";

/// Adds the values of a key; the error says what is wrong with them. A key that is none of [`KEYS`] is an error too.
fn add(filter: &mut Filter, key: &str, values: Vec<String>) -> Result<(), String> {
    if values.len() > MAX_VALUES {
        return Err(format!("takes at most {MAX_VALUES} values, not {}", values.len()));
    }
    if values.iter().any(|value| value.chars().count() > MAX_VALUE_CHARS) {
        return Err(format!("takes values of at most {MAX_VALUE_CHARS} characters"));
    }
    let set = match key {
        "source" => &mut filter.sources,
        "product" => &mut filter.products,
        "version" => &mut filter.versions,
        "label" => &mut filter.labels,
        "cluster" => &mut filter.clusters,
        KIND => {
            for value in values {
                filter.kinds.insert(value.parse().map_err(|error| format!("is wrong: {error}"))?);
            }
            return Ok(());
        }
        _ => return Err(format!("is no key of a filter; those are {}", KEYS.map(|(key, _)| key).join(", "))),
    };
    set.extend(values);
    Ok(())
}

/// Reads `source`, `kind`, `product`, `version`, `label` and `cluster` from a query string; each may be repeated or hold
/// several values with commas. Other keys belong to somebody else and are ignored.
pub fn of_query(query: &str) -> Result<Filter, ApiError> {
    let pairs = form_pairs(query);
    let mut filter = Filter::default();
    for (key, _) in KEYS {
        let given = pairs.iter().filter(|(name, _)| name == key).flat_map(|(_, value)| value.split(','));
        let values = given.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect();
        add(&mut filter, key, values).map_err(|detail| ApiError::malformed(format!("`{key}` {detail}")))?;
    }
    Ok(filter)
}

/// What [`of_query`] reads, for the interface's description.
pub fn parameters() -> Vec<Parameter> {
    let parameter = |(key, description)| {
        let value = if key == KIND { schema::kind_or_empty() } else { text() };
        ParameterBuilder::new()
            .name(key)
            .parameter_in(ParameterIn::Query)
            .description(Some(format!("{description} May be repeated, or hold several values with commas.")))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true))
            .schema(Some(several(value)))
            .build()
    };
    KEYS.into_iter().map(parameter).collect()
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_VALUE_CHARS)).build()
}

fn several(value: Object) -> Array {
    ArrayBuilder::new().items(value).max_items(Some(MAX_VALUES)).build()
}

/// The filter of a caller's request: never more than the token allows.
pub fn limited(filter: Filter, caller: &Caller) -> Filter {
    let allowed = Filter {
        access: Access::Tags(caller.access.clone()),
        sources: caller.sources.clone(),
        ..Filter::default()
    };
    allowed.narrowed_by(filter)
}

/// The `filter` of a request's body: the same keys as the query string, each a string or a list.
#[derive(Debug, Default)]
pub struct RequestFilter(Filter);

impl<'de> Deserialize<'de> for RequestFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;

        impl<'de> Visitor<'de> for OfMap {
            type Value = RequestFilter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut filter = Filter::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    // By itself an error would not say which key it is about.
                    let wrong = |detail: String| A::Error::custom(format_args!("`filter.{key}` {detail}"));
                    let OneOrMany(values) =
                        map.next_value().map_err(|error| wrong(format!("is wrong: {error}")))?;
                    add(&mut filter, &key, values).map_err(wrong)?;
                }
                Ok(RequestFilter(filter))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

impl ToSchema for RequestFilter {
    fn name() -> Cow<'static, str> {
        "Filter".into()
    }
}

impl PartialSchema for RequestFilter {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .description(Some("Which documents: the keys of the query string, each a string or a list."))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let property = |object: ObjectBuilder, (key, description)| {
            let value = if key == KIND { schema::kind() } else { text() };
            let values = OneOfBuilder::new().item(value.clone()).item(several(value));
            object.property(key, values.description(Some(description)))
        };
        KEYS.into_iter().fold(object, property).into()
    }
}

/// A string, or a list of strings.
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl RequestFilter {
    /// A filter by product and version only.
    pub fn of_product(product: Option<String>, version: Option<String>) -> Result<Self, ApiError> {
        let mut filter = Filter::default();
        for (key, argument, value) in [("product", "productName", product), ("version", "version", version)] {
            add(&mut filter, key, value.into_iter().collect())
                .map_err(|detail| ApiError::malformed(format!("`{argument}` {detail}")))?;
        }
        Ok(Self(filter))
    }

    /// `permitted` and this filter: a document must satisfy both.
    pub fn narrow(self, permitted: Filter) -> Filter {
        permitted.narrowed_by(self.0)
    }
}

/// The pairs of an `application/x-www-form-urlencoded` text.
pub fn form_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::document::Kind;
    use std::collections::BTreeSet;

    fn set(values: &[&str]) -> BTreeSet<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn the_query_narrows_what_is_seen() {
        let filter =
            of_query("cluster=prod&source=a,b&source=c%2Fd&kind=sop&x=1&label=on+call").expect("it is right");
        assert_eq!(filter.clusters, set(&["prod"]));
        assert_eq!(filter.sources, set(&["a", "b", "c/d"]));
        assert_eq!(filter.labels, set(&["on call"]));
        assert!(filter.kinds.contains(&Kind::Sop));
        assert!(of_query("kind=poem").is_err());
        assert_eq!(
            form_pairs("a=100%&&b"),
            [("a".to_owned(), "100%".to_owned()), ("b".to_owned(), String::new())]
        );
    }

    #[test]
    fn every_described_parameter_narrows() {
        for parameter in parameters() {
            let filter = of_query(&format!("{}=sop", parameter.name)).expect("it is right");
            assert_ne!(filter, Filter::default(), "{}", parameter.name);
        }
        assert_eq!(of_query("kind=&source=").expect("nothing is asked for"), Filter::default());
    }

    #[test]
    fn a_request_never_sees_more_than_its_token() {
        let caller = Caller { access: set(&["t"]), sources: set(&["a", "b"]) };
        let narrowed = |query| limited(of_query(query).expect("it is right"), &caller);
        let asks = |query| narrowed(query).sources;
        assert_eq!(asks(""), set(&["a", "b"]));
        assert_eq!(asks("source=b,c"), set(&["b"]));
        assert_eq!(
            narrowed("source=c"),
            Filter::nothing(),
            "nothing is left, which must not mean everything"
        );
        assert_eq!(limited(Filter::everything(), &Caller::default()).access, Access::default());
    }

    /// What is kept for an answer is kept with its filter.
    #[test]
    fn a_filter_has_a_bound_and_errors_name_the_key() {
        let in_body = |filter: serde_json::Value| serde_json::from_value::<RequestFilter>(filter).map(drop);
        let values = |number: usize| (0..number).map(|at| at.to_string()).collect::<Vec<_>>();
        let long = |chars: usize| "é".repeat(chars);
        for (key, _) in KEYS.into_iter().filter(|(key, _)| *key != KIND) {
            in_body(serde_json::json!({ key: values(MAX_VALUES) })).expect("as many as may be");
            in_body(serde_json::json!({ key: long(MAX_VALUE_CHARS) })).expect("as long as may be");
            let in_query =
                |values: &[String]| of_query(&format!("{key}={}", values.join(&format!("&{key}="))));
            in_query(&values(MAX_VALUES)).expect("as many as may be");
            for wrong in [values(MAX_VALUES + 1), vec![long(MAX_VALUE_CHARS + 1)]] {
                let error = in_query(&wrong).expect_err(key);
                assert!(error.message().starts_with(&format!("`{key}` takes ")), "{error:?}");
                let error = in_body(serde_json::json!({ key: wrong })).expect_err(key).to_string();
                assert!(error.starts_with(&format!("`filter.{key}` takes ")), "{error}");
            }
        }
        for (filter, says) in [
            (serde_json::json!({ "kind": "poem" }), "`filter.kind` is wrong: "),
            (serde_json::json!({ "kind": ["sop", "poem"] }), "`filter.kind` is wrong: "),
            (
                serde_json::json!({ "source": 5 }),
                "`filter.source` is wrong: invalid type: integer `5`, expected a string or a list of strings",
            ),
            (
                serde_json::json!({ "source": [5] }),
                "`filter.source` is wrong: invalid type: integer `5`, expected a string",
            ),
            (serde_json::json!({ "access": "x" }), "`filter.access` is no key of a filter"),
        ] {
            let error = in_body(filter).expect_err(says).to_string();
            assert!(error.starts_with(says), "{error}");
        }
        assert!(RequestFilter::of_product(Some(long(MAX_VALUE_CHARS + 1)), None).is_err());
    }

    #[test]
    fn a_filter_only_narrows() {
        let narrowed = |query: &str, filter: &str| {
            let filter: RequestFilter = serde_json::from_str(filter).expect(filter);
            filter.narrow(of_query(query).expect(query))
        };
        assert_eq!(narrowed("source=a,b", r#"{"source":"b"}"#).sources, set(&["b"]));
        assert_eq!(narrowed("source=a", r#"{"source":["b"]}"#), Filter::nothing());
        assert_eq!(narrowed("", r#"{"cluster":["x","y"]}"#).clusters, set(&["x", "y"]));
        assert_eq!(narrowed("kind=sop", "{}").kinds, BTreeSet::from([Kind::Sop]));
        assert_eq!(narrowed("kind=sop", r#"{"kind":"wiki"}"#), Filter::nothing());
        assert!(
            serde_json::from_str::<RequestFilter>(r#"{"access":["x"]}"#).is_err(),
            "nobody grants himself tags"
        );
    }
}
