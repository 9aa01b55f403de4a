//! Jira's wiki markup as Markdown. Macros are found first, then lines, then what stands in a line; each is looked at
//! once, and no mark looks for its end farther than [`MAX_SPAN`].

use crate::formats::{
    front_matter::is_web_address,
    written::{Writer, push_code, push_link, push_words},
};
use std::collections::HashSet;

/// How far the end of a mark may be from its beginning, in bytes.
const MAX_SPAN: usize = 1_000;

/// How far the end of an emphasis may be from its beginning, in bytes; an emphasis is rarely as long as other marks.
const MAX_EMPHASIS: usize = 300;

/// How long a macro's head may be.
const MAX_HEAD: usize = 300;

/// Lists in each other.
const MAX_DEPTH: usize = 12;

/// Writes a text, whose secrets are redacted already. Its headings are `shift` levels deeper than in the source.
pub(super) fn write(writer: &mut Writer<'_>, text: &str, shift: usize) {
    let mut page = Page {
        writer,
        shift,
        lists: Vec::new(),
        words: String::new(),
        rows: Vec::new(),
        row_is_open: false,
        in_quote: false,
    };
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => text.lines().for_each(|line| page.line(line)),
            Piece::Code { language, code } => {
                page.end_block();
                page.writer.code(language, code, 0..0);
            }
            Piece::Label(label) => {
                page.end_lists();
                let mut words = String::new();
                push_words(&mut words, label, false);
                page.writer.label(&words, 0..0);
            }
            Piece::Quote => page.quote(),
        }
    }
    page.end_lists();
    if page.in_quote {
        page.quote();
    }
}

/// The pieces of a text, one after the other.
enum Piece<'t> {
    /// Lines without macros but for code within them.
    Text(String),
    /// Code of its own lines.
    Code { language: &'t str, code: &'t str },
    /// The start of a box, with its label, or its end.
    Label(&'t str),
    /// The start or the end of a quotation.
    Quote,
}

/// Cuts a text at its macros.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut lines = String::new();
    // Boxes that are open, and macros of which no further end was found.
    let (mut open, mut endless) = (HashSet::new(), HashSet::new());
    let (mut done, mut at) = (0, 0);
    while let Some(brace) = text[at..].find('{').map(|found| at + found) {
        at = brace + 1;
        if text[..brace].ends_with(['\\', '{']) || text[at..].starts_with('{') {
            continue;
        }
        let window = &text[at..text.floor_char_boundary(at + MAX_HEAD)];
        let Some(head) = window.find(['}', '\n']).filter(|end| window[*end..].starts_with('}')) else {
            continue;
        };
        let (name, parameters) = window[..head].split_once(':').unwrap_or((&window[..head], ""));
        let mut end = at + head + 1;
        let piece = match name {
            "code" | "noformat" => {
                let close = if name == "code" { "{code}" } else { "{noformat}" };
                let length = (!endless.contains(close)).then(|| text[end..].find(close)).flatten();
                let Some(length) = length else {
                    endless.insert(close);
                    continue;
                };
                let code = &text[end..end + length];
                end += length + close.len();
                lines.push_str(&text[done..brace]);
                done = end;
                let begins_line = lines.is_empty() || lines.ends_with('\n');
                let is_whole_line = begins_line && text[end..].trim_start_matches(' ').starts_with('\n');
                if !(code.contains('\n') || is_whole_line) {
                    lines.push_str(&format!("{{{{{code}}}}}"));
                    at = end;
                    continue;
                }
                Some(Piece::Code {
                    language: if name == "code" { language_of(parameters) } else { "" },
                    code,
                })
            }
            "panel" | "info" | "note" | "warning" | "tip" => {
                let is_end = parameters.is_empty() && open.remove(name);
                if !is_end {
                    open.insert(name);
                }
                let named = match name {
                    "info" => "Info:",
                    "note" => "Note:",
                    "warning" => "Warning:",
                    "tip" => "Tip:",
                    _ => "",
                };
                let label = if is_end { "" } else { parameter(parameters, "title").unwrap_or(named) };
                Some(Piece::Label(label))
            }
            "expand" => Some(Piece::Label(parameter(parameters, "title").unwrap_or(parameters))),
            "quote" => Some(Piece::Quote),
            "color" | "anchor" | "toc" => None,
            _ => continue,
        };
        if done < brace {
            lines.push_str(&text[done..brace]);
        }
        if let Some(piece) = piece {
            pieces.push(Piece::Text(std::mem::take(&mut lines)));
            pieces.push(piece);
        }
        (done, at) = (end, end);
    }
    lines.push_str(&text[done..]);
    pieces.push(Piece::Text(lines));
    pieces
}

