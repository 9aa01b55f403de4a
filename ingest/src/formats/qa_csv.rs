//! Questions and answers as CSV: a header with `question` and `answer`, and if wanted `title` and `source`, in any
//! order. Each row is a document of its own, `<source>/<path>#<row>`, rows counted from 1 below the header. Fields are
//! parted by commas, by semicolons (where a comma is the decimal sign, spreadsheets write those), by tabs or by `|`.

use super::{
    Document, Parsed, Place, Syntax,
    front_matter::is_web_address,
    inner_links, markdown, metadata, notion,
    redaction::{self, Secrets},
    stated::Stated,
    steps::Steps,
};
use crate::report::Rejection;
use csv::{ByteRecord, ReaderBuilder};
use kb::{document::Kind, mapped::MappedText};

/// A longer row is refused: it is most likely a quote that was never closed.
const MAX_ROW_BYTES: usize = 256 << 10;

/// The places of the columns.
struct Columns {
    question: usize,
    answer: usize,
    title: Option<usize>,
    source: Option<usize>,
    count: usize,
}

impl Columns {
    /// Reads the header. A column that we do not know refuses the file: it may say who is allowed to read a row.
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let mut found: [Option<usize>; 4] = [None; 4];
        const NAMES: [&str; 4] = ["question", "answer", "title", "source"];
        for (at, field) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(field).trim().to_lowercase();
            let place = NAMES.iter().position(|known| *known == name);
            match place.map(|place| &mut found[place]) {
                Some(place @ None) => *place = Some(at),
                Some(Some(_)) => {
                    return Err(format!("not a question/answer CSV: column `{name}` is there twice"));
                }
                None => {
                    let name: String = name.chars().take(40).collect();
                    return Err(format!(
                        "not a question/answer CSV: unknown column `{name}`; use question, answer, title, source"
                    ));
                }
            }
        }
        match found {
            [Some(question), Some(answer), title, source] => {
                Ok(Self { question, answer, title, source, count: header.len() })
            }
            _ => Err("not a question/answer CSV: the header needs `question` and `answer`".to_owned()),
        }
    }
}

/// The delimiters that may part the fields of a row; the first is the usual one.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The delimiter of a file and the length of the line `sep=;` in front of the header, with which spreadsheets name it.
fn delimiter_of(text: &str) -> Result<(u8, usize), String> {
    let line = text.split_inclusive('\n').next().unwrap_or_default();
    let content = line.trim_end_matches(['\r', '\n']);
    if let Some(named) = content.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")) {
        let named = &content[named.len()..];
        return match named.as_bytes() {
            [delimiter] if DELIMITERS.contains(delimiter) => Ok((*delimiter, line.len())),
            _ => {
                let named: String = named.chars().take(10).collect();
                Err(format!(
                    "not a question/answer CSV: it names `{named}` as its delimiter; {USE_DELIMITERS}"
                ))
            }
        };
    }
    let is_named = |name: &str| {
        let name = name.trim().trim_matches('"').trim();
        ["question", "answer"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let count = |&delimiter: &u8| content.split(char::from(delimiter)).filter(|name| is_named(name)).count();
    let most = DELIMITERS.iter().map(count).max().unwrap_or_default();
    match DELIMITERS.iter().find(|delimiter| count(delimiter) == most) {
        Some(delimiter) if most > 0 => Ok((*delimiter, 0)),
        // Both names are there, though nothing that we know parts them.
        _ if ["question", "answer"].iter().all(|name| content.to_lowercase().contains(name)) => Err(format!(
            "not a question/answer CSV: no delimiter parts the names of the header; {USE_DELIMITERS}"
        )),
        _ => Ok((DELIMITERS[0], 0)),
    }
}

/// The advice about an unknown delimiter.
const USE_DELIMITERS: &str = "use commas, semicolons, tabs or `|`";

pub(super) fn parse(text: &str, place: &Place<'_>) -> Parsed {
    let (delimiter, skipped) = match delimiter_of(text) {
        Ok(found) => found,
        Err(_) if notion::is_database(place) => return notion::database(text, place),
        Err(reason) => return Parsed::rejected(place, reason),
    };
    let mut reader =
        ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(&text.as_bytes()[skipped..]);
    let columns = match reader.byte_headers() {
        Ok(header) => Columns::of(header),
        Err(error) => Err(format!("not a question/answer CSV: {error}")),
    };
    let columns = match columns {
        Ok(columns) => columns,
        Err(_) if notion::is_database(place) => return notion::database(text, place),
        Err(reason) => return Parsed::rejected(place, reason),
    };
    let mut parsed = Parsed::default();
    let mut record = ByteRecord::new();
    for row in 1.. {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                parsed.rejected.push(Rejection::new(format!("{}#{row}", place.shown), error.to_string()));
                break;
            }
        }
        let start = skipped + record.position().map_or(0, |position| position.byte() as usize);
        let end = (skipped + reader.position().byte() as usize).min(text.len());
        // The recorded position may stand on the line break before the row.
        let raw = text.get(start..end).unwrap_or_default();
        let lead = raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        let raw = raw.trim_matches(['\r', '\n']);
        let start = start + lead;
        match row_document(&record, raw, start, row, &columns, place) {
            Ok((document, redacted)) => {
                redaction::add(&mut parsed.redacted, redacted);
                parsed.documents.push(document);
            }
            Err(reason) => parsed.rejected.push(Rejection::new(format!("{}#{row}", place.shown), reason)),
        }
    }
    if parsed.documents.is_empty() && parsed.rejected.is_empty() {
        return Parsed::rejected(place, "no text");
    }
    parsed
}

