//! The text of a paragraph of reStructuredText, as Markdown: code, strong words, links, roles, and words without their
//! marks.
//!
//! Marks do not nest. A search for an end that fails is remembered, so that a paragraph is read once for each mark,
//! whatever it contains.

use super::names::{Names, normalised};
use crate::formats::{
    steps::Steps,
    written::{one_line, push_code, push_link, push_words},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

/// Markup is looked for no further than this.
const MAX_SPAN_BYTES: usize = 2_000;

/// Longer names of roles and references are text.
const MAX_NAME_BYTES: usize = 100;

/// More names that links give to their addresses are not kept.
const MAX_EMBEDDED: usize = 2_000;

/// Substitutions may refer to each other this many times.
const MAX_DEPTH: usize = 3;

/// A byte that a substitution puts in takes as many steps.
const STEPS_PER_SUBSTITUTED_BYTE: usize = 16;

/// Marks, in the order of [`Reading::searched`].
const MARKS: [&str; 5] = ["``", "`", "**", "*", "|"];

/// Roles whose text is code; those of programming languages have the language before a colon.
const CODE_ROLES: [&str; 40] = [
    "attr", "bash", "class", "cmd", "code", "command", "confval", "const", "console", "data", "envvar",
    "exc", "file", "func", "function", "json", "literal", "macro", "makevar", "member", "meth", "method",
    "mimetype", "mod", "module", "obj", "option", "package", "path", "pkg", "program", "regexp", "samp",
    "setting", "shell", "sh", "token", "type", "var", "yaml",
];

/// Roles whose text leads to a part of some page.
const LABEL_ROLES: [&str; 5] = ["any", "hoverxref", "keyword", "numref", "ref"];

/// Reads the paragraphs of one page.
pub(super) struct Inline<'p> {
    names: &'p Names,
    steps: &'p Steps,
    /// Links without a name that were met.
    num_anonymous: Cell<usize>,
    /// Footnotes without a number that were met.
    num_footnotes: Cell<usize>,
    /// The addresses that links in the text give to their words.
    embedded: RefCell<HashMap<String, String>>,
    /// The markup that names of included files stand for.
    included: RefCell<HashMap<String, String>>,
}

impl<'p> Inline<'p> {
    pub(super) fn new(names: &'p Names, steps: &'p Steps) -> Self {
        Self {
            names,
            steps,
            num_anonymous: Cell::new(0),
            num_footnotes: Cell::new(0),
            embedded: RefCell::new(HashMap::new()),
            included: RefCell::new(HashMap::new()),
        }
    }

    /// Learns the names that an included file gives.
    pub(super) fn include(&self, names: Names) {
        let mut included = self.included.borrow_mut();
        let mut embedded = self.embedded.borrow_mut();
        let known = (included.len(), embedded.len());
        included.extend(names.substitutions.into_iter().take(MAX_EMBEDDED.saturating_sub(known.0)));
        embedded.extend(names.targets.into_iter().take(MAX_EMBEDDED.saturating_sub(known.1)));
    }

    /// A paragraph's text as Markdown.
    pub(super) fn markdown(&self, text: &str) -> String {
        self.reading(text, false, 0).read()
    }

    /// The words of a text without any markup.
    pub(super) fn plain(&self, text: &str) -> String {
        self.reading(text, true, 0).read()
    }

    fn reading<'i, 't>(&'i self, text: &'t str, is_plain: bool, depth: usize) -> Reading<'i, 'p, 't> {
        Reading { inline: self, text, is_plain, depth, searched: [0; MARKS.len()], written: String::new() }
    }
}

/// A text that is being read.
struct Reading<'i, 'p, 't> {
    inline: &'i Inline<'p>,
    text: &'t str,
    /// Whether words are wanted, and no Markdown.
    is_plain: bool,
    /// The number of substitutions that this text stands in.
    depth: usize,
    /// Up to where no end of a mark is left to find, by mark.
    searched: [usize; MARKS.len()],
    written: String,
}

