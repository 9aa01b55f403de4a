//! Makes blocks of the lines of pages: headings by the outline or by the size of their letters, paragraphs, items of
//! lists and code. Text that stands on every page is left out.

use crate::convert::{Line, Page, Pdf};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

/// Letters of headings are larger than others by this.
const LARGER: f32 = 1.12;

/// Sizes that differ by less are one.
const SAME_SIZE: f32 = 0.6;

/// A longer line is not a heading.
const MAX_HEADING_CHARS: usize = 200;

/// The largest gap between lines of one paragraph, as a multiple of the usual gap.
const MAX_GAP: f32 = 1.3;

/// Cells of a row have this many characters, or fewer, on average.
const MAX_CELL_CHARS: usize = 30;

/// Lines at the top and the bottom of a page that may be on every page.
const MARGIN_LINES: usize = 3;

/// Signs before the items of a list.
const SIGNS: [char; 17] =
    ['•', '‣', '◦', '▪', '▫', '■', '□', '●', '○', '◆', '➢', '✓', '–', '·', '\u{f0b7}', '\u{f0a7}', '-'];

/// Words that stand beside a page's number.
const BESIDE_NUMBERS: [&str; 12] =
    ["page", "of", "p", "seite", "von", "trang", "halaman", "dari", "页", "頁", "第", "共"];

/// A file's text in blocks.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The lines that are not left out, one below the other.
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    /// The starts of the pages in the text, with their numbers.
    pub(super) pages: Vec<(usize, u32)>,
}

/// A block of the text, with its shape and its rows.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) shape: Shape,
    /// The left edge, from the left edge of the page.
    pub(super) x: f32,
    pub(super) lines: Vec<Row>,
}

/// The shape of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A heading of a level from 1.
    Heading(usize),
    Paragraph,
    /// An item of a list, with its number where it has one.
    Item(Option<u64>),
    Code,
    /// Rows of cells. Tabs separate the cells of a row; spaces do in a row without tabs.
    Rows,
}

/// A line of a block.
#[derive(Debug)]
pub(super) struct Row {
    /// The range of the row's words in the text, without the sign of an item.
    pub(super) range: Range<usize>,
    /// Spaces before it, in code.
    pub(super) indent: usize,
    /// Whether a gap is above it, in code.
    pub(super) follows_gap: bool,
}

/// A line with what is known of it.
struct Found<'p> {
    line: &'p Line,
    page: u32,
    /// The line's range in the text.
    range: Range<usize>,
    heading: Option<usize>,
    is_code: bool,
    /// How many cells it has, where it is one of several rows with as many; or none.
    cells: usize,
}

impl Layout {
    pub(super) fn of(pdf: &Pdf) -> Self {
        let body = body_size(pdf.pages.iter().flat_map(|page| &page.lines));
        let on_all = Repeated::of(&pdf.pages, body);
        let mut layout = Self::default();
        let mut found: Vec<Found<'_>> = Vec::new();
        for page in &pdf.pages {
            let margins = margins_of(page);
            let start = layout.text.len();
            for (number, line) in page.lines.iter().enumerate() {
                let is_furniture = margins.contains(&number) && on_all.leaves_out(line, page.number);
                if is_furniture || is_of_contents(&line.text) {
                    continue;
                }
                let start = layout.text.len();
                layout.text.push_str(&line.text);
                let range = start..layout.text.len();
                layout.text.push('\n');
                found.push(Found {
                    line,
                    page: page.number,
                    range,
                    heading: None,
                    is_code: line.is_code,
                    cells: 0,
                });
            }
            if layout.text.len() > start {
                layout.pages.push((start, page.number));
            }
        }
        let gap = usual_gap(&found, body);
        spread_code(&mut found);
        mark_headings(&mut found, pdf, body);
        mark_rows(&mut found, gap);
        layout.blocks = blocks_of(&found, gap);
        layout
    }
}

/// The numbers of the lines at the top and the bottom of a page.
fn margins_of(page: &Page) -> HashSet<usize> {
    let mut order: Vec<usize> = (0..page.lines.len()).collect();
    order.sort_by(|a, b| page.lines[*a].y.total_cmp(&page.lines[*b].y));
    let mut margins = HashSet::new();
    let mut take = |lines: &mut dyn Iterator<Item = &usize>| {
        let (mut rows, mut last) = (0, f32::NEG_INFINITY);
        for &number in lines {
            let y = page.lines[number].y;
            rows += usize::from((last - y).abs() > 2.0);
            if rows > MARGIN_LINES {
                break;
            }
            last = y;
            margins.insert(number);
        }
    };
    take(&mut order.iter());
    take(&mut order.iter().rev());
    margins
}

