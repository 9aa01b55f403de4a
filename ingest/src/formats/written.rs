//! Writes Markdown, block by block, for parsers of other markup, so that the result reads as any page does and each
//! block still knows its place in the file.
//!
//! Entry points: [`Writer`] for blocks, [`push_words`], [`push_code`] and [`push_link`] for the text in them. Words are
//! escaped if Markdown would read them as markup. The output grows no faster than the input: blocks that are nested
//! deeper than [`MAX_NESTING`] stand beside their parent, and tables are as wide as their widest row once.

use super::{
    entities, invisible,
    links::{self, FoundLink},
};
use kb::mapped::MappedText;
use std::ops::Range;

/// Lists and quotations in each other that are shown as such.
const MAX_NESTING: usize = 8;

/// Wider tables are written as lists.
const MAX_COLUMNS: usize = 64;

/// Longer identifiers of headings are left out.
const MAX_ID_BYTES: usize = 100;

/// Longer names of languages are dropped.
const MAX_LANGUAGE_BYTES: usize = 30;

/// A block that contains the next lines.
struct Container {
    /// The marker of its first line; the other lines are indented by as much, or begin with it in a quotation.
    marker: String,
    is_quote: bool,
    /// Whether nothing was written into it yet.
    is_fresh: bool,
    /// Whether it is the first item of its list.
    is_first: bool,
}

struct List {
    /// The number of the next item.
    next: Option<u64>,
    is_empty: bool,
}

/// A text of Markdown that is being written.
pub(crate) struct Writer<'s> {
    source: &'s MappedText,
    written: MappedText,
    containers: Vec<Container>,
    lists: Vec<List>,
    /// Open containers that are too deep to be shown.
    hidden: usize,
    /// The start of the last block in the file.
    last_start: usize,
}

impl<'s> Writer<'s> {
    /// Begins a text that is made from `source`; places of blocks are ranges of it.
    pub(crate) fn new(source: &'s MappedText) -> Self {
        let written = MappedText::new(String::new());
        Self { source, written, containers: Vec::new(), lists: Vec::new(), hidden: 0, last_start: 0 }
    }

    /// The text without invisible characters, its links made plain, and the links.
    pub(crate) fn finish(self) -> (MappedText, Vec<FoundLink>) {
        let edits = invisible::edits(self.written.as_str());
        links::plain(self.written.edited(edits))
    }

