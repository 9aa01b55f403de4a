//! Files that are attached to pages, wherever they were read from, and the documents that they become. An export and
//! the live site make [`Attachment`]s, and [`parse`] is what both of them go through. A file is an item of its own, so
//! that one that did not change is not fetched again. Its labels, its kind and who may view it are those of its page.

use super::{
    addresses::is_id,
    page::{Context, Page, path_in_words},
    settings::Restrictions,
};
use crate::{
    formats::{self, Defaults, Format, Parsed, Place, shown, site::Site, written::one_line},
    report::Rejection,
    sources::{Item, Reading, files::MAX_FILE_BYTES},
};
use jiff::Timestamp;
use kb::redact::redact;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

/// The text between the page's id and the file's id in the key of an item.
const BETWEEN: &str = "/attachment/";

/// A file of unknown size counts as this many bytes.
const USUAL_BYTES: u64 = 1 << 20;

/// More endings of files that are not read are not told one by one.
const MAX_ENDINGS: usize = 8;

/// A file that is attached to a page, without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attachment {
    /// The id of the page.
    pub(super) page: String,
    /// The file's own id: digits, without the `att` that the API writes before them.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) media_type: Option<String>,
    /// How large it is, where that was told.
    pub(super) bytes: Option<u64>,
    /// The number of its version.
    pub(super) version: u64,
    pub(super) author: Option<String>,
    pub(super) updated_at: Option<Timestamp>,
    /// The address of the download that a Data Center gives.
    pub(super) download: Option<String>,
}

impl Attachment {
    /// The key of its item.
    pub(super) fn key(&self) -> String {
        format!("{}{BETWEEN}{}", self.page, self.id)
    }

    /// The item of the file, with its version if there is one.
    pub(super) fn item(&self, version: Option<String>) -> Item {
        let bytes = self.bytes.unwrap_or(USUAL_BYTES).min(MAX_FILE_BYTES);
        Item { key: self.key(), version, bytes }
    }

    /// The format that it is read in: by its name, or by its media type where the name has no ending.
    pub(super) fn format(&self) -> Result<Format, String> {
        let of_name = Format::of(&self.name);
        let has_ending = ending_of(&self.name).is_some();
        let by_type = || Format::of_media_type(self.media_type.as_deref()?);
        of_name.or_else(|reason| by_type().filter(|_| !has_ending).ok_or(reason))
    }

    /// Why it is not read, where its size says that it is too large.
    pub(super) fn refusal(&self) -> Option<String> {
        let bytes = self.bytes.filter(|bytes| *bytes > MAX_FILE_BYTES)?;
        Some(format!("{bytes} bytes; at most {MAX_FILE_BYTES} are read"))
    }

    /// How reports name it; `title` is that of its page, where it is known.
    pub(super) fn shown(&self, title: &str, context: &Context) -> String {
        let named: Vec<&str> =
            [title, &self.name].into_iter().filter(|words| !words.trim().is_empty()).collect();
        context.shown(&self.key(), &named.join(": "))
    }

    /// The address where a person opens it: the list of the page's files, with this one in front.
    fn url(&self, context: &Context) -> Option<String> {
        let base = context.settings.web_address()?.trim_end_matches('/');
        let url = format!("{base}/pages/viewpageattachments.action?pageId={}", self.page);
        // An address is cited as it is, so a name that holds a secret is left out of it.
        let url = match redact(&self.name).redacted.is_empty() {
            true => {
                let name = utf8_percent_encode(&self.name, NON_ALPHANUMERIC);
                format!("{url}&preview=%2F{}%2F{}%2F{name}", self.page, self.id)
            }
            false => url,
        };
        formats::front_matter::is_web_address(&url).then_some(url)
    }
}

/// The ids of the page and the file of an item; `None` where the item is a page.
pub(super) fn ids_of(key: &str) -> Option<(&str, &str)> {
    let (page, id) = key.split_once(BETWEEN)?;
    (is_id(page) && is_id(id)).then_some((page, id))
}

/// The id of an attached file, without the letters that the API writes before the digits.
pub(super) fn id_in(text: &str) -> Option<&str> {
    let id = text.strip_prefix("att").unwrap_or(text);
    is_id(id).then_some(id)
}

