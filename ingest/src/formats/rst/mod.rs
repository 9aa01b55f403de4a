//! reStructuredText, block by block: headings in the order in which their lines appear, lists of all sorts, code,
//! tables, quotations and directives.
//!
//! Entry point: [`parse`]. [`rows`] tells what a row begins, [`names`] what is named anywhere in the page, [`head`]
//! what the page says of itself, [`inline`] reads paragraphs, [`directives`] what stands behind `..`, [`tables`]
//! tables. Blocks stand in each other by their indentation; a block that is nested deeper than [`MAX_DEPTH`] is a
//! paragraph. Files are included from within the source only.

mod directives;
mod head;
mod inline;
mod names;
mod rows;
mod tables;

use super::{
    Parsed, Place, front_matter, markdown, redaction,
    stated::Stated,
    steps::Steps,
    written::{Writer, one_line, push_code, push_words},
};
pub(crate) use head::restricts;
use head::{Head, leading_fields_end};
use inline::Inline;
use names::Names;
use rows::{
    Row, adornment_of, bullet_of, dedented, end_of_inside, enumerator_of, field_of, lines_of, option_of,
    rows_of, trimmed, underlines,
};
use std::ops::Range;

/// Blocks in each other that are told apart.
const MAX_DEPTH: usize = 24;

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let (source, redacted) = redaction::redacted(text);
    let text = source.as_str();
    // Front matter stands at the very top; a text behind fields that looks like it is checked, and stays text.
    let fields_end = leading_fields_end(text);
    let (front, start) = match front_matter::parse(&text[fields_end..]) {
        Ok(None) => (Stated::default(), 0),
        Ok(Some((said, range))) => (said, if fields_end == 0 { range.end } else { 0 }),
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let steps = Steps::for_text(text);
    let lines = lines_of(text, start, None, &steps);
    let rows = rows_of(&lines);
    let head = Head::of(&rows);
    let said = match head.stated().and_then(|given| front.or(given)) {
        Ok(said) => said,
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let names = Names::of(&rows);
    let mut page = Page {
        writer: Writer::new(&source),
        inline: Inline::new(&names, &steps),
        steps: &steps,
        place,
        levels: Vec::new(),
        lead: String::new(),
        id: None,
        language: String::new(),
        missing: Vec::new(),
        num_files: 0,
        num_bytes: 0,
    };
    let description = said.description.as_deref().filter(|words| !text[start..].contains(*words));
    if let Some(description) = description {
        let words = page.inline.markdown(description);
        page.writer.paragraph(&words, start..start);
    }
    page.blocks(&rows[..head.rows.start], 0);
    page.facts(&head, &rows);
    page.blocks(&rows[head.rows.end..], 0);
    if steps.are_spent() {
        return Parsed::rejected(place, steps.refusal());
    }
    let missing = page.missing;
    let (body, found_links) = page.writer.finish();
    let mut parsed = markdown::finished(body, &found_links, said, redacted, place);
    if !parsed.documents.is_empty() {
        for name in missing.iter().take(10) {
            parsed.warn(
                place,
                format!("include `{}` is not in the source, or too large; left out", super::shown(name)),
            );
        }
    }
    parsed
}

/// A page that is being written.
struct Page<'w, 'p> {
    writer: Writer<'w>,
    inline: Inline<'p>,
    steps: &'p Steps,
    place: &'p Place<'p>,
    /// The signs of headings in the order of their levels, and whether they stand above the title as well.
    levels: Vec<(char, bool)>,
    /// The text that the next paragraph begins with, such as a term.
    lead: String,
    /// The label before the next heading.
    id: Option<String>,
    /// The language of code that does not say its own.
    language: String,
    /// Files that were to be included and were left out.
    missing: Vec<String>,
    num_files: usize,
    num_bytes: usize,
}

impl Page<'_, '_> {
    fn blocks(&mut self, rows: &[Row<'_>], depth: usize) {
        let mut at = 0;
        while let Some(row) = rows.get(at) {
            if !self.steps.take(1) {
                return;
            }
            if row.is_blank() {
                at += 1;
            } else if depth > MAX_DEPTH {
                let end = end_of_text(rows, at);
                self.paragraph(&rows[at..end]);
                at = end;
            } else {
                at = self.block(rows, at, depth);
            }
        }
    }

    /// Writes the block that begins at `at`; returns where it ends.
    fn block(&mut self, rows: &[Row<'_>], at: usize, depth: usize) -> usize {
        let text = rows[at].text;
        if rows[at].indent() > 0 {
            return self.indented(rows, at, depth);
        }
        if text == ".." || text.starts_with(".. ") {
            return self.explicit(rows, at, depth);
        }
        if text.starts_with("__ ") {
            return end_of_inside(rows, at);
        }
        if let Some(end) = self.heading(rows, at) {
            return end;
        }
        self.id = None;
        if let Some(end) = tables::end_of_grid(rows, at) {
            let cells = tables::grid(&rows[at..end]);
            self.table(cells, place_of(&rows[at..end]));
            return end;
        }
        if let Some(end) = tables::end_of_simple(rows, at) {
            let cells = tables::simple(&rows[at..end]);
            self.table(cells, place_of(&rows[at..end]));
            return end;
        }
        if text.starts_with(">>> ") {
            let end = at + rows[at..].iter().take_while(|row| !row.is_blank()).count();
            self.code("python", &rows[at..end]);
            return end;
        }
        if is_line_of_block(text) {
            return self.line_block(rows, at);
        }
        if bullet_of(text).is_some() {
            return self.bullets(rows, at, depth);
        }
        if is_enumerated(rows, at) {
            return self.enumerated(rows, at, depth);
        }
        if field_of(text).is_some() {
            return self.terms(rows, at, depth, &|rows, at| {
                let (name, rest) = field_of(rows[at].text)?;
                Some((Term::Words(name), rest))
            });
        }
        if is_option(rows, at) {
            return self.terms(rows, at, depth, &|rows, at| {
                let (options, rest) = is_option(rows, at).then(|| option_of(rows[at].text)).flatten()?;
                Some((Term::Code(options), rest))
            });
        }
        if is_defined(rows, at) {
            return self.terms(rows, at, depth, &|rows, at| {
                is_defined(rows, at).then(|| (Term::Words(rows[at].text), ""))
            });
        }
        self.text(rows, at)
    }

    /// Writes what is indented: a list or a directive that happens to be, or a quotation.
    fn indented(&mut self, rows: &[Row<'_>], at: usize, depth: usize) -> usize {
        let end = at + rows[at..].iter().take_while(|row| row.is_blank() || row.indent() > 0).count();
        let inner = dedented(trimmed(&rows[at..end]), usize::MAX);
        let first = inner.first().map_or("", |row| row.text);
        let is_quote = !(bullet_of(first).is_some()
            || is_enumerated(&inner, 0)
            || first.starts_with("..")
            || inner.iter().any(|row| row.text.starts_with(".. ") || row.text.ends_with("::")));
        if !is_quote || !self.lead.is_empty() {
            self.blocks(&inner, depth + 1);
            return end;
        }
        self.writer.open_quote();
        self.blocks(&inner, depth + 1);
        self.writer.close_quote();
        end
    }

    /// Writes a heading, or leaves out a line across the page; returns where it ends.
    fn heading(&mut self, rows: &[Row<'_>], at: usize) -> Option<usize> {
        let text = rows[at].text;
        let next = rows.get(at + 1).map_or("", |row| row.text);
        let (title, sign, is_above, end) = match adornment_of(text) {
            Some(sign) => {
                let below = rows.get(at + 2).map_or("", |row| row.text);
                let is_title = adornment_of(below) == Some(sign)
                    && below.len() == text.len()
                    && !next.is_empty()
                    && underlines(text, next.trim());
                if !is_title {
                    let is_line = text.len() >= 4 && (next.is_empty() || rows.len() == at + 1);
                    return is_line.then_some(at + 1);
                }
                (next.trim(), sign, true, at + 3)
            }
            None => {
                let sign = adornment_of(next).filter(|_| underlines(next, text))?;
                // `..` and `::` alone are markup of their own.
                if matches!(next, ".." | "::") {
                    return None;
                }
                (text, sign, false, at + 2)
            }
        };
        let level = match self.levels.iter().position(|known| *known == (sign, is_above)) {
            Some(level) => level + 1,
            None => {
                self.levels.push((sign, is_above));
                self.levels.len()
            }
        };
        let place = place_of(&rows[at..end]);
        self.flush_lead(&place);
        let words = self.inline.markdown(title);
        let id = self.id.take();
        self.writer.heading(level, &words, id.as_deref(), place);
        Some(end)
    }

    /// Writes a paragraph, and the code that follows where it ends in `::`.
    fn text(&mut self, rows: &[Row<'_>], at: usize) -> usize {
        let end = end_of_text(rows, at);
        let has_code = rows[end - 1].text.ends_with("::");
        self.paragraph(&rows[at..end]);
        if has_code { self.literal(rows, end) } else { end }
    }

    fn paragraph(&mut self, rows: &[Row<'_>]) {
        let mut text = String::new();
        for row in rows {
            text.push_str(row.text.trim_start());
            text.push('\n');
        }
        let mut words = text.trim_end();
        if let Some(before) = words.strip_suffix("::") {
            // The colons stay as one, unless they stand apart.
            words = match before.is_empty() || before.ends_with(char::is_whitespace) {
                true => before.trim_end(),
                false => &words[..words.len() - 1],
            };
        }
        let lead = std::mem::take(&mut self.lead);
        let words = self.inline.markdown(words);
        self.writer.paragraph(&format!("{lead}{}", words.trim_start()), place_of(rows));
    }

    /// Writes the code that follows a paragraph: the lines that are indented, or that all begin with the same sign.
    fn literal(&mut self, rows: &[Row<'_>], at: usize) -> usize {
        let start = at + rows[at..].iter().take_while(|row| row.is_blank()).count();
        let Some(first) = rows.get(start) else { return at };
        let language = self.language.clone();
        if first.indent() > 0 {
            let end =
                start + rows[start..].iter().take_while(|row| row.is_blank() || row.indent() > 0).count();
            self.code(&language, &rows[start..end]);
            return end;
        }
        let sign = first.text.chars().next().filter(char::is_ascii_punctuation);
        // Quoted code begins with a sign that begins no list and no directive.
        let Some(sign) = sign.filter(|sign| matches!(sign, '>' | '$' | '#' | '%' | '|' | '!')) else {
            return at;
        };
        let end = start + rows[start..].iter().take_while(|row| row.text.starts_with(sign)).count();
        self.code(&language, &rows[start..end]);
        end
    }

    fn code(&mut self, language: &str, rows: &[Row<'_>]) {
        let place = place_of(rows);
        self.flush_lead(&place);
        let mut code = String::new();
        for row in dedented(trimmed(rows), usize::MAX) {
            code.push_str(row.text);
            code.push('\n');
        }
        self.writer.code(language, &code, place);
    }

    fn table(&mut self, cells: tables::Cells, place: Range<usize>) {
        self.flush_lead(&place);
        let cell = |text: &String| one_line(&self.inline.markdown(text.trim()));
        let rows: Vec<Vec<String>> = cells.iter().map(|row| row.iter().map(cell).collect()).collect();
        self.writer.table(&rows, place);
    }

    fn line_block(&mut self, rows: &[Row<'_>], at: usize) -> usize {
        let is_inside = |row: &&Row<'_>| is_line_of_block(row.text) || row.indent() > 0;
        let end = at + rows[at..].iter().take_while(is_inside).count();
        let mut text = String::new();
        for row in &rows[at..end] {
            text.push_str(row.text.strip_prefix('|').unwrap_or(row.text).trim());
            text.push('\n');
        }
        let lead = std::mem::take(&mut self.lead);
        let words = self.inline.markdown(text.trim());
        self.writer.paragraph(&format!("{lead}{words}"), place_of(&rows[at..end]));
        end
    }

    fn bullets(&mut self, rows: &[Row<'_>], at: usize, depth: usize) -> usize {
        let sign = bullet_of(rows[at].text).map(|(sign, _)| sign);
        self.flush_lead(&rows[at].place);
        self.writer.open_list(None);
        let mut next = at;
        while let Some((_, width)) =
            rows.get(next).and_then(|row| bullet_of(row.text)).filter(|(own, _)| Some(*own) == sign)
        {
            next = self.item(rows, next, width, depth);
        }
        self.writer.close_list();
        next
    }

    fn enumerated(&mut self, rows: &[Row<'_>], at: usize, depth: usize) -> usize {
        let Some((form, number, _)) = enumerator_of(rows[at].text) else { return self.text(rows, at) };
        self.flush_lead(&rows[at].place);
        self.writer.open_list(Some(number));
        let mut next = at;
        // `i.` may be a letter and a number.
        let is_letter = |sort: char| matches!(sort, 'a' | 'i');
        while next < rows.len() && is_enumerated(rows, next) {
            let Some((own, _, width)) = enumerator_of(rows[next].text) else { break };
            let is_same = own.1 == form.1 || own.1 == '#' || (is_letter(own.1) && is_letter(form.1));
            if own.0 != form.0 || !is_same {
                break;
            }
            next = self.item(rows, next, width, depth);
        }
        self.writer.close_list();
        next
    }

    /// Writes an item, whose text begins at a column; returns where the next block begins.
    fn item(&mut self, rows: &[Row<'_>], at: usize, width: usize, depth: usize) -> usize {
        let end = end_of_inside(rows, at);
        let first =
            Row { text: rows[at].text.get(width..).unwrap_or_default(), place: rows[at].place.clone() };
        let mut inner = vec![first];
        inner.extend(dedented(&rows[at + 1..end], width.max(1)));
        self.writer.open_item();
        self.blocks(&inner, depth + 1);
        self.writer.close_item();
        end + rows[end..].iter().take_while(|row| row.is_blank()).count()
    }

    /// Writes a list of terms with what is said of each.
    fn terms<'r>(&mut self, rows: &[Row<'r>], at: usize, depth: usize, term_of: TermOf<'_, 'r>) -> usize {
        self.flush_lead(&rows[at].place);
        self.writer.open_list(None);
        let mut next = at;
        while let Some((term, rest)) =
            rows.get(next).filter(|row| !row.is_blank()).and_then(|_| term_of(rows, next))
        {
            let end = end_of_inside(rows, next);
            let mut inner = Vec::new();
            if !rest.is_empty() {
                inner.push(Row { text: rest, place: rows[next].place.clone() });
            }
            inner.extend(dedented(&rows[next + 1..end], usize::MAX));
            self.writer.open_item();
            self.lead = match term {
                Term::Code(code) => {
                    let mut lead = String::new();
                    push_code(&mut lead, code);
                    lead + ": "
                }
                Term::Words(words) => {
                    let words = self.inline.markdown(words);
                    if words.contains("**") { format!("{words}: ") } else { format!("**{words}**: ") }
                }
            };
            self.blocks(&inner, depth + 1);
            self.flush_lead(&rows[next].place);
            self.writer.close_item();
            next = end + rows[end..].iter().take_while(|row| row.is_blank()).count();
        }
        self.writer.close_list();
        next
    }

    /// Writes the fields at the top that are not metadata of ours.
    fn facts(&mut self, head: &Head, rows: &[Row<'_>]) {
        if head.shown.is_empty() {
            return;
        }
        self.writer.open_list(None);
        for (row, name, value) in &head.shown {
            let mut words = String::new();
            push_words(&mut words, name, false);
            self.writer.open_item();
            let value = self.inline.markdown(value);
            self.writer.paragraph(&format!("**{words}**: {value}"), rows[*row].place.clone());
            self.writer.close_item();
        }
        self.writer.close_list();
    }

    /// Writes what waits for a paragraph, where none comes.
    fn flush_lead(&mut self, place: &Range<usize>) {
        let lead = std::mem::take(&mut self.lead);
        self.writer.paragraph(lead.trim_end(), place.clone());
    }
}

/// The term before the text of a list's item.
enum Term<'r> {
    Words(&'r str),
    Code(&'r str),
}

/// Reads the term that a row begins with, and the text behind it on the row.
type TermOf<'f, 'r> = &'f dyn Fn(&[Row<'r>], usize) -> Option<(Term<'r>, &'r str)>;

/// The place of rows that stand together.
fn place_of(rows: &[Row<'_>]) -> Range<usize> {
    let start = rows.first().map_or(0, |row| row.place.start);
    start..rows.last().map_or(start, |row| row.place.end.max(start))
}

/// The end of the paragraph that begins at `at`: before a blank or indented row.
fn end_of_text(rows: &[Row<'_>], at: usize) -> usize {
    let is_text = |row: &&Row<'_>| !row.is_blank() && row.indent() == 0;
    at + 1 + rows[at + 1..].iter().take_while(is_text).count()
}

fn is_line_of_block(text: &str) -> bool {
    text == "|" || (text.starts_with("| ") && !text.ends_with(" |"))
}

/// Whether a row begins an item with a number: a sentence that begins with one goes on below it.
fn is_enumerated(rows: &[Row<'_>], at: usize) -> bool {
    let Some((form, ..)) = enumerator_of(rows[at].text) else { return false };
    let next = rows.get(at + 1).filter(|next| !next.is_blank() && next.indent() == 0);
    next.is_none_or(|next| enumerator_of(next.text).is_some_and(|(own, ..)| own.0 == form.0))
}

fn is_option(rows: &[Row<'_>], at: usize) -> bool {
    let is_followed = || rows.get(at + 1).is_some_and(|next| next.indent() > 0);
    option_of(rows[at].text).is_some_and(|(_, rest)| !rest.is_empty() || is_followed())
}

/// Whether a row is a term that the rows below it, which are indented, define.
fn is_defined(rows: &[Row<'_>], at: usize) -> bool {
    let row = &rows[at];
    let text = row.text;
    let is_other = text.ends_with("::")
        || text.starts_with("..")
        || text.starts_with('|')
        || bullet_of(text).is_some()
        || enumerator_of(text).is_some_and(|_| is_enumerated(rows, at))
        || field_of(text).is_some();
    let is_term = row.indent() == 0 && !is_other;
    is_term && rows.get(at + 1).is_some_and(|next| next.indent() > 0)
}

#[cfg(test)]
mod tests;
