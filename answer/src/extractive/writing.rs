//! The answer's text, in the layout that the client asked for, with its sources numbered in the order of their use.

use super::{
    Body, Material,
    addresses::Addresses,
    elements::{Below, Element, Shape as Form, introduces},
};
use crate::{
    checks::markup,
    citations,
    evidence::Evidence,
    format::{Format, Shape},
    markdown::{Unit, sentences, units},
    phrases::Phrases,
    quote::{Quote, push_sentence},
    text::{clipped, num_chars},
    translations::Linked,
};
use kb::{analyzer::is_cjk, prohibition, sections::Role};

/// Longest explanation under a label.
const CAUSE_CHARS: usize = 420;
/// Shortest explanation worth showing under the client's limit.
const MIN_CAUSE_CHARS: usize = 100;
/// Longest first sentence that is only a step's label.
const MAX_LABEL_CHARS: usize = 24;
/// Longest first sentence of a section that fits as well.
const TWIN_CHARS: usize = 200;
/// Room for the note that more steps follow.
const MORE_CHARS: usize = 24;

/// The text of one answer, while it is written.
pub struct Writer<'f> {
    text: String,
    /// The sources, in the order of their first use.
    used: Vec<Evidence>,
    /// The web addresses of what is quoted.
    addresses: Addresses,
    format: &'f Format,
    phrases: &'static Phrases,
    /// The documents that what is quoted links to.
    linked: &'f [Linked],
}

impl<'f> Writer<'f> {
    /// A writer of an empty answer.
    pub fn new(format: &'f Format, phrases: &'static Phrases, linked: &'f [Linked]) -> Self {
        Self {
            text: String::new(),
            used: Vec::new(),
            addresses: Addresses::default(),
            format,
            phrases,
            linked,
        }
    }

    /// The number of a source.
    pub fn number(&mut self, evidence: &Evidence) -> usize {
        if let Some(used) = self.used.iter().find(|used| used.chunk == evidence.chunk) {
            return used.n;
        }
        let n = self.used.len() + 1;
        self.used.push(Evidence { n, ..evidence.clone() });
        n
    }

    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The text, its sources, and the addresses whose marks stand in it.
    pub fn finish(self) -> (String, Vec<Evidence>, Addresses) {
        (self.text, self.used, self.addresses)
    }

    /// Adds what is quoted.
    pub fn body(&mut self, body: &Body<'_>, material: &Material<'_>) {
        match self.format.shape {
            Shape::ErrorSolution | Shape::ErrorCommand => self.labelled(body),
            Shape::Plain | Shape::ScrapeReport => {
                self.plain(body);
                self.twin(material.twin);
                self.see_also(material.evidence);
            }
        }
    }