/// Lines that stand at the edges of many pages and are not headings.
struct Repeated {
    lines: HashSet<(i32, String)>,
    /// Places at which lines have the number of their page, and how far it is from the page's own: such a line may name
    /// the chapter, which is on few pages.
    numbered: HashSet<(i32, i64)>,
    num_pages: usize,
    body: f32,
}

impl Repeated {
    fn of(pages: &[Page], body: f32) -> Self {
        /// A line on fewer pages is not repeated furniture.
        const FEWEST: usize = 3;
        /// A repeated line stands on at least one page in this many.
        const SHARE: usize = 3;
        let mut counts: HashMap<(i32, String), usize> = HashMap::new();
        let mut numbers: HashMap<(i32, i64), usize> = HashMap::new();
        for page in pages {
            let lines = margins_of(page).into_iter().map(|number| &page.lines[number]);
            let lines: Vec<&Line> = lines.filter(|line| line.size < body * LARGER).collect();
            for key in lines.iter().map(|line| key_of(line)).collect::<HashSet<_>>() {
                *counts.entry(key).or_default() += 1;
            }
            for key in lines.iter().flat_map(|line| numbers_of(line, page.number)).collect::<HashSet<_>>() {
                *numbers.entry(key).or_default() += 1;
            }
        }
        let fewest = FEWEST.min(pages.len()).max(2);
        let is_furniture = |count: usize| count >= fewest && count * SHARE >= pages.len();
        let lines =
            counts.into_iter().filter(|(_, count)| is_furniture(*count)).map(|(key, _)| key).collect();
        let is_numbered = |count: usize| count >= FEWEST && count * 2 * SHARE >= pages.len();
        let numbered =
            numbers.into_iter().filter(|(_, count)| is_numbered(*count)).map(|(key, _)| key).collect();
        Self { lines, numbered, num_pages: pages.len(), body }
    }

    fn leaves_out(&self, line: &Line, page: u32) -> bool {
        let is_small = line.size < self.body * LARGER;
        let is_repeated = || {
            self.lines.contains(&key_of(line))
                || numbers_of(line, page).any(|key| self.numbered.contains(&key))
        };
        (is_small && is_repeated()) || (self.num_pages > 1 && is_page_number(&line.text, page))
    }
}

/// The numbers that a line begins and ends with, as the distance from its page's number.
fn numbers_of(line: &Line, page: u32) -> impl Iterator<Item = (i32, i64)> {
    let place = place_of(line);
    let is_edge = |c: char| !c.is_alphanumeric();
    let words = [line.text.split_whitespace().next(), line.text.split_whitespace().next_back()];
    let numbers = words.map(|word| word.and_then(|word| word.trim_matches(is_edge).parse::<i64>().ok()));
    let numbers = numbers.into_iter().flatten().filter(|number| *number < 100_000);
    numbers.map(move |number| (place, number - i64::from(page)))
}

/// About where a line stands on its page.
fn place_of(line: &Line) -> i32 {
    (line.y / 6.0).round() as i32
}

/// Whether a line leads to another page, as those of a table of contents do.
fn is_of_contents(text: &str) -> bool {
    let is_leader = |c: char| matches!(c, '.' | ' ' | '\t' | '…' | '·' | '_');
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let leader = rest.len() - rest.trim_end_matches(is_leader).len();
    rest.len() < text.len() && rest[rest.len() - leader..].matches(['.', '…', '·', '_']).count() >= 4
}

/// A line as the other pages have it: without numbers, at its place.
fn key_of(line: &Line) -> (i32, String) {
    let mut words = String::with_capacity(line.text.len());
    for character in line.text.chars() {
        match character.is_numeric() {
            true if words.ends_with('#') => {}
            true => words.push('#'),
            false => words.push(character),
        }
    }
    (place_of(line), words)
}

/// Whether a line is nothing but the number of its page.
fn is_page_number(text: &str, page: u32) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut is_named = false;
    for word in words.take(6) {
        let lower = word.to_lowercase();
        match word.parse::<u32>() {
            Ok(number) => is_named |= number == page,
            Err(_) if BESIDE_NUMBERS.contains(&lower.as_str()) => {}
            Err(_) => return false,
        }
    }
    is_named && text.chars().count() <= 24
}