fn language_of(parameters: &str) -> &str {
    let mut parameters = parameters.split('|').map(str::trim);
    let names = |parameter: &&str| parameter.starts_with("language=") || !parameter.contains('=');
    let language = parameters.find(names).unwrap_or_default();
    language.strip_prefix("language=").unwrap_or(language)
}

fn parameter<'t>(parameters: &'t str, name: &str) -> Option<&'t str> {
    let mut parameters = parameters.split('|').filter_map(|parameter| parameter.split_once('='));
    parameters
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

struct Page<'w, 's> {
    writer: &'w mut Writer<'s>,
    shift: usize,
    /// The marks of the lists that are open; the last item of each is.
    lists: Vec<u8>,
    /// Lines of a paragraph or an item.
    words: String,
    /// Rows of a table.
    rows: Vec<Vec<String>>,
    /// Whether the last row's last cell goes on.
    row_is_open: bool,
    in_quote: bool,
}

impl Page<'_, '_> {
    fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return self.end_lists();
        }
        if let Some((level, words)) = heading_of(line) {
            self.end_lists();
            self.writer.heading(level + self.shift, &inline(words), None, 0..0);
        } else if let Some(words) = line.strip_prefix("bq. ") {
            self.end_lists();
            self.writer.open_quote();
            self.writer.paragraph(&inline(words), 0..0);
            self.writer.close_quote();
        } else if line.len() >= 4 && line.bytes().all(|byte| byte == b'-') {
            self.end_lists();
        } else if let Some((marks, words)) = item_of(line) {
            self.begin_item(marks.as_bytes());
            self.words.push_str(words);
        } else if line.starts_with('|') {
            self.end_words();
            self.rows.push(cells_of(line));
            self.row_is_open = !line.ends_with('|');
        } else if let Some(row) = self.rows.last_mut().filter(|_| self.row_is_open) {
            let mut cells = cells_of(line).into_iter();
            if let (Some(last), Some(more)) = (row.last_mut(), cells.next()) {
                last.push(' ');
                last.push_str(&more);
            }
            row.extend(cells);
            self.row_is_open = !line.ends_with('|');
        } else {
            if !self.rows.is_empty() {
                self.end_block();
            }
            self.words.push_str(if self.words.is_empty() { "" } else { "\n" });
            self.words.push_str(line);
        }
    }

    fn begin_item(&mut self, marks: &[u8]) {
        self.end_block();
        let marks = &marks[..marks.len().min(MAX_DEPTH)];
        let common = self.lists.iter().zip(marks).take_while(|(open, mark)| open == mark).count();
        self.close_lists(common);
        if common == marks.len() {
            self.writer.close_item();
            self.writer.open_item();
        }
        for mark in &marks[common..] {
            self.writer.open_list((*mark == b'#').then_some(1));
            self.writer.open_item();
            self.lists.push(*mark);
        }
    }

    fn end_words(&mut self) {
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.writer.paragraph(&inline(&words), 0..0);
        }
    }

    fn end_block(&mut self) {
        self.end_words();
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            let rows: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|cell| inline(cell)).collect()).collect();
            self.writer.table(&rows, 0..0);
        }
    }

    fn end_lists(&mut self) {
        self.end_block();
        self.close_lists(0);
    }

    /// Ends lists until this many are open.
    fn close_lists(&mut self, left: usize) {
        while self.lists.len() > left {
            self.lists.pop();
            self.writer.close_item();
            self.writer.close_list();
        }
    }

    fn quote(&mut self) {
        self.end_lists();
        match self.in_quote {
            true => self.writer.close_quote(),
            false => self.writer.open_quote(),
        }
        self.in_quote = !self.in_quote;
    }
}

