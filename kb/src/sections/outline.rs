//! The smallest part of a page that treats one problem, from the page's own structure. Pure.
//!
//! A page is a tree of headings. A heading whose children name the parts of a runbook (symptoms, cause, diagnosis,
//! steps) is one problem, and its parts belong together. Where no heading above a passage is one, the passage's own
//! section is the unit: the sections beside it treat other problems.

use super::Role;
use crate::{document::Chunk, question::heading_names_entry};
use std::collections::BTreeSet;

/// A page or its rest up to this length, in tokens, is followed from top to bottom.
const WHOLE_TOKENS: u32 = 1_400;
/// Sections below a section without steps of its own belong to it up to this length, in tokens, all together.
const MAX_BELOW_TOKENS: u32 = 700;
/// A page that is written as one procedure is given to a model whole up to this length, in tokens.
const MAX_PROCEDURE_TOKENS: u32 = 2_000;
/// The longest text above a section that is given to a model with it, in tokens.
const MAX_ABOVE_TOKENS: u32 = 250;

/// The part of a page that treats the problem of one of its passages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The places of its passages among the page's, ascending; the leading passage is among them.
    pub passages: Vec<usize>,
    /// How many headings of the paths stand above the unit, its own included.
    pub depth: usize,
}

impl Unit {
    /// The whole page as one unit.
    pub fn whole(passages: &[Chunk]) -> Self {
        Self { passages: (0..passages.len()).collect(), depth: 0 }
    }

    /// The unit of the page's passage `lead`. `is_one_procedure` says of the page that it is written as one, such as a
    /// runbook or an SOP: it is then a unit as a whole where it is short, some of its headings only name parts
    /// (`Before`), and it is no catalogue.
    pub fn around(passages: &[Chunk], lead: usize, is_one_procedure: bool) -> Self {
        let Some(leading) = passages.get(lead) else { return Self::whole(passages) };
        let outline = Outline::of(passages);
        let path = leading.heading_path.as_slice();
        let problem = (0..=path.len()).rev().find(|&depth| outline.is_problem(&path[..depth]));
        if let Some(depth) = problem {
            return outline.problem(depth, path, lead);
        }
        let total: u32 = passages.iter().map(|passage| passage.tokens).sum();
        let is_one = is_one_procedure && outline.num_parts(&[]) >= 2 && !outline.is_catalogue(&[]);
        if is_one && total <= WHOLE_TOKENS {
            return Self::whole(passages);
        }
        outline.section(path, lead)
    }

    /// The unit of the passage `lead` with the parts that a reader needs beside it: the sections below it, whatever
    /// their length, the parts that stand beside it (`The rules`, `Before`, `Mitigation`) and the short introductions
    /// above it. It is for a model, which can select the parts that it needs; for quoting use [`Unit::around`].
    pub fn with_surroundings(passages: &[Chunk], lead: usize, is_one_procedure: bool) -> Self {
        let Some(leading) = passages.get(lead) else { return Self::whole(passages) };
        let outline = Outline::of(passages);
        let total = outline.tokens(&(0..passages.len()).collect::<Vec<_>>());
        if is_one_procedure && total <= MAX_PROCEDURE_TOKENS && !outline.lists_problems(&[]) {
            return Self::whole(passages);
        }
        let narrow = Self::around(passages, lead, is_one_procedure);
        let path = leading.heading_path.as_slice();
        let mut wide = BTreeSet::from_iter(narrow.passages.iter().copied());
        let depth = narrow.depth.min(path.len());
        // A part by itself, such as `Solution`, belongs to the section above it.
        let is_part = depth == path.len() && path.last().is_some_and(|last| Role::alone_in(last).is_some());
        let depth = if is_part { depth - 1 } else { depth };
        let whole = outline.below(&path[..depth]);
        let is_bounded = outline.tokens(&whole) <= MAX_PROCEDURE_TOKENS;
        // The sections below the first lines of a page may treat any subject: they are included unless they are a list
        // of cases.
        let is_one = depth > 0 || (outline.tokens(&whole) <= WHOLE_TOKENS && !outline.is_catalogue(&[]));
        if !outline.has_entries(&path[..depth]) && is_bounded && is_one {
            wide.extend(whole);
        } else if !path.is_empty() && !outline.has_entries(path) {
            wide.extend(outline.below(path));
        }
        if depth > 0 {
            wide.extend(outline.parts_beside(&path[..depth], is_one_procedure));
        }
        for above in 1..depth {
            let introduction = outline.at(&path[..above]);
            if outline.tokens(&introduction) <= MAX_ABOVE_TOKENS {
                wide.extend(introduction);
            }
        }
        Self { passages: wide.into_iter().collect(), depth: narrow.depth }
    }
}

