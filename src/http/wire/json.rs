//! JSON as clients write it: objects only, and counts in every form that means one.

use crate::http::error::ApiError;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;
use std::{fmt, marker::PhantomData};

/// Bytes as one JSON object.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map(|Object(value)| value)
        .map_err(|error| ApiError::malformed(format!("the body is not the JSON expected here: {error}")))
}

/// A value that was written as an object. Serde reads a struct from an array as well, field by field, which nobody who
/// writes `[]` can mean.
#[derive(Debug, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OfMap(PhantomData))
    }
}

/// Reads a count that was written as `5` or as `5.0`: to JSON, and to the languages with one type of numbers, both are
/// the same.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(&Number::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a count as [`count`] does, and where it was written as a text: language models put quotes around numbers. `null`
/// is no count.
pub fn count_in_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "neither a number nor a text that holds one")]
    enum Count {
        Number(Number),
        Text(String),
    }

    match Option::<Count>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Count::Number(number)) => whole(&number).map(Some).map_err(D::Error::custom),
        Some(Count::Text(text)) => {
            let number = text.trim().parse::<Number>();
            let number = number.map_err(|_| D::Error::custom(format_args!("{text:?} is not a number")))?;
            whole(&number).map(Some).map_err(D::Error::custom)
        }
    }
}

fn whole(number: &Number) -> Result<usize, String> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |float: &f64| float.fract() == 0.0 && (0.0..=MAX_EXACT).contains(float);
    let count = number.as_u64().or_else(|| number.as_f64().filter(whole).map(|float| float as u64));
    count
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| format!("`{number}` is not a whole number from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Page {
        #[serde(deserialize_with = "count")]
        limit: usize,
        #[serde(deserialize_with = "count_in_words")]
        pages: Option<usize>,
    }

    fn limit(text: &str) -> Option<usize> {
        read::<Page>(text.as_bytes()).ok().map(|page| page.limit)
    }

    #[test]
    fn only_objects_are_bodies() {
        assert_eq!(limit("{}"), Some(0));
        for text in ["[]", "[5]", "5", "null", "\"\"", "", "{}{}"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        for (number, count) in [("5", Some(5)), ("5.0", Some(5)), ("5e0", Some(5)), ("-0.0", Some(0))] {
            assert_eq!(limit(&format!("{{\"limit\":{number}}}")), count, "{number}");
        }
        for number in ["-1", "1.5", "1e300", "\"5\"", "null", "true"] {
            assert_eq!(limit(&format!("{{\"limit\":{number}}}")), None, "{number}");
        }
        let pages =
            |number: &str| read::<Page>(format!("{{\"pages\":{number}}}").as_bytes()).map(|page| page.pages);
        for (number, count) in
            [("5", Some(5)), ("\"5\"", Some(5)), ("\" 5.0 \"", Some(5)), ("5.0", Some(5)), ("null", None)]
        {
            assert_eq!(pages(number).expect(number), count, "{number}");
        }
        for number in ["\"\"", "\"five\"", "\"-1\"", "\"1.5\"", "-1", "true", "[5]", "{}"] {
            assert!(pages(number).is_err(), "{number}");
        }
    }
}
