//! Commands, flags, paths and object names in a reply, compared with what the evidence and the question say. A command
//! that changes something must stand in the evidence as a command; a command that only reads may also come from a list
//! of our own.
//!
//! A command that is in no document is marked, one that also destroys is taken out, and every destructive command is
//! labelled, in the model's text as in a quotation. Entry point: [`checked`].

pub mod changes;
mod destruction;
mod flow;
mod fold;
mod grounds;
mod outflow;
mod programs;
mod prose;
mod shell;
mod vocabulary;

pub use grounds::Grounds;
pub use vocabulary::is_known_program;

use crate::{
    fences::{self, Reading},
    markdown::{self, OPTIONS},
    phrases::Phrases,
    text::edited,
};
use flow::Flow;
use fold::{Place, folded};
use programs::{Kind, verbs_of};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;
use shell::Invocation;
use std::{collections::BTreeSet, ops::Range, sync::LazyLock};
use vocabulary::{has, is_known, is_made_like_tool, is_ordinary, is_tool};

/// The commands of a sentence: the texts in backticks, and the words that begin with a tool's name.
pub fn in_text(sentence: &str) -> Vec<String> {
    let spans = sentence.split('`').skip(1).step_by(2).map(str::to_owned);
    let words = sentence.replace('`', " ");
    spans.chain(prose::segments(&words).into_iter().map(|segment| words[segment].to_owned())).collect()
}

/// Where commands stand in running text without backticks.
pub fn in_sentences(text: &str) -> Vec<Range<usize>> {
    prose::segments(text)
}

/// The prefix of a command in a transcript or a list: a prompt, a bullet or a number.
static PROMPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:\[?[\w.-]+@[\w.-]+[^\s#$%>]{0,60}(?:\s[^\s\]#$%>]{0,60}\])?\s?[#$%>]\s*|PS\s[^\s>]{0,60}>\s*|[\w.:\[\]()-]{1,40}(?:=?[#$%>])\s+|(?:[$%>*•-]|\d{1,3}[.)])\s+)+")
        .expect("the pattern is valid")
});

/// A reply's text after the check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// The text with its marks.
    pub text: String,
    /// Commands, flags, paths and names that no source has.
    pub unverified: BTreeSet<String>,
    /// Destructive commands.
    pub destructive: BTreeSet<String>,
}

/// How a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A line of a shell's code: a command, whichever program it is.
    Shell,
    /// Code that says nothing about itself: a command where it looks like one.
    Plain,
    /// A code span that the sentence tells to run: a command where it has a program and words after it.
    Told,
    /// A program in another language: what it calls may destroy.
    Script,
    /// Code of another language, logs: a command where it begins with a tool.
    Data,
    /// A command found in running text.
    Prose,
}

/// Marks what no source has (unless `grounds` is absent, for text that only quotes) and labels what destroys.
pub fn checked(text: &str, grounds: Option<&Grounds>, phrases: &Phrases) -> Checked {
    let mut check = Check { text, grounds, phrases, found: Checked::default(), edits: Vec::new() };
    let mut flow = Flow::default();
    let mut block: Option<(Range<usize>, Mode)> = None;
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                check.running_text(&std::mem::take(&mut flow));
                block = Some((range, mode_of(&kind)));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((range, mode)) = block.take() {
                    check.code_block(&std::mem::take(&mut flow), range, mode);
                }
            }
            Event::Text(content) => flow.push(&content, range, text),
            Event::Code(code) => {
                let mode = if prose::tells_to_run(flow.text()) { Mode::Told } else { Mode::Plain };
                let is_command = check.code_span(&code, range.clone(), mode);
                flow.push_span(&code, range, is_command);
            }
            Event::SoftBreak | Event::HardBreak => flow.push("\n", range, text),
            Event::InlineHtml(html) if markdown::is_placeholder(&html) => flow.push(&html, range, text),
            Event::Start(tag) if markdown::is_inline(&tag.to_end()) => {}
            Event::End(tag) if markdown::is_inline(&tag) => {}
            Event::Start(_) | Event::End(_) => check.running_text(&std::mem::take(&mut flow)),
            _ => {}
        }
    }
    check.running_text(&flow);
    let Check { mut found, edits, .. } = check;
    found.text = applied(text, edits);
    found
}