fn heading_of(line: &str) -> Option<(usize, &str)> {
    let (level, words) = line.strip_prefix('h')?.split_once('.')?;
    let level: usize = level.parse().ok().filter(|level| (1..=6).contains(level))?;
    words.starts_with([' ', '\t']).then(|| (level, words.trim()))
}

/// The marks of an item and its words.
fn item_of(line: &str) -> Option<(&str, &str)> {
    let (marks, words) = line.split_once([' ', '\t'])?;
    let is_list = marks.bytes().all(|mark| matches!(mark, b'*' | b'#')) || marks == "-" || marks == "--";
    (is_list && !marks.is_empty()).then(|| (marks, words.trim()))
}

/// The cells of a row, which may begin with a bar; bars in links and code do not separate cells.
fn cells_of(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut rest = line.trim_start_matches('|');
    while let Some(character) = rest.chars().next() {
        let skipped = match character {
            '\\' => rest[1..].chars().next().map(|next| 1 + next.len_utf8()),
            '[' => span(rest, 1, "]"),
            '{' if rest.starts_with("{{") => span(rest, 2, "}}"),
            '!' if !rest[1..].starts_with([' ', '|', '!']) => image(rest),
            _ => None,
        };
        if character == '|' {
            cells.push(std::mem::take(&mut cell));
            rest = rest.strip_prefix("||").or(rest.strip_prefix('|')).unwrap_or_default();
            continue;
        }
        let end = skipped.unwrap_or(character.len_utf8());
        cell.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    if !cell.trim().is_empty() || !line.ends_with('|') {
        cells.push(cell);
    }
    cells
}

/// How long the span is that begins a text and ends with `close`, at least `from` in; on one line.
fn span(text: &str, from: usize, close: &str) -> Option<usize> {
    let window = &text[from..text.floor_char_boundary(from + MAX_SPAN)];
    let found = window.find(close)?;
    (found > 0 && !window[..found].contains('\n')).then_some(from + found + close.len())
}

/// How long the image is that begins a text, such as `!graph.png|width=300!`.
fn image(text: &str) -> Option<usize> {
    let length = span(text, 1, "!")?;
    let name = text[1..length - 1].split('|').next().unwrap_or_default();
    let is_file = name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (2..=5).contains(&extension.len())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    (is_file || is_web_address(name)).then_some(length)
}

/// The lines of a block as Markdown.
fn inline(text: &str) -> String {
    let mut written = String::new();
    // Words without markup that are still to be written.
    let mut plain = String::new();
    // Marks that are open, and where they end.
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if let Some((_, mark)) = open.pop_if(|(end, _)| *end == at) {
            flush(&mut plain, &mut written);
            written.push_str(mark);
            at += 1;
            continue;
        }
        let limit = open.last().map_or(text.len(), |(end, _)| *end);
        let rest = &text[at..limit];
        let character = rest.chars().next().unwrap_or_default();
        let before = text[..at].chars().next_back();
        let begins_word = !before.is_some_and(char::is_alphanumeric);
        let taken = match character {
            '\\' if rest.starts_with("\\\\") => {
                plain.push('\n');
                Some(2)
            }
            '\\' => rest[1..].chars().next().filter(char::is_ascii_punctuation).map(|next| {
                plain.push(next);
                2
            }),
            '{' if rest.starts_with("{{") => span(rest, 2, "}}").inspect(|length| {
                flush(&mut plain, &mut written);
                push_code(&mut written, rest[2..length - 2].trim());
            }),
            '[' => span(rest, 1, "]").filter(|length| link(&rest[1..length - 1], &mut plain, &mut written)),
            '!' if begins_word && !rest[1..].starts_with(' ') => image(rest),
            'h' if begins_word && (rest.starts_with("http://") || rest.starts_with("https://")) => {
                let is_end =
                    |c: char| c.is_whitespace() || matches!(c, '|' | ']' | '[' | '}' | '{' | '"' | '<' | '>');
                let address = &rest[..rest.find(is_end).unwrap_or(rest.len())];
                let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '*', '_']);
                is_web_address(address).then(|| {
                    flush(&mut plain, &mut written);
                    written.push_str(&format!("<{address}>"));
                    address.len()
                })
            }
            '*' | '_' if begins_word => closer(rest).map(|end| {
                flush(&mut plain, &mut written);
                let mark = if character == '*' { "**" } else { "*" };
                written.push_str(mark);
                open.push((at + end, mark));
                1
            }),
            _ => None,
        };
        if taken.is_none() {
            plain.push(character);
        }
        at += taken.unwrap_or(character.len_utf8());
    }
    flush(&mut plain, &mut written);
    written
}