fn row_document(
    record: &ByteRecord,
    raw: &str,
    start: usize,
    row: usize,
    columns: &Columns,
    place: &Place<'_>,
) -> Result<(Document, Secrets), String> {
    if raw.len() > MAX_ROW_BYTES {
        return Err(format!(
            "the row has {} bytes, at most {MAX_ROW_BYTES} are read; is a quote left open?",
            raw.len()
        ));
    }
    if !raw.bytes().filter(|&byte| byte == b'"').count().is_multiple_of(2) {
        return Err("a quote is left open, or a quote inside a field is not doubled".to_owned());
    }
    if record.len() != columns.count {
        return Err(format!("the row has {} fields, the header {}", record.len(), columns.count));
    }
    let mut redacted = Secrets::new();
    let mut field = |column: usize| {
        let text = String::from_utf8_lossy(record.get(column).unwrap_or_default());
        let (text, secrets) = redaction::redacted(text.trim().to_owned());
        redaction::add(&mut redacted, secrets);
        text.as_str().to_owned()
    };
    let (question, answer) = (field(columns.question), field(columns.answer));
    let title =
        columns.title.map(&mut field).filter(|title| !title.is_empty()).unwrap_or_else(|| question.clone());
    let citation = columns.source.map(&mut field).filter(|source| !source.is_empty());
    for (text, name) in [(&question, "question"), (&answer, "answer")] {
        if !text.chars().any(char::is_alphanumeric) {
            return Err(format!("no text: the {name} is empty"));
        }
    }
    let source = MappedText::standing_for(format!("{question}\n\n{answer}"), start..start + raw.len());
    let steps = Steps::for_text(source.as_str());
    let (body, found_links) = markdown::cleaned(source, place.site, &steps)?;
    let (body, joined) = redaction::again(body);
    let (url, author) = match citation {
        Some(citation) if is_web_address(&citation) => (Some(citation), None),
        other => (None, other),
    };
    let said = Stated { kind: Some(Kind::Qa), url, author, ..Stated::default() };
    let id = format!("{}/{}#{row}", place.source, place.relative);
    let mut meta = metadata(place, id, title, said, body.as_str());
    meta.links = place.pages.resolve(place.relative, &found_links);
    redaction::add(&mut redacted, joined);
    let mut document = Document::new(meta, body, Syntax::Markdown);
    document.beside.links = inner_links::links_of(&found_links, place);
    Ok((document, redacted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Format, parsed_in, site::Site};

    fn parse_file(text: &str) -> Parsed {
        parsed_in(Format::QaCsv, "qa/f.csv", text, &[], &Site::default())
    }

    #[test]
    fn rows_become_documents() {
        let text = "Answer,question,source,title\r\n\"Run `x`,\nthen \"\"y\"\".\",How?,https://e.com/a,T\r\n\r\nB,Why?,Ops team,\n";
        let parsed = parse_file(text);
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        let [first, second] = parsed.documents.as_slice() else { panic!("two rows: {:?}", parsed.documents) };
        assert_eq!((first.meta.id.as_str(), first.meta.title.as_str()), ("kb/qa/f.csv#1", "T"));
        assert_eq!(first.meta.url.as_deref(), Some("https://e.com/a"));
        assert_eq!(first.body.as_str(), "How?\n\nRun `x`,\nthen \"y\".");
        let range = first.body.source_range(0..3);
        assert_eq!(&text[range], "\"Run `x`,\nthen \"\"y\"\".\",How?,https://e.com/a,T");
        assert_eq!((second.meta.id.as_str(), second.meta.title.as_str()), ("kb/qa/f.csv#2", "Why?"));
        assert_eq!((second.meta.url.as_deref(), second.meta.author.as_deref()), (None, Some("Ops team")));
        assert_eq!(&text[second.body.source_range(0..3)], "B,Why?,Ops team,");
        assert_eq!(second.meta.kind, Kind::Qa);
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        for text in [
            "question,title,answer,source\nHow; why?,T,\"A, b; c.\",wiki\n",
            "question;title;answer;source\r\nHow; why?;T;A, b; c.;wiki\r\n",
            "\u{feff}\"Question\"\t\"Title\"\tAnswer\tSource\nHow; why?\tT\tA, b; c.\twiki\n",
            "question|title|answer|source\nHow; why?|T|A, b; c.|wiki\n",
            "sep=;\r\nquestion;title;answer;source\r\n\"How; why?\";T;\"A, b; c.\";wiki\r\n",
        ] {
            // Where the delimiter is in a field, the field is quoted.
            let text = match text.contains("answer;source\r\nHow") {
                true => text.replace("How; why?", "\"How; why?\"").replace("A, b; c.", "\"A, b; c.\""),
                false => text.to_owned(),
            };
            let parsed = parse_file(&text);
            assert!(parsed.rejected.is_empty(), "{text}: {:?}", parsed.rejected);
            let document = &parsed.documents[0];
            assert_eq!(document.body.as_str(), "How; why?\n\nA, b; c.", "{text}");
            assert_eq!((document.meta.title.as_str(), document.meta.author.as_deref()), ("T", Some("wiki")));
            let row = &text.trim_start_matches('\u{feff}')[document.body.source_range(0..3)];
            assert!(row.contains("How") && row.ends_with("wiki"), "{text}: {row:?}");
        }
        let quoted = parse_file("question;answer\n\"How\n\"\"now\"\"?\";\"Open;\nthen shut.\"\nWhy?;So.\n");
        let bodies: Vec<&str> = quoted.documents.iter().map(|document| document.body.as_str()).collect();
        assert_eq!(bodies, ["How\n\"now\"?\n\nOpen;\nthen shut.", "Why?\n\nSo."]);
    }

    fn check_rejected(text: &str, path: &str, part: &str) {
        let parsed = parse_file(text);
        let rejection = parsed.rejected.first().expect(text);
        assert_eq!(rejection.path, path, "{text}");
        assert!(rejection.reason.contains(part), "{text}: {}", rejection.reason);
    }

    #[test]
    fn other_files_and_broken_rows_are_reported() {
        check_rejected("name,age\na,1\n", "qa/f.csv", "not a question/answer CSV: unknown column `name`");
        check_rejected("question,title\na,b\n", "qa/f.csv", "needs `question` and `answer`");
        check_rejected("question,answer,access\na,b,c\n", "qa/f.csv", "unknown column `access`");
        check_rejected("question,answer,question\na,b,c\n", "qa/f.csv", "twice");
        check_rejected("question,answer\n", "qa/f.csv", "no text");
        check_rejected("question:answer\na:b\n", "qa/f.csv", "no delimiter parts the names");
        check_rejected("sep=:\nquestion:answer\na:b\n", "qa/f.csv", "names `:` as its delimiter; use commas");
        check_rejected("question;answer;access\na;b;c\n", "qa/f.csv", "unknown column `access`");
        check_rejected("question;answer\na;b;c\n", "qa/f.csv#1", "the row has 3 fields");
        check_rejected("question,answer\na,b\nc\n", "qa/f.csv#2", "the row has 1 fields, the header 2");
        check_rejected("question,answer\na,b,c\n", "qa/f.csv#1", "the row has 3 fields");
        check_rejected("question,answer\na,\n", "qa/f.csv#1", "the answer is empty");
        check_rejected("question,answer\na,\"b\nc,d\n", "qa/f.csv#1", "a quote is left open");
        let good = parse_file("question,answer\na\nb,c\n");
        assert_eq!(good.documents[0].meta.id, "kb/qa/f.csv#2", "a broken row does not shift the others");
    }
}