    fn plain(&mut self, body: &Body<'_>) {
        let Phrases { cause, steps, look, colon, .. } = self.phrases;
        let colon = colon.trim_end();
        let room = self.format.max_chars.unwrap_or(usize::MAX);
        let explained = self.within(&body.cause, room);
        if !explained.is_empty() {
            match body.is_runbook {
                true => self.line(&format!("**{cause}{colon}** {explained}")),
                false => self.line(&explained),
            }
        }
        if !body.elements.is_empty() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            if body.is_runbook {
                self.line(&format!("**{steps}{colon}**"));
            }
            self.elements(body);
        }
        if let Some((count, from)) = body.left_out {
            let n = self.number(from);
            let more = self.more(count);
            self.line(&format!("\n({more} [{n}])"));
        }
        if let Some((commands, from)) = &body.look
            && self.format.max_chars.is_none()
        {
            let n = self.number(from);
            self.line(&format!("\n**{look}{colon}** [{n}]"));
            self.fence("bash", &commands.join("\n"), 0);
        }
    }

    /// The elements as they stand on their page; those of a runbook numbered one after the other.
    fn elements(&mut self, body: &Body<'_>) {
        let mut number = 0;
        let mut previous: Option<Form> = None;
        for element in &body.elements {
            let form = if body.is_runbook { Form::Numbered } else { element.shape };
            if previous.is_some_and(|previous| previous != form || form == Form::Prose) {
                self.text.push('\n');
            }
            number = if form == Form::Numbered { number + 1 } else { 0 };
            let marker = match form {
                Form::Prose => String::new(),
                Form::Bullet => "- ".to_owned(),
                Form::Numbered => format!("{number}. "),
            };
            let n = self.number(element.quote.from);
            match element.quote.text.is_empty() {
                // Code that nothing introduces stands below its heading.
                true => match subject_of(element.quote.from) {
                    Some(heading) => self.line(&format!("{marker}{heading} [{n}]:")),
                    None => self.line(&format!("{marker}[{n}]")),
                },
                false => {
                    let words = self.with_links(&element.quote.text);
                    self.line(&format!("{marker}{words} [{n}]"));
                }
            }
            self.below(element, marker.len());
            previous = Some(form);
        }
    }

    fn below(&mut self, element: &Element<'_>, indent: usize) {
        let mut deep = indent;
        for below in &element.below {
            match below {
                Below::Item { depth, text } => {
                    self.line(&format!("{}- {text}", " ".repeat(indent + 2 * depth)));
                    deep = indent + 2 * depth + 2;
                }
                Below::Commands(lines) => self.fence("bash", &lines.join("\n"), deep),
                Below::Text { language, text } => self.fence(language, text, deep),
            }
        }
    }

    /// A fenced block, longer than any run of backticks inside.
    fn fence(&mut self, language: &str, text: &str, indent: usize) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(3.max(longest + 1));
        let plain = language.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '_' | '.'));
        let language = if plain { language } else { "" };
        let indent = " ".repeat(indent);
        let text = self.addresses.taken_from_code(text);
        self.line(&format!("{indent}{fence}{language}"));
        for line in text.lines() {
            self.line(format!("{indent}{line}").trim_end());
        }
        self.line(&format!("{indent}{fence}"));
    }

    /// The section that fits about as well, by its heading and its first sentence: a reader decides between the two.
    fn twin(&mut self, twin: Option<&Evidence>) {
        let Some(twin) = twin.filter(|_| self.format.max_chars.is_none()) else { return };
        let heading = markup::plain(twin.heading_path.last().unwrap_or(&twin.title));
        let first = units(&twin.text).into_iter().find_map(|unit| match unit {
            Unit::Sentence { text, .. } | Unit::Step { text, .. } | Unit::Warning(text) => Some(text),
            Unit::Row { .. } | Unit::Code { .. } => None,
        });
        let n = self.number(twin);
        let Phrases { fits_as_well, colon, .. } = self.phrases;
        self.line(&format!("\n{fits_as_well}{}", colon.trim_end()));
        match first.map(|first| clipped(&first, TWIN_CHARS)) {
            Some(first) if !first.is_empty() => self.line(&format!("- **{heading}** [{n}]: {first} [{n}]")),
            _ => self.line(&format!("- **{heading}** [{n}]")),
        }
    }

    /// A sentence whose links to documents that we know are followed by their numbers.
    fn with_links(&mut self, sentence: &str) -> String {
        let mut text = sentence.to_owned();
        if self.format.max_chars.is_some() {
            return text;
        }
        for linked in self.linked {
            let Some(at) = text.find(&linked.words) else { continue };
            let end = at + linked.words.len();
            let is_word = |c: char| c.is_alphanumeric() && !is_cjk(c);
            let is_apart = !text[..at].ends_with(is_word) && !text[end..].starts_with(is_word);
            let is_in_code = text[..at].matches('`').count() % 2 == 1;
            if is_apart && !is_in_code {
                text.insert_str(end, &format!(" [{}]", self.number(&linked.to)));
            }
        }
        text
    }

    fn see_also(&mut self, evidence: &[Evidence]) {
        if self.format.max_chars.is_some() {
            return;
        }
        let mut titles = Vec::new();
        for passage in evidence.iter().filter(|passage| !passage.may_apply()) {
            let known = self.used.iter().any(|used| used.document == passage.document);
            if !known && titles.len() < 2 {
                let n = self.number(passage);
                titles.push(format!("{} [{n}]", markup::plain(&passage.title)));
            }
        }
        if !titles.is_empty() {
            let Phrases { see_also, colon, comma, .. } = self.phrases;
            self.line(&format!("\n{see_also}{colon}{}", titles.join(comma)));
        }
    }

    /// `Error: ...` and `Solution: ...`, within the client's length where it gives one: the explanation gets up to
    /// half, the steps the rest, whole steps only, those that forbid something first.
    fn labelled(&mut self, body: &Body<'_>) {
        let limit = self.format.max_chars;
        let taken = "Error: \nSolution: ".len() + num_chars(&self.text);
        let room = limit.map(|limit| limit.saturating_sub(taken).max(2 * MIN_CAUSE_CHARS));
        let (cause, steps) = parts(body, limit.is_some());
        let cause_room = room.map_or(CAUSE_CHARS, |room| (room / 2).max(MIN_CAUSE_CHARS));
        let mut explained = self.within(&cause, cause_room);
        if explained.is_empty() {
            explained = self.phrases.partial.to_owned();
        }
        let left = room.map(|room| room.saturating_sub(num_chars(&uncited(&explained))));
        self.text.push_str(&format!("Error: {explained}\nSolution: "));
        if self.format.shape == Shape::ErrorCommand && self.only_command(body) {
            return;
        }
        let written = self.steps_within(&steps, left);
        if written == 0 {
            match (&body.look, cause.first()) {
                (Some((commands, from)), _) => {
                    let n = self.number(from);
                    let first = commands.first().map(|command| one_line_command(command)).unwrap_or_default();
                    self.text.push_str(&format!("`{first}` [{n}]"));
                }
                (None, first) => {
                    let n = first.map_or(1, |quote| self.number(quote.from));
                    self.text.push_str(&format!("{} [{n}]", self.phrases.see_also));
                }
            }
        }
        self.text.push('\n');
    }

    /// The first kubectl command, where the client wants nothing else; whether there is one.
    fn only_command(&mut self, body: &Body<'_>) -> bool {
        let looking = body.look.iter().flat_map(|(lines, from)| lines.iter().map(move |line| (line, *from)));
        let acting = body.elements.iter();
        let acting =
            acting.flat_map(|element| element.commands().map(move |line| (line, element.quote.from)));
        let is_kubectl = |(line, _): &(&String, &Evidence)| line.trim_start().starts_with("kubectl ");
        let Some((command, from)) = looking.chain(acting).find(is_kubectl) else { return false };
        let n = self.number(from);
        self.text.push_str(&format!("{} [{n}]\n", one_line_command(command)));
        true
    }

    /// Writes the steps one after the other, in `left` characters where that is given; returns how many. The steps that
    /// are left out are counted in a line that names their source.
    fn steps_within(&mut self, steps: &[Step<'_>], left: Option<usize>) -> usize {
        let (mut used, mut written) = (0, 0);
        for step in steps {
            let full = step.text(left.is_some(), &step.commands);
            let room = left.map_or(usize::MAX, |left| left.saturating_sub(used + 4));
            let keep = if written + 1 < steps.len() { MORE_CHARS } else { 0 };
            let fits =
                num_chars(&full) + keep <= room || num_chars(&full) <= room && written + 1 == steps.len();
            if !fits && written > 0 {
                break;
            }
            let quoted = match fits {
                true => {
                    let commands = step.commands.iter().map(|code| self.addresses.taken_from_code(code));
                    step.text(left.is_some(), &commands.collect::<Vec<_>>())
                }
                false => clipped(&full, room.saturating_sub(keep).max(MIN_CAUSE_CHARS)),
            };
            let n = self.number(step.from);
            let marker = format!("{}. ", step.number);
            let separator = if written == 0 { "" } else { " " };
            written += 1;
            used += num_chars(&quoted) + num_chars(&marker) + 1;
            self.text.push_str(&format!("{separator}{marker}{quoted} [{n}]"));
            if left.is_none() {
                step.blocks.iter().for_each(|(language, text)| {
                    self.text.push('\n');
                    self.fence(language, text, 0);
                });
            }
        }
        if let Some(next) = steps.get(written) {
            let n = self.number(next.from);
            let more = self.more(steps.len() - written);
            self.text.push_str(&format!(" ({more} [{n}])"));
        }
        written
    }

    /// The note that `count` more steps follow.
    fn more(&self, count: usize) -> String {
        self.phrases.more.replace("{n}", &count.to_string())
    }

    /// As many of the quotations as fit, each followed by its source; the first always, clipped if it must be.
    fn within(&mut self, quotes: &[Quote<'_>], max_chars: usize) -> String {
        let mut text = String::new();
        let mut used = 0;
        let mut last: Option<&Evidence> = None;
        for quote in quotes {
            let length = num_chars(&quote.text);
            if !text.is_empty() && used + length > max_chars {
                continue;
            }
            if let Some(last) = last.filter(|last| last.chunk != quote.from.chunk) {
                text.push_str(&format!(" [{}]", self.number(last)));
            }
            // The page that is quoted has the lower number.
            self.number(quote.from);
            let sentence = self.with_links(&clipped(&quote.text, max_chars));
            push_sentence(&mut text, &sentence);
            used += length;
            last = Some(quote.from);
        }
        if let Some(last) = last {
            text.push_str(&format!(" [{}]", self.number(last)));
        }
        text
    }
}

/// The heading of a passage, where it names more than a part of a runbook.
fn subject_of(passage: &Evidence) -> Option<String> {
    let heading = passage.heading_path.last().filter(|heading| Role::alone_in(heading).is_none())?;
    Some(markup::plain(heading)).filter(|heading| !heading.is_empty())
}

/// A step under the label `Solution:`.
struct Step<'a> {
    number: usize,
    /// Its words, short ones first: the sentences.
    sentences: Vec<String>,
    /// Its commands on one line each, where they are few and short.
    commands: Vec<String>,
    /// Its code as blocks, where it is longer: language and text.
    blocks: Vec<(String, String)>,
    from: &'a Evidence,
}

