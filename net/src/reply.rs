//! Replies with a successful status: whole, or piece by piece.

use crate::{CallError, Policy};
use bytes::{Bytes, BytesMut};
use reqwest::{Response, Url, header::HeaderMap};
use serde::de::DeserializeOwned;
use std::{fmt, time::Duration};
use tokio::time::{Instant, timeout_at};

/// A reply with its whole body.
#[derive(Clone)]
pub struct Reply {
    /// The status, from 200 to 299.
    pub status: u16,
    /// The headers, as the system sent them.
    pub headers: HeaderMap,
    /// The whole body, in bytes.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        crate::from_slice(&self.body)
    }

    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address of the next page in the `Link` header (`rel="next"`).
    pub fn next_page(&self) -> Option<&str> {
        let links =
            self.headers.get_all(reqwest::header::LINK).iter().filter_map(|value| value.to_str().ok());
        links.flat_map(|links| links.split(',')).find_map(|link| {
            let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('=')).any(
                |(name, value)| {
                    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
                    name.trim().eq_ignore_ascii_case("rel")
                        && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
                },
            );
            is_next.then_some(address)
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("bytes", &self.body.len()).finish()
    }
}

/// A reply whose body is still on its way. A body that breaks off is not requested again.
pub struct Incoming {
    response: Response,
    idle: Duration,
    max_body: usize,
    num_read: usize,
}

impl Incoming {
    pub(crate) fn new(response: Response, policy: &Policy) -> Self {
        Self { response, idle: policy.idle, max_body: policy.max_body, num_read: 0 }
    }

    /// The status, from 200 to 299.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The headers, as the system sent them.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The address that answered; after a redirect it is not the one that was asked.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// Sets another limit for the body, in bytes.
    pub fn with_max_body(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }

    /// The next piece, which must come within the idle time; `None` after the last.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, CallError> {
        self.chunk_by(Instant::now() + self.idle).await
    }

    /// The next piece, which must come before `by`.
    pub async fn chunk_by(&mut self, by: Instant) -> Result<Option<Bytes>, CallError> {
        let piece = timeout_at(by, self.response.chunk()).await.map_err(|_| CallError::Timeout)?;
        let piece = piece.map_err(|error| CallError::of_body(&error))?;
        self.num_read += piece.as_ref().map_or(0, Bytes::len);
        match self.num_read > self.max_body {
            true => Err(CallError::TooLarge { max_bytes: self.max_body }),
            false => Ok(piece),
        }
    }

    /// Reads the rest of the body; an error if a piece is late or the body is over the limit.
    pub async fn whole(mut self) -> Result<Reply, CallError> {
        let mut body = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            body.extend_from_slice(&piece);
        }
        let (status, headers) = (self.status(), std::mem::take(self.response.headers_mut()));
        Ok(Reply { status, headers, body: body.freeze() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderValue, LINK};

    #[test]
    fn the_next_page_is_found_among_links() {
        let check = |links: &[&'static str], expected: Option<&str>| {
            let headers = links.iter().map(|link| (LINK, HeaderValue::from_static(link)));
            let reply = Reply { status: 200, headers: headers.collect(), body: Bytes::new() };
            assert_eq!(reply.next_page(), expected, "{links:?}");
        };
        check(&[], None);
        check(
            &[r#"<https://h/a?page=2&x=1>; rel="next", <https://h/a?page=9>; rel="last""#],
            Some("https://h/a?page=2&x=1"),
        );
        check(&[r#"<https://h/a?page=1>; rel="prev""#, "</a?page=3>;REL=next"], Some("/a?page=3"));
        check(&[r#"<https://h/a?page=1>; rel="prev last""#, "rel=next", "<x; rel=next"], None);
        check(&[r#"<?start=50>; title="a"; rel="last next""#], Some("?start=50"));
    }
}
