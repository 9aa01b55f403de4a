//! A file's bytes to documents: one parser per format, chosen by the file's extension.
//!
//! Entry points: [`Format::of`], [`parse`]. A parser cleans the text (so that it reads as Markdown anywhere) and fills
//! in the metadata; cutting it into chunks is [`crate::chunk`]'s work.
//!
//! To add a format: write a module here with `parse(text, place) -> Parsed`. One that is markup writes its blocks with
//! `written.rs` and ends with `markdown::finished`. Add a variant to [`Format`] with its extensions in [`Format::of`],
//! and its line in [`parse`]; a binary format is read before the text is decoded, and `magic.rs` tells it by its first
//! bytes. Give `tests/mutations.rs` a file of it to damage, and name it in `docs/formats.md` and in the help of
//! `cli/mod.rs`.

mod admonitions;
mod asciidoc;
pub(crate) mod beside;
mod document;
mod docx;
mod editions;
pub(crate) mod entities;
pub mod front_matter;
mod github_wiki;
mod html;
pub(crate) mod inner_links;
mod invisible;
pub mod language;
#[cfg(test)]
mod leftovers;
pub mod links;
mod magic;
mod manifests;
pub(crate) mod markdown;
mod mediawiki;
mod notion;
mod pdf;
mod plain_text;
mod prometheus_rules;
mod qa_csv;
mod qa_lines;
pub(crate) mod redaction;
mod rst;
mod shortcodes;
pub mod site;
pub mod stated;
pub(crate) mod steps;
pub(crate) mod web_page;
pub(crate) mod written;

pub(crate) use beside::Beside;
pub use document::{Document, Origin, Syntax};
pub(crate) use editions::versions_of_editions;
pub use editions::{Mark, hash_on_version};
pub(crate) use mediawiki::Dump;

use crate::{
    decode,
    findings::Finding,
    report::{Rejection, Warning},
};
use kb::{
    document::{DocumentMeta, Kind},
    redact::redact,
    text::visible,
    version::of_path,
};
use links::Pages;
use magic::Magic;
use site::Site;
use stated::Stated;
use std::collections::BTreeMap;

/// Longer titles are cut.
const MAX_TITLE_CHARS: usize = 240;

/// A format that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.md`, `.markdown`, `.mdx`.
    Markdown,
    /// `.txt`, `.text`.
    PlainText,
    /// `.csv` with questions and answers, or a database of Notion.
    QaCsv,
    /// `.html`, `.htm`.
    WebPage,
    /// `.adoc`, `.asciidoc`.
    AsciiDoc,
    /// `.rst`, `.rest`.
    ReStructuredText,
    /// `.yaml`, `.yml` with alerts of Prometheus.
    PrometheusRules,
    /// `.xml`, a dump of MediaWiki.
    MediaWiki,
    /// `.jsonl`, `.ndjson` with questions and answers, or resolved incidents.
    QaLines,
    /// `.docx`.
    Docx,
    /// `.pdf`.
    Pdf,
}

/// How much of a file's reading is kept for the next run, so that it is not read again before its bytes change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembered {
    /// No part: the file is read in every run.
    Nothing,
    /// The refusal and its reason. The documents of a file that is read depend on the source's other files as well.
    Refusal,
    /// The documents and the faults that were found: reading the file is expensive.
    Everything,
}

impl Format {
    /// How much is remembered of a file of this format.
    pub fn remembered(self) -> Remembered {
        match self {
            Self::Pdf => Remembered::Everything,
            Self::Docx => Remembered::Refusal,
            _ => Remembered::Nothing,
        }
    }