    /// Whether something was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.as_str().is_empty()
    }

    /// Writes a heading; within a list or a quotation, a line that stands out.
    pub(crate) fn heading(&mut self, level: usize, words: &str, id: Option<&str>, place: Range<usize>) {
        let mut words = one_line(words);
        if words.is_empty() {
            return;
        }
        if !self.containers.is_empty() {
            return self.label(&words, place);
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        let id = id.filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES && id.chars().all(is_name));
        if let Some(id) = id {
            words.push_str(&format!(" {{#{id}}}"));
        } else if words.ends_with(['}', '#']) {
            // It would be read as an attribute, or as the end of the heading.
            let last = words.pop().map_or(0, u32::from);
            words.push_str(&format!("&#{last};"));
        }
        self.block(&format!("{} {words}", "#".repeat(level.clamp(1, 6))), place);
    }

    /// Writes a paragraph; its line breaks stay.
    pub(crate) fn paragraph(&mut self, words: &str, place: Range<usize>) {
        let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.map(without_block_markup).collect();
        self.block(&lines.join("\n"), place);
    }

    /// Writes a paragraph of words that stand out.
    pub(crate) fn label(&mut self, words: &str, place: Range<usize>) {
        let words = one_line(words);
        if words.chars().any(char::is_alphanumeric) {
            let words = if words.contains("**") { words } else { format!("**{words}**") };
            self.paragraph(&words, place);
        }
    }

    /// Writes a block of code; `language` may be empty.
    pub(crate) fn code(&mut self, language: &str, code: &str, place: Range<usize>) {
        let code = without_blank_ends(code);
        if code.is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(code, '`').max(2) + 1);
        let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '#' | '.' | '-');
        let language = Some(language.trim())
            .filter(|name| name.len() <= MAX_LANGUAGE_BYTES && name.chars().all(is_sign));
        self.block(&format!("{fence}{}\n{code}\n{fence}", language.unwrap_or_default()), place);
    }

    /// Writes a table, whose first row is its header.
    pub(crate) fn table(&mut self, rows: &[Vec<String>], place: Range<usize>) {
        let cell = |cell: &String| one_line(cell).replace('|', "\\|");
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let has_words = |row: &&Vec<String>| row.iter().any(|cell| cell.chars().any(char::is_alphanumeric));
        if columns > MAX_COLUMNS {
            self.open_list(None);
            for row in rows.iter().filter(has_words) {
                let cells: Vec<String> = row.iter().map(cell).filter(|cell| !cell.is_empty()).collect();
                self.open_item();
                self.paragraph(&cells.join(" \\| "), place.clone());
                self.close_item();
            }
            return self.close_list();
        }
        let mut text = String::new();
        for row in rows.iter().filter(has_words) {
            let is_header = text.is_empty();
            text.push('|');
            for written in row.iter().map(cell) {
                text.push_str(&if written.is_empty() { " |".to_owned() } else { format!(" {written} |") });
            }
            if is_header {
                text.push_str(&" |".repeat(columns - row.len()));
                text.push_str(&format!("\n|{}", " --- |".repeat(columns)));
            }
            text.push('\n');
        }
        self.block(text.trim_end(), place);
    }

    /// Begins a list; with a number, one that counts from it.
    pub(crate) fn open_list(&mut self, start: Option<u64>) {
        self.lists.push(List { next: start.map(|start| start.min(999_999)), is_empty: true });
    }

    /// Ends the innermost list.
    pub(crate) fn close_list(&mut self) {
        self.lists.pop();
    }

    /// Begins an item of the innermost list.
    pub(crate) fn open_item(&mut self) {
        let mut is_first = true;
        let mut marker = "- ".to_owned();
        if let Some(list) = self.lists.last_mut() {
            is_first = std::mem::replace(&mut list.is_empty, false);
            if let Some(number) = &mut list.next {
                marker = format!("{number}. ");
                *number += 1;
            }
        }
        self.open(Container { marker, is_quote: false, is_fresh: true, is_first });
    }

    /// Ends the innermost item.
    pub(crate) fn close_item(&mut self) {
        self.close();
    }

    pub(crate) fn open_quote(&mut self) {
        self.open(Container { marker: "> ".to_owned(), is_quote: true, is_fresh: true, is_first: true });
    }

    /// Ends the innermost quotation.
    pub(crate) fn close_quote(&mut self) {
        self.close();
    }

    fn open(&mut self, container: Container) {
        if self.containers.len() < MAX_NESTING {
            return self.containers.push(container);
        }
        self.hidden += 1;
        // It stands beside the deepest that is shown.
        if let (Some(last), false) = (self.containers.last_mut(), container.is_quote)
            && !last.is_quote
        {
            (last.marker, last.is_fresh, last.is_first) = (container.marker, true, false);
        }
    }

    fn close(&mut self) {
        match self.hidden {
            0 => drop(self.containers.pop()),
            _ => self.hidden -= 1,
        }
    }

    /// Writes lines of Markdown into the open containers.
    fn block(&mut self, lines: &str, place: Range<usize>) {
        if lines.is_empty() {
            return;
        }
        let mut text = String::new();
        if !self.is_empty() && !self.follows_at_once() {
            let shown = self.containers.iter().take_while(|container| !container.is_fresh);
            let prefix: String = shown.map(|container| container.prefix(false)).collect();
            text.push_str(prefix.trim_end());
            text.push('\n');
        }
        for line in lines.lines() {
            let prefix: String = self.containers.iter().map(|container| container.prefix(true)).collect();
            self.containers.iter_mut().for_each(|container| container.is_fresh = false);
            text.push_str(if line.is_empty() { prefix.trim_end() } else { &prefix });
            text.push_str(line);
            text.push('\n');
        }
        let place = self.source.source_range(place);
        let start = place.start.max(self.last_start);
        self.last_start = start;
        self.written.push_standing_for(&text, start..place.end.max(start));
    }

    /// Whether the next block needs no blank line before it: a further item, or a list within an item.
    fn follows_at_once(&self) -> bool {
        let fresh = self.containers.iter().position(|container| container.is_fresh);
        fresh.is_some_and(|at| {
            let container = &self.containers[at];
            let opens_anywhere =
                !container.marker.starts_with(|c: char| c.is_ascii_digit()) || container.marker == "1. ";
            !container.is_quote && (!container.is_first || (at > 0 && opens_anywhere))
        })
    }
}

