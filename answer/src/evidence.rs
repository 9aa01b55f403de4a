//! The numbered passages one answer may rest on: what the model sees, what `[n]` refers to. Pure.

use crate::{
    citations,
    text::{one_line, visible},
};
use jiff::Timestamp;
use kb::{
    document::{Chunk, DocumentRecord, Kind},
    prohibition::Prohibition,
    retrieve::{Hit, RuleMatch, RuleStrength},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// One passage that an answer may cite, its texts free of anything that does not show and of citations of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The number in its citation `[n]`, from 1.
    pub n: usize,
    /// The document's id, such as `runbooks/oom.md`.
    pub document: String,
    /// The id of the passage's chunk, within the document.
    pub chunk: String,
    /// The document's title, one line.
    pub title: String,
    /// Where a person reads the document.
    pub url: Option<String>,
    /// The passage's heading as a fragment of the document's page.
    pub anchor: Option<String>,
    /// When the document was last changed.
    pub updated_at: Option<Timestamp>,
    pub kind: Kind,
    /// The document's language, a BCP 47 tag.
    pub language: Option<String>,
    /// Headings above the passage.
    pub heading_path: Vec<String>,
    /// The text of the passage, as Markdown.
    pub text: String,
    /// The document's rule that matched.
    pub rule: Option<RuleMatch>,
    /// The prohibitions that the passage states.
    pub prohibitions: Vec<Prohibition>,
}

impl Evidence {
    /// A passage as evidence number `n`.
    pub fn new(n: usize, chunk: &Chunk, document: &DocumentRecord, rule: Option<RuleMatch>) -> Self {
        Self {
            n,
            document: chunk.document.clone(),
            chunk: chunk.id(),
            title: one_line(&visible(&document.meta.title)),
            url: document.meta.url.as_deref().and_then(web_url),
            anchor: chunk.anchor.clone(),
            updated_at: document.meta.updated_at,
            kind: document.meta.kind,
            language: document.meta.language.clone(),
            heading_path: chunk.heading_path.iter().map(|heading| one_line(&visible(heading))).collect(),
            text: citations::neutralised(&visible(&chunk.text)),
            rule,
            prohibitions: chunk.prohibitions.iter().map(neutralised).collect(),
        }
    }

    /// Numbers the hits from 1, in their order.
    pub fn of_hits(hits: &[Hit]) -> Vec<Self> {
        let numbered = hits.iter().enumerate();
        numbered.map(|(at, hit)| Self::new(at + 1, &hit.chunk, &hit.document, hit.rule.clone())).collect()
    }

    /// Whether one of the document's rules holds.
    pub fn applies(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::Exact)
    }

    /// Whether a rule of the document holds that names this very object, or its namespace.
    pub fn rules_object(&self) -> bool {
        self.rule.as_ref().is_some_and(|found| {
            found.strength == RuleStrength::Exact
                && !(found.rule.name.is_empty() && found.rule.namespace.is_empty())
        })
    }

    /// Whether one of the document's rules may hold behind a masked name.
    pub fn may_apply(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.strength == RuleStrength::BehindStandIn)
    }

    /// Where a person reads the passage: the document's page at the passage's heading, where both are known.
    pub fn link(&self) -> Option<String> {
        let url = self.url.as_ref()?;
        match &self.anchor {
            Some(anchor) if !url.contains('#') && is_plain_fragment(anchor) => {
                Some(format!("{url}#{}", encoded(anchor)))
            }
            _ => Some(url.clone()),
        }
    }

    /// Title and headings on one line.
    pub fn heading(&self) -> String {
        let mut line = self.title.clone();
        for heading in &self.heading_path {
            line.push_str(" > ");
            line.push_str(heading);
        }
        line
    }

    /// Everything of it that an answer may repeat: heading and passage.
    pub fn quotable(&self) -> String {
        format!("{}\n{}", self.heading(), self.text)
    }
}

/// A prohibition as it may be quoted.
fn neutralised(prohibition: &Prohibition) -> Prohibition {
    let text = citations::neutralised(&one_line(&visible(&prohibition.text)));
    Prohibition { text, ..prohibition.clone() }
}