    /// The format of a file by its name, or why it has none.
    pub fn of(path: &str) -> Result<Self, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((_, extension)) = name.rsplit_once('.') else {
            return Err("not supported yet: a file without an extension".to_owned());
        };
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" | "mdx" => Ok(Self::Markdown),
            "txt" | "text" => Ok(Self::PlainText),
            "csv" => Ok(Self::QaCsv),
            "html" | "htm" => Ok(Self::WebPage),
            "adoc" | "asciidoc" => Ok(Self::AsciiDoc),
            "rst" | "rest" => Ok(Self::ReStructuredText),
            "yaml" | "yml" => Ok(Self::PrometheusRules),
            "xml" => Ok(Self::MediaWiki),
            "jsonl" | "ndjson" => Ok(Self::QaLines),
            "docx" | "docm" => Ok(Self::Docx),
            "pdf" => Ok(Self::Pdf),
            other @ ("doc" | "dot" | "rtf" | "odt" | "pages" | "wpd") => {
                Err(format!("not supported: .{other}; save it as .docx or .pdf"))
            }
            other @ ("xls" | "xlsx" | "ods") => {
                Err(format!("not supported: .{other}; save questions and answers as .csv, and text as .docx"))
            }
            other @ ("ppt" | "pptx" | "odp" | "vsd" | "vsdx" | "epub") => {
                Err(format!("not supported: .{other}; save it as .pdf"))
            }
            other => Err(format!("not supported yet: .{other}")),
        }
    }

    /// The format of a file whose name tells none, by its media type.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/pdf" => Some(Self::Pdf),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Some(Self::Docx),
            "text/markdown" | "text/x-markdown" => Some(Self::Markdown),
            "text/html" => Some(Self::WebPage),
            "text/plain" => Some(Self::PlainText),
            _ => None,
        }
    }
}

/// The metadata that a run gives to all documents of a source.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The kind of every document, whatever else is said.
    pub kind: Option<Kind>,
    /// Access tags of documents that give none themselves.
    pub access: Vec<String>,
    /// The language of documents that do not say theirs.
    pub language: Option<String>,
    /// The title of a file that has none, in place of its name.
    pub fallback_title: Option<String>,
    /// The kind of a file that says none, in place of its folder's.
    pub fallback_kind: Option<Kind>,
}

/// The place of a file: its source, its path, and the files around it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The source's name, the first part of the documents' ids.
    pub source: &'a str,
    /// Path below the source's root, with `/`.
    pub relative: &'a str,
    /// How reports name the file.
    pub shown: &'a str,
    /// The source's pages, for links.
    pub pages: &'a Pages,
    /// The site that they make up.
    pub site: &'a Site,
    /// The metadata that the run gives to all documents of the source.
    pub defaults: &'a Defaults,
}

/// The result of parsing one file.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Documents, in the order of the file.
    pub documents: Vec<Document>,
    /// The parts of the file that did not become a document, each with the reason.
    pub rejected: Vec<Rejection>,
    /// Faults of the documents that do not keep them out.
    pub warnings: Vec<Warning>,
    /// How many secrets each rule redacted.
    pub redacted: BTreeMap<&'static str, u64>,
    /// Findings about the file as a whole.
    pub(crate) findings: Vec<Finding>,
    /// Whether the file was not read, or not to its end, for a reason that is not its content, so that what is stored
    /// of it stays.
    pub is_unknown: bool,
    /// Whether learning that took so long that it is not learnt in every run.
    pub(crate) is_slow: bool,
}

impl Parsed {
    /// The result with one document, without rejections or warnings.
    pub fn of(document: Document) -> Self {
        Self { documents: vec![document], ..Self::default() }
    }

    pub(crate) fn rejected(place: &Place<'_>, reason: impl Into<String>) -> Self {
        Self { rejected: vec![Rejection::new(place.shown, reason)], ..Self::default() }
    }

    /// The result for a file that is left out by convention, which is not a fault.
    pub(crate) fn left_out(place: &Place<'_>, reason: impl Into<String>) -> Self {
        let rejection = Rejection { by_convention: true, ..Rejection::new(place.shown, reason) };
        Self { rejected: vec![rejection], ..Self::default() }
    }

    pub(crate) fn warn(&mut self, place: &Place<'_>, message: impl Into<String>) {
        self.warnings.push(Warning { path: place.shown.to_owned(), message: message.into() });
    }
}