impl Container {
    fn prefix(&self, may_open: bool) -> String {
        match self.is_quote || (self.is_fresh && may_open) {
            true => self.marker.clone(),
            false => " ".repeat(self.marker.len()),
        }
    }
}

/// Appends words, with a backslash where Markdown would read markup in them; within a link's words, also before
/// brackets.
pub(crate) fn push_words(written: &mut String, words: &str, is_in_link: bool) {
    let mut before = written.chars().next_back();
    let mut rest = words.chars();
    while let Some(character) = rest.next() {
        let after = rest.clone().next();
        let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_markup = match character {
            '`' => true,
            '\\' => after.is_none_or(|c| c.is_ascii_punctuation()),
            '*' => !(is_space(before) && after.is_some_and(char::is_whitespace)),
            '_' => !(is_letter(before) && is_letter(after)),
            '~' => !is_space(before) || after == Some('~'),
            '[' => is_in_link,
            ']' if ends_mark(written) => false,
            ']' => is_in_link || after.is_none_or(|c| matches!(c, '(' | '[' | ':')),
            '<' => after.is_none_or(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
            '&' => entities::begins_reference(rest.as_str()) || after.is_none(),
            _ => false,
        };
        if is_markup {
            written.push('\\');
        }
        written.push(character);
        before = Some(character);
    }
}

/// Whether a text ends in the mark of a redacted secret, but for its bracket.
fn ends_mark(written: &str) -> bool {
    /// No mark is longer.
    const LONGEST: usize = 80;
    let tail = &written[written.floor_char_boundary(written.len().saturating_sub(LONGEST))..];
    tail.rsplit_once("[redacted:")
        .is_some_and(|(_, rule)| !rule.is_empty() && !rule.contains([' ', '[', ']']))
}

/// Appends code that stands in a sentence.
pub(crate) fn push_code(written: &mut String, code: &str) {
    let code = one_line(code);
    if code.is_empty() {
        return;
    }
    let ticks = "`".repeat(longest_run(&code, '`') + 1);
    let space = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    written.push_str(&format!("{ticks}{space}{code}{space}{ticks}"));
}

/// Makes a link of the words that were written from `start` on.
pub(crate) fn push_link(written: &mut String, start: usize, destination: &str) {
    let words = one_line(&written.split_off(start));
    if words.is_empty() {
        return;
    }
    let is_plain =
        |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '(' | ')' | '\\'));
    let mut address = String::with_capacity(destination.len());
    for character in destination.trim().chars() {
        match character {
            '(' => address.push_str("%28"),
            ')' => address.push_str("%29"),
            '<' => address.push_str("%3C"),
            '>' => address.push_str("%3E"),
            '\\' => address.push_str("%5C"),
            character if is_plain(character) => address.push(character),
            character if character.is_whitespace() => address.push_str("%20"),
            _ => {}
        }
    }
    match address.is_empty() {
        true => written.push_str(&words),
        false => written.push_str(&format!("[{words}]({address})")),
    }
}

/// Words on one line.
pub(crate) fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of a paragraph that begins no other block.
fn without_block_markup(line: &str) -> String {
    let after = |marks: &str| line.trim_start_matches(|c| marks.contains(c));
    let is_only = |marks: &str| line.chars().all(|c| marks.contains(c) || c == ' ');
    let ends_marker = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=9).contains(&digits) && line[digits..].starts_with(['.', ')']) && ends_marker(&line[digits + 1..])
    {
        return format!("{}\\{}", &line[..digits], &line[digits..]);
    }
    let begins_block = line.starts_with('>')
        || (line.starts_with('#') && ends_marker(after("#")))
        || (line.starts_with(['-', '+', '*']) && ends_marker(&line[1..]))
        || line.starts_with("~~~")
        || (line.starts_with('[') && line.contains("]:"))
        || (is_only("=") || is_only("-:|") || is_only("*") || is_only("_") || is_only("-"));
    if begins_block { format!("\\{line}") } else { line.to_owned() }
}