/// A piece of markup: its range, and the Markdown in its place.
struct Markup {
    start: usize,
    end: usize,
    written: String,
}

impl Reading<'_, '_, '_> {
    fn read(mut self) -> String {
        let (mut at, mut done) = (0, 0);
        while let Some(found) = self.text[at..].find(is_sign).filter(|_| !self.inline.steps.are_spent()) {
            at += found;
            match self.markup(at, done) {
                Some(markup) => {
                    self.push(done..markup.start);
                    self.written.push_str(&markup.written);
                    at = markup.end;
                    done = at;
                }
                None => at += self.text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        self.push(done..self.text.len());
        self.written
    }

    fn push(&mut self, range: std::ops::Range<usize>) {
        let words = &self.text[range];
        match self.is_plain {
            true => self.written.push_str(words),
            false => push_words(&mut self.written, words, false),
        }
    }

    /// Reads the markup that a sign begins, or ends where it is a reference's `_`; the text before `done` was read.
    fn markup(&mut self, at: usize, done: usize) -> Option<Markup> {
        let text = self.text;
        let (before, after) = (text[..at].chars().next_back(), &text[at..]);
        let may_begin = |length: usize| {
            let next = after[length..].chars().next();
            can_begin(before) && next.is_some_and(|c| !c.is_whitespace()) && !is_quoted(before, next)
        };
        let of = |end: usize, written: String| Some(Markup { start: at, end, written });
        match after.as_bytes()[0] {
            b'\\' => {
                let next = after[1..].chars().next()?;
                let end = at + 1 + next.len_utf8();
                of(end, if next.is_whitespace() { String::new() } else { self.words(&text[at + 1..end]) })
            }
            b'`' if after.starts_with("``") => {
                if !may_begin(2) {
                    return None;
                }
                let end = self.end_of(0, at + 2)?;
                let end = end + text[end + 2..].len() - text[end + 2..].trim_start_matches('`').len();
                of(end + 2, self.code(&text[at + 2..end]))
            }
            b'`' => {
                let end = may_begin(1).then(|| self.end_of(1, at + 1)).flatten()?;
                let (end, written) = self.interpreted(None, &text[at + 1..end], end + 1);
                of(end, written)
            }
            b'*' => {
                let (mark, length) = if after.starts_with("**") { (2, 2) } else { (3, 1) };
                let end = may_begin(length).then(|| self.end_of(mark, at + length)).flatten()?;
                let words = self.words(&one_line(&unescaped(&text[at + length..end])));
                let is_strong = length == 2 && !self.is_plain && !words.contains("**");
                of(end + length, if is_strong { format!("**{words}**") } else { words })
            }
            b'|' => {
                let end = may_begin(1).then(|| self.end_of(4, at + 1)).flatten()?;
                let written = self.substituted(&text[at + 1..end])?;
                let rest = &text[end + 1..];
                let reference = rest.len() - rest.trim_start_matches('_').len();
                of(end + 1 + reference.min(2), written)
            }
            b'_' if after.starts_with("_`") => {
                let end = may_begin(2).then(|| self.end_of(1, at + 2)).flatten()?;
                of(end + 1, self.words(&one_line(&text[at + 2..end])))
            }
            b'_' => self.reference(at, done),
            b'[' => {
                let window = &after[..after.floor_char_boundary(after.len().min(MAX_NAME_BYTES))];
                let end = window.find(']').filter(|end| *end > 1 && can_begin(before))?;
                let rest = after[end + 1..].strip_prefix('_').filter(|rest| can_end(rest.chars().next()))?;
                let label = self.footnote(&after[1..end])?;
                // Before a bracket the text would be a link.
                let is_plain = !rest.starts_with(['(', '[', ':']) && !label.contains('*');
                of(text.len() - rest.len(), if is_plain { label } else { self.words(&label) })
            }
            b':' => {
                if !can_begin(before) {
                    return None;
                }
                let name_end =
                    after[1..].find(|c: char| !is_role_sign(c)).filter(|end| (1..=60).contains(end))?;
                let name = &after[1..1 + name_end];
                let open = at + 1 + name_end;
                if !name.ends_with(':') || !text[open..].starts_with('`') || text[open..].starts_with("``") {
                    return None;
                }
                let end = self.end_of(1, open + 1)?;
                let (end, written) =
                    self.interpreted(Some(name.trim_end_matches(':')), &text[open + 1..end], end + 1);
                of(end, written)
            }
            b'h' if can_begin(before) => {
                let is_address = after.starts_with("http://") || after.starts_with("https://");
                let window = &after[..after.floor_char_boundary(after.len().min(MAX_SPAN_BYTES))];
                let end = is_address.then(|| window.find(ends_address).unwrap_or(window.len()))?;
                let mut address = window[..end].trim_end_matches(|c| ".,;:!?'\"*_\\".contains(c));
                if !address.contains('(') {
                    address = address.trim_end_matches(')');
                }
                let end = at + address.len();
                // Brackets around it are its own.
                let is_bracketed = before == Some('<') && text[end..].starts_with('>') && at > done;
                let written = if self.is_plain { address.to_owned() } else { format!("<{address}>") };
                match is_bracketed {
                    true => Some(Markup { start: at - 1, end: end + 1, written }),
                    false => of(end, written),
                }
            }
            _ => None,
        }
    }

    /// The place of the next end of a mark. Places must go forward.
    fn end_of(&mut self, mark: usize, from: usize) -> Option<usize> {
        let (text, sign) = (self.text, MARKS[mark]);
        let limit = text.floor_char_boundary(text.len().min(from + MAX_SPAN_BYTES));
        let mut at = from.max(self.searched[mark]);
        while let Some(found) = text.get(at..limit).and_then(|window| window.find(sign)) {
            let end = at + found;
            let (before, after) = (text[..end].chars().next_back(), &text[end + sign.len()..]);
            let is_escaped = before == Some('\\') && sign != "``";
            let is_longer = match sign {
                "``" => false,
                "`" | "*" => after.starts_with(sign) || before == sign.chars().next(),
                _ => false,
            };
            let follows = after.chars().next();
            let is_followed = match sign {
                "``" => after.starts_with('`') || can_end(follows),
                "`" => can_end(follows) || after.starts_with(['_', ':']),
                "|" => can_end(follows) || after.starts_with('_'),
                _ => can_end(follows),
            };
            let is_end = end > from
                && before.is_some_and(|c| !c.is_whitespace() || sign == "``")
                && is_followed
                && !is_escaped
                && !is_longer;
            if is_end {
                self.inline.steps.take(end - from);
                return Some(end);
            }
            at = end + 1;
        }
        self.inline.steps.take(limit.saturating_sub(at));
        self.searched[mark] =
            self.searched[mark].max(text.floor_char_boundary(limit.saturating_sub(sign.len() - 1)));
        None
    }

    /// Text between backticks, which may be a link, or have a role before or behind it; returns where it ends.
    fn interpreted(&mut self, role: Option<&str>, inner: &str, end: usize) -> (usize, String) {
        let rest = &self.text[end..];
        if let Some(role) = role {
            return (end, self.role(role, inner));
        }
        if let Some(after) = rest.strip_prefix('_') {
            let is_anonymous = after.starts_with('_');
            return (end + 1 + usize::from(is_anonymous), self.link(inner, is_anonymous));
        }
        let role = rest.strip_prefix(':').and_then(|after| {
            let length = after.find(|c: char| !is_role_sign(c)).unwrap_or(after.len());
            after[..length].strip_suffix(':').filter(|name| !name.is_empty() && name.len() <= 60)
        });
        match role {
            Some(role) => (end + role.len() + 2, self.role(role, inner)),
            None => (end, self.code(&unescaped(inner))),
        }
    }

    fn link(&mut self, inner: &str, is_anonymous: bool) -> String {
        let (words, target) = titled(inner);
        let words = unescaped(words);
        let Some(target) = target else {
            let address = match is_anonymous {
                true => self.next_anonymous(),
                false => self.address_of(&words),
            };
            return self.linked(&words, &address.unwrap_or_default());
        };
        let address = match target.strip_suffix('_').filter(|name| !name.contains("://")) {
            Some(name) => self.address_of(name).unwrap_or_default(),
            None => unescaped(target).replace(char::is_whitespace, ""),
        };
        let mut embedded = self.inline.embedded.borrow_mut();
        if !is_anonymous && embedded.len() < MAX_EMBEDDED {
            embedded.insert(normalised(&words), address.clone());
        }
        drop(embedded);
        self.linked(if words.is_empty() { target } else { &words }, &address)
    }

    fn next_anonymous(&self) -> Option<String> {
        let number = self.inline.num_anonymous.get();
        let address = self.inline.names.anonymous.get(number)?;
        self.inline.num_anonymous.set(number + 1);
        Some(address.clone())
    }

    fn address_of(&self, name: &str) -> Option<String> {
        let known = self.inline.names.address(name).map(str::to_owned);
        known.or_else(|| self.inline.embedded.borrow().get(&normalised(name)).cloned())
    }

    /// A word that ends in `_` where it names a link.
    fn reference(&mut self, at: usize, done: usize) -> Option<Markup> {
        let text = self.text;
        let after = &text[at + 1..];
        let (after, is_anonymous) = after.strip_prefix('_').map_or((after, false), |after| (after, true));
        if !can_end(after.chars().next()) {
            return None;
        }
        let first = text.ceil_char_boundary(at.saturating_sub(MAX_NAME_BYTES).max(done));
        let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '+' | ':');
        let word = text[first..at].rsplit(|c| !is_inside(c)).next().unwrap_or_default();
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let start = at - word.len();
        if word.is_empty() || !can_begin(text[..start].chars().next_back()) {
            return None;
        }
        let address = match is_anonymous {
            true => self.next_anonymous(),
            false => self.address_of(word),
        };
        let written = match address {
            Some(address) => self.linked(word, &address),
            None => self.inline.names.labels.contains_key(&normalised(word)).then(|| self.words(word))?,
        };
        Some(Markup { start, end: text.len() - after.len(), written })
    }

    /// The text that a reference to a footnote shows.
    fn footnote(&self, label: &str) -> Option<String> {
        match label {
            "*" => Some("[*]".to_owned()),
            "#" => {
                let number = self.inline.num_footnotes.get() + 1;
                self.inline.num_footnotes.set(number);
                Some(format!("[{number}]"))
            }
            label => {
                let name = label.strip_prefix('#').unwrap_or(label);
                let is_name =
                    name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ':'));
                (is_name && !name.is_empty()).then(|| format!("[{name}]"))
            }
        }
    }

    /// The text that a name stands for. If it is not known, a marker shows that something is missing.
    fn substituted(&mut self, name: &str) -> Option<String> {
        let key = normalised(name);
        let names = self.inline.names;
        let included = self.inline.included.borrow().get(&key).cloned();
        let value = included.as_deref().or_else(|| names.substitutions.get(&key).map(String::as_str));
        let Some(value) = value.filter(|_| self.depth < MAX_DEPTH) else {
            let is_of_project = matches!(key.as_str(), "release" | "today" | "version");
            return is_of_project.then(|| self.words(&format!("[{key}]")));
        };
        if !self.inline.steps.take(STEPS_PER_SUBSTITUTED_BYTE * value.len()) {
            return None;
        }
        Some(self.inline.reading(value, self.is_plain, self.depth + 1).read())
    }

    /// The text that a role shows.
    fn role(&mut self, name: &str, inner: &str) -> String {
        let domain = name.rsplit_once(':').map_or("", |(domain, _)| domain);
        let name = name.rsplit(':').next().unwrap_or(name);
        let inner = unescaped(inner);
        let (words, target) = titled(inner.trim());
        match name {
            "doc" => {
                let address = target.unwrap_or(words);
                let words = if target.is_some() { words.to_owned() } else { readable(words) };
                self.linked(&words, address)
            }
            name if LABEL_ROLES.contains(&name) => match target {
                Some(_) => self.words(&one_line(words)),
                None => {
                    let heading = self.inline.names.labels.get(&normalised(words)).cloned();
                    match heading {
                        Some(heading) => self.words(&self.inline.reading(&heading, true, MAX_DEPTH).read()),
                        None => self.words(&readable(words)),
                    }
                }
            },
            "download" => self.words(&if target.is_some() { words.to_owned() } else { readable_file(words) }),
            "pep" | "rfc" => {
                let number = words.split('#').next().unwrap_or(words);
                let words = match target {
                    Some(_) => words.to_owned(),
                    None => format!("{} {number}", name.to_uppercase()),
                };
                self.words(&words)
            }
            "menuselection" => self.words(&words.replace("-->", ">").replace('&', "")),
            "guilabel" => self.words(&words.replace('&', "")),
            "eq" | "math" => self.code(&inner),
            name if name.starts_with("raw") => String::new(),
            name if CODE_ROLES.contains(&name) || !matches!(domain, "" | "std") => {
                let words = words.strip_prefix('!').unwrap_or(words);
                let words = match words.strip_prefix('~') {
                    Some(path) => path.rsplit('.').next().unwrap_or(path),
                    None => words,
                };
                self.code(if words.is_empty() { &inner } else { words })
            }
            _ => self.words(&one_line(if words.is_empty() { &inner } else { words })),
        }
    }

    fn words(&self, words: &str) -> String {
        if self.is_plain {
            return words.to_owned();
        }
        let mut written = String::with_capacity(words.len());
        push_words(&mut written, words, false);
        written
    }

    fn code(&self, code: &str) -> String {
        if self.is_plain {
            return code.to_owned();
        }
        let mut written = String::with_capacity(code.len() + 2);
        push_code(&mut written, code);
        written
    }

    fn linked(&self, words: &str, address: &str) -> String {
        if self.is_plain {
            return words.to_owned();
        }
        let mut written = String::with_capacity(words.len() + address.len() + 4);
        push_words(&mut written, words, true);
        push_link(&mut written, 0, address);
        written
    }
}