fn flush(plain: &mut String, written: &mut String) {
    push_words(written, plain, false);
    plain.clear();
}

/// The end of the mark that a text begins with: at the end of a word, on the same line.
fn closer(text: &str) -> Option<usize> {
    let mark = text.chars().next()?;
    let window = &text[1..text.floor_char_boundary(1 + MAX_EMPHASIS)];
    let window = &window[..window.find('\n').unwrap_or(window.len())];
    if window.starts_with(|c: char| c.is_whitespace() || c == mark) {
        return None;
    }
    let mut ends = window.match_indices(mark).map(|(found, _)| found);
    let is_end = |found: &usize| {
        let (before, after) = (window[..*found].chars().next_back(), window[found + 1..].chars().next());
        before.is_some_and(|c| !c.is_whitespace()) && !after.is_some_and(|c| c.is_alphanumeric() || c == mark)
    };
    ends.find(is_end).map(|found| found + 1)
}

/// Writes what stands between brackets, if it is a link.
fn link(inner: &str, plain: &mut String, written: &mut String) -> bool {
    if let Some(user) = inner.strip_prefix('~') {
        // An account's number says nothing to a reader.
        if !user.starts_with("accountid:") {
            plain.push('@');
            plain.push_str(user);
        }
        return true;
    }
    if let Some(file) = inner.strip_prefix('^') {
        plain.push_str(file);
        return true;
    }
    if let Some((words, rest)) = inner.split_once('|').filter(|(words, _)| !words.trim().is_empty()) {
        let address = rest.split('|').next().unwrap_or_default().trim();
        flush(plain, written);
        let start = written.len();
        push_words(written, words.trim(), true);
        push_link(written, start, address);
        return true;
    }
    let address = inner.trim();
    let is_address = is_web_address(address) && !address.contains(['<', '>']);
    if is_address {
        flush(plain, written);
        written.push_str(&format!("<{address}>"));
    }
    is_address
}

#[cfg(test)]
mod tests {
    use super::*;
    use kb::mapped::MappedText;
    use proptest::prelude::*;

    fn markdown(text: &str) -> String {
        let source = MappedText::new(String::new());
        let mut writer = Writer::new(&source);
        write(&mut writer, text, 2);
        writer.finish().0.as_str().to_owned()
    }

