//! What a request may see: what its token allows, narrowed by its query string, narrowed by its own filter.

use super::{auth::Caller, error::ApiError, schema};
use kb::{
    document::Kind,
    store::{Access, Filter},
};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::{
    ToSchema,
    openapi::{
        ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::Type,
    },
};

/// Reads `source`, `kind`, `product`, `version`, `label` and `cluster` from a query string; each may be repeated or hold
/// several values with commas. Other keys belong to somebody else and are ignored.
pub fn of_query(query: &str) -> Result<Filter, ApiError> {
    let mut filter = Filter::default();
    for (key, value) in form_pairs(query) {
        let values = value.split(',').map(str::trim).filter(|value| !value.is_empty());
        let set = match key.as_str() {
            "source" => &mut filter.sources,
            "product" => &mut filter.products,
            "version" => &mut filter.versions,
            "label" => &mut filter.labels,
            "cluster" => &mut filter.clusters,
            "kind" => {
                for value in values {
                    let kind: Kind =
                        value.parse().map_err(|error| ApiError::malformed(format!("{error}")))?;
                    filter.kinds.insert(kind);
                }
                continue;
            }
            _ => continue,
        };
        set.extend(values.map(str::to_owned));
    }
    Ok(filter)
}

/// What [`of_query`] reads, for the interface's description.
pub fn parameters() -> Vec<Parameter> {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let described = [
        ("source", "Only these sources.", text()),
        ("kind", "Only these kinds of documents.", schema::kind_or_empty()),
        ("product", "Only these products, and documents that name none.", text()),
        ("version", "Only these versions, and documents that name none.", text()),
        ("label", "Only documents with one of these labels.", text()),
        ("cluster", "Only documents for these clusters, and those for all.", text()),
    ];
    let parameter = |(name, description, value)| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .description(Some(format!("{description} May be repeated, or hold several values with commas.")))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true))
            .schema(Some(ArrayBuilder::new().items(value)))
            .build()
    };
    described.into_iter().map(parameter).collect()
}

/// The filter of a caller's request: never more than the token allows.
pub fn limited(mut filter: Filter, caller: &Caller) -> Filter {
    filter.access = Access::Tags(caller.access.clone());
    filter.sources = both(filter.sources, caller.sources.clone());
    filter
}

/// The `filter` of a request's body: the same keys as the query string, each a string or a list.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Filter)]
pub struct RequestFilter {
    #[schema(schema_with = one_or_many_texts)]
    source: OneOrMany<String>,
    #[schema(schema_with = one_or_many_kinds)]
    kind: OneOrMany<Kind>,
    #[schema(schema_with = one_or_many_texts)]
    product: OneOrMany<String>,
    #[schema(schema_with = one_or_many_texts)]
    version: OneOrMany<String>,
    #[schema(schema_with = one_or_many_texts)]
    label: OneOrMany<String>,
    #[schema(schema_with = one_or_many_texts)]
    cluster: OneOrMany<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

fn one_or_many(value: Object) -> Schema {
    Schema::OneOf(OneOfBuilder::new().item(value.clone()).item(ArrayBuilder::new().items(value)).build())
}

fn one_or_many_texts() -> Schema {
    one_or_many(ObjectBuilder::new().schema_type(Type::String).build())
}

fn one_or_many_kinds() -> Schema {
    one_or_many(schema::kind())
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T: Ord> OneOrMany<T> {
    fn into_set(self) -> BTreeSet<T> {
        match self {
            Self::Many(values) => values.into_iter().collect(),
            Self::One(value) => BTreeSet::from([value]),
        }
    }
}

impl RequestFilter {
    /// A filter by product and version only.
    pub fn of_product(product: Option<String>, version: Option<String>) -> Self {
        let given = |value: Option<String>| OneOrMany::Many(value.into_iter().collect());
        Self { product: given(product), version: given(version), ..Self::default() }
    }

    /// `scope` and this filter: a document must satisfy both.
    pub fn narrow(self, scope: Filter) -> Filter {
        let kinds = self.kind.into_set();
        let nothing_left = !kinds.is_empty() && !scope.kinds.is_empty() && scope.kinds.is_disjoint(&kinds);
        let kinds = match (scope.kinds.is_empty(), kinds.is_empty()) {
            (true, _) => kinds,
            (false, true) => scope.kinds,
            (false, false) => &scope.kinds & &kinds,
        };
        let mut narrowed = Filter {
            sources: both(scope.sources, self.source.into_set()),
            kinds,
            products: both(scope.products, self.product.into_set()),
            versions: both(scope.versions, self.version.into_set()),
            labels: both(scope.labels, self.label.into_set()),
            clusters: both(scope.clusters, self.cluster.into_set()),
            access: scope.access,
        };
        if nothing_left {
            narrowed.sources = both(BTreeSet::from([String::new()]), BTreeSet::new());
        }
        narrowed
    }
}

/// What both sets allow, an empty one allowing everything. Where nothing is left, a value that no document has: the
/// empty set would mean the opposite.
fn both(one: BTreeSet<String>, two: BTreeSet<String>) -> BTreeSet<String> {
    match (one.is_empty(), two.is_empty()) {
        (true, _) => two,
        (_, true) => one,
        (false, false) => {
            let shared = &one & &two;
            if shared.is_empty() { BTreeSet::from([String::new()]) } else { shared }
        }
    }
}

/// The pairs of an `application/x-www-form-urlencoded` text.
pub fn form_pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let ahead = rest.clone();
                let digits: Vec<u8> = ahead.take(2).collect();
                let digit = |at: usize| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                match (digit(0), digit(1)) {
                    (Some(high), Some(low)) => {
                        bytes.push((high * 16 + low) as u8);
                        rest.nth(1);
                    }
                    _ => bytes.push(byte),
                }
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(decoded("100%"), "100%");
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
        let asks = |query| limited(of_query(query).expect("it is right"), &caller).sources;
        assert_eq!(asks(""), set(&["a", "b"]));
        assert_eq!(asks("source=b,c"), set(&["b"]));
        assert_eq!(asks("source=c"), set(&[""]), "nothing is left, which must not mean everything");
        assert_eq!(limited(Filter::everything(), &Caller::default()).access, Access::default());
    }

    #[test]
    fn a_filter_only_narrows() {
        let narrowed = |query: &str, filter: &str| {
            let filter: RequestFilter = serde_json::from_str(filter).expect(filter);
            filter.narrow(of_query(query).expect(query))
        };
        assert_eq!(narrowed("source=a,b", r#"{"source":"b"}"#).sources, set(&["b"]));
        assert_eq!(narrowed("source=a", r#"{"source":["b"]}"#).sources, set(&[""]));
        assert_eq!(narrowed("", r#"{"cluster":["x","y"]}"#).clusters, set(&["x", "y"]));
        assert_eq!(narrowed("kind=sop", "{}").kinds, BTreeSet::from([Kind::Sop]));
        assert_eq!(narrowed("kind=sop", r#"{"kind":"wiki"}"#).sources, set(&[""]));
        assert!(
            serde_json::from_str::<RequestFilter>(r#"{"access":["x"]}"#).is_err(),
            "nobody grants himself tags"
        );
    }
}
