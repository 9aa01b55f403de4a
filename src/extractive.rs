//! The answerer without a model: quotes cause, steps and commands from the evidence, each with its source. The default
//! where no model is configured, and what every failing model falls back to. Pure.
//!
//! Runbooks have a shape (symptoms, meaning, diagnosis, mitigation), which [`Role`] recognises; within a section the
//! words of the question choose. Other documents are quoted by their best sentences. The frame is in the asker's
//! language, quotations stay as they were written.

use crate::{
    answer::{Citation, Written, push_concerns},
    checks::{commands, markup, masked},
    evidence::Evidence,
    format::{Format, Shape},
    markdown::{Unit, sentences, units},
    phrases::{self, Phrases},
    quote::{Quote, STEP_CHARS, first_sentences, push_sentence},
    text::{clipped, num_chars},
    warnings::warnings,
};
use kb::{analyzer, question::Question};
use std::collections::{HashMap, HashSet};

/// Longest explanation, in characters, where the client sets no limit.
const CAUSE_CHARS: usize = 420;
/// Longest command block, in lines.
const MAX_COMMAND_LINES: usize = 6;
const MAX_STEPS: usize = 5;
/// Longest first sentence that is only a step's label.
const MAX_LABEL_CHARS: usize = 24;
/// Shortest explanation worth showing under the client's limit.
const MIN_CAUSE_CHARS: usize = 100;

/// What the evidence says: the passages that were found, best first, and every passage of the document that leads.
pub struct Material<'a> {
    /// The passages that were found, best first.
    pub evidence: &'a [Evidence],
    /// All passages of [`leading`]'s document, in their order.
    pub document: &'a [Evidence],
}

/// The passage whose document the answer is built from: the first that is not merely possible behind a masked name.
pub fn leading(evidence: &[Evidence]) -> Option<&Evidence> {
    evidence.iter().find(|passage| !passage.may_apply())
}

/// A section's part in a runbook, from its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Symptoms,
    Cause,
    Diagnosis,
    Steps,
    Aside,
    Other,
}

/// Words of headings, lower case, in the languages runbooks are written in here. The first match counts.
const HEADINGS: [(Role, &[&str]); 5] = [
    (
        Role::Steps,
        &[
            "mitigat",
            "resol",
            "remedia",
            "remedy",
            "fix",
            "solution",
            "what to do",
            "workaround",
            "recover",
            "procedure",
            "steps",
            "answer",
            "處理",
            "解決",
            "緩解",
            "因應",
            "该怎么做",
            "处理",
            "解决",
            "缓解",
            "步驟",
            "步骤",
            "做法",
            "khắc phục",
            "xử lý",
            "giải pháp",
            "các bước",
            "mitigasi",
            "penanganan",
            "solusi",
            "perbaikan",
            "langkah",
        ],
    ),
    (
        Role::Diagnosis,
        &[
            "diagnos",
            "investigat",
            "debug",
            "troubleshoot",
            "triage",
            "診斷",
            "诊断",
            "排查",
            "檢查",
            "检查",
            "chẩn đoán",
            "kiểm tra",
            "pemeriksaan",
        ],
    ),
    (
        Role::Cause,
        &[
            "meaning",
            "cause",
            "explanation",
            "summary",
            "overview",
            "description",
            "background",
            "意義",
            "含义",
            "意义",
            "原因",
            "說明",
            "说明",
            "概述",
            "ý nghĩa",
            "nguyên nhân",
            "arti",
            "penyebab",
            "makna",
            "penjelasan",
        ],
    ),
    (Role::Symptoms, &["symptom", "症狀", "症状", "triệu chứng", "gejala"]),
    (
        Role::Aside,
        &[
            "escalat",
            "related",
            "see also",
            "what's next",
            "references",
            "further reading",
            "impact",
            "升級通報",
            "升级",
            "影響",
            "影响",
            "相關",
            "相关",
            "tác động",
            "ảnh hưởng",
            "leo thang",
            "liên quan",
            "dampak",
            "eskalasi",
            "terkait",
        ],
    ),
];

impl Role {
    fn of(heading_path: &[String]) -> Self {
        heading_path
            .iter()
            .rev()
            .find_map(|heading| {
                let heading = heading.to_lowercase();
                HEADINGS
                    .iter()
                    .find(|(_, words)| words.iter().any(|word| heading.contains(word)))
                    .map(|(role, _)| *role)
            })
            .unwrap_or(Role::Other)
    }
}

