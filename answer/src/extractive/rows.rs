//! Rows of tables that are about this very failure: those whose first cell quotes what the question says. Pure.

use super::elements::Section;
use crate::{evidence::Evidence, markdown::Unit, quote::Quote, text::num_chars};
use kb::{lists, question::Question};

/// Most rows that are quoted: a message can have two parts.
const MAX_ROWS: usize = 2;

/// Headers of table columns that say what to do, in lower case.
const ACTION_HEADERS: &str = include_str!("action_headers.txt");

/// A table's row about this very failure.
pub struct Row<'a> {
    /// The first cell and the cell that explains it.
    pub cause: Quote<'a>,
    /// The cell that says what to do.
    pub action: Option<Quote<'a>>,
}

/// The rows whose first cell has a quotation or a code that the question has as well; the longest first.
pub fn matching<'a>(sections: &[Section<'a>], question: &Question) -> Vec<Row<'a>> {
    let asked = question.text().to_lowercase();
    let mut found: Vec<(usize, &Vec<String>, &Vec<String>, &'a Evidence)> = Vec::new();
    for section in sections {
        for unit in &section.units {
            let Unit::Row { header, cells } = unit else { continue };
            let Some(first) = cells.first().filter(|_| cells.len() > 1) else { continue };
            let length = names(first)
                .into_iter()
                .map(|name| name.to_lowercase())
                .filter(|name| occurs(&asked, name))
                .map(|name| name.len())
                .max();
            if let Some(length) = length {
                found.push((length, header, cells, section.from));
            }
        }
    }
    found.sort_by_key(|(length, ..)| std::cmp::Reverse(*length));
    found.into_iter().filter_map(|(_, header, cells, from)| row(header, cells, from)).take(MAX_ROWS).collect()
}

/// The names in a first cell: its quotations in backticks, or the whole cell where it is a code or an alert's name.
fn names(cell: &str) -> Vec<&str> {
    let quoted: Vec<&str> = cell.split('`').skip(1).step_by(2).filter(|quoted| is_telling(quoted)).collect();
    let whole = cell.trim();
    let is_name = num_chars(whole) <= 80 && !whole.contains(char::is_whitespace) && is_telling(whole);
    match quoted.is_empty() && is_name {
        true => vec![whole],
        false => quoted,
    }
}

/// Whether a text has a name as words of its own: `E10` is not in `E1003`.
fn occurs(text: &str, name: &str) -> bool {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    text.match_indices(name).any(|(at, _)| {
        is_apart(text[..at].chars().next_back()) && is_apart(text[at + name.len()..].chars().next())
    })
}

/// Whether a quotation says enough to choose a row by: `OOMKilled`, `401`, `connection refused`, but not `Running`.
fn is_telling(quoted: &str) -> bool {
    let has_hump = quoted.chars().skip(1).any(char::is_uppercase);
    let is_compound = quoted.contains(|c: char| !c.is_alphabetic());
    quoted.chars().count() >= 3 && (has_hump || is_compound)
}

fn row<'a>(header: &[String], cells: &[String], from: &'a Evidence) -> Option<Row<'a>> {
    let is_action = |at: &usize| {
        let words = header.get(*at).map(|header| header.trim().to_lowercase());
        words.is_some_and(|words| lists::lines(ACTION_HEADERS).any(|line| line == words))
    };
    let action = (1..cells.len()).find(is_action);
    let cause = (1..cells.len()).find(|at| Some(*at) != action && !cells[*at].is_empty()).or(action)?;
    let action = action.filter(|at| *at != cause && !cells[*at].is_empty());
    let ended = |text: &str| match text.ends_with(['.', '。', '!', '?']) {
        true => text.to_owned(),
        false if text.ends_with(kb::analyzer::is_cjk) => format!("{text}。"),
        false => format!("{text}."),
    };
    Some(Row {
        cause: Quote { text: ended(&format!("{} — {}", cells[0], cells[cause])), from },
        action: action.map(|at| Quote { text: cells[at].clone(), from }),
    })
}

/// The label of a step that a row's action names (`A`, `Step 2`); `None` where the action speaks for itself.
pub fn label_of(action: &str) -> Option<&str> {
    let label = action.trim_matches(['*', '`', '.', ' ']);
    (num_chars(label) <= 3).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_sorted_and_unique() {
        assert_eq!(lists::unsorted(ACTION_HEADERS), None);
    }

    #[test]
    fn cells_name_failures() {
        for (cell, expected) in [
            ("E1003", vec!["E1003"]),
            ("`connection refused`", vec!["connection refused"]),
            ("`401` or `403`", vec!["401", "403"]),
            ("RelayQueueStuck", vec!["RelayQueueStuck"]),
            ("Running", vec![]),
            ("the disk is full", vec![]),
        ] {
            assert_eq!(names(cell), expected, "{cell}");
        }
        assert!(occurs("code e1003 came", "e1003") && !occurs("code e10031", "e1003"));
    }
}