impl<'a> Step<'a> {
    fn of(number: usize, element: &Element<'a>) -> Self {
        let mut words = element.quote.text.clone();
        let mut commands = Vec::new();
        let mut blocks = Vec::new();
        for below in &element.below {
            match below {
                Below::Item { text, .. } => push_item(&mut words, text),
                Below::Commands(lines)
                    if lines.len() <= 3 && lines.iter().all(|line| num_chars(line) <= 160) =>
                {
                    commands.extend(
                        lines
                            .iter()
                            .filter(|line| !line.trim_start().starts_with('#'))
                            .map(|line| one_line_command(line)),
                    );
                }
                Below::Commands(lines) => blocks.push(("bash".to_owned(), lines.join("\n"))),
                Below::Text { language, text } => blocks.push((language.clone(), text.clone())),
            }
        }
        let sentences = sentences(&words).into_iter().map(str::to_owned).collect();
        Self { number, sentences, commands, blocks, from: element.quote.from }
    }

    /// All of its words, or as few as say it: the first sentence, and the next where the first is only a label; with
    /// its commands.
    fn text(&self, is_short: bool, commands: &[String]) -> String {
        let mut text = String::new();
        for sentence in &self.sentences {
            push_sentence(&mut text, sentence);
            if is_short && num_chars(&text) > MAX_LABEL_CHARS {
                break;
            }
        }
        let code: Vec<String> = commands.iter().map(|command| format!("`{command}`")).collect();
        if code.is_empty() {
            let trimmed = text.trim_end_matches([':', '：']);
            return trimmed.to_owned();
        }
        let space = if text.is_empty() || text.ends_with('：') { "" } else { " " };
        format!("{text}{space}{}", code.join("; "))
    }
}