/// The documents of a file; `page` is the one that it is attached to, whose text is not looked at.
pub(super) fn parse(attachment: &Attachment, bytes: Vec<u8>, page: &Page, context: &Context) -> Parsed {
    let shown_as = attachment.shown(&page.title, context);
    let key = attachment.key();
    let tags = match &context.settings.restrictions {
        Restrictions::Access(tags) if page.is_restricted => Some(tags),
        _ => None,
    };
    let kind = context.settings.kind_of(&page.space, &page.labels);
    let words = |text: &str| one_line(&shown(text));
    let defaults = Defaults {
        // Without default tags, the tags that the file itself states can be told from those of its page.
        access: if tags.is_some() { Vec::new() } else { context.defaults.access.clone() },
        fallback_title: Some(format!("{}: {}", words(&page.title), words(&attachment.name))),
        fallback_kind: Some(kind),
        ..context.defaults.clone()
    };
    let site = Site::default();
    let place = Place {
        source: &context.name,
        relative: &key,
        shown: &shown_as,
        pages: context.addresses.pages(),
        site: &site,
        defaults: &defaults,
    };
    if context.refusal(page).is_some() {
        return Parsed { rejected: vec![context.restricted(&key, &attachment.name)], ..Parsed::default() };
    }
    let format = match attachment.format() {
        Ok(format) => format,
        Err(reason) => return Parsed::rejected(&place, reason),
    };
    if let Some(reason) = attachment.refusal() {
        return Parsed::rejected(&place, reason);
    }
    let mut parsed = formats::parse(format, bytes, &place);
    let url = attachment.url(context);
    let labels = page.labels.iter().map(|label| words(label)).filter(|label| !label.is_empty());
    let labels: Vec<String> = labels.collect();
    let above = path_in_words(page);
    for document in std::mem::take(&mut parsed.documents) {
        let own = &document.meta.access;
        let access = match tags {
            None => own.clone(),
            Some(tags) if own.is_empty() => tags.clone(),
            // A reader must be allowed by both the page and the file.
            Some(tags) => own.iter().filter(|tag| tags.contains(tag)).cloned().collect(),
        };
        if tags.is_some() && access.is_empty() {
            let reason = "only some may view its page, and it is for others by what it says itself";
            parsed.rejected.push(Rejection::new(shown_as.clone(), reason));
            continue;
        }
        let document = document.with_meta(|meta| {
            meta.access = access;
            meta.access.sort();
            meta.access.dedup();
            meta.labels.extend(labels.iter().cloned());
            meta.labels.sort();
            meta.labels.dedup();
            // An address in the file itself leads to the place that it was copied from.
            meta.url = url.clone().or(meta.url.take());
            meta.author = meta.author.take().or_else(|| attachment.author.as_deref().map(words));
            meta.updated_at = meta.updated_at.or(attachment.updated_at);
        });
        parsed.documents.push(document.below(above.clone()));
    }
    parsed
}

/// The reading of a file. A file that makes no document for a fault keeps its stored documents.
pub(super) fn reading(shown: String, parsed: Parsed) -> Reading {
    let has_faults = parsed.rejected.iter().any(|rejection| !rejection.by_convention);
    let keeps_stored = parsed.documents.is_empty() && has_faults;
    Reading { is_unknown: parsed.is_unknown, keeps_stored, parsed, shown, ..Reading::default() }
}

/// The ending of a file's name.
fn ending_of(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    let is_ending = !stem.is_empty()
        && (1..=10).contains(&ending.len())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ending.then(|| ending.to_ascii_lowercase())
}