/// Words of table headers whose column says what to do.
const ACTION_HEADERS: [&str; 16] = [
    "do",
    "fix",
    "action",
    "mitigation",
    "solution",
    "what to do",
    "resolution",
    "處理",
    "處理方式",
    "处理",
    "解決",
    "做法",
    "xử lý",
    "cách xử lý",
    "tindakan",
    "penanganan",
];

/// Writes an answer from evidence alone; `None` when the evidence holds no text to quote.
pub fn answer(material: &Material<'_>, question: &Question, format: &Format) -> Option<Written> {
    let phrases = phrases::phrases(question.language());
    let lead = leading(material.evidence);
    let relevance = Relevance::new(question, material);
    let body = lead.map(|lead| Body::of(lead, material, question, &relevance));

    let mut sources = Sources::default();
    let mut text = String::new();
    for line in warnings(material.evidence, material.document, question, format)
        .lines(phrases, |from| sources.number(from))
    {
        text.push_str(&line);
        text.push('\n');
    }
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        match format.shape {
            Shape::ErrorSolution | Shape::ErrorCommand => {
                write_labelled(&mut text, &body, format, &mut sources, phrases);
            }
            Shape::Plain | Shape::ScrapeReport => {
                write_plain(&mut text, &body, format, &mut sources, phrases);
                write_see_also(&mut text, material.evidence, format, &mut sources, phrases);
            }
        }
    }
    if text.trim().is_empty() {
        return None;
    }
    let urls: Vec<&str> = sources.used.iter().filter_map(|used| used.url.as_deref()).collect();
    let quoted = markup::clean(text.trim_end(), &urls);
    let mut text = commands::checked(&quoted, None, phrases).text;
    if let masked::Echo::Intact { absent } = masked::echo(&text, question.masked()) {
        push_concerns(&mut text, &absent, phrases);
    }
    Some(Written { text, citations: sources.citations() })
}

/// What is quoted: why it happens, what to do, what to look at.
struct Body<'a> {
    cause: Vec<Quote<'a>>,
    /// How many of `cause`, from the first, are rows about this very failure.
    exact: usize,
    steps: Vec<Quote<'a>>,
    commands: Option<Quote<'a>>,
}

impl<'a> Body<'a> {
    fn is_empty(&self) -> bool {
        self.cause.is_empty() && self.steps.is_empty() && self.commands.is_none()
    }