    #[test]
    fn blocks_become_markdown() {
        let text = "h1. Đĩa đầy trên node\n\
            The *kubelet* evicts _pods_ on {{node-1}}, see [the dashboard|https://grafana.example/d/1|smart-link].\\\\\n\
            Asked by [~lan.nguyen] and [~accountid:5b10a] !graph.png|width=300!\n\n\
            * first\n** inner\nmore of it\n*# numbered\n* second\n{code:bash|title=run.sh}\ndf -h\n# not a heading\n{code}\n\n\
            - dash\n\n\
            ||Node||狀態||\n|node-1|{color:red}磁碟已滿{color}|\n|node-2|[up|https://e.example/a]|\n\n\
            {panel:title=Beware}\nNever delete {code}/var/lib/kubelet{code} by hand.\n{panel}\n\
            {warning}Only one node.{warning}\n\
            {quote}\nIt was full.\n{quote}\n\
            {noformat}\n*raw* {color}\n{noformat}\n\
            bq. as they say\n----\n\\*not bold\\* and a{b}c https://acme.example/x_y.\n";
        insta::assert_snapshot!(markdown(text), @r"
        ### Đĩa đầy trên node

        The **kubelet** evicts *pods* on `node-1`, see [the dashboard](https://grafana.example/d/1).
        Asked by @lan.nguyen and

        - first
          - inner
            more of it
          1. numbered
        - second

          ```bash
          df -h
          # not a heading
          ```

        - dash

        | Node | 狀態 |
        | --- | --- |
        | node-1 | 磁碟已滿 |
        | node-2 | [up](https://e.example/a) |

        **Beware**

        Never delete `/var/lib/kubelet` by hand.

        **Warning:**

        Only one node.

        > It was full.

        ```
        *raw* {color}
        ```

        > as they say

        \*not bold\* and a{b}c <https://acme.example/x_y>.
        ");
    }

    #[test]
    fn lines_become_markdown() {
        for (text, expected) in [
            ("*bold* and 2*3*4 * x", "**bold** and 2\\*3\\*4 * x\n"),
            ("_a_ snake_case_name", "*a* snake_case_name\n"),
            ("*bold _both_ end*", "**bold *both* end**\n"),
            ("[https://e.example/a]", "<https://e.example/a>\n"),
            ("[OPS-1|#anchor] [not a link] [^log.txt]", "OPS-1 [not a link] log.txt\n"),
            ("{{a b}}{{ c }}", "`a b``c`\n"),
            ("wow! it works!", "wow! it works!\n"),
            ("{code}open", "{code}open\n"),
            ("a {noformat}x*y*{noformat} b", "a `x*y*` b\n"),
            ("{color:#ff0000}red{color} {unknown:x} ${VAR}", "red {unknown:x} ${VAR}\n"),
            ("# one\n# two\n## deep", "1. one\n2. two\n   1. deep\n"),
            ("|a|{{x|y}}|", "| a | `x\\|y` |\n| --- | --- |\n"),
            ("|a|b\nmore|\n|c|d|\nafter", "| a | b more |\n| --- | --- |\n| c | d |\n\nafter\n"),
            ("h3. Deep", "##### Deep\n"),
            ("h7. x h1.y", "h7. x h1.y\n"),
            ("{quote}open", "> open\n"),
        ] {
            assert_eq!(markdown(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(units in proptest::collection::vec(proptest::sample::select(UNITS), 0..60)) {
            let text = units.concat();
            prop_assert!(markdown(&text).len() <= 40 * text.len() + 40, "{text:?}");
        }
    }

    /// The pieces that random texts are put together from: signs of the markup, and others.
    const UNITS: &[&str] = &[
        "{code}",
        "{code:sh|title=x}",
        "{noformat}",
        "{panel:title=a}",
        "{panel}",
        "{quote}",
        "{info}",
        "{color:red}",
        "{color}",
        "{{",
        "}}",
        "{",
        "}",
        "[",
        "]",
        "|",
        "||",
        "~",
        "^",
        "!",
        "!a.png!",
        "*",
        "_",
        "-",
        "#",
        "* ",
        "** ",
        "# ",
        "-- ",
        "h1. ",
        "bq. ",
        "----",
        "\n",
        "\n\n",
        "\\",
        " ",
        "a",
        "ế",
        "節點",
        "https://e.example/",
        "\u{200b}",
        "\u{1b}[31m",
        "\r",
        "`",
        "<",
        "&",
    ];

    #[test]
    fn hostile_texts_take_no_longer_than_their_size() {
        for unit in [
            "*a ",
            "_",
            "[",
            "[a|",
            "{{",
            "{code}",
            "{code",
            "{",
            "!a",
            "|",
            "||a",
            "* a\n",
            "************ a\n",
            "{quote}",
            "{panel}",
            "\\",
            "h1. a\n",
            "http://a ",
            "*_*_a",
        ] {
            let text = unit.repeat(300_000 / unit.len());
            let started = std::time::Instant::now();
            markdown(&text);
            let seconds = started.elapsed().as_secs_f32();
            assert!(seconds < 10.0, "{unit:?} took {seconds} s");
        }
    }
}