/// Code without blank lines before and after it.
fn without_blank_ends(code: &str) -> &str {
    let code = code.trim_end();
    let first = code.len() - code.trim_start().len();
    let line = code[..first].rfind('\n').map_or(0, |at| at + 1);
    &code[line..]
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for character in text.chars() {
        run = if character == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulldown_cmark::{Event, Tag};

    #[test]
    fn blocks_stand_in_lists_and_quotations() {
        let source = MappedText::new("x".repeat(100));
        let mut writer = Writer::new(&source);
        writer.heading(2, "Title #", None, 0..5);
        writer.heading(2, "Next", Some("next-id"), 5..6);
        writer.paragraph("one\n- two", 6..7);
        writer.open_list(None);
        writer.open_item();
        writer.paragraph("a", 7..8);
        writer.open_list(Some(3));
        for words in ["b", "c"] {
            writer.open_item();
            writer.paragraph(words, 8..9);
            writer.close_item();
        }
        writer.close_list();
        writer.code("sh", "\n\n  x\n\n```\n", 9..10);
        writer.close_item();
        writer.open_item();
        writer.close_item();
        writer.open_item();
        writer.open_quote();
        writer.paragraph("q", 10..11);
        writer.paragraph("r", 10..11);
        writer.close_quote();
        writer.heading(3, "deep", None, 10..11);
        writer.close_item();
        writer.close_list();
        writer.table(&[vec!["a|b".into()], vec!["c".into(), "d".into()]], 11..12);
        let (text, _) = writer.finish();
        insta::assert_snapshot!(text.as_str(), @r"
        ## Title &#35;

        ## Next {#next-id}

        one
        \- two

        - a

          3. b
          4. c

          ````sh
            x

          ```
          ````
        - > q
          >
          > r

          **deep**

        | a\|b | |
        | --- | --- |
        | c | d |
        ");
        let at = text.as_str().find("**deep").expect("it is there");
        assert_eq!(text.source_range(at..at + 4), 10..11);
    }

    #[test]
    fn nesting_costs_no_more_than_its_length() {
        let source = MappedText::new(String::new());
        let mut writer = Writer::new(&source);
        for _ in 0..20_000 {
            writer.open_list(None);
            writer.open_item();
            writer.paragraph("a", 0..0);
            writer.open_quote();
        }
        let (text, _) = writer.finish();
        assert!(text.as_str().len() < 20_000 * 64, "{}", text.as_str().len());
    }

    #[test]
    fn words_come_out_as_they_went_in() {
        for words in [
            "a *b* _c_ __init__ snake_case 2 * 3 ~/x ~~no~~ a~b~c",
            "`x` \\* C:\\dir <pod-name> a < b </b> <!-- c -->",
            "[a](b) [a][b] ![i](j) [x]: y &amp; R&D &#65;",
            "1. one",
            "12) two",
            "- x",
            "# y",
            "> z",
            "---",
            "===",
            "***",
            "~~~ x",
            "```",
            "[a]: https://example.com",
            "+ a\nb\n---",
            "a | b\n--- | ---",
            "{{< note >}} {% x %} $a$",
            "the key [redacted:aws-access-key]",
        ] {
            let mut written = String::new();
            push_words(&mut written, words, false);
            let source = MappedText::new(words.to_owned());
            let mut writer = Writer::new(&source);
            writer.paragraph(&written, 0..words.len());
            let written = writer.finish().0.as_str().to_owned();
            let mut shown = String::new();
            for (event, _) in crate::dialect::parse(&written) {
                match event {
                    Event::Text(text) => shown.push_str(&text),
                    Event::SoftBreak => shown.push('\n'),
                    Event::Start(Tag::Paragraph) | Event::End(_) => {}
                    other => panic!("{words:?} became {written:?} with {other:?}"),
                }
            }
            assert_eq!(shown, words, "{written:?}");
        }
        let mut written = "see ".to_owned();
        let start = written.len();
        push_words(&mut written, "the [page]", true);
        push_link(&mut written, start, "a (1).html");
        assert_eq!(written, "see [the \\[page\\]](a%20%281%29.html)");
        written.clear();
        push_code(&mut written, "a ``b`\nc");
        assert_eq!(written, "```a ``b` c```");
    }
}