    fn of(
        lead: &'a Evidence,
        material: &'a Material<'_>,
        question: &Question,
        relevance: &Relevance,
    ) -> Self {
        let sections: Vec<Section<'a>> = match material.document.is_empty() {
            true => vec![Section::of(lead)],
            false => material.document.iter().map(Section::of).collect(),
        };
        let found: HashSet<&str> = material.evidence.iter().map(|passage| passage.chunk.as_str()).collect();
        let has_shape = sections.iter().any(|section| matches!(section.role, Role::Steps | Role::Cause));
        let rows = matching_rows(&sections, question);
        match has_shape {
            true => Self::of_runbook(&sections, rows, relevance, &found),
            false => Self::of_passage(lead, rows, relevance),
        }
    }

    /// A document with the sections of a runbook.
    fn of_runbook(
        sections: &[Section<'a>],
        rows: Vec<Row<'a>>,
        relevance: &Relevance,
        found: &HashSet<&str>,
    ) -> Self {
        let of_role = |role: Role| sections.iter().filter(move |section| section.role == role);
        let sentences_of = |role: Role| {
            of_role(role).flat_map(|section| {
                section.units.iter().filter_map(|unit| match unit {
                    Unit::Sentence(text) => Some(Quote { text: text.clone(), from: section.from }),
                    _ => None,
                })
            })
        };
        let mut cause: Vec<Quote<'a>> = sentences_of(Role::Cause).collect();
        if cause.is_empty() {
            cause = sentences_of(Role::Other).collect();
        }
        let exact = rows.len();
        let (rows, actions): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cause, row.action)).unzip();
        let cause = rows.into_iter().chain(relevance.best_in_order(cause, 3)).collect();
        let mut steps: Vec<Quote<'a>> = Vec::new();
        // A long page has several such sections; those that were found lead.
        let mut of_steps: Vec<&Section<'a>> = of_role(Role::Steps).collect();
        of_steps.sort_by_key(|section| !found.contains(section.from.chunk.as_str()));
        for section in of_steps {
            steps.extend(section.steps());
        }
        if steps.is_empty() {
            steps = of_role(Role::Diagnosis).flat_map(Section::steps).collect();
        }
        let mut steps = with_actions(actions.into_iter().flatten().collect(), steps);
        steps.truncate(MAX_STEPS);
        let commands = commands(of_role(Role::Diagnosis), relevance)
            .or_else(|| commands(of_role(Role::Steps), relevance))
            .or_else(|| commands(of_role(Role::Other), relevance));
        Self { cause, exact, steps, commands }
    }

    /// Any other document: the passage that was found, by its best sentences.
    fn of_passage(lead: &'a Evidence, rows: Vec<Row<'a>>, relevance: &Relevance) -> Self {
        let section = Section::of(lead);
        let mut cause: Vec<Quote<'a>> = section
            .units
            .iter()
            .filter_map(|unit| match unit {
                Unit::Sentence(text) | Unit::Warning(text) => Some(Quote { text: text.clone(), from: lead }),
                _ => None,
            })
            .collect();
        // A question with its answer: the answer, not the question again.
        if lead.kind == kb::document::Kind::Qa && cause.len() > 1 {
            cause.retain(|quote| !quote.text.ends_with(['?', '？']));
        }
        let exact = rows.len();
        let (rows, actions): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cause, row.action)).unzip();
        let mut cause: Vec<Quote<'a>> = rows.into_iter().chain(relevance.best_in_order(cause, 3)).collect();
        let steps = section.units.iter().filter_map(|unit| match unit {
            Unit::Step { text, .. } => Some(Quote { text: text.clone(), from: lead }),
            _ => None,
        });
        let mut steps = with_actions(actions.into_iter().flatten().collect(), steps.collect());
        steps.truncate(MAX_STEPS);
        if cause.is_empty() && steps.is_empty() {
            let rows = section.units.iter().filter_map(|unit| match unit {
                Unit::Row { cells, .. } => Some(Quote { text: cells.join(" — "), from: lead }),
                _ => None,
            });
            cause = relevance.best_in_order(rows.collect(), 2);
        }
        Self { cause, exact, steps, commands: commands(std::iter::once(&section), relevance) }
    }
}

struct Section<'a> {
    role: Role,
    units: Vec<Unit>,
    from: &'a Evidence,
}

impl<'a> Section<'a> {
    fn of(from: &'a Evidence) -> Self {
        Self { role: Role::of(&from.heading_path), units: units(&from.text), from }
    }

    /// The section's list, or its sentences where it has none.
    fn steps(&self) -> Vec<Quote<'a>> {
        let quote = |text: &String| Quote { text: text.clone(), from: self.from };
        let listed: Vec<Quote<'a>> = self
            .units
            .iter()
            .filter_map(|unit| match unit {
                Unit::Step { text, .. } => Some(quote(text)),
                _ => None,
            })
            .collect();
        match listed.is_empty() {
            false => listed,
            true => self.paragraph_steps(),
        }
    }

    /// The section's sentences as steps; a label (`Quota.`) belongs to the sentence after it, and what introduces a
    /// block says nothing without it.
    fn paragraph_steps(&self) -> Vec<Quote<'a>> {
        let mut steps: Vec<Quote<'a>> = Vec::new();
        let mut label: Option<&String> = None;
        for unit in &self.units {
            match unit {
                Unit::Sentence(text) if text.ends_with([':', '：']) => {}
                Unit::Sentence(text) if num_chars(text) <= MAX_LABEL_CHARS && label.is_none() => {
                    label = Some(text)
                }
                Unit::Sentence(text) => {
                    let mut whole = label.take().cloned().unwrap_or_default();
                    push_sentence(&mut whole, text);
                    steps.push(Quote { text: whole, from: self.from });
                }
                _ => {}
            }
        }
        steps.extend(label.map(|label| Quote { text: label.clone(), from: self.from }));
        steps
    }
}

/// A table's row about this very failure.
struct Row<'a> {
    cause: Quote<'a>,
    action: Option<Quote<'a>>,
}

/// Most rows that are quoted: a message can have two parts.
const MAX_ROWS: usize = 2;