fn push_item(words: &mut String, item: &str) {
    let between = match words.chars().next_back() {
        None => "",
        Some(':') => " ",
        Some('：' | '。' | '！' | '？' | '；') => "",
        Some('.' | '!' | '?' | ';') => " ",
        Some(_) => "; ",
    };
    words.push_str(between);
    words.push_str(item);
}

/// A command without the breaks that its continuation lines have.
fn one_line_command(command: &str) -> String {
    let lines = command.lines().map(|line| line.trim().trim_end_matches('\\').trim_end());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The explanation and the steps, for the two labels. A section that is no runbook and has nothing but sentences begins
/// with the explanation and goes on with what to do.
fn parts<'b, 'a>(body: &'b Body<'a>, is_limited: bool) -> (Vec<Quote<'a>>, Vec<Step<'b>>)
where
    'a: 'b,
{
    // Under a limit the row that names this failure says enough; what is left is for the steps.
    let mut cause: Vec<Quote<'a>> = match body.exact {
        exact if exact > 0 && is_limited => body.cause[..exact].to_vec(),
        _ => body.cause.clone(),
    };
    let is_bare = |element: &&Element<'_>| !element.is_plain() || !introduces(&element.quote.text);
    let elements = body.elements.iter().filter(is_bare);
    let mut steps: Vec<Step<'b>> =
        elements.enumerate().map(|(at, element)| Step::of(at + 1, element)).collect();
    if steps.is_empty() && !body.is_runbook && body.exact == 0 && cause.len() > 1 {
        let rest = cause.split_off(cause.len().div_ceil(2).min(2));
        steps.extend(rest.into_iter().enumerate().map(|(at, quote)| Step {
            number: at + 1,
            sentences: vec![quote.text],
            commands: Vec::new(),
            blocks: Vec::new(),
            from: quote.from,
        }));
    }
    if is_limited {
        // The first that forbids something comes before everything, as short as it can be said.
        let forbids = |step: &Step<'_>| {
            step.sentences.first().is_some_and(|first| !prohibition::of_passage(&[], first).is_empty())
        };
        if let Some(at) = steps.iter().position(forbids) {
            let mut first = steps.remove(at);
            first.sentences.truncate(1);
            first.commands.clear();
            steps.insert(0, first);
            steps.iter_mut().enumerate().for_each(|(at, step)| step.number = at + 1);
        }
    }
    (cause, steps)
}

fn uncited(text: &str) -> String {
    citations::resolve(text, |_| false).text
}
