//! The answerer without a model: quotes cause, steps and commands from the evidence, each with its source. The default
//! where no model is configured, and what every failing model falls back to. Pure.
//!
//! It quotes one unit: the part of the leading page that treats the problem (`kb::sections`), read as sections and
//! [`elements`]. A unit with the sections of a runbook gives its cause, its steps and its diagnosis; any other is
//! quoted in its own order. A procedure is quoted whole, or the answer says how much is left out. The frame is in the
//! asker's language, quotations stay as they were written.

mod addresses;
mod code;
mod elements;
mod relevance;
mod rows;
mod writing;

use crate::{
    answer::{Written, push_concerns},
    checks::{commands, markup, masked},
    evidence::Evidence,
    format::Format,
    phrases,
    quote::Quote,
    text::num_chars,
    translations::Linked,
    warnings::warnings,
};
use elements::{Element, Section, Shape, introduces};
use kb::{
    document::Kind,
    question::{Question, error_codes},
    sections::Role,
};
use relevance::Relevance;
use rows::Row;
use writing::Writer;

/// Longest explanation, in characters, beside steps.
const CAUSE_CHARS: usize = 420;
/// Longest running text of a section that is no runbook.
const PROSE_CHARS: usize = 900;
/// Longest lists without numbers of such a section.
const BULLET_CHARS: usize = 1_500;
/// Most sentences of an explanation.
const MAX_CAUSE_SENTENCES: usize = 3;

/// The evidence to quote from: the passages that were found, best first, and the unit that the first of them stands in.
pub struct Material<'a> {
    /// The passages that were found, best first.
    pub evidence: &'a [Evidence],
    /// The passages of the unit, in their order; empty where the document has gone.
    pub passages: &'a [Evidence],
    /// How many headings of their paths stand above the unit, its own included.
    pub depth: usize,
    /// The id of the unit's leading passage.
    pub lead: Option<&'a str>,
    /// The passage of another unit that fits about as well.
    pub twin: Option<&'a Evidence>,
    /// The documents that the unit links to.
    pub linked: &'a [Linked],
}

/// The passage whose document the answer is built from: the first that is not merely possible behind a masked name.
pub fn leading(evidence: &[Evidence]) -> Option<&Evidence> {
    evidence.iter().find(|passage| !passage.may_apply())
}

/// Writes an answer from evidence alone; `None` when the evidence holds no text to quote.
pub fn answer(material: &Material<'_>, question: &Question, format: &Format) -> Option<Written> {
    let phrases = phrases::phrases(question.language());
    let body = leading(material.evidence).map(|lead| Body::of(lead, material, question));

    let mut writer = Writer::new(format, phrases, material.linked);
    let warnings = warnings(material.evidence, material.passages, question, format);
    for line in warnings.lines(phrases, |from| writer.number(from)) {
        writer.line(&line);
    }
    if let Some(body) = body.filter(|body| !body.is_empty()) {
        writer.body(&body, material);
    }
    let (text, sources, addresses) = writer.finish();
    if text.trim().is_empty() {
        return None;
    }
    let urls: Vec<&str> = sources.iter().filter_map(|used| used.url.as_deref()).collect();
    let quoted = markup::clean(text.trim_end(), &urls);
    let mut text = addresses.put_back(&commands::checked(&quoted, None, phrases).text);
    if let masked::Echo::Intact { absent } = masked::echo(&text, question.anonymised()) {
        push_concerns(&mut text, &absent, phrases);
    }
    Some(Written { text, citations: sources.iter().map(crate::answer::Citation::of).collect() })
}