/// The headings of a page, those inside its passages included.
struct Outline<'a> {
    passages: &'a [Chunk],
    /// The path of each passage, and of each heading within one, with the passage's place.
    paths: Vec<(Vec<String>, usize)>,
}

impl<'a> Outline<'a> {
    fn of(passages: &'a [Chunk]) -> Self {
        let mut paths = Vec::with_capacity(passages.len());
        for (at, passage) in passages.iter().enumerate() {
            paths.push((passage.heading_path.clone(), at));
            paths.extend(inner_paths(passage).into_iter().map(|path| (path, at)));
        }
        Self { passages, paths }
    }

    /// The headings directly below a path, each once.
    fn children(&self, path: &[String]) -> Vec<&str> {
        let mut children: Vec<&str> = Vec::new();
        for (other, _) in &self.paths {
            if other.len() > path.len() && other.starts_with(path) {
                let child = other[path.len()].as_str();
                if !children.contains(&child) {
                    children.push(child);
                }
            }
        }
        children
    }

    /// Whether most headings below a path are parts of one problem.
    fn is_problem(&self, path: &[String]) -> bool {
        let children = self.children(path);
        let roles: Vec<Role> = children.iter().filter_map(|child| Role::alone_in(child)).collect();
        let telling: BTreeSet<u8> =
            roles.iter().filter(|role| **role != Role::Aside).map(|role| *role as u8).collect();
        telling.len() >= 2 && 2 * roles.len() >= children.len()
    }

    /// How many headings directly below a path only name a part.
    fn num_parts(&self, path: &[String]) -> usize {
        self.children(path).iter().filter(|child| Role::alone_in(child).is_some()).count()
    }

    /// Whether the headings below a path are entries that treat a problem each.
    fn is_catalogue(&self, path: &[String]) -> bool {
        let children = self.children(path);
        let treats_one = |child: &&str| {
            let mut below = path.to_vec();
            below.push((*child).to_owned());
            names_entry(child) || self.is_problem(&below) || self.has_steps(&below)
        };
        children.len() >= 2
            && 3 * children.iter().filter(|child| treats_one(child)).count() >= 2 * children.len()
    }

    /// Whether most headings below a path name alerts or codes, or are a problem with parts of its own each. Steps
    /// below a heading or a question for a heading (`When does a pod see it?`) make a procedure no catalogue.
    fn lists_problems(&self, path: &[String]) -> bool {
        let children = self.children(path);
        let is_problem = |child: &&str| {
            let mut below = path.to_vec();
            below.push((*child).to_owned());
            heading_names_entry(child) || self.is_problem(&below)
        };
        let num_problems = children.iter().filter(|child| is_problem(child)).count();
        children.len() >= 2 && 3 * num_problems >= 2 * children.len()
    }

    fn has_steps(&self, path: &[String]) -> bool {
        self.below(path).iter().any(|&at| has_steps(&self.passages[at].text))
    }

    /// Whether headings directly below a path name entries of a catalogue.
    fn has_entries(&self, path: &[String]) -> bool {
        self.children(path).iter().filter(|child| names_entry(child)).count() >= 2
    }

    /// The passages below the headings beside a path that only name parts, where they are short. Asides count only
    /// `with_asides`: in a procedure they hold the rules, elsewhere they are sections such as `What's next`.
    fn parts_beside(&self, path: &[String], with_asides: bool) -> Vec<usize> {
        let Some((_, parent)) = path.split_last() else { return Vec::new() };
        let below = |child: &str| {
            let mut beside = parent.to_vec();
            beside.push(child.to_owned());
            self.below(&beside)
        };
        let is_part = |child: &&str| match Role::alone_in(child) {
            Some(Role::Aside) => with_asides,
            role => role.is_some(),
        };
        let parts = self.children(parent).into_iter().filter(is_part);
        let beside: Vec<usize> = parts.flat_map(below).collect();
        if self.tokens(&beside) <= WHOLE_TOKENS { beside } else { Vec::new() }
    }

    fn tokens(&self, places: &[usize]) -> u32 {
        places.iter().map(|&at| self.passages[at].tokens).sum()
    }

    /// The places of the passages at a path itself.
    fn at(&self, path: &[String]) -> Vec<usize> {
        (0..self.passages.len()).filter(|&at| self.passages[at].heading_path == path).collect()
    }