/// The size of most letters that are not code.
fn body_size<'p>(lines: impl Iterator<Item = &'p Line> + Clone) -> f32 {
    let mut sizes: BTreeMap<i32, usize> = BTreeMap::new();
    let all = lines.clone().all(|line| line.is_code);
    for line in lines.filter(|line| all || !line.is_code) {
        *sizes.entry((line.size * 2.0).round() as i32).or_default() += line.text.len();
    }
    sizes.iter().max_by_key(|(_, count)| **count).map_or(10.0, |(size, _)| *size as f32 / 2.0)
}

/// The usual distance of lines of a paragraph, as multiples of their size.
fn usual_gap(found: &[Found<'_>], body: f32) -> f32 {
    let mut gaps: BTreeMap<i32, usize> = BTreeMap::new();
    for pair in found.windows(2) {
        let [above, below] = pair else { continue };
        let gap = (below.line.y - above.line.y) / body;
        let is_body = |line: &Found<'_>| (line.line.size - body).abs() < SAME_SIZE && !line.is_code;
        if above.page == below.page && is_body(above) && is_body(below) && (0.8..2.2).contains(&gap) {
            *gaps.entry((gap * 20.0).round() as i32).or_default() += 1;
        }
    }
    // Of two gaps that are equally common, paragraphs have the smaller one.
    let usual = gaps.iter().rev().max_by_key(|(_, count)| **count).map_or(1.2, |(gap, _)| *gap as f32 / 20.0);
    usual.clamp(1.0, 2.0)
}

/// Marks lines beside code as code that are too short to tell by themselves.
fn spread_code(found: &mut [Found<'_>]) {
    let is_like = |line: &Line, code: &Line| {
        let is_same = |a: f32, b: f32| (a - b).abs() < 0.05;
        (line.size - code.size).abs() < 0.3
            && matches!((line.letter, code.letter), (Some(a), Some(b)) if is_same(a, b))
    };
    for at in 1..found.len() {
        let (before, rest) = found.split_at_mut(at);
        if let (Some(code), Some(line)) = (before.last(), rest.first_mut())
            && code.is_code
            && is_like(line.line, code.line)
        {
            line.is_code = true;
        }
    }
    for at in (1..found.len()).rev() {
        let (before, rest) = found.split_at_mut(at);
        if let (Some(line), Some(code)) = (before.last_mut(), rest.first())
            && code.is_code
            && is_like(line.line, code.line)
        {
            line.is_code = true;
        }
    }
}

/// Marks rows: lines below each other that have as many cells, and a line of as many words above them.
fn mark_rows(found: &mut [Found<'_>], usual_gap: f32) {
    let cells = |line: &Found<'_>| line.line.text.matches('\t').count() + 1;
    // A line of words may have a wide gap as well; words between gaps are longer than a cell.
    let are_short = |line: &Found<'_>| line.line.text.chars().count() <= MAX_CELL_CHARS * cells(line);
    let is_words =
        |line: &Found<'_>| !line.is_code && line.heading.is_none() && item_of(&line.line.text).is_none();
    let is_one = |line: &Found<'_>| cells(line) > 1 && are_short(line) && is_words(line);
    let are_beside = |above: &Found<'_>, below: &Found<'_>| {
        let gap = (below.line.y - above.line.y) / below.line.size.max(1.0);
        above.page == below.page && gap > 0.5 && gap < 3.0 * usual_gap
    };
    for at in 1..found.len() {
        let (above, below) = (&found[at - 1], &found[at]);
        if are_beside(above, below) && is_one(above) && is_one(below) && cells(above) == cells(below) {
            let cells = cells(below);
            (found[at - 1].cells, found[at].cells) = (cells, cells);
        }
    }
    for at in (1..found.len()).rev() {
        let (above, below) = (&found[at - 1], &found[at]);
        let is_header = below.cells > 0
            && above.cells == 0
            && above.line.text.split_whitespace().count() == below.cells
            && found.get(at + 1).is_some_and(|next| next.cells == below.cells);
        if is_header && is_words(above) && are_beside(above, below) {
            found[at - 1].cells = below.cells;
        }
    }
}

/// Marks headings: those that the outline names where it names some, or those in larger letters.
fn mark_headings(found: &mut [Found<'_>], pdf: &Pdf, body: f32) {
    if !mark_by_outline(found, &pdf.outline, body) {
        mark_by_size(found, body);
    }
}

fn mark_by_outline(found: &mut [Found<'_>], outline: &[(u8, String)], body: f32) -> bool {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, line) in found.iter().enumerate() {
        if !line.is_code
            && line.line.size >= body - SAME_SIZE
            && line.line.text.len() <= 4 * MAX_HEADING_CHARS
        {
            places.entry(letters(&line.line.text)).or_default().push(number);
        }
    }
    let mut next = 0;
    let mut headings = Vec::new();
    for (level, title) in outline {
        let title = letters(title);
        let Some(lines) = places.get(&title).filter(|_| !title.is_empty()) else { continue };
        let after = lines.partition_point(|number| *number < next);
        // The words that a table of contents repeats are as large as all other text.
        let is_larger = |number: &&usize| found[**number].line.size > body + SAME_SIZE / 2.0;
        let line = lines[after..].iter().find(is_larger).or_else(|| lines.get(after));
        if let Some(&number) = line {
            headings.push((number, usize::from(*level)));
            next = number + 1;
        }
    }
    let is_most = headings.len() * 2 > outline.len();
    if is_most {
        let below = mark_title(found, &headings, body);
        headings.iter().for_each(|(number, level)| found[*number].heading = Some(*level + below));
    }
    is_most
}

/// Marks a title that stands above all headings in larger letters, which outlines do not name. Gives the levels that it
/// adds.
fn mark_title(found: &mut [Found<'_>], headings: &[(usize, usize)], body: f32) -> usize {
    let first = headings.first().map_or(0, |(number, _)| *number);
    let largest = headings.iter().map(|(number, _)| found[*number].line.size).fold(body * LARGER, f32::max);
    let Some(page) = found.first().map(|line| line.page) else { return 0 };
    let is_title = |line: &Found<'_>| line.line.size >= largest && line.page == page && !line.is_code;
    let Some(start) = found[..first].iter().position(is_title) else { return 0 };
    let size = found[start].line.size;
    let is_same = |line: &Found<'_>| is_title(line) && (line.line.size - size).abs() < SAME_SIZE;
    let lines = found[start..first].iter().take_while(|line| is_same(line)).count();
    found[start..start + lines].iter_mut().for_each(|line| line.heading = Some(1));
    1
}

fn mark_by_size(found: &mut [Found<'_>], body: f32) {
    /// More sizes than these are those of a poster.
    const MAX_LEVELS: usize = 6;
    let is_large = |line: &Found<'_>| {
        line.line.size >= body * LARGER
            && !line.is_code
            && line.line.text.chars().any(char::is_alphabetic)
            && line.line.text.chars().count() <= MAX_HEADING_CHARS
    };
    let mut sizes: Vec<f32> = found.iter().filter(|line| is_large(line)).map(|line| line.line.size).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    sizes.dedup_by(|smaller, larger| *larger - *smaller < SAME_SIZE);
    for line in found.iter_mut().filter(|line| is_large(line)) {
        let larger = sizes.iter().filter(|size| **size > line.line.size + SAME_SIZE).count();
        line.heading = Some((larger + 1).min(MAX_LEVELS));
    }
}

/// The letters and digits of a text.
fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Joins lines into blocks by their gaps, indents and sizes.
fn blocks_of(found: &[Found<'_>], usual_gap: f32) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let right = found.iter().map(|line| line.line.end).fold(0.0, f32::max);
    for (number, next) in found.iter().enumerate() {
        let line = next.line;
        let before = number.checked_sub(1).map(|before| &found[before]);
        let item = item_of(&line.text).filter(|_| next.heading.is_none() && !next.is_code);
        let goes_on = match (before, blocks.last_mut()) {
            (Some(before), Some(block)) if goes_on(before, next, block, item.is_some(), usual_gap, right) => {
                Some(block)
            }
            _ => None,
        };
        let gap = before.map_or(0.0, |before| (line.y - before.line.y) / line.size.max(1.0));
        let is_on_page = before.is_some_and(|before| before.page == next.page);
        let row = Row {
            range: next.range.clone(),
            indent: 0,
            follows_gap: is_on_page && gap > usual_gap.max(1.2) * 1.6,
        };
        if let Some(block) = goes_on {
            let letter = line.letter.unwrap_or(line.size * 0.6).max(1.0);
            let indent = ((line.x - block.x) / letter).round().clamp(0.0, 80.0) as usize;
            // The first line of code may not be the leftmost.
            if block.shape == Shape::Code && line.x < block.x - letter / 2.0 {
                let more = ((block.x - line.x) / letter).round().clamp(0.0, 80.0) as usize;
                block.lines.iter_mut().for_each(|line| line.indent += more);
                block.x = line.x;
            }
            block.lines.push(Row { indent: if block.shape == Shape::Code { indent } else { 0 }, ..row });
            continue;
        }
        let (shape, skipped) = match (next.heading, next.is_code, item) {
            (Some(level), _, _) => (Shape::Heading(level), 0),
            (None, true, _) => (Shape::Code, 0),
            (None, false, Some((number, skipped))) => (Shape::Item(number), skipped),
            (None, false, None) if next.cells > 0 => (Shape::Rows, 0),
            (None, false, None) => (Shape::Paragraph, 0),
        };
        let range = row.range.start + skipped..row.range.end;
        blocks.push(Block { shape, x: line.x, lines: vec![Row { range, follows_gap: false, ..row }] });
    }
    blocks
}

/// Whether a line goes on with the block that the line before ends.
fn goes_on(
    before: &Found<'_>,
    next: &Found<'_>,
    block: &Block,
    is_item: bool,
    usual_gap: f32,
    right: f32,
) -> bool {
    let (above, below) = (before.line, next.line);
    let same_size = (above.size - below.size).abs() < SAME_SIZE;
    let gap = (below.y - above.y) / below.size.max(1.0);
    let is_on_page = before.page == next.page;
    if (before.heading, before.is_code) != (next.heading, next.is_code) || !same_size {
        return false;
    }
    if next.is_code {
        // Code of two pages, or with gaps, is one as long as nothing else stands between.
        return !is_on_page || (gap > -0.5 && gap < 4.0 * usual_gap);
    }
    if next.heading.is_some() {
        return is_on_page && gap > 0.5 && gap < usual_gap * MAX_GAP + 0.2;
    }
    if before.cells > 0 || next.cells > 0 {
        return before.cells == next.cells && is_on_page && gap > 0.5 && gap < 3.0 * usual_gap;
    }
    if is_item {
        return false;
    }
    let ends = above.text.trim_end().ends_with(['.', '!', '?', ':', ';', '。', '！', '？', '：']);
    let begins_low =
        below.text.chars().next().is_some_and(|c| c.is_lowercase() || c.is_numeric() || c == '(');
    // A new page or column.
    if !is_on_page || gap < -0.5 {
        return !ends && begins_low;
    }
    // A line that goes on far to the right of where it would, as cells do.
    if gap.abs() <= 0.5 {
        return true;
    }
    let is_short = above.end < right - 12.0 * above.size;
    let is_set_in = (below.x - above.x).abs() > 0.8 * below.size && !matches!(block.shape, Shape::Item(_));
    let leaves_item = matches!(block.shape, Shape::Item(_)) && below.x < block.x + 0.3 * below.size;
    gap <= usual_gap * MAX_GAP && !(ends && (is_short || is_set_in)) && !leaves_item
}

/// The number of an item and how much of its line stands before its words.
fn item_of(text: &str) -> Option<(Option<u64>, usize)> {
    let first = text.chars().next()?;
    let skipped = |marker: usize| {
        let rest = &text[marker..];
        let words = rest.trim_start();
        (!words.is_empty() && words.len() < rest.len()).then(|| text.len() - words.len())
    };
    if SIGNS.contains(&first) {
        return Some((None, skipped(first.len_utf8())?));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=3).contains(&digits) || !text[digits..].starts_with(['.', ')']) {
        return None;
    }
    Some((Some(text[..digits].parse().ok()?), skipped(digits + 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_are_told() {
        for (text, is_one) in [
            ("3", true),
            ("- 3 -", true),
            ("Page 3 of 12", true),
            ("第 3 页", true),
            ("Trang 3/12", true),
            ("4", false),
            ("3 nodes", false),
            ("of", false),
        ] {
            assert_eq!(is_page_number(text, 3), is_one, "{text}");
        }
    }

    #[test]
    fn contents_are_told() {
        for (text, is_one) in [
            ("1 Overview ........ 12", true),
            ("Overview . . . . . . 3", true),
            ("wait for 3", false),
            ("Wait... 3", false),
            ("version 1.2.3.4", false),
        ] {
            assert_eq!(is_of_contents(text), is_one, "{text}");
        }
    }

    #[test]
    fn items_are_told() {
        for (text, item) in [
            ("• look", Some((None, 4))),
            ("- look", Some((None, 2))),
            ("12. look", Some((Some(12), 4))),
            ("2)  look", Some((Some(2), 4))),
            ("1.2 look", None),
            ("--flag", None),
            ("•", None),
            ("2026. look", None),
        ] {
            assert_eq!(item_of(text), item, "{text}");
        }
    }
}