/// The parts of the unit that are quoted.
pub(crate) struct Body<'a> {
    /// The quotations that explain the failure.
    cause: Vec<Quote<'a>>,
    /// How many of `cause`, from the first, are rows about this very failure.
    exact: usize,
    /// The steps, or the section in its own order where it is no runbook.
    elements: Vec<Element<'a>>,
    /// Whether the elements are steps of a runbook, one after the other.
    is_runbook: bool,
    /// Commands that only look, each with its continuation lines.
    look: Option<(Vec<String>, &'a Evidence)>,
    /// Elements that were left out, and the passage where they stand.
    left_out: Option<(usize, &'a Evidence)>,
}

impl<'a> Body<'a> {
    fn is_empty(&self) -> bool {
        self.cause.is_empty() && self.elements.is_empty() && self.look.is_none()
    }

    fn of(lead: &'a Evidence, material: &Material<'a>, question: &Question) -> Self {
        let relevance = Relevance::new(question, material);
        let sections = match material.passages.is_empty() {
            true => Section::of(std::slice::from_ref(lead), lead.heading_path.len(), Some(&lead.chunk)),
            false => Section::of(material.passages, material.depth, material.lead),
        };
        let rows = rows::matching(&sections, question);
        // The rows of other codes say nothing of the one that was asked for.
        let with_rows = rows.is_empty() && error_codes(question.text()).next().is_none();
        let has_shape = sections
            .iter()
            .any(|section| matches!(section.role, Some(Role::Steps | Role::Cause | Role::Diagnosis)));
        match has_shape {
            true => Self::of_runbook(&sections, rows, with_rows, &relevance),
            false => Self::of_section(&sections, rows, with_rows, &relevance, lead.kind),
        }
    }

    /// A problem with the sections of a runbook.
    fn of_runbook(
        sections: &[Section<'a>],
        rows: Vec<Row<'a>>,
        with_rows: bool,
        relevance: &Relevance,
    ) -> Self {
        let of_role = |role: Option<Role>| sections.iter().filter(move |section| section.role == role);
        let sentences_of = |role| of_role(role).flat_map(Section::sentences).collect::<Vec<_>>();
        // A section beside the usual ones that was found is what was asked about; of several that explain, the same.
        let asked: Vec<Quote<'a>> = match sections.iter().find(|section| section.leads) {
            Some(lead) if matches!(lead.role, None | Some(Role::Cause)) => lead.sentences().collect(),
            _ => Vec::new(),
        };
        let mut cause = sentences_of(Some(Role::Cause));
        if cause.is_empty() {
            cause = sentences_of(None);
        }
        if cause.is_empty() {
            cause = sentences_of(Some(Role::Symptoms));
        }
        let exact = rows.len();
        let (rows, actions): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cause, row.action)).unzip();
        let few = |quotes| best_sentences(quotes, MAX_CAUSE_SENTENCES, relevance);
        let mut explained: Vec<Quote<'a>> = rows;
        for quote in few(asked).into_iter().chain(few(cause)) {
            if !explained.iter().any(|known| known.text == quote.text) {
                explained.push(quote);
            }
        }

        let mut steps: Vec<Element<'a>> =
            of_role(Some(Role::Steps)).flat_map(|section| steps_of(section, with_rows)).collect();
        let is_diagnosis = steps.is_empty();
        if is_diagnosis {
            steps = of_role(Some(Role::Diagnosis)).flat_map(|section| steps_of(section, with_rows)).collect();
        }
        let elements = with_actions(actions.into_iter().flatten().collect(), steps);
        let look = match is_diagnosis {
            true => None,
            false => best_commands(of_role(Some(Role::Diagnosis)), relevance)
                .or_else(|| best_commands(of_role(None), relevance)),
        };
        let quoted: Vec<&String> = elements.iter().flat_map(Element::commands).collect();
        let look = look.filter(|(lines, _)| !lines.iter().all(|line| quoted.contains(&line)));
        Self { cause: explained, exact, elements, is_runbook: true, look, left_out: None }
    }

    /// Any other section: its own words in its own order, without what fits least where it is long.
    fn of_section(
        sections: &[Section<'a>],
        rows: Vec<Row<'a>>,
        with_rows: bool,
        relevance: &Relevance,
        kind: Kind,
    ) -> Self {
        // The section that was found comes first, the others of its page follow.
        let (leading, others): (Vec<_>, Vec<_>) = sections.iter().partition(|section| section.leads);
        let in_order = leading.into_iter().chain(others);
        let mut elements: Vec<Element<'a>> =
            in_order.flat_map(|section| section.elements(with_rows)).collect();
        // A question with its answer: the answer, not the question again.
        if kind == Kind::Qa && elements.len() > 1 {
            elements.retain(|element| !element.quote.text.ends_with(['?', '？']));
        }
        let exact = rows.len();
        let (cause, actions): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.cause, row.action)).unzip();
        let (elements, left_out) = within_bounds(elements, relevance);
        let mut elements = with_actions(actions.into_iter().flatten().collect(), elements);
        // The text up to the first block explains; the rest tells what to do.
        let lead_in =
            elements.iter().take_while(|element| element.is_plain() && !introduces(&element.quote.text));
        let lead_in = lead_in.count();
        let mut cause: Vec<Quote<'a>> = cause;
        cause.extend(elements.drain(..lead_in).map(|element| element.quote));
        Self { cause, exact, elements, is_runbook: false, look: None, left_out }
    }
}