    /// The places of the passages at a path or below it.
    fn below(&self, path: &[String]) -> Vec<usize> {
        (0..self.passages.len()).filter(|&at| self.passages[at].heading_path.starts_with(path)).collect()
    }

    /// A problem's passages. Of the subjects that one of its parts treats apart from each other, only the lead's stays.
    fn problem(&self, depth: usize, path: &[String], lead: usize) -> Unit {
        let is_elsewhere = |other: &[String]| {
            (depth + 1..path.len()).any(|at| {
                other.len() > at
                    && other[..at] == path[..at]
                    && other[at] != path[at]
                    && Role::alone_in(&other[at]).is_none()
                    && Role::alone_in(&path[at]).is_none()
            })
        };
        let mut passages = self.below(&path[..depth]);
        passages.retain(|&at| at == lead || !is_elsewhere(&self.passages[at].heading_path));
        Unit { passages, depth }
    }

    /// A section's own passages, and those below it where it says little by itself.
    fn section(&self, path: &[String], lead: usize) -> Unit {
        let own = self.at(path);
        let below = self.below(path);
        let tokens = self.tokens(&below);
        let acts = own.iter().any(|&at| has_steps(&self.passages[at].text));
        let are_entries = self.has_entries(path);
        let mut passages = match !path.is_empty() && !acts && !are_entries && tokens <= MAX_BELOW_TOKENS {
            true => below,
            false => own,
        };
        if !passages.contains(&lead) {
            passages.push(lead);
            passages.sort_unstable();
        }
        Unit { passages, depth: path.len() }
    }
}

/// Whether a heading names an alert, an error code or a question rather than a part of something.
fn names_entry(heading: &str) -> bool {
    heading.ends_with(['?', '？']) || heading_names_entry(heading)
}

/// Whether a text has a numbered list or a block of code.
fn has_steps(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        line.starts_with("```")
            || line.starts_with("~~~")
            || ((1..=2).contains(&digits) && line[digits..].starts_with(". "))
    })
}

/// A part of a passage below one of the headings that stand in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The passage's headings and those in the text, outermost first.
    pub path: Vec<String>,
    /// The Markdown below the last of them.
    pub text: &'a str,
}

/// A passage at the headings in its text. The first part has the passage's own path and may be empty.
pub fn parts<'a>(heading_path: &[String], text: &'a str) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    let (mut start, mut at, mut fence) = (0, 0, None::<(char, usize)>);
    let path_of = |open: &[(usize, String)]| {
        heading_path.iter().cloned().chain(open.iter().map(|(_, heading)| heading.clone())).collect()
    };
    for line in text.split_inclusive('\n') {
        let mark = line.trim_start().chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = mark.map_or(0, |mark| line.trim_start().chars().take_while(|c| *c == mark).count());
        match (fence, mark) {
            (Some((open_mark, open_length)), Some(mark))
                if mark == open_mark && length >= open_length && line.trim().chars().all(|c| c == mark) =>
            {
                fence = None;
            }
            (None, Some(mark)) if length >= 3 => fence = Some((mark, length)),
            (None, None) => {
                if let Some((level, heading)) = heading(line) {
                    parts.push(Part { path: path_of(&open), text: &text[start..at] });
                    open.retain(|(above, _)| *above < level);
                    open.push((level, heading.to_owned()));
                    start = at + line.len();
                }
            }
            _ => {}
        }
        at += line.len();
    }
    parts.push(Part { path: path_of(&open), text: &text[start..] });
    parts
}

/// The level and the words of a line that is a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|&byte| byte == b'#').count();
    let words = line[level..].strip_prefix(' ')?.trim();
    ((1..=6).contains(&level) && !words.is_empty()).then_some((level, words))
}

