//! Documents in the form that answers are compared with: the words of a page, the beginning and end of each of its
//! sections, and the sentences of an answer in the same form.
//!
//! Entry points: [`read`] for the files of a corpus, [`Page::of`] for one document, [`sentences`] for an answer. Both
//! sides become *flat* text: lower-case letters and digits, one space in place of everything else, so that a sentence
//! stands in a section when its flat text does. Knows nothing of how documents are cut into chunks.

use crate::error::EvalError;
use answer::{citations, markdown, phrases};
use ingest::{
    formats::{Defaults, Document, Syntax},
    sources::{SyncState, folder},
};
use kb::{analyzer::is_cjk, causes::with_causes};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::{collections::BTreeMap, ops::Range, path::PathBuf};

/// The options of the parser for pages: those for answers, with `{#id}` after headings and footnotes.
const PAGE_OPTIONS: Options =
    markdown::OPTIONS.union(Options::ENABLE_HEADING_ATTRIBUTES).union(Options::ENABLE_FOOTNOTES);

/// Number of files that are read at once.
const ITEMS_AT_ONCE: usize = 64;

/// Longest label before a sentence of an answer, such as `Steps:`, in characters.
const MAX_LABEL_CHARS: usize = 32;

/// A document's flat text with its sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The id of the document.
    pub document: String,
    /// The words of the whole page.
    pub flat: String,
    /// A section for each heading, in order; one below another lies within it.
    pub sections: Vec<Section>,
}

/// A heading with everything below it, up to the next heading of its level or above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The words of the heading, without markup.
    pub heading: String,
    /// The level of the heading, 1 to 6.
    pub level: usize,
    /// The place of the section in [`Page::flat`], its heading included.
    pub flat: Range<usize>,
    /// The place of the section in the source, in bytes.
    pub source: Range<usize>,
    /// Characters of Markdown below the heading.
    pub chars: usize,
}

impl Page {
    /// Reads a document. Headings within lists and quotations begin no section.
    pub fn of(document: &Document) -> Self {
        let body = document.body.as_str();
        let mut page = Page { document: document.meta.id.clone(), flat: String::new(), sections: Vec::new() };
        if document.syntax == Syntax::Plain {
            flatten(body, &mut page.flat);
            return page;
        }
        // A heading that is being read: its level, its words, where it starts in the flat text.
        let mut heading: Option<(usize, String, usize)> = None;
        // For each section: where it starts in the body, and where its heading ends.
        let mut starts: Vec<Range<usize>> = Vec::new();
        let mut depth = 0_usize;
        for (event, range) in Parser::new_ext(body, PAGE_OPTIONS).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                    page.flat.push(' ');
                    heading = Some((level as usize, String::new(), page.flat.len()));
                    starts.push(range);
                    depth += 1;
                }
                Event::Start(tag) => {
                    depth += 1;
                    if !is_inline(&tag.to_end()) {
                        page.flat.push(' ');
                    }
                }
                Event::End(end) => {
                    depth = depth.saturating_sub(1);
                    if !is_inline(&end) {
                        page.flat.push(' ');
                    }
                    if let (TagEnd::Heading(_), 0, Some((level, words, start))) = (end, depth, heading.take())
                    {
                        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                        let (flat, source) = (start..start, 0..0);
                        page.sections.push(Section { heading: words, level, flat, source, chars: 0 });
                    }
                }
                Event::Text(text) | Event::Code(text) => {
                    flatten(&text, &mut page.flat);
                    if let Some((_, words, _)) = &mut heading {
                        words.push_str(&text);
                    }
                }
                _ => {
                    page.flat.push(' ');
                    if let Some((_, words, _)) = &mut heading {
                        words.push(' ');
                    }
                }
            }
        }
        page.close(&starts, document);
        page
    }

    /// Ends each section where the next heading of its level or above begins, and leaves single spaces.
    fn close(&mut self, starts: &[Range<usize>], document: &Document) {
        let body = document.body.as_str();
        let flat_starts: Vec<usize> = self.sections.iter().map(|section| section.flat.start).collect();
        let levels: Vec<usize> = self.sections.iter().map(|section| section.level).collect();
        let (single, places) = single_spaces(&self.flat, &flat_starts);
        self.flat = single;
        // The sections that have not ended, outermost first.
        let mut open: Vec<usize> = Vec::new();
        let mut ends = vec![None; levels.len()];
        for at in 0..levels.len() {
            while let Some(above) = open.pop_if(|above| levels[*above] >= levels[at]) {
                ends[above] = Some(at);
            }
            open.push(at);
        }
        for (at, section) in self.sections.iter_mut().enumerate() {
            let (flat_end, body_end) = match ends[at] {
                Some(next) => (places[next], starts[next].start),
                None => (self.flat.len(), body.len()),
            };
            section.flat = places[at]..flat_end;
            section.source = document.body.source_range(starts[at].start..body_end);
            section.chars = body[starts[at].end.min(body_end)..body_end].trim().chars().count();
        }
    }

    /// The flat text of a section.
    pub fn text(&self, section: &Section) -> &str {
        &self.flat[section.flat.clone()]
    }

    /// The first section with this heading, given as Markdown or as plain words.
    pub fn section(&self, heading: &str) -> Option<&Section> {
        let wanted = flat_heading(heading);
        self.sections.iter().find(|section| flat(&section.heading) == wanted)
    }
}