/// The rejection that says how many files are in formats that are not read; `None` if there are no such files.
pub(super) fn not_read<'n>(source: &str, names: impl Iterator<Item = &'n str>) -> Option<Rejection> {
    let mut endings: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let ending = ending_of(name).map_or("no ending".to_owned(), |ending| format!(".{ending}"));
        *endings.entry(ending).or_insert(0) += 1;
    }
    let total: usize = endings.values().sum();
    if total == 0 {
        return None;
    }
    let mut endings: Vec<(String, usize)> = endings.into_iter().collect();
    endings.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: usize = endings.iter().skip(MAX_ENDINGS).map(|(_, count)| count).sum();
    endings.truncate(MAX_ENDINGS);
    if rest > 0 {
        endings.push(("others".to_owned(), rest));
    }
    let endings: Vec<String> = endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
    let files = if total == 1 { "attached file is" } else { "attached files are" };
    let reason = format!("{total} {files} in no format that is read: {}", endings.join(", "));
    Some(Rejection { by_convention: true, ..Rejection::new(format!("{source} (attachments)"), reason) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::confluence::{listing::Titles, settings::Settings};

    fn context(more: &str) -> Context {
        let settings = Settings::sample(&format!("url = \"https://acme.atlassian.net/wiki\"\n{more}"));
        Context::new("wiki", &settings, &Defaults::default(), &Titles::new())
    }

    fn page() -> Page {
        Page {
            id: "7".to_owned(),
            title: "Relay down".to_owned(),
            space: "OPS".to_owned(),
            ancestors: vec!["Operations".to_owned()],
            labels: vec!["runbook".to_owned()],
            ..Page::default()
        }
    }

    fn attachment(name: &str) -> Attachment {
        let (page, id) = ("7".to_owned(), "30".to_owned());
        Attachment {
            page,
            id,
            name: name.to_owned(),
            version: 2,
            author: Some("Anna".to_owned()),
            ..Attachment::default()
        }
    }

    #[test]
    fn names_and_media_types_tell_the_format() {
        for (name, media_type, format) in [
            ("a.PDF", None, Some(Format::Pdf)),
            ("a.docx", Some("application/octet-stream"), Some(Format::Docx)),
            ("plan", Some("application/pdf"), Some(Format::Pdf)),
            ("version 1.2 of the plan", Some("application/pdf"), Some(Format::Pdf)),
            ("server.log", Some("text/plain"), None),
            ("a.xlsx", Some("application/pdf"), None),
            ("plan", Some("image/png"), None),
            ("plan", None, None),
        ] {
            let media_type = media_type.map(str::to_owned);
            let found = Attachment { media_type, ..attachment(name) }.format().ok();
            assert_eq!(found, format, "{name}");
        }
    }

    #[test]
    fn keys_are_told_from_those_of_pages() {
        assert_eq!(ids_of(&attachment("a.md").key()), Some(("7", "30")));
        for key in ["7", "7/attachment/", "7/attachment/x", "7/attachment/30/1", "x/attachment/30"] {
            assert_eq!(ids_of(key), None, "{key}");
        }
        assert_eq!((id_in("att30"), id_in("30"), id_in("attx")), (Some("30"), Some("30"), None));
    }

    #[test]
    fn a_file_stands_below_its_page() {
        let text = b"Check the relay.\n\n## Restart\n\nRestart the relay.\n".to_vec();
        let parsed = parse(&attachment("restart steps.md"), text, &page(), &context(""));
        let [document] = <[_; 1]>::try_from(parsed.documents).expect("there is one");
        assert_eq!(document.above, ["Operations › Relay down"]);
        let meta = &document.meta;
        assert_eq!(
            (meta.id.as_str(), meta.title.as_str()),
            ("wiki/7/attachment/30", "Relay down: restart steps.md")
        );
        assert_eq!((meta.kind, meta.author.as_deref()), (kb::document::Kind::Runbook, Some("Anna")));
        assert_eq!(meta.labels, ["runbook"]);
        assert_eq!(
            meta.url.as_deref(),
            Some(
                "https://acme.atlassian.net/wiki/pages/viewpageattachments.action?pageId=7&preview=%2F7%2F30%2Frestart%20steps%2Emd"
            )
        );
        let titled = parse(&attachment("a.md"), b"# Restart\n\nDo it.\n".to_vec(), &page(), &context(""));
        assert_eq!(titled.documents[0].meta.title, "Restart");
    }

    #[test]
    fn who_may_view_a_page_may_view_its_files() {
        let restricted = Page { is_restricted: true, ..page() };
        let read = |text: &str, page: &Page, more: &str| {
            let parsed = parse(&attachment("a.md"), text.as_bytes().to_vec(), page, &context(more));
            parsed.documents.first().map(|document| document.meta.access.join(" "))
        };
        let (tags, own) =
            ("restrictions = { access = [\"leads\", \"ops\"] }", "---\naccess: [ops, dev]\n---\ntext\n");
        assert_eq!(read("text\n", &restricted, ""), None);
        assert_eq!(read("text\n", &restricted, "restrictions = { access = [] }"), None);
        assert_eq!(read("text\n", &restricted, tags).as_deref(), Some("leads ops"));
        assert_eq!(read(own, &restricted, tags).as_deref(), Some("ops"));
        assert_eq!(read(own, &page(), tags).as_deref(), Some("dev ops"));
        assert_eq!(read("text\n", &page(), tags).as_deref(), Some(""));
        assert_eq!(read("---\naccess: [dev]\n---\ntext\n", &restricted, tags), None);
    }

    #[test]
    fn secrets_in_names_show_nowhere() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        let parsed = parse(&attachment(&format!("{key}.md")), b"text\n".to_vec(), &page(), &context(""));
        assert!(!format!("{:?}", parsed.documents).contains(&key[4..]), "{:?}", parsed.documents);
    }

    #[test]
    fn what_is_too_large_or_of_no_format_is_said() {
        let large = Attachment { bytes: Some(MAX_FILE_BYTES + 1), ..attachment("a.md") };
        let parsed = parse(&large, Vec::new(), &page(), &context(""));
        let reading = reading("x".to_owned(), parsed);
        assert!(reading.keeps_stored && !reading.is_unknown);
        assert_eq!(reading.parsed.rejected[0].path, "wiki/7/attachment/30 (Relay down: a.md)");
        assert!(reading.parsed.rejected[0].reason.contains("at most"), "{:?}", reading.parsed.rejected);
        let names = ["a.xlsx", "b.XLSX", "c.png", "d"];
        let said = not_read("wiki", names.into_iter()).expect("there are some");
        assert_eq!(
            said.reason,
            "4 attached files are in no format that is read: 2 .xlsx, 1 .png, 1 no ending"
        );
        assert!(said.by_convention && not_read("wiki", std::iter::empty()).is_none());
    }
}