/// The rows whose first cell quotes, in backticks, what the question says; the longest quotations first.
fn matching_rows<'a>(sections: &[Section<'a>], question: &Question) -> Vec<Row<'a>> {
    let asked = question.text().to_lowercase();
    let mut found: Vec<(usize, &Vec<String>, &Vec<String>, &'a Evidence)> = Vec::new();
    for section in sections {
        for unit in &section.units {
            let Unit::Row { header, cells } = unit else { continue };
            let Some(first) = cells.first().filter(|_| cells.len() > 1) else { continue };
            let quoted = first
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|quoted| is_telling(quoted))
                .map(str::to_lowercase);
            let length =
                quoted.filter(|quoted| asked.contains(quoted.as_str())).map(|quoted| quoted.len()).max();
            if let Some(length) = length {
                found.push((length, header, cells, section.from));
            }
        }
    }
    found.sort_by_key(|(length, ..)| std::cmp::Reverse(*length));
    found.into_iter().filter_map(|(_, header, cells, from)| row(header, cells, from)).take(MAX_ROWS).collect()
}

/// Whether a quotation says enough to choose a row by: `OOMKilled`, `401`, `connection refused`, but not `Running`.
fn is_telling(quoted: &str) -> bool {
    let has_hump = quoted.chars().skip(1).any(char::is_uppercase);
    let is_compound = quoted.contains(|c: char| !c.is_alphabetic());
    quoted.chars().count() >= 3 && (has_hump || is_compound)
}

fn row<'a>(header: &[String], cells: &[String], from: &'a Evidence) -> Option<Row<'a>> {
    let is_action = |at: &usize| {
        header.get(*at).is_some_and(|header| ACTION_HEADERS.contains(&header.trim().to_lowercase().as_str()))
    };
    let action = (1..cells.len()).find(is_action);
    let cause = (1..cells.len()).find(|at| Some(*at) != action && !cells[*at].is_empty()).or(action)?;
    let action = action.filter(|at| *at != cause && !cells[*at].is_empty());
    let ended = |text: &str| match text.ends_with(['.', '。', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    };
    Some(Row {
        cause: Quote { text: ended(&format!("{} — {}", cells[0], cells[cause])), from },
        action: action.map(|at| Quote { text: cells[at].clone(), from }),
    })
}

/// The steps in their order, but first those that a row of the table asks for, by their text or by their label (`A`).
fn with_actions<'a>(actions: Vec<Quote<'a>>, mut steps: Vec<Quote<'a>>) -> Vec<Quote<'a>> {
    let mut first = Vec::new();
    for action in actions {
        let label = action.text.trim_matches(['*', '`', '.', ' ']);
        let is_label = num_chars(label) <= 3;
        let labelled = steps.iter().position(|step| {
            step.text.strip_prefix(label).is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()))
        });
        match labelled.filter(|_| is_label) {
            Some(at) => first.push(steps.remove(at)),
            None if is_label => {}
            None => first.push(action),
        }
    }
    first.extend(steps);
    first
}

/// The most relevant block of shell commands of some sections, cut to its first lines.
fn commands<'s, 'a: 's>(
    sections: impl Iterator<Item = &'s Section<'a>>,
    relevance: &Relevance,
) -> Option<Quote<'a>> {
    let blocks = sections.flat_map(|section| {
        section.units.iter().filter_map(|unit| match unit {
            Unit::Code { language, text } if is_shell(language, text) => {
                let lines: Vec<&str> =
                    text.lines().filter(|line| !line.trim().is_empty()).take(MAX_COMMAND_LINES).collect();
                Some(Quote { text: lines.join("\n"), from: section.from })
            }
            _ => None,
        })
    });
    relevance.best_in_order(blocks.collect(), 1).into_iter().next()
}

fn is_shell(language: &str, text: &str) -> bool {
    match language.to_ascii_lowercase().as_str() {
        "bash" | "sh" | "shell" | "zsh" | "console" | "shell-session" => true,
        "" | "text" => text.lines().next().is_some_and(|line| {
            [
                "kubectl ",
                "$ kubectl ",
                "helm ",
                "docker ",
                "crictl ",
                "systemctl ",
                "etcdctl ",
                "curl ",
                "journalctl ",
            ]
            .iter()
            .any(|tool| line.trim_start().starts_with(tool))
        }),
        _ => false,
    }
}

/// How well a text fits the question: the terms they share, rare ones counting more.
struct Relevance {
    weights: HashMap<String, f32>,
}

