//! Directives of reStructuredText, which stand behind `..`: boxes, code, included files, pictures, tables; and those
//! that say nothing to a reader: comments, targets, tables of contents and settings.

use super::{
    MAX_DEPTH, Page, Row,
    names::{Names, target_of},
    place_of,
    rows::{dedented, directive_of, end_of_inside, field_of, lines_of, rows_of, trimmed},
    tables,
};
use crate::formats::{
    site::{self, MAX_INCLUDED_BYTES, MAX_INCLUDED_FILES},
    written::{one_line, push_code},
};
use std::ops::Range;

/// Directives of whose content and arguments nothing is shown, sorted.
const SILENT: [&str; 46] = [
    "bibliography",
    "blockdiag",
    "contents",
    "currentmodule",
    "date",
    "default-domain",
    "default-intersphinx",
    "default-role",
    "digraph",
    "disqus",
    "footer",
    "graph",
    "graphviz",
    "header",
    "highlight",
    "index",
    "inheritance-diagram",
    "macros",
    "mermaid",
    "meta",
    "module",
    "moduleauthor",
    "nwdiag",
    "packetdiag",
    "plantuml",
    "program",
    "py:currentmodule",
    "py:module",
    "rackdiag",
    "raw",
    "replace",
    "role",
    "sectionauthor",
    "sectnum",
    "seqdiag",
    "tabularcolumns",
    "target-notes",
    "title",
    "todo",
    "todolist",
    "toctree",
    "uml",
    "unicode",
    "video",
    "vimeo",
    "youtube",
];

/// Directives whose content is shown as if it stood there by itself, sorted.
const TRANSPARENT: [&str; 23] = [
    "card-carousel",
    "class",
    "compound",
    "container",
    "cssclass",
    "div",
    "figure-md",
    "glossary",
    "grid",
    "grid-item",
    "hlist",
    "ifconfig",
    "ifnotslides",
    "ifslides",
    "multicolumn",
    "only",
    "panels",
    "rst-class",
    "sphinx-tabs",
    "tab-set",
    "tab-set-code",
    "tabs",
    "toggle",
];

/// A directive that was read.
struct Directive<'r> {
    name: &'r str,
    /// The text behind its colons.
    arguments: &'r str,
    options: Vec<(&'r str, String)>,
    /// The content, with its indentation.
    content: Vec<Row<'r>>,
    /// The rows directly below the first one, if they are not options.
    joined: Vec<Row<'r>>,
    place: Range<usize>,
}

impl<'r> Directive<'r> {
    /// Reads the directive at `at`, which ends before `end`.
    fn of(rows: &[Row<'r>], at: usize, end: usize, name: &'r str, arguments: &'r str) -> Self {
        let place = place_of(&rows[at..end]);
        let inner = dedented(&rows[at + 1..end], usize::MAX);
        let (mut options, mut joined) = (Vec::<(&str, String)>::new(), Vec::new());
        let mut number = 0;
        for row in inner.iter().take_while(|row| !row.is_blank()) {
            match (field_of(row.text), options.last_mut()) {
                (Some((name, value)), _) => options.push((name, value.to_owned())),
                (None, Some((_, value))) if row.indent() > 0 => {
                    value.push(' ');
                    value.push_str(row.text.trim());
                }
                (None, Some(_)) => break,
                (None, None) => joined.push(row.clone()),
            }
            number += 1;
        }
        let content = dedented(trimmed(&inner[number..]), usize::MAX);
        Self { name, arguments, options, content, joined, place }
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// The rows of a directive that takes text where others take arguments.
    fn text(&self) -> Vec<Row<'r>> {
        let mut rows = Vec::new();
        if !self.arguments.is_empty() {
            rows.push(Row { text: self.arguments, place: self.place.clone() });
        }
        rows.extend(self.joined.iter().cloned());
        if !rows.is_empty() && !self.content.is_empty() {
            rows.push(Row { text: "", place: self.place.clone() });
        }
        rows.extend(self.content.iter().cloned());
        rows
    }

    /// The rows below its first one, options left out.
    fn below(&self) -> Vec<Row<'r>> {
        let mut rows = self.joined.clone();
        if !rows.is_empty() && !self.content.is_empty() {
            rows.push(Row { text: "", place: self.place.clone() });
        }
        rows.extend(self.content.iter().cloned());
        rows
    }
}