/// The `limit` best sentences within the length of an explanation, in their order; one at least.
fn best_sentences<'a>(quotes: Vec<Quote<'a>>, limit: usize, relevance: &Relevance) -> Vec<Quote<'a>> {
    let (mut taken, mut used) = (0, 0);
    relevance.best_in_order(
        quotes,
        |quote| quote.text.clone(),
        |quote| {
            let length = num_chars(&quote.text);
            let fits = taken < limit && (taken == 0 || used + length <= CAUSE_CHARS);
            if fits {
                (taken, used) = (taken + 1, used + length);
            }
            fits
        },
    )
}

/// A section's steps: its elements but for the sentences that only introduce them.
fn steps_of<'a>(section: &Section<'a>, with_rows: bool) -> Vec<Element<'a>> {
    let mut elements = section.elements(with_rows);
    elements.retain(|element| !element.below.is_empty() || !introduces(&element.quote.text));
    elements
}

/// The elements without those that fit least, where there is more running text or more loose items than is read at
/// once; and how many were left out. Numbered steps and code always stay.
fn within_bounds<'a>(
    elements: Vec<Element<'a>>,
    relevance: &Relevance,
) -> (Vec<Element<'a>>, Option<(usize, &'a Evidence)>) {
    let (mut prose, mut bullets) = (0, 0);
    let mut skipped: Option<(usize, &'a Evidence)> = None;
    let kept = relevance.best_in_order(elements, Element::words, |element| {
        let length = num_chars(&element.words());
        let (used, most) = match element.shape {
            Shape::Prose if element.below.is_empty() => (&mut prose, PROSE_CHARS),
            Shape::Bullet => (&mut bullets, BULLET_CHARS),
            Shape::Prose | Shape::Numbered => return true,
        };
        let fits = *used == 0 || *used + length <= most;
        if fits {
            *used += length;
        } else {
            let count = skipped.map_or(0, |(count, _)| count) + usize::from(element.shape == Shape::Bullet);
            skipped = Some((count, element.quote.from));
        }
        fits
    });
    // An introduction whose list has gone introduces nothing.
    let mut bounded: Vec<Element<'a>> = Vec::with_capacity(kept.len());
    let mut kept = kept.into_iter().peekable();
    while let Some(element) = kept.next() {
        let is_bare = element.is_plain() && introduces(&element.quote.text);
        if !is_bare || kept.peek().is_some_and(|next| next.shape != Shape::Prose) {
            bounded.push(element);
        }
    }
    (bounded, skipped.filter(|(count, _)| *count > 0))
}

/// The elements in their order, but first those that a row of the table asks for, by their text or by their label
/// (`A`).
fn with_actions<'a>(actions: Vec<Quote<'a>>, mut elements: Vec<Element<'a>>) -> Vec<Element<'a>> {
    let mut first = Vec::new();
    for action in actions {
        match rows::label_of(&action.text) {
            None => first.push(Element { shape: Shape::Numbered, quote: action, below: Vec::new() }),
            Some(label) => {
                let labelled = elements.iter().position(|element| {
                    let rest = element.quote.text.strip_prefix(label);
                    rest.is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()))
                });
                first.extend(labelled.map(|at| elements.remove(at)));
            }
        }
    }
    first.extend(elements);
    first
}

/// The most relevant block of commands of some sections.
fn best_commands<'s, 'a: 's>(
    sections: impl Iterator<Item = &'s Section<'a>>,
    relevance: &Relevance,
) -> Option<(Vec<String>, &'a Evidence)> {
    let blocks: Vec<(Vec<String>, &'a Evidence)> = sections
        .flat_map(|section| section.elements(false))
        .filter_map(|element| {
            let commands: Vec<String> = element.commands().cloned().collect();
            (!commands.is_empty()).then_some((commands, element.quote.from))
        })
        .collect();
    let mut is_first = true;
    let best =
        relevance.best_in_order(blocks, |(lines, _)| lines.join("\n"), |_| std::mem::take(&mut is_first));
    best.into_iter().next()
}
