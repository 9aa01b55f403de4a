//! Templates of a wikitext, `{{name|text|key=value}}`: the text of boxes, code and the like, which have similar names
//! in most wikis. Other templates have their text outside of the page, so they are left out.
//!
//! Entry point: [`resolved`].

use super::kept::{Kept, MARK, Piece};
use crate::formats::steps::Steps;
use kb::lists::pairs;
use std::{collections::HashMap, sync::LazyLock};

/// Templates in templates that are read.
const MAX_DEPTH: usize = 32;

/// A longer name of a parameter is text.
const MAX_PARAMETER_BYTES: usize = 200;

/// The known templates, by their names.
const TEMPLATES_FILE: &str = include_str!("templates.txt");

/// How a template is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// A box: its text is set apart, with this label before it.
    Box(&'static str),
    /// It names pages, and this stands before them.
    Pages(&'static str),
    /// It shows its first text as it is.
    Shown,
    /// The first text is code.
    Code,
    /// The last text is a block of code.
    Block,
}

static TEMPLATES: LazyLock<HashMap<&str, Sort>> = LazyLock::new(|| {
    let sort = |(name, rest): (&'static str, &'static str)| {
        let (sort, label) = rest.split_once('\t').unwrap_or((rest, ""));
        let sort = match sort {
            "box" => Sort::Box(label),
            "pages" => Sort::Pages(label),
            "shown" => Sort::Shown,
            "code" => Sort::Code,
            "block" => Sort::Block,
            _ => return None,
        };
        Some((name, sort))
    };
    pairs(TEMPLATES_FILE).filter_map(sort).collect()
});

/// The sort of a template by its name in lower case.
fn sort_of(name: &str) -> Option<Sort> {
    TEMPLATES.get(name).copied()
}

/// Parameters that hold a box's text, in the order in which they are looked for.
const TEXTS: [&str; 6] = ["text", "1", "content", "message", "body", "note"];

/// A template that is open.
struct Frame {
    /// The name and the parts between the signs, as far as they were read.
    parts: Vec<String>,
    /// Links that are open in the last part.
    brackets: usize,
}

/// A text with what its templates show in their place. `title` is the page's.
pub(super) fn resolved(kept: &mut Kept, title: &str, steps: &Steps) {
    let text = std::mem::take(&mut kept.text);
    let mut written = String::with_capacity(text.len());
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    // Turns `false` when no end of a parameter is left to find.
    let mut has_parameters = true;
    while let Some(found) = text[at..].find(['{', '}', '|', '[', ']']) {
        push(&mut frames, &mut written, &text[at..at + found]);
        at += found;
        let rest = &text[at..];
        if rest.starts_with("{{{") && has_parameters {
            let window = &rest[3..rest.floor_char_boundary(rest.len().min(MAX_PARAMETER_BYTES))];
            match window.find("}}}").filter(|end| !window[..*end].contains('{')) {
                Some(end) => {
                    let default = window[..end].split_once('|').map_or("", |(_, default)| default);
                    push(&mut frames, &mut written, default);
                    at += 3 + end + 3;
                    continue;
                }
                None => has_parameters = rest.contains("}}}"),
            }
        }
        if rest.starts_with("{{") && frames.len() < MAX_DEPTH {
            frames.push(Frame { parts: vec![String::new()], brackets: 0 });
            at += 2;
            continue;
        }
        if rest.starts_with("}}")
            && let Some(frame) = frames.pop()
        {
            let size: usize = frame.parts.iter().map(String::len).sum();
            if !steps.take(size) {
                break;
            }
            let words = words_of(&frame.parts, title, kept);
            push(&mut frames, &mut written, &words);
            at += 2;
            // A blank at a line's beginning would make code of the line.
            let is_at_start = |text: &str| text.is_empty() || text.ends_with('\n');
            if is_at_start(frames.last().map_or(&written, |frame| &frame.parts[frame.parts.len() - 1])) {
                at += text[at..].len() - text[at..].trim_start_matches(' ').len();
            }
            continue;
        }
        if let Some(frame) = frames.last_mut() {
            match rest {
                rest if rest.starts_with("[[") => frame.brackets += 1,
                rest if rest.starts_with("]]") => frame.brackets = frame.brackets.saturating_sub(1),
                rest if rest.starts_with('|') && frame.brackets == 0 => {
                    frame.parts.push(String::new());
                    at += 1;
                    continue;
                }
                _ => {}
            }
        }
        let length = if rest.starts_with("[[") || rest.starts_with("]]") { 2 } else { 1 };
        push(&mut frames, &mut written, &rest[..length]);
        at += length;
    }
    push(&mut frames, &mut written, &text[at..]);
    // A template without an end is text.
    for frame in frames {
        written.push_str("{{");
        written.push_str(&frame.parts.join("|"));
    }
    kept.text = written;
}

fn push(frames: &mut [Frame], written: &mut String, text: &str) {
    match frames.last_mut().and_then(|frame| frame.parts.last_mut()) {
        Some(part) => part.push_str(text),
        None => written.push_str(text),
    }
}

/// The text that a template shows.
fn words_of(parts: &[String], title: &str, kept: &mut Kept) -> String {
    let name = parts.first().map_or("", |name| name.trim());
    let name = name
        .split_once(':')
        .filter(|(space, _)| space.eq_ignore_ascii_case("template"))
        .map_or(name, |(_, name)| name);
    let name = name.trim().replace('_', " ").to_lowercase();
    let arguments: Vec<(Option<&str>, &str)> = parts.iter().skip(1).map(|part| argument(part)).collect();
    let named = |key: &str| {
        let found = arguments.iter().find(|(name, _)| *name == Some(key));
        found.map(|(_, value)| *value).filter(|value| !value.is_empty())
    };
    let unnamed: Vec<&str> =
        arguments.iter().filter(|(name, _)| name.is_none()).map(|(_, value)| *value).collect();
    let first = named("1").or(unnamed.first().copied()).unwrap_or_default();
    let second = named("2").or(unnamed.get(1).copied()).unwrap_or_default();
    match name.as_str() {
        "!" => "|".to_owned(),
        "=" => "=".to_owned(),
        "!!" => "||".to_owned(),
        "(!" => "{|".to_owned(),
        "!)" => "|}".to_owned(),
        "pagename" | "fullpagename" | "subpagename" => title.to_owned(),
        "lang" | "color" | "colour" | "font color" | "colored" | "background color" => second.to_owned(),
        "url" | "link" | "external link" => match second {
            "" => first.to_owned(),
            label => format!("[{first} {label}]"),
        },
        "yes" | "no" | "done" | "partial" | "unknown" if first.is_empty() => {
            format!("{}{}", name[..1].to_uppercase(), &name[1..])
        }
        "yes" | "no" | "done" | "partial" | "unknown" => first.to_owned(),
        name if sort_of(name) == Some(Sort::Code) => match first {
            // Code that is put aside already stays so.
            first if first.contains(MARK[0]) => first.to_owned(),
            "" => String::new(),
            first => {
                kept.mark(Piece::Code { language: String::new(), text: first.to_owned(), is_block: false })
            }
        },
        name if sort_of(name) == Some(Sort::Block) => {
            let text = named("2").or(unnamed.last().copied()).or(named("1")).unwrap_or_default();
            let head = if name == "hc" && unnamed.len() > 1 { format!("{first}\n") } else { String::new() };
            if text.contains(MARK[0]) {
                return format!("\n{head}{text}\n");
            }
            let code = Piece::Code { language: String::new(), text: text.to_owned(), is_block: true };
            format!("\n{head}{}\n", kept.mark(code))
        }
        name if sort_of(name) == Some(Sort::Shown) => first.to_owned(),
        name => {
            if let Some(Sort::Box(label)) = sort_of(name) {
                let texts = TEXTS.iter().find_map(|key| named(key)).map(str::to_owned);
                let text = texts.unwrap_or_else(|| boxed(&unnamed));
                // A list begins on a line of its own.
                let space = if text.starts_with(['*', '#', ':', '{', '=']) { '\n' } else { ' ' };
                return match text.is_empty() {
                    true => String::new(),
                    false => format!("\n'''{label}:'''{space}{text}\n"),
                };
            }
            if let Some(Sort::Pages(label)) = sort_of(name) {
                let pages = unnamed.iter().filter(|page| !page.is_empty() && !page.contains('['));
                let links: Vec<String> = pages.map(|page| format!("[[{page}]]")).collect();
                return if links.is_empty() {
                    String::new()
                } else {
                    format!("\n{label}: {}\n", links.join(", "))
                };
            }
            String::new()
        }
    }
}

/// The text of a box: the first unnamed parameter, and the next one where the first was a title.
fn boxed(unnamed: &[&str]) -> String {
    /// A shorter text says how the box looks.
    const MIN_TEXT_BYTES: usize = 30;
    let mut texts = unnamed.iter().filter(|text| !text.is_empty());
    let first = texts.next().copied().unwrap_or_default();
    match texts.next().filter(|text| text.len() >= MIN_TEXT_BYTES) {
        Some(text) => format!("{first}: {text}"),
        None => first.to_owned(),
    }
}

/// The name of an argument, if it has one, and its value.
fn argument(part: &str) -> (Option<&str>, &str) {
    let is_sign = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '\n');
    match part.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && name.len() <= 60 && name.chars().all(is_sign) => {
            (Some(name.trim()), value.trim())
        }
        _ => (None, part.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_read_whole() {
        assert_eq!(kb::lists::unsorted(TEMPLATES_FILE), None, "sort templates.txt");
        assert_eq!(TEMPLATES.len(), kb::lists::lines(TEMPLATES_FILE).count());
    }
}