impl Relevance {
    fn new(question: &Question, material: &Material<'_>) -> Self {
        let terms =
            |text: &str| analyzer::tokens(text).into_iter().map(|token| token.term).collect::<HashSet<_>>();
        let mut weights: HashMap<String, f32> =
            terms(question.search_text()).into_iter().map(|term| (term, 1.0)).collect();
        for identifier in question.identifiers() {
            for term in terms(&identifier.text) {
                weights.insert(term, 3.0);
            }
        }
        let passages: Vec<HashSet<String>> =
            material.document.iter().chain(material.evidence).map(|passage| terms(&passage.text)).collect();
        for (term, weight) in &mut weights {
            let having = passages.iter().filter(|passage| passage.contains(term)).count();
            *weight *= (1.0 + passages.len() as f32 / (1.0 + having as f32)).ln();
        }
        Self { weights }
    }

    fn of(&self, text: &str) -> f32 {
        let terms: HashSet<String> = analyzer::tokens(text).into_iter().map(|token| token.term).collect();
        let shared: f32 = terms.iter().filter_map(|term| self.weights.get(term)).sum();
        shared / (8.0 + terms.len() as f32).sqrt()
    }

    /// The `limit` best quotations, in the order they were given. Where nothing fits, the first ones: documents begin
    /// with what matters.
    fn best_in_order<'a>(&self, quotes: Vec<Quote<'a>>, limit: usize) -> Vec<Quote<'a>> {
        if quotes.len() <= limit {
            return quotes;
        }
        let mut ranked: Vec<(usize, f32)> =
            quotes.iter().enumerate().map(|(at, quote)| (at, self.of(&quote.text))).collect();
        // The place counts a little: of two alike, the earlier.
        ranked.sort_by(|a, b| (b.1 - b.0 as f32 * 0.01).total_cmp(&(a.1 - a.0 as f32 * 0.01)));
        let chosen: HashSet<usize> = ranked.into_iter().take(limit).map(|(at, _)| at).collect();
        quotes.into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, quote)| quote).collect()
    }
}

/// Numbers sources in the order of their first use.
#[derive(Default)]
struct Sources {
    used: Vec<Evidence>,
}

impl Sources {
    fn number(&mut self, evidence: &Evidence) -> usize {
        if let Some(used) = self.used.iter().find(|used| used.chunk == evidence.chunk) {
            return used.n;
        }
        let n = self.used.len() + 1;
        self.used.push(Evidence { n, ..evidence.clone() });
        n
    }

    fn citations(&self) -> Vec<Citation> {
        self.used.iter().map(Citation::of).collect()
    }
}

fn write_plain(
    text: &mut String,
    body: &Body<'_>,
    format: &Format,
    sources: &mut Sources,
    phrases: &Phrases,
) {
    let room = format.max_chars.unwrap_or(usize::MAX);
    let Phrases { cause, steps, look, colon, .. } = phrases;
    let colon = colon.trim_end();
    let explained = within(&body.cause, CAUSE_CHARS.min(room), sources);
    if !explained.is_empty() {
        text.push_str(&format!("**{cause}{colon}** {explained}\n"));
    }
    if !body.steps.is_empty() {
        text.push_str(&format!("\n**{steps}{colon}**\n"));
        for (at, step) in body.steps.iter().enumerate() {
            let n = sources.number(step.from);
            let quoted = first_sentences(&step.text, STEP_CHARS);
            text.push_str(&format!("{}. {} [{n}]\n", at + 1, shown(&quoted, &body.commands)));
        }
    }
    if let Some(commands) = &body.commands
        && format.max_chars.is_none()
    {
        let n = sources.number(commands.from);
        // A fence longer than any run of backticks inside.
        let fence = "`".repeat(3.max(longest_backticks(&commands.text) + 1));
        text.push_str(&format!("\n**{look}{colon}** [{n}]\n{fence}bash\n{}\n{fence}\n", commands.text));
    }
}

/// A step that only introduces commands which are shown below ends in a full stop.
fn shown(step: &str, commands: &Option<Quote<'_>>) -> String {
    match (step.strip_suffix([':', '：']), commands) {
        (Some(step), Some(_)) => format!("{step}."),
        _ => step.to_owned(),
    }
}

fn longest_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn write_see_also(
    text: &mut String,
    evidence: &[Evidence],
    format: &Format,
    sources: &mut Sources,
    phrases: &Phrases,
) {
    if format.max_chars.is_some() {
        return;
    }
    let mut titles = Vec::new();
    for passage in evidence.iter().filter(|passage| !passage.may_apply()) {
        let known = sources.used.iter().any(|used| used.document == passage.document);
        if !known && titles.len() < 2 {
            let n = sources.number(passage);
            titles.push(format!("{} [{n}]", markup::plain(&passage.title)));
        }
    }
    if !titles.is_empty() {
        text.push_str(&format!("\n{}{}{}\n", phrases.see_also, phrases.colon, titles.join(phrases.comma)));
    }
}