/// A document's URL when it is one that a reader can follow safely: `http` or `https` and a host. Everything that has a
/// meaning in Markdown, HTML or a terminal is percent-encoded, so that what is shown, compared and followed is the
/// same.
pub fn web_url(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_host = authority.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && authority.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '[' | ']'));
    // A second address within the first one's path is not to be taken for one of its own.
    let path = encoded(path).replace("://", "%3A//");
    let authority = if authority.starts_with('[') { authority.to_owned() } else { encoded(authority) };
    (is_web && is_host && visible(url) == url).then(|| format!("{scheme}://{authority}{path}"))
}

/// Percent-encoded where it is not plain; what is encoded already stays.
fn encoded(part: &str) -> String {
    /// The characters of a URL that are escaped, because markup is written with them; all others stay.
    const MARKUP: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'\'')
        .add(b'(')
        .add(b')')
        .add(b'*')
        .add(b'<')
        .add(b'>')
        .add(b'[')
        .add(b'\\')
        .add(b']')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    utf8_percent_encode(part, MARKUP).to_string().replace("~~", "%7E%7E")
}

/// Whether a heading's anchor is a fragment of letters, digits, `-` and `_`.
fn is_plain_fragment(anchor: &str) -> bool {
    !anchor.is_empty()
        && anchor.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '='))
        && visible(anchor) == anchor
}

#[cfg(test)]
impl Evidence {
    /// A passage for tests; only the first has a web address.
    pub(crate) fn sample(n: usize) -> Self {
        Self {
            n,
            document: format!("runbooks/{n}.md"),
            chunk: format!("runbooks/{n}.md#0"),
            title: format!("Title {n}"),
            url: (n == 1).then(|| "https://wiki.example.com/1".to_owned()),
            anchor: None,
            updated_at: None,
            kind: Kind::Runbook,
            language: None,
            heading_path: Vec::new(),
            text: "Raise the limit.".to_owned(),
            rule: None,
            prohibitions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_followed() {
        for (url, expected) in [
            (" https://a.example/b ", "https://a.example/b"),
            ("https://a.example:8443/~b_c/?d=%20&e=f#g", "https://a.example:8443/~b_c/?d=%20&e=f#g"),
            (
                "https://wiki.example.com/![x](https://evil.example/y.png)",
                "https://wiki.example.com/!%5Bx%5D%28https%3A//evil.example/y.png%29",
            ),
            ("https://a.example/a b|c\\d", "https://a.example/a%20b%7Cc%5Cd"),
            ("https://a.example/<b>\"'`*", "https://a.example/%3Cb%3E%22%27%60%2A"),
            ("https://a.example/排查", "https://a.example/%E6%8E%92%E6%9F%A5"),
        ] {
            assert_eq!(web_url(url).as_deref(), Some(expected), "{url}");
        }
        for url in [
            "javascript:alert(1)",
            "https://a b",
            "ftp://a",
            "https://a\u{202e}b",
            "https://a<b>",
            "https://a。b",
            "https://",
        ] {
            assert_eq!(web_url(url), None, "{url}");
        }
    }

    #[test]
    fn passages_are_linked_at_their_heading() {
        for (url, anchor, expected) in [
            (
                Some("https://a.example/b"),
                Some("raise-the-limit"),
                Some("https://a.example/b#raise-the-limit"),
            ),
            (
                Some("https://a.example/b?v=2"),
                Some("排查"),
                Some("https://a.example/b?v=2#%E6%8E%92%E6%9F%A5"),
            ),
            (Some("https://a.example/b.pdf"), Some("page=3"), Some("https://a.example/b.pdf#page=3")),
            (Some("https://a.example/b#c"), Some("d"), Some("https://a.example/b#c")),
            (Some("https://a.example/b"), Some("x) [y](http://evil"), Some("https://a.example/b")),
            (Some("https://a.example/b"), Some(""), Some("https://a.example/b")),
            (Some("https://a.example/b"), None, Some("https://a.example/b")),
            (None, Some("d"), None),
        ] {
            let evidence = Evidence {
                url: url.map(str::to_owned),
                anchor: anchor.map(str::to_owned),
                ..Evidence::sample(1)
            };
            assert_eq!(evidence.link().as_deref(), expected, "{url:?} {anchor:?}");
        }
    }
}