/// Reads every document below the given folders and files, as ingestion would, by id.
pub async fn read(paths: &[PathBuf]) -> Result<BTreeMap<String, Page>, EvalError> {
    let failed = |error: &(dyn std::error::Error + 'static)| EvalError::Usage(with_causes(error));
    let mut pages = BTreeMap::new();
    for source in folder::sources(paths, None, &Defaults::default()).map_err(|error| failed(&error))? {
        let listing = source.list(&SyncState::default()).await.map_err(|error| failed(&error))?;
        for batch in listing.items.chunks(ITEMS_AT_ONCE) {
            let mut documents = Vec::new();
            for reading in listing.reader.read(batch).await {
                if let (true, Some(rejection)) = (reading.is_unknown, reading.parsed.rejected.first()) {
                    return Err(EvalError::Usage(format!("`{}`: {}", rejection.path, rejection.reason)));
                }
                documents.extend(reading.parsed.documents);
            }
            let cut = move || documents.iter().map(Page::of).collect::<Vec<_>>();
            let cut = tokio::task::spawn_blocking(cut).await;
            let cut = cut.map_err(|error| EvalError::Usage(format!("a worker thread failed: {error}")))?;
            pages.extend(cut.into_iter().map(|page| (page.document.clone(), page)));
        }
    }
    Ok(pages)
}

/// The flat text of a heading as it is written, without the marks before it.
fn flat_heading(heading: &str) -> String {
    let mut words = String::new();
    for event in Parser::new_ext(&format!("# {heading}"), PAGE_OPTIONS) {
        match event {
            Event::Text(text) | Event::Code(text) => flatten(&text, &mut words),
            _ => {}
        }
    }
    flat(&words)
}

/// The flat text of a text in which nothing is markup.
fn flat(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    flatten(text, &mut out);
    single_spaces(&out, &[]).0
}

/// The width of a text in columns: a character is one, of a script without spaces two.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| if is_cjk(c) { 2 } else { 1 }).sum()
}

/// The sentences of an answer, each flat, in order: the parts of running text between its stops, and the lines of code.
/// Citations, labels (`Steps:`) and the lines that name further documents are left out.
pub fn sentences(answer: &str) -> Vec<String> {
    let mut reader = Sentences::default();
    for event in Parser::new_ext(&citations::resolve(answer, |_| true).text, markdown::OPTIONS) {
        reader.event(event);
    }
    reader.end_line();
    reader.found
}

/// Reads an answer's sentences from the parser's events.
#[derive(Default)]
struct Sentences {
    found: Vec<String>,
    /// The line so far.
    line: String,
    /// The bold text that the line began with, so far.
    label: Option<String>,
    in_code: bool,
}

