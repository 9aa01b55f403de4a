//! A request's body, read within limits of size and time; all bodies together within a limit of memory.

use super::{error::ApiError, router::AppState};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Number;
use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::time::timeout;

/// Bytes of all bodies that are being read: each is small, but there may be as many as connections.
const MAX_BYTES_TOGETHER: usize = 64 << 20;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body of JSON, whatever its content type says.
pub struct Posted<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for Posted<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        json(&read(&parts.headers, body, state).await?).map(Self)
    }
}

/// The whole body, without the mark that some editors put before a text.
pub async fn read(headers: &HeaderMap, body: Body, state: &AppState) -> Result<Bytes, ApiError> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.into_iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::compressed());
    }
    let reading = read_within(body, state.settings().max_body_bytes, state.bodies.hold());
    let bytes = timeout(state.settings().read_timeout, reading).await.map_err(|_| ApiError::too_slow())??;
    Ok(match bytes.starts_with(BYTE_ORDER_MARK) {
        true => bytes.slice(BYTE_ORDER_MARK.len()..),
        false => bytes,
    })
}

async fn read_within(mut body: Body, max_bytes: usize, mut held: Held) -> Result<Bytes, ApiError> {
    // A declared length over the limit is refused before anything is read.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(ApiError::too_large(max_bytes));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::malformed("the body ended early"))?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > max_bytes {
            return Err(ApiError::too_large(max_bytes));
        }
        if !held.grow(piece.len()) {
            return Err(ApiError::unavailable("too many large requests at once"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Bytes::from(bytes))
}

/// How much all bodies hold while they are read, and whether there was a large one.
#[derive(Clone, Default)]
pub struct Bodies(Arc<Together>);

#[derive(Default)]
struct Together {
    bytes: AtomicUsize,
    was_large: AtomicBool,
}

/// A body from which on memory is given back to the system afterwards.
const LARGE_BYTES: usize = 128 << 10;

/// What one body holds, until it is dropped.
struct Held {
    bodies: Bodies,
    bytes: usize,
}

impl Bodies {
    /// Whether large bodies were read since the last time that this was so, and none is being read now.
    pub fn were_large(&self) -> bool {
        self.0.bytes.load(Ordering::Relaxed) < LARGE_BYTES && self.0.was_large.swap(false, Ordering::Relaxed)
    }

    fn hold(&self) -> Held {
        Held { bodies: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Whether there was room for so many bytes more.
    fn grow(&mut self, bytes: usize) -> bool {
        let before = self.bodies.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if self.bytes >= LARGE_BYTES {
            self.bodies.0.was_large.store(true, Ordering::Relaxed);
        }
        before + bytes <= MAX_BYTES_TOGETHER
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes as one JSON object.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
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

    fn read(text: &str) -> Option<usize> {
        json::<Page>(text.as_bytes()).ok().map(|page| page.limit)
    }

    #[test]
    fn only_objects_are_bodies() {
        assert_eq!(read("{}"), Some(0));
        for text in ["[]", "[5]", "5", "null", "\"\"", "", "{}{}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        for (number, count) in [("5", Some(5)), ("5.0", Some(5)), ("5e0", Some(5)), ("-0.0", Some(0))] {
            assert_eq!(read(&format!("{{\"limit\":{number}}}")), count, "{number}");
        }
        for number in ["-1", "1.5", "1e300", "\"5\"", "null", "true"] {
            assert_eq!(read(&format!("{{\"limit\":{number}}}")), None, "{number}");
        }
        let pages =
            |number: &str| json::<Page>(format!("{{\"pages\":{number}}}").as_bytes()).map(|page| page.pages);
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