fn inner_paths(passage: &Chunk) -> Vec<Vec<String>> {
    parts(&passage.heading_path, &passage.text).into_iter().skip(1).map(|part| part.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(sections: &[(&str, &str)]) -> Vec<Chunk> {
        let chunk = |(at, (path, text)): (usize, &(&str, &str))| Chunk {
            document: "s/d.md".to_owned(),
            ordinal: at as u32,
            heading_path: path
                .split(" > ")
                .filter(|heading| !heading.is_empty())
                .map(str::to_owned)
                .collect(),
            anchor: None,
            text: (*text).to_owned(),
            start_byte: 0,
            end_byte: 0,
            tokens: 50,
            prohibitions: Vec::new(),
        };
        sections.iter().enumerate().map(chunk).collect()
    }

    /// For each passage as the lead, the passages of its unit.
    fn check(is_one_procedure: bool, sections: &[(&str, &str)], expected: &[&[usize]]) {
        let page = page(sections);
        for (lead, expected) in expected.iter().enumerate() {
            assert_eq!(
                &Unit::around(&page, lead, is_one_procedure).passages,
                expected,
                "passage {lead} of {sections:?}"
            );
        }
    }

    #[test]
    fn a_runbook_of_one_problem_is_whole() {
        let all: &[usize] = &[0, 1, 2, 3];
        check(
            false,
            &[("", "Intro."), ("Meaning", "x"), ("Diagnosis > Our classes", "x"), ("Mitigation", "1. x")],
            &[all, all, all, all],
        );
        let inner = "Intro.\n\n### Symptoms\n\nx\n\n### Solution\n\n1. y";
        check(false, &[("Disk full", inner), ("Node down", inner)], &[&[0], &[1]]);
    }

    #[test]
    fn a_siblings_problem_is_left_out() {
        check(
            false,
            &[
                ("", "About."),
                ("A > Symptoms", "x"),
                ("A > Solution", "x"),
                ("B > Symptoms", "x"),
                ("B > Solution", "x"),
            ],
            &[&[0], &[1, 2], &[1, 2], &[3, 4], &[3, 4]],
        );
        check(true, &[("RelayDown", "x"), ("RelayStuck", "x")], &[&[0], &[1]]);
        check(
            true,
            &[("Who may do it", "x"), ("Drain", "1. x"), ("After", "x")],
            &[&[0, 1, 2], &[0, 1, 2], &[0, 1, 2]],
        );
        check(false, &[("Create it", "1. x"), ("Delete it", "1. x")], &[&[0], &[1]]);
    }

    #[test]
    fn of_remedies_apart_only_the_one_that_was_found_stays() {
        check(
            false,
            &[("Meaning", "x"), ("Mitigation > Slow disk", "x"), ("Mitigation > No space", "x")],
            &[&[0, 1, 2], &[0, 1], &[0, 2]],
        );
    }

    #[test]
    fn an_introduction_takes_its_short_sections_along() {
        check(
            false,
            &[
                ("Driver", "Which mode?"),
                ("Driver > Pod mode", "1. x"),
                ("Driver > Sidecar mode", "x"),
                ("Other", "x"),
            ],
            &[&[0, 1, 2], &[1], &[2], &[3]],
        );
    }

    #[test]
    fn a_model_gets_what_stands_beside_the_unit() {
        let check = |is_one_procedure, sections: &[(&str, &str)], lead, expected: &[usize]| {
            let page = page(sections);
            let found = Unit::with_surroundings(&page, lead, is_one_procedure).passages;
            assert_eq!(found, expected, "passage {lead} of {sections:?}");
        };
        // A policy whose table speaks of a rule.
        let policy = [
            ("", "Holds for payments."),
            ("The rules", "1. Ask first."),
            ("Before any restart", "x"),
            ("What may be restarted", "yes, with rule 1"),
        ];
        check(true, &policy, 3, &[0, 1, 2, 3]);
        let rotation = [
            ("How often", "x"),
            ("Planned rotation", "1. x"),
            ("When does a pod see it?", "x"),
            ("After a leak", "1. x"),
        ];
        check(true, &rotation, 1, &[0, 1, 2, 3]);
        // The causes below a section, whatever their steps; not the next section.
        let causes = [
            ("Provisioning > No addresses", "```\nlog\n```"),
            ("Provisioning > No addresses > Density > Solutions", "1. x"),
            ("Provisioning > No addresses > Exhaustion > Solutions", "1. x"),
            ("Provisioning > No nodes", "1. x"),
        ];
        check(false, &causes, 0, &[0, 1, 2]);
        // A part by itself belongs to what it is a part of.
        let part =
            [("Probes", "Intro."), ("Probes > Web > Solution", "1. x"), ("Probes > Web", "x"), ("Mesh", "x")];
        check(false, &part, 1, &[0, 1, 2]);
        // The entries of a catalogue stay apart, and what only refers to other pages stays out.
        check(true, &[("RelayDown", "x"), ("RelayStuck", "x")], 0, &[0]);
        let how_to =
            [("Before you begin", "x"), ("Define a probe", "1. x"), ("What's next", "x"), ("Other", "1. x")];
        check(false, &how_to, 1, &[1]);
    }
}