impl Sentences {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Strong) if self.line.trim().is_empty() => self.label = Some(String::new()),
            Event::End(TagEnd::Strong) => {
                let label = self.label.take().unwrap_or_default();
                let is_label = label.trim_end().ends_with([':', '：']) && width(&label) <= MAX_LABEL_CHARS;
                if !is_label {
                    self.line.push_str(&label);
                }
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.end_line();
                self.in_code = true;
            }
            Event::End(TagEnd::CodeBlock) => {
                self.end_line();
                self.in_code = false;
            }
            Event::Text(text) if self.in_code => {
                for line in text.split_inclusive('\n') {
                    self.line.push_str(line);
                    if line.ends_with('\n') {
                        self.end_line();
                    }
                }
            }
            Event::Text(text) => self.push(&text),
            // In code, brackets around a number are no citation.
            Event::Code(text) => self.push(&text.replace(['[', ']'], " ")),
            Event::SoftBreak | Event::HardBreak | Event::Rule => self.end_line(),
            Event::Start(tag) if !is_inline(&tag.to_end()) => self.end_line(),
            Event::End(end) if !is_inline(&end) => self.end_line(),
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        self.label.as_mut().unwrap_or(&mut self.line).push_str(text);
    }

    fn end_line(&mut self) {
        if let Some(label) = self.label.take() {
            self.line.push_str(&label);
        }
        let line = std::mem::take(&mut self.line);
        let sentences = match self.in_code {
            true => vec![line.as_str()],
            false if names_documents(&line) => Vec::new(),
            false => split(&line),
        };
        self.found.extend(sentences.into_iter().map(flat).filter(|sentence| !sentence.is_empty()));
    }
}

/// Whether a line of an answer only names documents, in any language that answers come in.
fn names_documents(line: &str) -> bool {
    let line = line.trim_start();
    phrases::all().into_iter().any(|phrases| {
        [phrases.see_also, phrases.sources].into_iter().any(|lead| {
            line.strip_prefix(lead).is_some_and(|rest| rest.trim_start().starts_with(phrases.colon.trim()))
        })
    })
}

/// Cuts a line behind the stops of its sentences and at its citations.
fn split(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(character) = line[at..].chars().next() {
        let next = at + character.len_utf8();
        let cut = match character {
            '.' | '!' | '?' | ':' => line[next..].starts_with(char::is_whitespace).then_some(next..next),
            '。' | '！' | '？' | '：' => Some(next..next),
            '[' => citation(&line[at..]).map(|length| at..at + length),
            _ => None,
        };
        match cut {
            Some(cut) => {
                parts.push(&line[start..cut.start]);
                start = cut.end;
                at = cut.end;
            }
            None => at = next,
        }
    }
    parts.push(&line[start..]);
    parts
}

/// The length of the `[n]` that a text starts with.
fn citation(text: &str) -> Option<usize> {
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && text[1 + digits..].starts_with(']')).then_some(digits + 2)
}