/// `Error: ...` and `Solution: ...`, within the client's length where it gives one: the explanation gets up to half, the
/// steps the rest, whole steps only.
fn write_labelled(
    text: &mut String,
    body: &Body<'_>,
    format: &Format,
    sources: &mut Sources,
    phrases: &Phrases,
) {
    let limit = format.max_chars;
    let room = limit.map(|limit| {
        limit.saturating_sub("Error: \nSolution: ".len() + num_chars(text)).max(2 * MIN_CAUSE_CHARS)
    });
    let cause_room = room.map_or(CAUSE_CHARS, |room| (room / 2).max(MIN_CAUSE_CHARS));
    // Under a limit the row that names this failure says enough; what is left is for the steps.
    let cause = match limit {
        Some(_) if body.exact > 0 => &body.cause[..body.exact],
        _ => &body.cause[..],
    };
    let mut explained = within(cause, cause_room, sources);
    if explained.is_empty() {
        explained = phrases.partial.to_owned();
    }
    let left = room.map(|room| room.saturating_sub(num_chars(&uncited(&explained))));
    text.push_str(&format!("Error: {explained}\nSolution: "));
    if format.shape == Shape::ErrorCommand
        && let Some(commands) = &body.commands
        && let Some(command) = commands.text.lines().find(|line| line.trim_start().starts_with("kubectl "))
    {
        let n = sources.number(commands.from);
        text.push_str(&format!("{} [{n}]\n", command.trim()));
        return;
    }
    let mut used = 0;
    let mut written = 0;
    for step in &body.steps {
        let step_room = left.map_or(STEP_CHARS, |left| left.saturating_sub(used + 4));
        let quoted = match limit {
            // One that does not fit is left out, not cut.
            Some(_) => shortest(&step.text),
            None => first_sentences(&step.text, STEP_CHARS),
        };
        let fits = num_chars(&quoted) <= step_room;
        if !fits && written > 0 {
            continue;
        }
        let quoted = if fits { quoted } else { clipped(&quoted, step_room.max(MIN_CAUSE_CHARS)) };
        let n = sources.number(step.from);
        written += 1;
        used += num_chars(&quoted) + 4;
        let separator = if written == 1 { "" } else { " " };
        text.push_str(&format!("{separator}{written}. {} [{n}]", quoted.trim_end_matches(':')));
        if left.is_some_and(|left| used + 20 > left) {
            break;
        }
    }
    if written == 0 {
        match &body.commands {
            Some(commands) => {
                let n = sources.number(commands.from);
                let first = commands.text.lines().next().unwrap_or_default().trim();
                text.push_str(&format!("`{first}` [{n}]"));
            }
            None => {
                let first = body.cause.first().map(|quote| sources.number(quote.from)).unwrap_or(1);
                text.push_str(&format!("{} [{first}]", phrases.see_also));
            }
        }
    }
    text.push('\n');
}

/// As many of the quotations as fit, each followed by its source; the first always, clipped if it must be.
fn within(quotes: &[Quote<'_>], max_chars: usize, sources: &mut Sources) -> String {
    let mut text = String::new();
    let mut used = 0;
    let mut last: Option<&Evidence> = None;
    for quote in quotes {
        let length = num_chars(&quote.text);
        if !text.is_empty() && used + length > max_chars {
            continue;
        }
        if let Some(last) = last.filter(|last| last.chunk != quote.from.chunk) {
            text.push_str(&format!(" [{}]", sources.number(last)));
        }
        push_sentence(&mut text, &clipped(&quote.text, max_chars));
        used += length;
        last = Some(quote.from);
    }
    if let Some(last) = last {
        text.push_str(&format!(" [{}]", sources.number(last)));
    }
    text
}

/// A step as short as it can be said: its first sentence, and the next where the first is only a label (`Quota.`).
fn shortest(step: &str) -> String {
    let mut said = String::new();
    for sentence in sentences(step) {
        push_sentence(&mut said, sentence);
        if num_chars(&said) > MAX_LABEL_CHARS {
            break;
        }
    }
    said
}

fn uncited(text: &str) -> String {
    crate::checks::citations::resolve(text, |_| false).text
}
