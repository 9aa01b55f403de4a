//! Documents, chunks and matching rules. Data only: this module neither reads, writes nor searches.

use crate::{analyzer::with_humps_apart, prohibition::Prohibition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The kind of text that a document is. It decides how far it is trusted: see [`Kind::default_trust`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How to handle one failure.
    Runbook,
    /// A standard operating procedure: the actions that the team has agreed to take, or never to take.
    Sop,
    /// The official documentation of a product.
    Docs,
    /// A page of a team's wiki.
    Wiki,
    /// An issue of a tracker.
    Issue,
    /// A question with its answer.
    Qa,
    /// A failure that happened, and how it was resolved.
    Incident,
}

impl Kind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Kind; 7] =
        [Kind::Runbook, Kind::Sop, Kind::Docs, Kind::Wiki, Kind::Issue, Kind::Qa, Kind::Incident];

    /// The name in front matter, flags and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Runbook => "runbook",
            Kind::Sop => "sop",
            Kind::Docs => "docs",
            Kind::Wiki => "wiki",
            Kind::Issue => "issue",
            Kind::Qa => "qa",
            Kind::Incident => "incident",
        }
    }

    /// How far a document of this kind is trusted unless its source says otherwise.
    pub fn default_trust(self) -> Trust {
        match self {
            Kind::Runbook | Kind::Sop | Kind::Qa => Trust::Curated,
            Kind::Docs => Trust::Official,
            // An incident was resolved once, and its text has not been confirmed since.
            Kind::Wiki | Kind::Incident => Trust::Wiki,
            Kind::Issue => Trust::Public,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`Kind`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a kind; use runbook, sop, docs, wiki, issue, qa or incident")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let lower = text.trim().to_ascii_lowercase();
        Kind::ALL.into_iter().find(|kind| kind.as_str() == lower).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// How far a document is trusted when two say different things; a later variant is trusted more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Texts that any person can write, such as public issues.
    Public,
    /// Texts that any member of the company can write.
    Wiki,
    /// The vendor's or project's own documentation.
    Official,
    /// Runbooks, SOPs and answers that the team keeps.
    Curated,
}

/// One rule of a document's `applies_to`: the keys that are given must all match; each holds alternatives of which one
/// must match, with `*` globs. Compared exactly (ASCII case ignored) with what a question was found to name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The names of alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert: Vec<String>,
    /// Resource kinds, such as `Deployment`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
    /// Reasons, such as `OOMKilled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reason: Vec<String>,
    /// The namespaces of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespace: Vec<String>,
    /// The names of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub name: Vec<String>,
}

impl Rule {
    /// Whether the rule gives no key at all; such a rule matches nothing.
    pub fn is_empty(&self) -> bool {
        self.alert.is_empty()
            && self.kind.is_empty()
            && self.reason.is_empty()
            && self.namespace.is_empty()
            && self.name.is_empty()
    }
}

/// A link from one document to another, with the words that a reader clicks on: people ask for a page by the names that
/// other pages give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Id of the document pointed at. It may be unknown to the knowledge base.
    pub target: String,
    /// The link's text, one line.
    pub text: String,
    /// The sentence that contains the link, on one line; empty if there is no such sentence.
    #[serde(default)]
    pub sentence: String,
}

/// All that is known about a document except its text. Stored as JSON: a new field needs a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentMeta {
    /// `<source>/<path or key>`, stable across runs, never percent-encoded.
    pub id: String,
    /// Name of the source; the id's first component.
    pub source: String,
    /// The title. Empty only where a test collection has no titles: a text in place of the title would be searched.
    pub title: String,
    /// The address at which a person reads the document.
    #[serde(default)]
    pub url: Option<String>,
    /// The kind of text, which decides the trust by default.
    pub kind: Kind,
    /// Trust; [`Kind::default_trust`] unless the source says otherwise.
    pub trust: Trust,
    /// Labels, sorted, without duplicates.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The name of the product that the document treats.
    #[serde(default)]
    pub product: Option<String>,
    /// The version of the product, or several, as [`crate::version::Versions`] reads them: from what the document says
    /// of itself, from its path, or from its title where other pages have the same but for the version.
    #[serde(default)]
    pub version: Option<String>,
    /// BCP 47 tag, such as `en` or `zh-TW`.
    #[serde(default)]
    pub language: Option<String>,
    /// The name of the author.
    #[serde(default)]
    pub author: Option<String>,
    /// When it was written.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// Access tags, sorted; empty: readable by all who may ask.
    #[serde(default)]
    pub access: Vec<String>,
    /// Matching rules; a question that matches any of them gets this document first.
    #[serde(default)]
    pub applies_to: Vec<Rule>,
    /// Links to other documents, in order of appearance.
    #[serde(default)]
    pub links: Vec<Link>,
}