/// Whether an element stands within a line.
fn is_inline(end: &TagEnd) -> bool {
    matches!(end, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
}

/// Adds a text's letters and digits, in lower case, and spaces in place of everything else.
fn flatten(text: &str, out: &mut String) {
    for character in text.chars() {
        match character.is_alphanumeric() {
            true => out.extend(character.to_lowercase()),
            false => out.push(' '),
        }
    }
}

/// A text with single spaces between words and none around them, and where the given places, in order, are in it.
fn single_spaces(text: &str, places: &[usize]) -> (String, Vec<usize>) {
    let mut single = String::with_capacity(text.len());
    let mut moved = Vec::with_capacity(places.len());
    for (at, character) in text.char_indices() {
        while places.get(moved.len()).is_some_and(|place| *place <= at) {
            moved.push(single.len());
        }
        match character {
            ' ' if single.is_empty() || single.ends_with(' ') => {}
            other => single.push(other),
        }
    }
    single.truncate(single.trim_end().len());
    moved.resize(places.len(), single.len());
    for place in &mut moved {
        *place = (*place).min(single.len());
    }
    (single, moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::{
        document::{DocumentMeta, Kind},
        mapped::MappedText,
    };

    fn page(text: &str) -> Page {
        let meta = DocumentMeta::new("ops/page.md".to_owned(), "ops", "Page", Kind::Docs);
        Page::of(&Document::new(meta, MappedText::new(text.to_owned()), Syntax::Markdown))
    }

    #[test]
    fn sections_end_where_the_next_of_their_level_begins() {
        let text = "# Queue\n\nIntro.\n\n## Full disk {#disk}\n\nIt is *full*.\n\n### Remedy\n\n```sh\n# not a heading\n\
                    df -h\n```\n\n## Old `lease`\n\n> # Quoted\n> text\n\n- a [link](b.md \"t\") here\n";
        let page = page(text);
        let found: Vec<(&str, usize, &str)> = page
            .sections
            .iter()
            .map(|section| (section.heading.as_str(), section.level, page.text(section).trim()))
            .collect();
        assert_eq!(
            found,
            [
                ("Queue", 1, page.flat.as_str()),
                ("Full disk", 2, "full disk it is full remedy not a heading df h"),
                ("Remedy", 3, "remedy not a heading df h"),
                ("Old lease", 2, "old lease quoted text a link here"),
            ]
        );
        let disk = page.section("**full** [DISK](x.md) {#d}").expect("the section");
        assert!(text[disk.source.clone()].starts_with("## Full disk"), "{disk:?}");
        assert!(text[disk.source.clone()].trim_end().ends_with("```"), "{disk:?}");
        assert_eq!(page.section("absent"), None);
    }

    fn check(answer: &str, expected: &[&str]) {
        assert_eq!(sentences(answer), expected, "{answer}");
    }

    #[test]
    fn sentences_are_what_is_quoted() {
        check(
            "**Cause:** The lease moved. It is `held[0]` by v1.2 now [1][2]\n\n**Steps:**\n1. Restart it. [1]\n2. Wait [2]",
            &["the lease moved", "it is held 0 by v1 2 now", "restart it", "wait"],
        );
        check(
            "**Look first:** [1]\n```bash\nkubectl get <pod>\n  df -h\n```\n",
            &["kubectl get pod", "df h"],
        );
        check("Quoted [1]\n\nSee also: Disk full [2], Queue [3]\nSources: [1] Page", &["quoted"]);
        check("**原因：** 租約轉移。請重新啟動！[1]\n\n另請參閱：磁碟 [2]", &["租約轉移", "請重新啟動"]);
        check("Xem thêm: Đĩa đầy [2]", &[]);
        check(
            "**Never restart the primary database while it copies:** wait",
            &["never restart the primary database while it copies", "wait"],
        );
        check("> [!WARNING]\n> Do not *delete* it.", &["do not delete it"]);
    }

    #[test]
    fn a_quoted_sentence_stands_where_it_was_written() {
        let page =
            page("# P\n\n## A\n\nRun `x --all` on\nthe [node](n.md)&nbsp;now.\n\n## B\n\nOther words.\n");
        let sentence = &sentences("1. Run `x --all` on the node now. [1]")[0];
        let within =
            |heading: &str| page.text(page.section(heading).expect("it")).contains(sentence.as_str());
        assert!(within("A") && !within("B"), "{page:?}");
    }

    #[tokio::test]
    async fn files_are_read_as_ingestion_reads_them() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("ops");
        std::fs::create_dir(&root).expect("a folder");
        std::fs::write(root.join("a.md"), "---\ntitle: A\n---\n# A\n\n## B\n\nText.\n").expect("a page");
        std::fs::write(root.join("notes.txt"), "# no heading\n").expect("a text");
        std::fs::write(root.join("b.bin"), "x").expect("another file");
        let pages = read(&[root]).await.expect("two pages");
        assert_eq!(pages.keys().collect::<Vec<_>>(), ["ops/a.md", "ops/notes.txt"]);
        assert_eq!((pages["ops/a.md"].sections.len(), pages["ops/notes.txt"].sections.len()), (2, 0));
        assert!(read(&[directory.path().join("absent")]).await.is_err());
    }
}