/// Parses a file's bytes. Never fails: a part that cannot be read is in [`Parsed::rejected`].
pub fn parse(format: Format, bytes: Vec<u8>, place: &Place<'_>) -> Parsed {
    let text_parser = match format {
        Format::Docx => return docx::parse(&bytes, place),
        Format::Pdf => return pdf::parse(&bytes, place),
        Format::Markdown => markdown::parse,
        Format::PlainText => plain_text::parse,
        Format::QaCsv => |text: String, place: &Place<'_>| qa_csv::parse(&text, place),
        Format::WebPage => web_page::parse,
        Format::AsciiDoc => asciidoc::parse,
        Format::ReStructuredText => rst::parse,
        Format::PrometheusRules => prometheus_rules::parse,
        Format::MediaWiki => |text: String, place: &Place<'_>| mediawiki::parse(&text, place),
        Format::QaLines => |text: String, place: &Place<'_>| qa_lines::parse(&text, place),
    };
    if let Some(magic) = Magic::of(&bytes) {
        return Parsed::rejected(place, format!("binary, not text: {} under another name", magic.name()));
    }
    let decoded = match decode::decode(bytes) {
        Ok(decoded) => decoded,
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    if !decoded.text.chars().any(char::is_alphanumeric) {
        return Parsed::rejected(place, "no text");
    }
    let text = decoded.text.clone();
    let mut parsed = text_parser(decoded.text, place);
    beside::note(&mut parsed, format, &text, place);
    if let (Some(encoding), false) = (decoded.guessed, parsed.documents.is_empty()) {
        parsed.warn(place, format!("read as {encoding}, by its bytes; save the file as UTF-8 to be sure"));
    }
    parsed
}

/// The metadata in the properties that a format keeps beside the text, read as front matter is. A version there is the
/// document's own, and not that of its subject.
fn said_in_properties(keys: impl Iterator<Item = (String, String)>) -> Result<Stated, String> {
    let is_own = |key: &str| matches!(key.to_lowercase().as_str(), "version" | "versions" | "release");
    front_matter::of_keys(keys.filter(|(key, _)| !is_own(key))).map_err(|error| error.to_string())
}

/// Whether a title was put in by a program and not by an author.
fn is_made_up_title(title: &str) -> bool {
    const FILES: [&str; 9] = [".doc", ".docx", ".docm", ".pdf", ".odt", ".rtf", ".tex", ".dvi", ".indd"];
    const NAMES: [&str; 6] =
        ["untitled", "title", "document", "word document", "powerpoint presentation", "unknown"];
    let title = title.trim().to_lowercase();
    let stem = title.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    title.starts_with("microsoft word - ")
        || FILES.iter().any(|extension| title.ends_with(extension))
        || NAMES.contains(&stem)
        || !title.chars().any(char::is_alphabetic)
}

/// Makes the metadata of the statements in the file, the defaults of the run, and the place of the file.
pub(crate) fn metadata(
    place: &Place<'_>,
    id: String,
    title: String,
    said: Stated,
    text: &str,
) -> DocumentMeta {
    let defaults = place.defaults;
    let kind = defaults.kind.or(said.kind).or(defaults.fallback_kind);
    let kind = kind.unwrap_or_else(|| kind_of_path(place.source, place.relative));
    let language = said
        .language
        .or_else(|| language::of_path(place.relative))
        .or_else(|| defaults.language.clone())
        .or_else(|| language::of_text(text));
    let mut labels = said.labels;
    labels.sort();
    labels.dedup();
    let mut access = said.access.unwrap_or_else(|| defaults.access.clone());
    access.sort();
    access.dedup();
    let version = said.version.or_else(|| of_path(&id).map(|(_, version)| version.to_string()));
    DocumentMeta {
        id,
        source: place.source.to_owned(),
        title: shortened(&shown(&title)),
        url: said.url,
        kind,
        trust: said.trust.unwrap_or_else(|| kind.default_trust()),
        labels,
        product: said.product,
        version,
        language,
        author: said.author,
        created_at: said.created_at,
        updated_at: said.updated_at,
        access,
        applies_to: said.applies_to,
        links: Vec::new(),
    }
}

/// The kind that a folder's name says, the innermost first.
fn kind_of_path(source: &str, relative: &str) -> Kind {
    let folders = relative.rsplit('/').skip(1).chain([source]);
    let said = folders.filter_map(|folder| match folder.to_ascii_lowercase().as_str() {
        "runbook" | "runbooks" | "playbook" | "playbooks" => Some(Kind::Runbook),
        "sop" | "sops" | "procedures" => Some(Kind::Sop),
        "wiki" | "wikis" => Some(Kind::Wiki),
        "qa" | "faq" | "faqs" => Some(Kind::Qa),
        "issue" | "issues" => Some(Kind::Issue),
        "docs" | "doc" | "documentation" => Some(Kind::Docs),
        _ => None,
    });
    said.into_iter().next().unwrap_or(Kind::Docs)
}

/// A title from a path: the file's name, or its folder's for an index page, as words. The run's title for files without
/// one comes first.
pub(crate) fn title_of_path(place: &Place<'_>) -> String {
    if let Some(title) = &place.defaults.fallback_title {
        return title.clone();
    }
    let mut components: Vec<&str> = place.relative.split('/').collect();
    let file = components.pop().unwrap_or_default();
    let stem = language::without_suffix(stem_of(file));
    let stem = notion::without_number(stem).unwrap_or(stem);
    let name = match stem {
        "index" | "_index" | "README" | "readme" => components.pop().unwrap_or(place.source),
        stem => stem,
    };
    let words = name.split(['-', '_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if words.is_empty() { file.to_owned() } else { words }
}

/// A file's name without the extension that tells its format; dots before it belong to the name.
fn stem_of(file: &str) -> &str {
    file.rsplit_once('.').map(|(stem, _)| stem).filter(|stem| !stem.is_empty()).unwrap_or(file)
}

/// A text that stands beside the body, such as a title: without invisible characters and secrets, which decoding may
/// have revealed.
pub(crate) fn shown(text: &str) -> String {
    visible(&redact(text).text)
}

/// One line of at most [`MAX_TITLE_CHARS`].
fn shortened(title: &str) -> String {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TITLE_CHARS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// A file of the source `kb`, which has these pages and files, as it is parsed.
#[cfg(test)]
fn parsed_in(format: Format, relative: &str, text: &str, pages: &[&str], site: &Site) -> Parsed {
    let (pages, defaults) = (Pages::new("kb", pages.iter().copied()), Defaults::default());
    let place = Place { source: "kb", relative, shown: relative, pages: &pages, site, defaults: &defaults };
    parse(format, text.as_bytes().to_vec(), &place)
}

/// Checks what edits make of a text.
#[cfg(test)]
#[track_caller]
fn assert_edited(source: &str, edits: Vec<kb::mapped::Edit>, expected: &str) {
    let text = kb::mapped::MappedText::new(source.to_owned()).edited(edits);
    assert_eq!(text.as_str(), expected, "{source}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_extension() {
        for (path, format) in [
            ("a/b.md", Ok(Format::Markdown)),
            ("a/b.MDX", Ok(Format::Markdown)),
            ("notes.txt", Ok(Format::PlainText)),
            ("qa.csv", Ok(Format::QaCsv)),
            ("a/index.HTML", Ok(Format::WebPage)),
            ("rules.yml", Ok(Format::PrometheusRules)),
            ("qa.ndjson", Ok(Format::QaLines)),
            ("a.adoc", Ok(Format::AsciiDoc)),
            ("a.rst", Ok(Format::ReStructuredText)),
            ("a.docx", Ok(Format::Docx)),
            ("a.PDF", Ok(Format::Pdf)),
            ("a.doc", Err("not supported: .doc; save it as .docx or .pdf")),
            ("a.exe", Err("not supported yet: .exe")),
            ("a.b/Makefile", Err("not supported yet: a file without an extension")),
        ] {
            assert_eq!(Format::of(path), format.map_err(str::to_owned), "{path}");
        }
    }

    #[test]
    fn binary_files_are_told_whatever_their_name() {
        let (pages, site, defaults) = (Pages::default(), Site::default(), Defaults::default());
        for (relative, bytes, reason) in [
            ("a.txt", &b"%PDF-1.4 text"[..], "binary, not text: a PDF file under another name"),
            (
                "a.md",
                b"PK\x03\x04text",
                "binary, not text: a ZIP archive or an office file under another name",
            ),
            ("a.docx", b"# text", "no Word document: it is no package of an office program"),
            ("a.docx", b"%PDF-1.4 text", "a PDF file, no Word document"),
            (
                "a.docx",
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                "protected by a password, or in the format of Word before 2007: save it as .docx without a password",
            ),
            ("a.pdf", b"# text", "no PDF file"),
            ("a.pdf", b"PK\x03\x04", "a ZIP archive or an office file, no PDF file"),
        ] {
            let place = Place {
                source: "kb",
                relative,
                shown: relative,
                pages: &pages,
                site: &site,
                defaults: &defaults,
            };
            let format = Format::of(relative).expect("it is read");
            assert_eq!(parse(format, bytes.to_vec(), &place).rejected[0].reason, reason, "{relative}");
        }
    }

    #[test]
    fn media_types_tell_formats() {
        for (media_type, format) in [
            ("application/pdf", Some(Format::Pdf)),
            ("Text/Plain; charset=utf-8", Some(Format::PlainText)),
            ("text/markdown", Some(Format::Markdown)),
            ("image/png", None),
            ("application/octet-stream", None),
            ("", None),
        ] {
            assert_eq!(Format::of_media_type(media_type), format, "{media_type}");
        }
    }

    #[test]
    fn headings_above_are_part_of_a_document() {
        let parsed = parsed_in(Format::Markdown, "a.md", "# A\n\ntext\n", &[], &Site::default());
        let document = parsed.documents.into_iter().next().expect("there is one");
        let below = document.clone().below(vec!["Wiki".to_owned()]);
        assert_ne!(below.content_hash, document.content_hash);
        assert_eq!(document.clone().below(Vec::new()), document);
        let again = below.clone().with_meta(|meta| meta.labels.push("x".to_owned()));
        assert_eq!(again.above, ["Wiki"]);
        assert_ne!(again.content_hash, below.content_hash);
        assert_eq!(below.clone().with_meta(|_| {}), below);
    }

    #[test]
    fn folders_tell_the_kind() {
        for (source, path, kind) in [
            ("runbooks", "sops/a.md", Kind::Sop),
            ("runbooks", "a.md", Kind::Runbook),
            ("kb", "team/FAQ/storage/a.md", Kind::Qa),
            ("k8s-docs-en", "concepts/a.md", Kind::Docs),
            ("x", "wiki/docs/a.md", Kind::Docs),
        ] {
            assert_eq!(kind_of_path(source, path), kind, "{source}/{path}");
        }
    }

    #[test]
    fn titles_fall_back_to_the_path() {
        let (pages, defaults) = (Pages::default(), Defaults::default());
        for (relative, title) in [
            ("tasks/debug-a_pod.zh-TW.md", "debug a pod"),
            ("tasks/_index.md", "tasks"),
            ("tasks/index.vi.md", "tasks"),
            ("README.md", "src"),
            ("relay-v1.33-upgrade.md", "relay v1.33 upgrade"),
            ("relay v1.33 upgrade.md", "relay v1.33 upgrade"),
            ("02.Cai-dat-cum.md", "02.Cai dat cum"),
            ("1.13.x.zh-CN.markdown", "1.13.x"),
            ("notes.final.txt", "notes.final"),
            ("-.md", "-.md"),
        ] {
            let place = Place {
                source: "src",
                relative,
                shown: relative,
                pages: &pages,
                site: &Site::default(),
                defaults: &defaults,
            };
            assert_eq!(title_of_path(&place), title, "{relative}");
        }
    }
}