/// The words of a link or a role, and where it leads if that stands in angle brackets behind them.
fn titled(inner: &str) -> (&str, Option<&str>) {
    let titled = inner.strip_suffix('>').and_then(|inner| inner.rsplit_once('<'));
    match titled {
        Some((words, target)) if words.is_empty() || words.ends_with(char::is_whitespace) => {
            (words.trim_end(), Some(target))
        }
        _ => (inner, None),
    }
}

/// The words of a label or a path.
fn readable(name: &str) -> String {
    let name = name.trim_matches('/').rsplit(['/', ':']).next().unwrap_or(name);
    name.replace(['-', '_'], " ").trim().to_owned()
}

fn readable_file(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// A text without the backslashes before its signs.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next().filter(|c| !c.is_whitespace())),
            character => plain.push(character),
        }
    }
    plain
}

/// Whether markup may begin with the character, or end with it if it is a reference.
fn is_sign(character: char) -> bool {
    matches!(character, '\\' | '`' | '*' | '|' | '_' | '[' | ':' | 'h')
}

fn is_role_sign(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '+' | ':')
}

fn ends_address(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, '<' | '>' | '"' | '`' | '|')
}

/// Whether markup may begin behind a character.
fn can_begin(before: Option<char>) -> bool {
    before.is_none_or(|c| {
        !c.is_alphanumeric() && !matches!(c, '_' | '\\' | '`' | '*' | '|' | ')' | ']' | '}' | '>')
    })
}

/// Whether markup may end before a character.
fn can_end(after: Option<char>) -> bool {
    after.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '`'))
}

/// Whether a mark stands alone between quotes, as one that is written about.
fn is_quoted(before: Option<char>, after: Option<char>) -> bool {
    let pairs = [('"', '"'), ('\'', '\''), ('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];
    before.zip(after).is_some_and(|pair| pairs.contains(&pair))
}
