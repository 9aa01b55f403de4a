//! What a request may see: what its token allows, narrowed by its query string.

use super::{auth::Caller, error::ApiError};
use kb::{
    document::Kind,
    store::{Access, Filter},
};
use std::collections::BTreeSet;

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

/// The filter of a caller's request: never more than the token allows.
pub fn limited(mut filter: Filter, caller: &Caller) -> Filter {
    filter.access = Access::Tags(caller.access.clone());
    if !caller.sources.is_empty() {
        filter.sources = match filter.sources.is_empty() {
            true => caller.sources.clone(),
            false => &filter.sources & &caller.sources,
        };
        if filter.sources.is_empty() {
            // An empty set would leave sources open; no source has an empty name.
            filter.sources = BTreeSet::from([String::new()]);
        }
    }
    filter
}

/// The pairs of an `application/x-www-form-urlencoded` text.
fn form_pairs(query: &str) -> Vec<(String, String)> {
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
    fn a_request_never_sees_more_than_its_token() {
        let caller = Caller { access: set(&["t"]), sources: set(&["a", "b"]) };
        let asks = |query| limited(of_query(query).expect("it is right"), &caller).sources;
        assert_eq!(asks(""), set(&["a", "b"]));
        assert_eq!(asks("source=b,c"), set(&["b"]));
        assert_eq!(asks("source=c"), set(&[""]), "nothing is left, which must not mean everything");
        assert_eq!(limited(Filter::everything(), &Caller::default()).access, Access::default());
    }
}
