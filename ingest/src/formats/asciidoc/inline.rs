//! The text of a paragraph of AsciiDoc, as Markdown: code, strong words, links, and words without their marks.

use crate::formats::{
    steps::Steps,
    web_page::character_named,
    written::{push_code, push_link, push_words},
};

/// Markup is looked for no further than this.
const MAX_SPAN_BYTES: usize = 2_000;

/// Markup in markup that is read.
const MAX_DEPTH: usize = 4;

/// Macros whose text between brackets is shown, sorted.
const SHOWN_MACROS: [&str; 8] = ["asciimath", "btn", "footnote", "kbd", "latexmath", "menu", "pass", "stem"];

/// Macros that show nothing, sorted.
const SILENT_MACROS: [&str; 7] = ["anchor", "audio", "icon", "indexterm", "indexterm2", "toc", "video"];

/// Writes a paragraph's text as Markdown.
pub(super) fn markdown_of(text: &str, steps: &Steps) -> String {
    let mut written = String::with_capacity(text.len());
    Inline { steps, is_in_link: false }.write(text, &mut written, 0);
    written
}

struct Inline<'s> {
    steps: &'s Steps,
    is_in_link: bool,
}

impl Inline<'_> {
    fn write(&mut self, text: &str, written: &mut String, depth: usize) {
        let mut at = 0;
        // The text before this was read, and is words.
        let mut done = 0;
        while let Some(found) = text[at..].find(is_sign).filter(|_| !self.steps.are_spent()) {
            at += found;
            let before = text[..at].chars().next_back();
            let mut words = String::new();
            match self.markup(&text[at..], before, &mut words, depth) {
                Some(length) => {
                    push_words(written, &text[done..at], self.is_in_link);
                    // A macro's name stands before its colon.
                    written.push_str(&words);
                    at += length;
                    done = at;
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        push_words(written, &text[done..], self.is_in_link);
    }

    /// Reads the markup that a text begins with; returns its length.
    fn markup(
        &mut self,
        text: &str,
        before: Option<char>,
        written: &mut String,
        depth: usize,
    ) -> Option<usize> {
        let is_at_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        match text.as_bytes()[0] {
            b'\\' => {
                let next = text[1..].chars().next().filter(|c| is_sign(*c) && *c != '\\')?;
                push_words(written, &text[1..1 + next.len_utf8()], self.is_in_link);
                Some(1 + next.len_utf8())
            }
            b'`' => {
                let (inner, length) =
                    self.marked(text, "``", false).or_else(|| self.marked(text, "`", !is_at_word))?;
                let inner =
                    inner.strip_prefix('+').and_then(|inner| inner.strip_suffix('+')).unwrap_or(inner);
                push_code(written, inner);
                Some(length)
            }
            b'+' => {
                if text.starts_with("+\n") && before.is_none_or(|c| c == ' ') {
                    return Some(1);
                }
                let three = self.marked(text, "+++", false);
                let two = || self.marked(text, "++", false);
                let (inner, length) = three.or_else(two).or_else(|| self.marked(text, "+", !is_at_word))?;
                // Text that shows how markup is written is code.
                match inner.contains("::") {
                    true => push_code(written, inner),
                    false => push_words(written, inner, self.is_in_link),
                }
                Some(length)
            }
            b'*' => {
                let (inner, length) =
                    self.marked(text, "**", false).or_else(|| self.marked(text, "*", !is_at_word))?;
                let inner = self.inner(inner, depth)?;
                let is_plain = inner.trim().is_empty()
                    || inner.contains("**")
                    || inner.contains('\n')
                    || self.is_in_link;
                written.push_str(&if is_plain { inner } else { format!("**{}**", inner.trim()) });
                Some(length)
            }
            sign @ (b'_' | b'#' | b'^' | b'~') => {
                let sign = char::from(sign).to_string();
                let double = self.marked(text, &sign.repeat(2), false);
                let (inner, length) = match sign.as_str() {
                    "_" => double.or_else(|| self.marked(text, &sign, !is_at_word))?,
                    "#" => double.or_else(|| self.marked(text, &sign, !is_at_word && before != Some(']')))?,
                    _ => self
                        .marked(text, &sign, false)
                        .filter(|(inner, _)| !inner.contains(char::is_whitespace))?,
                };
                written.push_str(&self.inner(inner, depth)?);
                Some(length)
            }
            b'"' | b'\'' if text[1..].starts_with('`') => {
                let quote = &text[..1];
                let (inner, length) = self.between(&text[1..], "`", &format!("`{quote}"))?;
                let inner = self.inner(inner, depth)?;
                written.push_str(&format!("{quote}{inner}{quote}"));
                Some(1 + length)
            }
            b'<' => {
                let (inner, length) = self.between(text, "<<", ">>")?;
                let words = inner
                    .split_once(',')
                    .map_or_else(|| readable(inner), |(_, words)| words.trim().to_owned());
                push_words(written, &words, self.is_in_link);
                Some(length)
            }
            b'&' => {
                let (name, length) =
                    self.between(&text[..text.floor_char_boundary(text.len().min(40))], "&", ";")?;
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#');
                let character = is_name.then(|| character_named(name)).flatten()?;
                push_words(written, &character, self.is_in_link);
                Some(length)
            }
            b'[' => {
                if let Some((_, length)) = self.between(text, "[[", "]]") {
                    return Some(length);
                }
                // A role before marked words.
                let (inner, length) = self.between(text, "[", "]")?;
                let is_role =
                    text[length..].starts_with(['#', '*', '_', '`']) && !inner.contains(char::is_whitespace);
                (is_role && is_at_word && inner.starts_with(['.', '#', '%'])).then_some(length)
            }
            b'(' => {
                if let Some((_, length)) = self.between(text, "(((", ")))") {
                    return Some(length);
                }
                let (inner, length) = self.between(text, "((", "))")?;
                push_words(written, inner, self.is_in_link);
                Some(length)
            }
            _ if is_at_word => self.macro_of(text, written, depth),
            _ => None,
        }
    }

    /// A link, an image, or another macro.
    fn macro_of(&mut self, text: &str, written: &mut String, depth: usize) -> Option<usize> {
        let name_end = text.find(|c: char| !c.is_ascii_alphanumeric()).filter(|&end| end <= 12)?;
        let rest = text[name_end..].strip_prefix(':')?;
        let name = &text[..name_end];
        let window = &rest[..rest.floor_char_boundary(rest.len().min(MAX_SPAN_BYTES))];
        let target_end =
            window.find(|c: char| c.is_whitespace() || matches!(c, '[' | '<' | '>')).unwrap_or(window.len());
        self.steps.take(target_end);
        if target_end == MAX_SPAN_BYTES {
            return None;
        }
        let (target, after) = rest.split_at(target_end);
        let target = target.trim_start_matches(':');
        let content = after.starts_with('[').then(|| self.bracketed(after)).flatten();
        let is_address = matches!(name, "http" | "https") && rest.starts_with("//");
        let Some((content, length)) = content else {
            // An address by itself.
            let address = format!("{name}:{}", &rest[..target_end]);
            let address =
                address.trim_end_matches(['.', ',', ';', ':', ')', '?', '!', '"', '\'', '*', '_', '`']);
            if !is_address || self.is_in_link || address.len() < 11 {
                return None;
            }
            written.push_str(&format!("<{address}>"));
            return Some(address.len());
        };
        let whole = name_end + 1 + target_end + length;
        let words = content
            .split_once(',')
            .filter(|(_, rest)| rest.contains('='))
            .map_or(content, |(words, _)| words);
        let words = words.trim().trim_matches('"').trim_end_matches('^');
        match name {
            "http" | "https" | "link" | "mailto" | "xref" | "ftp" => {
                let address = match name {
                    "link" => target.to_owned(),
                    // `page#part` and `page.adoc` lead to pages, a bare name to a part of this one.
                    "xref" if target.contains(['.', '/']) => {
                        target.rsplit(':').next().unwrap_or(target).to_owned()
                    }
                    "xref" => String::new(),
                    _ => format!("{name}:{}", &rest[..target_end]),
                };
                let start = written.len();
                let was_in_link = std::mem::replace(&mut self.is_in_link, true);
                match words.is_empty() {
                    true => push_words(
                        written,
                        &if name == "xref" { readable(target) } else { target.to_owned() },
                        true,
                    ),
                    false => written.push_str(&self.inner(words, depth)?),
                }
                self.is_in_link = was_in_link;
                if !was_in_link {
                    push_link(written, start, &address);
                }
            }
            "image" => push_words(written, words.split(',').next().unwrap_or(words).trim(), self.is_in_link),
            name if SHOWN_MACROS.binary_search(&name).is_ok() => {
                let is_note = name == "footnote" && !words.is_empty();
                let words = if name == "menu" { format!("{target} > {words}") } else { words.to_owned() };
                let words = if is_note { format!(" ({words})") } else { words };
                push_words(written, &words, self.is_in_link);
            }
            name if SILENT_MACROS.binary_search(&name).is_ok() => {}
            _ => return None,
        }
        Some(whole)
    }

    /// The text between brackets that a text begins with, and the length with them.
    fn bracketed<'t>(&self, text: &'t str) -> Option<(&'t str, usize)> {
        let window = &text[..text.floor_char_boundary(text.len().min(MAX_SPAN_BYTES))];
        let mut depth = 0usize;
        let end = window.bytes().enumerate().find_map(|(at, byte)| {
            match byte {
                b'[' => depth += 1,
                b']' if window.as_bytes()[at - 1] != b'\\' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(at)
        });
        self.steps.take(end.unwrap_or(window.len()));
        end.map(|end| (&text[1..end], end + 1))
    }

    /// The text between two marks, the first of which a text begins with, and the length with them.
    fn between<'t>(&self, text: &'t str, open: &str, close: &str) -> Option<(&'t str, usize)> {
        let inside = text.strip_prefix(open)?;
        let window = &inside[..inside.floor_char_boundary(inside.len().min(MAX_SPAN_BYTES))];
        let end = window.find(close);
        self.steps.take(end.unwrap_or(window.len()));
        let inner = &inside[..end?];
        (!inner.trim().is_empty()).then_some((inner, open.len() + inner.len() + close.len()))
    }

    /// The words between two equal marks. A single mark stands at words' beginnings and ends; `is_within` tells that it
    /// does not.
    fn marked<'t>(&self, text: &'t str, mark: &str, is_within: bool) -> Option<(&'t str, usize)> {
        let inside = text.strip_prefix(mark).filter(|_| !is_within)?;
        let is_single = mark.len() == 1;
        if is_single && inside.starts_with(|c: char| c.is_whitespace() || mark.starts_with(c)) {
            return None;
        }
        let window = &inside[..inside.floor_char_boundary(inside.len().min(MAX_SPAN_BYTES))];
        let ends = window.match_indices(mark).find(|(end, _)| {
            let after = inside[end + mark.len()..].chars().next();
            let is_word_end = !inside[..*end].ends_with(char::is_whitespace)
                && !after
                    .is_some_and(|c| c.is_alphanumeric() || (c == '_' && mark != "`") || mark.starts_with(c));
            *end > 0 && (!is_single || is_word_end)
        });
        self.steps.take(ends.map_or(window.len(), |(end, _)| end));
        let (end, _) = ends?;
        Some((&inside[..end], 2 * mark.len() + end))
    }

    /// The Markdown of what stands in markup.
    fn inner(&mut self, text: &str, depth: usize) -> Option<String> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let mut written = String::new();
        self.write(text, &mut written, depth + 1);
        Some(written)
    }
}

/// Whether markup may begin with the character; macros begin with a letter, and are looked for where a word begins.
fn is_sign(character: char) -> bool {
    matches!(character, '\\' | '`' | '+' | '*' | '_' | '#' | '^' | '~' | '"' | '\'' | '<' | '[' | '(' | '&')
        || matches!(character, 'a' | 'b' | 'f' | 'h' | 'i' | 'k' | 'l' | 'm' | 'p' | 's' | 't' | 'v' | 'x')
}

/// The words of a name that leads to a page or a part of one.
fn readable(name: &str) -> String {
    let name = name.rsplit(['/', ':']).next().unwrap_or(name);
    let name = name.split(',').next().unwrap_or(name).trim_start_matches(['#', '_']);
    let name = name.rsplit_once('#').map_or(name, |(page, part)| if part.is_empty() { page } else { part });
    let name = name.strip_suffix(".adoc").unwrap_or(name);
    name.replace(['-', '_'], " ").trim().to_owned()
}