impl DocumentMeta {
    /// The least that is known of a document. Every other field is absent, and the trust is the default of its kind.
    pub fn new(
        id: impl Into<String>,
        source: impl Into<String>,
        title: impl Into<String>,
        kind: Kind,
    ) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            title: title.into(),
            url: None,
            kind,
            trust: kind.default_trust(),
            labels: Vec::new(),
            product: None,
            version: None,
            language: None,
            author: None,
            created_at: None,
            updated_at: None,
            access: Vec::new(),
            applies_to: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// A document as the knowledge base keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Everything but the text, which is in the chunks.
    pub meta: DocumentMeta,
    /// Hash of text, metadata and chunking; equal hashes need no work on the next run.
    pub content_hash: ContentHash,
    /// Number of chunks; they are numbered from 0.
    pub num_chunks: u32,
    /// When this version was written.
    pub ingested_at: Timestamp,
}

/// The name of the source that a document's id begins with: `docs` of `docs/pages/a.md`.
pub fn source_of(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// A document's id without the language of a translation, and its ending: `a/b.zh-TW.md` gives `a/b` and `.md`.
pub fn untranslated(id: &str) -> (&str, &str) {
    let name_at = id.rfind('/').map_or(0, |at| at + 1);
    let dot = id[name_at..].rfind('.').map_or(id.len(), |at| name_at + at);
    let (stem, ending) = id.split_at(dot);
    let is_tag = |tag: &str| {
        let (primary, rest) = tag.split_once('-').unwrap_or((tag, "TW"));
        primary.len() == 2
            && primary.chars().all(|c| c.is_ascii_lowercase())
            && matches!(rest.len(), 2 | 4)
            && rest.chars().all(|c| c.is_ascii_alphabetic())
    };
    match stem[name_at..].rfind('.').map(|at| name_at + at).filter(|at| is_tag(&stem[at + 1..])) {
        Some(at) => (&stem[..at], ending),
        None => (stem, ending),
    }
}

/// BLAKE3 of the content, 32 bytes, written as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Hashes the parts with their lengths, so that `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = blake3::Hash::from_hex(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(*hash.as_bytes()))
    }
}

/// A passage of a document, within one section. Its heading path is a prefix of what is embedded and indexed, and kept
/// apart from what is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The id of the document that the passage belongs to.
    pub document: String,
    /// Position within the document, from 0.
    pub ordinal: u32,
    /// Headings above the passage, outermost first, the document's title left out.
    pub heading_path: Vec<String>,
    /// Fragment of the nearest heading for a deep link, without `#`.
    #[serde(default)]
    pub anchor: Option<String>,
    /// The passage as Markdown, as shown.
    pub text: String,
    /// First byte in the source file's decoded text.
    pub start_byte: u64,
    /// The offset in bytes after the passage's end in the source file's decoded text.
    pub end_byte: u64,
    /// Length in the embedding model's tokens, prefix and special tokens included; never over the model's window.
    pub tokens: u32,
    /// The actions that the passage forbids, in the order of the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prohibitions: Vec<Prohibition>,
}

impl Chunk {
    /// The chunk's id, in the form `<document>#<ordinal>`.
    pub fn id(&self) -> String {
        format!("{}#{}", self.document, self.ordinal)
    }

    /// The text that is embedded: title and heading path on one line with their CamelCase words written apart, a blank
    /// line, and the passage without its markup. The chunker measures exactly this text, so that nothing is cut off
    /// silently.
    pub fn passage(&self, title: &str) -> String {
        passage(title, &self.heading_path, &self.text)
    }

    /// The text that the lexical leg indexes: as [`Chunk::passage`], with CamelCase words as they are.
    pub fn indexed_text(&self, title: &str) -> String {
        with_text(heading_line(title, &self.heading_path), &self.text)
    }
}

fn heading_line(title: &str, heading_path: &[String]) -> String {
    let parts = std::iter::once(title).chain(heading_path.iter().map(String::as_str));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" > ")
}

fn with_text(mut heading: String, text: &str) -> String {
    if !heading.is_empty() {
        heading.push_str("\n\n");
    }
    push_without_markup(&mut heading, text);
    heading
}

/// The text that is embedded for a passage: see [`Chunk::passage`].
pub fn passage(title: &str, heading_path: &[String], text: &str) -> String {
    with_text(with_humps_apart(&heading_line(title, heading_path)), text)
}