fn mode_of(kind: &CodeBlockKind<'_>) -> Mode {
    let language = match kind {
        CodeBlockKind::Fenced(info) => {
            info.split([' ', '\t', ',', '{']).next().unwrap_or_default().to_ascii_lowercase()
        }
        CodeBlockKind::Indented => String::new(),
    };
    match language.as_str() {
        "" => Mode::Plain,
        language if fences::is(language, Reading::Commands) => Mode::Shell,
        language if fences::is(language, Reading::Queries) => Mode::Plain,
        language if fences::is(language, Reading::Script) => Mode::Script,
        _ => Mode::Data,
    }
}

struct Check<'a> {
    text: &'a str,
    grounds: Option<&'a Grounds>,
    phrases: &'a Phrases,
    found: Checked,
    edits: Vec<(Range<usize>, String)>,
}

impl Check<'_> {
    /// Checks a code span; returns whether it is a command by itself.
    fn code_span(&mut self, code: &str, range: Range<usize>, mode: Mode) -> bool {
        let folded = folded(code, Place::Code).text;
        let (verdict, is_command) = judge(&folded, self.grounds, mode);
        let literal = folded.trim();
        let is_invented = !is_command
            && self.grounds.is_some_and(|grounds| {
                is_literal(literal)
                    && !is_field_path(literal)
                    && !has("common", literal)
                    && !has("ordinary files", literal)
                    && vocabulary::reader(&shell::name_of(literal)).is_none()
                    && !grounds.say(literal)
            });
        let verdict = Verdict { unverified: verdict.unverified || is_invented, ..verdict };
        self.note(code, &verdict);
        self.edits.extend(verdict.edit(range, self.phrases));
        is_command || verdict != Verdict::default()
    }

    fn note(&mut self, command: &str, verdict: &Verdict) {
        if verdict.unverified {
            self.found.unverified.insert(command.trim().to_owned());
        }
        if verdict.destructive {
            self.found.destructive.insert(command.trim().to_owned());
        }
    }

    /// Checks a code block line by line; lines that a backslash joins are one. The whole gets one label.
    fn code_block(&mut self, flow: &Flow, block: Range<usize>, mode: Mode) {
        let mut label: Option<&str> = None;
        let mut here_document: Option<(String, Mode)> = None;
        // Where commands stand behind a prompt, the other lines are their output.
        let is_prompted = |line: &str| line.trim_start().starts_with("$ ");
        let is_transcript = flow.text().lines().any(is_prompted);
        for line in joined_lines(flow.text()) {
            let content = flow.text()[line.clone()].trim_end_matches('\n');
            let judged = folded(content, Place::Code).text;
            let line = line.start..line.start + content.len();
            let line_mode = match &here_document {
                Some((end, _)) if content.trim() == end => {
                    here_document = None;
                    continue;
                }
                Some((_, mode)) => *mode,
                None if is_transcript && !is_prompted(content) => Mode::Plain,
                None => mode,
            };
            let (verdict, _) = judge(&judged, self.grounds, line_mode);
            if here_document.is_none() {
                here_document = opened_here_document(&judged);
            }
            self.note(content, &verdict);
            let Some(source) = flow.source(&line) else { continue };
            match verdict.fate(self.phrases) {
                Fate::Replaced(note) => self.edits.push((source, format!("# {note}"))),
                Fate::Marked(note) if verdict.unverified => {
                    self.edits.push((source.end..source.end, format!("  # {note}")));
                }
                Fate::Marked(note) => {
                    label = label.filter(|label| *label == self.phrases.destructive).or(Some(note))
                }
                Fate::Kept if matches!(line_mode, Mode::Data | Mode::Plain) => {
                    self.image(content, &source);
                }
                Fate::Kept => {}
            }
        }
        if let Some(label) = label {
            // The label stands in the list item or quotation that the code stands in.
            let line_start = self.text[..block.start].rfind('\n').map_or(0, |at| at + 1);
            let margin: String = self.text[line_start..block.start]
                .chars()
                .flat_map(|c| match c {
                    '>' | '\t' => vec![c],
                    c => vec![' '; if c.is_ascii() { 1 } else { 2 }],
                })
                .collect();
            // Code without a fence stands four columns further in.
            let is_fenced = self.text[block.clone()].starts_with(['`', '~']);
            let margin =
                if is_fenced { margin.as_str() } else { margin.strip_suffix("    ").unwrap_or_default() };
            let end = block.start + self.text[block].trim_end().len();
            self.edits.push((end..end, format!("\n{margin}({label})")));
        }
    }

    /// Marks the image that a line of a manifest names where no source has it; one from an unknown host is taken out.
    fn image(&mut self, content: &str, source: &Range<usize>) {
        let (Some(grounds), Some(image)) = (self.grounds, outflow::image_of_line(content)) else { return };
        let place = source.start + image.start..source.start + image.end;
        if self.text.get(place.clone()) != Some(&content[image.clone()]) {
            return;
        }
        let end = source.end..source.end;
        match outflow::origin(&content[image.clone()], grounds) {
            outflow::Origin::Known => return,
            outflow::Origin::Unknown => self.edits.push((end, format!("  # {}", self.phrases.unverified))),
            outflow::Origin::Foreign => {
                self.edits.push((place, "<image>".to_owned()));
                self.edits.push((end, format!("  # {}", self.phrases.withheld)));
            }
        }
        self.found.unverified.insert(content[image].to_owned());
    }

    /// Checks a paragraph, a heading, a cell.
    fn running_text(&mut self, flow: &Flow) {
        let folded = folded(flow.text(), Place::Text);
        let text = folded.text.as_ref();
        let segments: Vec<Range<usize>> = prose::segments(text);
        for segment in &segments {
            let place = folded.source(segment);
            // A command in a code span is judged there.
            if flow.is_within_span(&place) {
                continue;
            }
            let command = text[segment.clone()].replace('\n', " ");
            let (verdict, _) = judge(&command, self.grounds, Mode::Prose);
            self.note(&command, &verdict);
            let Some(source) = flow.source(&place) else { continue };
            self.edits.extend(verdict.edit(source, self.phrases));
        }
        if let Some(grounds) = self.grounds {
            let is_taken = |range: &Range<usize>| {
                prose::overlaps(&segments, range) || flow.touches_span(&folded.source(range))
            };
            for literal in prose::literals(text, is_taken) {
                if has("ordinary files", &text[literal.clone()]) {
                    continue;
                }
                let written = text[literal.clone()].trim_end_matches(['.', '/']);
                let is_said = written.split('=').all(|part| grounds::is_number(part) || grounds.say(part));
                if let Some(source) = flow.source(&folded.source(&literal)).filter(|_| !is_said) {
                    self.found.unverified.insert(written.to_owned());
                    self.edits.push((source.end..source.end, format!(" ({})", self.phrases.unverified)));
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Verdict {
    unverified: bool,
    destructive: bool,
    /// Whether it shows secrets, carries local data away or runs an image from an unknown host.
    gives_away: bool,
}

/// The edit that a command gets.
enum Fate<'p> {
    /// A note stands in its place.
    Replaced(&'p str),
    /// A note stands behind it.
    Marked(&'p str),
    Kept,
}

impl Verdict {
    fn fate(self, phrases: &Phrases) -> Fate<'_> {
        match (self.unverified, self.destructive, self.gives_away) {
            (true, _, true) => Fate::Replaced(phrases.withheld),
            (true, true, false) => Fate::Replaced(phrases.removed),
            (true, false, false) => Fate::Marked(phrases.unverified),
            (false, true, _) => Fate::Marked(phrases.destructive),
            (false, false, true) => Fate::Marked(phrases.discloses),
            (false, false, false) => Fate::Kept,
        }
    }

    /// The mark after a command, or the text in its place.
    fn edit(self, range: Range<usize>, phrases: &Phrases) -> Option<(Range<usize>, String)> {
        match self.fate(phrases) {
            Fate::Replaced(note) => Some((range, format!("[{note}]"))),
            Fate::Marked(note) => Some((range.end..range.end, format!(" ({note})"))),
            Fate::Kept => None,
        }
    }
}

/// A line without the prefix of its command.
fn bare(line: &str) -> &str {
    let rest = PROMPT.find(line).map_or(line, |prompt| &line[prompt.end()..]);
    rest.trim()
}

/// Judges a line, and says whether it is a command.
fn judge(line: &str, grounds: Option<&Grounds>, mode: Mode) -> (Verdict, bool) {
    let whole = line;
    let mut line = bare(line);
    let mut mode = mode;
    if let Some(comment) = line.strip_prefix('#') {
        // A root's prompt looks like a comment.
        line = comment.trim_start_matches('#').trim();
        mode = Mode::Prose;
    }
    if line.is_empty() {
        return (Verdict::default(), false);
    }
    let calls = shell::invocations(line);
    let looks = matches!(mode, Mode::Plain | Mode::Told) && looks_like_command(line, &calls, mode);
    let counts = |call: &Invocation| match mode {
        Mode::Shell => {
            let is_pattern = call.written.contains(['?', '*']) && call.written.contains('/');
            is_known(&call.program)
                || is_program(&call.written)
                || is_made_like_tool(&call.written)
                || (is_spelt(&call.written) || is_pattern) && !call.args.is_empty()
        }
        Mode::Plain | Mode::Told => looks || is_certain(call, calls.len()),
        Mode::Data | Mode::Script => is_certain(call, calls.len()),
        Mode::Prose => prose::is_invocation(call) || prose::is_told(call) || call.fed != shell::Feed::Nothing,
    };
    let is_command = calls.iter().any(&counts);
    let mut acts: Vec<String> = calls
        .iter()
        .filter(|call| counts(call) || (call.is_quotation && is_command))
        .filter_map(destruction::act)
        .collect();
    if !matches!(mode, Mode::Data | Mode::Script) || is_command || line.ends_with(';') {
        destruction::acts_of_text(whole, is_command, &mut acts);
    }
    if matches!(mode, Mode::Plain | Mode::Told) && !is_command {
        let quoted = prose::segments(line);
        acts.extend(quoted.into_iter().flat_map(|segment| destruction::acts(&line[segment], |_| true)));
    }
    if mode == Mode::Script && destruction::is_destroying_script(line) {
        acts.push("script".to_owned());
    }
    let destructive = !acts.is_empty();
    let is_statement =
        !matches!(mode, Mode::Data | Mode::Script | Mode::Prose) && destruction::is_statement(line);
    let is_command = is_command || destructive || is_statement;
    let counted = || calls.iter().filter(|call| counts(call) || call.fed != shell::Feed::Nothing);
    let shows = is_command && outflow::shows_secrets(&calls);
    let Some(grounds) = grounds else {
        return (Verdict { unverified: false, destructive, gives_away: shows }, is_command);
    };
    let is_foreign = counted().any(|call| outflow::runs_foreign_image(call, grounds));
    let carries_away = counted().any(|call| outflow::sends(call) && outflow::leads_astray(call, grounds));
    let is_command = is_command || carries_away;
    // A statement to a database has no program whose words are looked up.
    let is_unsaid = (is_statement || acts.iter().any(|act| act.starts_with("sql "))) && !grounds.say(line);
    let unverified = is_command
        && !grounds.has_line(line)
        && (is_unsaid
            || !acts.iter().all(|act| grounds.has_act(act))
            || is_foreign
            || carries_away
            || (shows && !grounds.shows_secrets())
            || calls.iter().filter(|call| counts(call)).any(|call| !grounds.allow(call, mode, destructive)));
    let gives_away = shows || (unverified && (carries_away || is_foreign));
    (Verdict { unverified, destructive, gives_away }, is_command)
}

/// Whether a call is one in any code: a tool with something after it, or at the end of a pipe.
fn is_certain(call: &Invocation, num_calls: usize) -> bool {
    let is_ordinary = is_ordinary(&call.program);
    let is_lone = matches!(call.program.as_str(), "reboot" | "poweroff" | "shutdown" | "halt")
        || (is_made_like_tool(&call.written) && destruction::act(call).is_some());
    // In code a tool and a word are enough where the tool has no verbs: `python3 x.py`, `rm x`.
    let is_script = !call.args.is_empty() && verbs_of(&call.program).is_none();
    is_lone
        || prose::is_invocation(call)
        || (is_tool(&call.program) && !is_ordinary && (is_script || num_calls > 1))
}

/// Whether a line of code is a command of a program we do not know: a name and flags, a name and a verb that destroys,
/// a pipe into a program that we know.
fn looks_like_command(line: &str, calls: &[Invocation], mode: Mode) -> bool {
    let Some(first) = calls.first() else { return false };
    let is_sentence = line.split_whitespace().any(|word| {
        (word.len() > 2 && word.ends_with([':', ','])) || word.contains(|c: char| c >= '\u{2e80}')
    });
    let has_flag = first.args.iter().any(|word| {
        let letters = word.text.trim_start_matches('-');
        word.text.starts_with('-') && letters.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let is_path = first.written.starts_with(['.', '/', '~']) && first.written.contains('/');
    // The operands of a reading command are looked up as well: `cat /etc/passwd`.
    let is_ordinary = is_ordinary(&first.program);
    let reads_file = is_known(&first.program)
        && !is_ordinary
        && first.args.iter().any(|word| word.text.starts_with(['/', '~']) && word.text.len() > 1);
    let feeds =
        calls.len() > 1 && line.contains('|') && calls[1..].iter().any(|call| is_known(&call.program));
    let begins_phrase = has("phrase words", first.written.to_lowercase().as_str());
    let second = first.args.first().map_or("", |word| word.text.as_str());
    // `frobctl purge`, `frobctl tenant purge`, but not `failed to delete`.
    let is_lower = |word: &str| word.chars().all(|c| !c.is_ascii_uppercase() && c.is_ascii());
    let says_so =
        |num_words| first.args.iter().take(num_words).any(|word| has("destroying words", &word.text));
    let is_lower = first.args.iter().all(|word| is_lower(&word.text));
    let destroys = !second.is_empty()
        && !begins_phrase
        && (is_tool(&first.program)
            && destruction::act(first).is_some()
            && (!has("phrase words", second) || is_lower && says_so(3))
            || !has("phrase words", second) && first.args.len() <= 4 && is_lower && says_so(2));
    let is_told = mode == Mode::Told && !begins_phrase && !second.is_empty() && !has("connectives", second);
    // A tool that we know, whatever its verb.
    let is_named = is_tool(&first.program)
        && !is_ordinary
        && !has("phrase words", second)
        && line.starts_with(&first.written);
    (is_made_like_tool(&first.written) && !is_known(&first.program) || is_named)
        && !second.is_empty()
        && !is_sentence
        || (is_program(&first.written) || is_spelt(&first.written))
            && !is_sentence
            && (has_flag
                || reads_file
                || feeds
                || destroys
                || is_told
                || !first.outputs.is_empty() && !second.is_empty() && first.outputs[0].contains(['/', '.'])
                || (is_path && !first.args.is_empty())
                || first.written.starts_with("./"))
}

/// Whether a program's name is put together by the shell: `$cmd`, `r${x}m`.
fn is_spelt(word: &str) -> bool {
    word.contains('$') && word.contains(|c: char| c.is_ascii_alphabetic())
}

/// Whether a word may be a program: `./evil.sh`, `frobctl`.
fn is_program(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '.' | '/' | '~' | '_'))
        && word.contains(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '~' | '+'))
        && !has("keywords", word)
        && word != "..."
}

/// Whether a code span is something one would type: a flag, a path, a name with a hyphen, dot, slash or digit.
fn is_literal(span: &str) -> bool {
    let one_word = !span.contains(char::is_whitespace);
    let is_placeholder = span.contains(['<', '>', '{', '}', '$', '*', '…']);
    let compound = span.contains(['-', '/', '.', '_']);
    one_word && !is_placeholder && compound && span.chars().any(char::is_alphabetic)
}

/// Whether a code span names a field of a manifest, as `scaleTargetRef.name`, `.spec.replicas` or
/// `containers[0].image`: a field is set, not run.
fn is_field_path(span: &str) -> bool {
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\.?[a-z][A-Za-z0-9]*(?:\[(?:[0-9]{1,3}|\*)?\])?(?:\.[a-z][A-Za-z0-9]*(?:\[(?:[0-9]{1,3}|\*)?\])?)+$")
            .expect("the pattern is valid")
    });
    let mut parts = span.trim_start_matches('.').split(['.', '[']).filter(|part| !part.ends_with(']'));
    let is_known = parts.clone().any(|part| part.contains(|c: char| c.is_ascii_uppercase()))
        || parts.next().is_some_and(|root| has("field roots", root));
    PATH.is_match(span) && is_known && !has("endings of files", span.rsplit('.').next().unwrap_or_default())
}

/// The lines of code, those that end in a backslash together with the next.
fn joined_lines(code: &str) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let (mut at, mut goes_on) = (0, false);
    for line in code.split_inclusive('\n') {
        let end = at + line.len();
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.end = end,
            None => lines.push(at..end),
        }
        goes_on = line.trim_end_matches('\n').trim_end().ends_with('\\');
        at = end;
    }
    lines
}

/// The word that ends the text which a line begins with `<<EOF`, and what that text is.
fn opened_here_document(line: &str) -> Option<(String, Mode)> {
    let (before, after) = line.split_once("<<")?;
    let word = after.trim_start_matches('-').trim_start();
    if word.starts_with('<') {
        return None;
    }
    let end: String = word
        .trim_start_matches(['\'', '"', '\\'])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    let calls = shell::invocations(line);
    let runs = |kind| calls.iter().any(|call| programs::is(&call.program, kind));
    let mode = match () {
        () if runs(Kind::Shell) || calls.iter().any(|call| call.program == "ssh") => Mode::Shell,
        () if runs(Kind::Interpreter) => Mode::Script,
        () if calls
            .iter()
            .any(|call| matches!(call.program.as_str(), "psql" | "mysql" | "sqlite3" | "cqlsh")) =>
        {
            Mode::Plain
        }
        () => Mode::Data,
    };
    (!end.is_empty() && !before.trim().is_empty()).then_some((end, mode))
}

fn applied(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    edited(text, edits)
}

#[cfg(test)]
mod tests;