impl Page<'_, '_> {
    /// Reads what begins with `..`; returns where it ends.
    pub(super) fn explicit(&mut self, rows: &[Row<'_>], at: usize, depth: usize) -> usize {
        let rest = rows[at].text[2..].trim_start();
        // Dots alone are a comment without words: indented rows below a blank line do not belong to it.
        if rest.is_empty() && rows.get(at + 1).is_none_or(Row::is_blank) {
            return at + 1;
        }
        let end = end_of_inside(rows, at);
        if let Some(target) = rest.strip_prefix('_') {
            let label = target_of(target).filter(|(name, address)| *name != "_" && address.is_empty());
            if let (Some((name, _)), 1) = (label, end - at) {
                self.id = Some(name.trim().to_lowercase().replace(' ', "-"));
            }
            return end;
        }
        if let Some((label, words)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            && (words.is_empty() || words.starts_with(' '))
        {
            self.footnote(label, words.trim(), rows, at, end);
            return end;
        }
        if rest.starts_with('|') {
            return end;
        }
        if let Some((name, arguments)) = directive_of(rest) {
            let directive = Directive::of(rows, at, end, name, arguments);
            self.directive(&directive, depth);
        }
        end
    }

    fn footnote(&mut self, label: &str, words: &str, rows: &[Row<'_>], at: usize, end: usize) {
        let label = if label == "#" { "" } else { label.trim_start_matches('#') };
        self.lead = if label.is_empty() { String::new() } else { format!("[{label}] ") };
        let mut inner = vec![Row { text: words, place: rows[at].place.clone() }];
        inner.extend(dedented(&rows[at + 1..end], usize::MAX));
        self.blocks(&inner, MAX_DEPTH);
        self.lead.clear();
    }

    fn directive(&mut self, directive: &Directive<'_>, depth: usize) {
        let name = directive.name.to_ascii_lowercase();
        match name.as_str() {
            "highlight" => self.language = language_of(directive.arguments).to_owned(),
            name if SILENT.binary_search(&name).is_ok() || name.starts_with("auto") => {}
            "attention" | "caution" | "danger" | "error" | "hint" | "important" | "note" | "tip"
            | "warning" => {
                let label = format!("**{}{}:** ", name[..1].to_uppercase(), &name[1..]);
                self.boxed(&label, &directive.text(), directive, depth);
            }
            "seealso" => self.boxed("**See also:** ", &directive.text(), directive, depth),
            "deprecated" | "versionadded" | "versionchanged" | "versionremoved" | "deprecated-removed" => {
                self.versioned(&name, directive, depth);
            }
            "code" | "code-block" | "sourcecode" | "code-tab" | "prompt" | "console" | "testcode"
            | "doctest" | "testoutput" | "ipython" | "literal" | "jinja" => self.code_block(directive),
            "parsed-literal" => self.parsed_literal(directive),
            "math" => self.code_of("", &directive.text(), directive),
            "literalinclude" | "remote-include" => self.literal_include(directive),
            "include" => self.include(directive, depth),
            "image" | "figure" | "thumbnail" => self.picture(directive, depth),
            "csv-table" => self.csv_table(directive),
            "list-table" | "flat-table" => {
                self.caption(directive.arguments, &directive.place);
                let cells = tables::list(&directive.content);
                self.table(cells, directive.place.clone());
            }
            "epigraph" | "highlights" | "pull-quote" => {
                self.flush_lead(&directive.place);
                self.writer.open_quote();
                self.blocks(&directive.text(), depth + 1);
                self.writer.close_quote();
            }
            "centered" | "rubric" => self.caption(directive.arguments, &directive.place),
            name if TRANSPARENT.binary_search(&name).is_ok() => self.blocks(&directive.below(), depth + 1),
            // The argument is the subject: `.. option:: --all`, `.. py:function:: run(x)`.
            name if is_of_domain(name) => {
                let signatures = std::iter::once(directive.arguments)
                    .chain(directive.joined.iter().map(|row| row.text))
                    .filter(|signature| !signature.is_empty());
                for signature in signatures {
                    let mut code = String::new();
                    push_code(&mut code, signature);
                    self.flush_lead(&directive.place);
                    self.lead = code;
                }
                if !self.lead.is_empty() && !directive.content.is_empty() {
                    self.lead.push_str(": ");
                }
                self.blocks(&directive.content, depth + 1);
                self.flush_lead(&directive.place);
            }
            // `admonition`, `topic`, `tab`, `dropdown`, `card` and unknown directives: a title, and the content below
            // it.
            _ => {
                self.caption(directive.arguments, &directive.place);
                self.blocks(&directive.below(), depth + 1);
            }
        }
    }

    /// Writes a box: its label, and its text behind it.
    fn boxed(&mut self, label: &str, rows: &[Row<'_>], directive: &Directive<'_>, depth: usize) {
        self.flush_lead(&directive.place);
        if rows.is_empty() {
            return;
        }
        self.lead = label.to_owned();
        self.blocks(rows, depth + 1);
        self.flush_lead(&directive.place);
    }

    fn versioned(&mut self, name: &str, directive: &Directive<'_>, depth: usize) {
        let (version, rest) = directive.arguments.split_once(' ').unwrap_or((directive.arguments, ""));
        let words = match name {
            "deprecated" | "deprecated-removed" => "Deprecated since version",
            "versionadded" => "New in version",
            "versionchanged" => "Changed in version",
            _ => "Removed in version",
        };
        let label = format!("**{words} {}:** ", self.inline.markdown(version));
        let mut rows = Vec::new();
        if !rest.trim().is_empty() {
            rows.push(Row { text: rest.trim(), place: directive.place.clone() });
        }
        rows.extend(directive.below());
        match rows.is_empty() {
            true => {
                self.caption_of(label.trim_end_matches(":** ").trim_start_matches("**"), &directive.place)
            }
            false => self.boxed(&label, &rows, directive, depth),
        }
    }

    /// Writes a line above a block.
    fn caption(&mut self, words: &str, place: &Range<usize>) {
        let words = self.inline.markdown(words);
        self.caption_of(&words, place);
    }

    fn caption_of(&mut self, words: &str, place: &Range<usize>) {
        self.flush_lead(place);
        self.writer.label(words, place.clone());
    }

    fn code_block(&mut self, directive: &Directive<'_>) {
        let language = match directive.name {
            "console" => "console",
            "doctest" | "ipython" | "testcode" => "python",
            _ => language_of(directive.arguments),
        };
        // A session's prompt may be named behind the language.
        let title = directive.arguments.split_once(' ').map(|(_, title)| title);
        if let Some(title) = title.filter(|_| directive.name == "code-tab") {
            self.caption(title, &directive.place);
        }
        let language = if language.is_empty() { self.language.clone() } else { language.to_owned() };
        self.code_of(&language, &directive.below(), directive);
    }

    fn code_of(&mut self, language: &str, rows: &[Row<'_>], directive: &Directive<'_>) {
        if let Some(caption) = directive.option("caption") {
            self.caption(caption, &directive.place);
        }
        self.code(language, rows);
    }

    /// Writes code that has markup in it, without the markup.
    fn parsed_literal(&mut self, directive: &Directive<'_>) {
        let rows = directive.below();
        let texts: Vec<String> = rows.iter().map(|row| self.inline.plain(row.text)).collect();
        let plain = rows.iter().zip(&texts).map(|(row, text)| Row { text, place: row.place.clone() });
        let plain: Vec<Row<'_>> = plain.collect();
        self.code_of("", &plain, directive);
    }

    /// The text of a file that the page includes, if the source has it and it is not too much.
    fn file(&mut self, name: &str) -> Option<(String, String)> {
        let site = self.place.site;
        let path = self
            .steps
            .take(site.num_files())
            .then(|| site.included_file(self.place.relative, name))
            .flatten();
        let is_allowed = self.num_files < MAX_INCLUDED_FILES;
        let path = path.filter(|path| is_allowed && *path != self.place.relative);
        let text = path.and_then(|path| site.text(path));
        match (path, text.filter(|text| self.num_bytes + text.len() <= MAX_INCLUDED_BYTES)) {
            (Some(path), Some(text)) if self.steps.take(text.len()) => {
                self.num_files += 1;
                self.num_bytes += text.len();
                Some((path.to_owned(), text))
            }
            _ => {
                self.missing.push(name.to_owned());
                None
            }
        }
    }

    fn literal_include(&mut self, directive: &Directive<'_>) {
        let Some((_, text)) = self.file(directive.arguments) else { return };
        let part = part_of(&text, directive);
        let language = match directive.option("language") {
            Some(language) => language,
            None => {
                directive.arguments.rsplit_once('.').map_or("", |(_, extension)| language_of_file(extension))
            }
        };
        if let Some(caption) = directive.option("caption") {
            self.caption(caption, &directive.place);
        }
        self.flush_lead(&directive.place);
        self.writer.code(language, &part, directive.place.clone());
    }

    /// Writes the text of another file, or a link to it where it is a page of its own.
    fn include(&mut self, directive: &Directive<'_>, depth: usize) {
        let name = directive.arguments;
        if name.starts_with('<') {
            // A file of the tools, such as names of characters.
            return;
        }
        let is_code = directive.option("code").or(directive.option("literal")).is_some();
        let found = self.place.site.included_file(self.place.relative, name);
        let found = found.filter(|path| *path != self.place.relative);
        if !is_code && let Some(path) = found.filter(|path| site::is_page(path)) {
            let words = path.rsplit('/').next().unwrap_or(path);
            let words = words.rsplit_once('.').map_or(words, |(stem, _)| stem).replace(['-', '_'], " ");
            let link = self.inline.markdown(&format!("`{words} </{path}>`__"));
            self.flush_lead(&directive.place);
            return self.writer.paragraph(&link, directive.place.clone());
        }
        let Some((_, text)) = self.file(name) else { return };
        let part = part_of(&text, directive);
        if is_code {
            self.flush_lead(&directive.place);
            return self.writer.code(directive.option("code").unwrap_or(""), &part, directive.place.clone());
        }
        let lines = lines_of(&part, 0, Some(&directive.place), self.steps);
        let rows = rows_of(&lines);
        self.inline.include(Names::of(&rows));
        self.blocks(&rows, depth + 4);
    }

    /// Writes the words that stand for a picture, and the text below it.
    fn picture(&mut self, directive: &Directive<'_>, depth: usize) {
        let alt = directive.option("alt").unwrap_or_default();
        let caption = directive.content.first().map_or("", |row| row.text);
        let words = self.inline.markdown(alt);
        self.flush_lead(&directive.place);
        if one_line(alt) != one_line(caption) {
            self.writer.paragraph(&words, directive.place.clone());
        }
        self.blocks(&directive.content, depth + 1);
    }

    fn csv_table(&mut self, directive: &Directive<'_>) {
        self.caption(directive.arguments, &directive.place);
        let delimiter = match directive.option("delim") {
            Some("tab") => b'\t',
            Some("space") => b' ',
            Some(sign) => sign.bytes().next().filter(u8::is_ascii).unwrap_or(b','),
            None => b',',
        };
        let mut text = match directive.option("header") {
            Some(header) => format!("{header}\n"),
            None => String::new(),
        };
        match directive.option("file") {
            Some(name) => {
                let Some((_, file)) = self.file(name) else { return };
                text.push_str(&file);
            }
            None => directive.below().iter().for_each(|row| {
                text.push_str(row.text);
                text.push('\n');
            }),
        }
        self.table(tables::csv(&text, delimiter), directive.place.clone());
    }
}

/// The lines of a file that a directive asks for.
fn part_of(text: &str, directive: &Directive<'_>) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(wanted) = directive.option("lines") {
        lines = chosen(&lines, wanted);
    }
    if let Some(mark) = directive.option("start-after")
        && let Some(at) = lines.iter().position(|line| line.contains(mark))
    {
        lines.drain(..=at);
    }
    if let Some(mark) = directive.option("start-at")
        && let Some(at) = lines.iter().position(|line| line.contains(mark))
    {
        lines.drain(..at);
    }
    if let Some(mark) = directive.option("end-before")
        && let Some(at) = lines.iter().position(|line| line.contains(mark))
    {
        lines.truncate(at);
    }
    if let Some(mark) = directive.option("end-at")
        && let Some(at) = lines.iter().position(|line| line.contains(mark))
    {
        lines.truncate(at + 1);
    }
    let number = |name: &str| directive.option(name).and_then(|number| number.trim().parse::<usize>().ok());
    let start = number("start-line").unwrap_or(0).min(lines.len());
    let end = number("end-line").unwrap_or(usize::MAX).clamp(start, lines.len().max(start));
    lines[start..end].join("\n")
}

/// The lines that `1,3,5-10,20-` names.
fn chosen<'t>(lines: &[&'t str], wanted: &str) -> Vec<&'t str> {
    /// More parts are not read.
    const MAX_PARTS: usize = 50;
    let mut found = Vec::new();
    for part in wanted.split(',').take(MAX_PARTS) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first = first.trim().parse::<usize>().unwrap_or(1).max(1);
        let last = last.trim().parse::<usize>().unwrap_or(lines.len()).min(lines.len());
        if first <= last && found.len() <= lines.len() {
            found.extend_from_slice(&lines[first - 1..last]);
        }
    }
    found
}

fn language_of(arguments: &str) -> &str {
    arguments.split([' ', ',']).next().unwrap_or_default()
}

fn language_of_file(extension: &str) -> &str {
    match extension {
        "py" => "python",
        "yml" => "yaml",
        "sh" => "bash",
        "txt" | "log" | "out" => "",
        other => other,
    }
}

/// Whether a directive describes a thing of a program, which its arguments name.
fn is_of_domain(name: &str) -> bool {
    const NAMES: [&str; 23] = [
        "attribute",
        "class",
        "cmdoption",
        "config:option",
        "confval",
        "data",
        "decorator",
        "describe",
        "envvar",
        "exception",
        "function",
        "global",
        "label",
        "member",
        "method",
        "module",
        "object",
        "option",
        "property",
        "setting",
        "staticmethod",
        "type",
        "variable",
    ];
    let base = name.rsplit(':').next().unwrap_or(name);
    name.contains(':') || NAMES.contains(&base)
}