/// Appends Markdown without the parts that a reader does not see: link targets, emphasis and code ticks. Models and
/// people know the words alone.
fn push_without_markup(plain: &mut String, markdown: &str) {
    let mut rest = markdown;
    while let Some(at) = rest.find(['`', '*', '[', ']', '!', '<']) {
        plain.push_str(&rest[..at]);
        let marked = &rest[at..];
        if let Some((host, length)) = autolink(marked) {
            plain.push_str(host);
            rest = &marked[length..];
            continue;
        }
        let skipped = match marked.as_bytes()[0] {
            b'`' => marked.len() - marked.trim_start_matches('`').len(),
            b'*' if marked.starts_with("**") => 2,
            b'!' if marked.starts_with("![") && opens_link(&marked[1..]) => 2,
            b'[' if opens_link(marked) => 1,
            b']' if marked.starts_with("](") => {
                link_target_length(&marked[1..]).map_or(0, |length| length + 1)
            }
            _ => 0,
        };
        if skipped == 0 {
            plain.push_str(&marked[..1]);
            rest = &marked[1..];
        } else {
            rest = &marked[skipped..];
        }
    }
    plain.push_str(rest);
}

/// The host of the address in angle brackets that a text begins with, and the length of the whole. The rest of such an
/// address is a query or a path of some tool, whose words are not the passage's.
fn autolink(text: &str) -> Option<(&str, usize)> {
    let address = text.strip_prefix('<')?;
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let end =
        rest.find(|c: char| c == '>' || c.is_whitespace()).filter(|&end| rest[end..].starts_with('>'))?;
    let host = rest[..end].split(['/', '?', '#']).next().unwrap_or_default();
    Some((host, text.len() - rest.len() + end + 1))
}

/// A longer link text or target is taken for prose; without a limit, a page of brackets would take quadratic time.
const MAX_LINK_BYTES: usize = 1_024;

/// Whether `[` begins `[text](target)`, within one paragraph.
fn opens_link(text: &str) -> bool {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate().take(MAX_LINK_BYTES) {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'\n' if text[at + 1..].starts_with('\n') => return false,
            _ => {}
        }
        if depth == 0 {
            return text[at + 1..].starts_with('(') && link_target_length(&text[at + 1..]).is_some();
        }
    }
    false
}

/// Length of `(target "title")` at the start of a text, on one line, with balanced parentheses.
fn link_target_length(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate().take(MAX_LINK_BYTES) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\n' => return None,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// The name of a document's file without its ending, lower-cased; an index page has the name of its folder:
/// `k8s/tasks/debug-pod.md` gives `debug-pod`, `k8s/tasks/_index.md` gives `tasks`.
pub fn file_name(id: &str) -> String {
    let path = id.split_once('/').map_or("", |(_, path)| path);
    let path = path.split('#').next().unwrap_or(path);
    let mut components = path.rsplit('/');
    let last = components.next().unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let name = match stem {
        "index" | "_index" | "README" | "readme" => components.next().unwrap_or_default(),
        stem => stem,
    };
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translations_have_the_id_of_their_original() {
        for (id, stem, ending) in [
            ("a/b.zh-TW.md", "a/b", ".md"),
            ("a/b.vi.md", "a/b", ".md"),
            ("a/b.md", "a/b", ".md"),
            ("a/b.v2.md", "a/b.v2", ".md"),
            ("a.vi/b", "a.vi/b", ""),
            ("a/q.csv#3", "a/q", ".csv#3"),
        ] {
            assert_eq!(untranslated(id), (stem, ending), "{id}");
        }
    }

    #[test]
    fn file_names_leave_out_endings_and_index_files() {
        for (id, name) in [
            ("k8s/tasks/debug-pod.md", "debug-pod"),
            ("k8s/concepts/_index.md", "concepts"),
            ("k8s/README.md", ""),
            ("faq/qa/oncall.csv#3", "oncall"),
            ("alerts/KubePodCrashLooping.md", "kubepodcrashlooping"),
            ("notes", ""),
        ] {
            assert_eq!(file_name(id), name, "{id}");
        }
    }

    #[test]
    fn passages_hold_the_words_a_reader_sees() {
        let headings = ["KubePodCrashLooping".to_owned()];
        for (text, plain) in [
            ("see [the **docs**](https://x.example/a_(b) \"t\") now", "see the docs now"),
            ("`kubectl get pods` * a[0]", "kubectl get pods * a[0]"),
            ("![diagram](x.png) done]", "diagram done]"),
            ("open [text](broken", "open [text](broken"),
        ] {
            assert_eq!(passage("Pods", &headings, text), format!("Pods > Kube Pod Crash Looping\n\n{plain}"));
        }
    }

    #[test]
    fn hashes_tell_apart_where_parts_end() {
        assert_ne!(ContentHash::of(&[b"ab", b"c"]), ContentHash::of(&[b"a", b"bc"]));
        let hash = ContentHash::of(&[b"x"]);
        let json = serde_json::to_string(&hash).expect("a hash is a string");
        assert_eq!(serde_json::from_str::<ContentHash>(&json).expect("it was just written"), hash);
    }
}
