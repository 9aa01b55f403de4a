//! Questions and answers, or resolved incidents, as lines of JSON: each line is an object and a document of its own.
//!
//! A line with `question` and `answer` may give `title` and `source` as a CSV does, one with `failure` and `resolution`
//! may give `id`, `when` and `links`; both may give any key of front matter. Its id is `<source>/<path>#<line>`, or
//! `#<id>` where an incident gives its own. A line that cannot be read is reported with its number, and the others are
//! kept.

use super::{
    Document, Parsed, Place, Syntax,
    front_matter::{self, is_web_address},
    inner_links, markdown, metadata,
    redaction::{self, Secrets},
    stated::Stated,
    steps::Steps,
};
use crate::report::Rejection;
use kb::{document::Kind, mapped::MappedText};
use serde_json::{Map, Value};
use std::{collections::HashSet, ops::Range};

/// Longer lines are refused.
const MAX_LINE_BYTES: usize = 256 << 10;

/// Longer ids of incidents are refused.
const MAX_ID_CHARS: usize = 100;

/// More links of one incident are left out.
const MAX_LINKS: usize = 100;

pub(super) fn parse(text: &str, place: &Place<'_>) -> Parsed {
    let mut parsed = Parsed::default();
    let mut taken = HashSet::new();
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let range = at..at + line.trim_end().len();
        at += line.len();
        if line.trim().is_empty() {
            continue;
        }
        match line_document(line.trim(), range, number, &mut taken, place) {
            Ok((document, warnings, redacted)) => {
                redaction::add(&mut parsed.redacted, redacted);
                for warning in warnings {
                    parsed.warn(place, format!("line {number}: {warning}"));
                }
                parsed.documents.push(document);
            }
            Err(reason) => parsed.rejected.push(Rejection::new(format!("{}#{number}", place.shown), reason)),
        }
    }
    if parsed.documents.is_empty() && parsed.rejected.is_empty() {
        return Parsed::rejected(place, "no text");
    }
    parsed
}

/// The text of a line's entry as Markdown, and its metadata besides front matter's keys.
struct Entry {
    body: String,
    title: String,
    said: Stated,
    id: Option<String>,
}

fn line_document(
    line: &str,
    range: Range<usize>,
    number: usize,
    taken: &mut HashSet<String>,
    place: &Place<'_>,
) -> Result<(Document, Vec<String>, Secrets), String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("the line has {} bytes, at most {MAX_LINE_BYTES} are read", line.len()));
    }
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not valid JSON: {error}"))?;
    let Value::Object(map) = value else { return Err("not an object of JSON".to_owned()) };
    let mut redacted = Secrets::new();
    let mut fields = Fields { map, redacted: &mut redacted };
    let Entry { body, title, said, id } = match fields.map.contains_key("failure") {
        true => incident(&mut fields)?,
        false => question(&mut fields)?,
    };
    let of_line = front_matter::of_entry(fields.map).map_err(|error| error.to_string())?;
    let said = of_line.or(said).map_err(|error| error.to_string())?;
    let source = MappedText::standing_for(body, range);
    let steps = Steps::for_text(source.as_str());
    let (body, found_links) = markdown::cleaned(source, place.site, &steps)?;
    let (body, joined) = redaction::again(body);
    redaction::add(&mut redacted, joined);
    let id = id.unwrap_or_else(|| number.to_string());
    if !taken.insert(id.clone()) {
        return Err(format!("the id `{id}` is given twice"));
    }
    let warnings = said.warnings.clone();
    let title = said.title.clone().unwrap_or(title);
    let id = format!("{}/{}#{id}", place.source, place.relative);
    let mut meta = metadata(place, id, title, said, body.as_str());
    meta.links = place.pages.resolve(place.relative, &found_links);
    let mut document = Document::new(meta, body, Syntax::Markdown);
    document.beside.links = inner_links::links_of(&found_links, place);
    Ok((document, warnings, redacted))
}

/// The keys of a line that were not read yet.
struct Fields<'r> {
    map: Map<String, Value>,
    redacted: &'r mut Secrets,
}

impl Fields<'_> {
    /// Takes a key that is a text or a number, its secrets redacted.
    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        let text = match self.map.remove(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(format!("`{key}` is not a text")),
        };
        let (text, secrets) = redaction::redacted(text.trim().to_owned());
        redaction::add(self.redacted, secrets);
        Ok(Some(text.as_str().to_owned()).filter(|text| !text.is_empty()))
    }

    /// Takes a key that must have words.
    fn words(&mut self, key: &str) -> Result<String, String> {
        if !self.map.contains_key(key) {
            return Err(format!(
                "no `{key}`; a line needs `question` and `answer`, or `failure` and `resolution`"
            ));
        }
        let text = self.text(key)?.filter(|text| text.chars().any(char::is_alphanumeric));
        text.ok_or_else(|| format!("no text: the {key} is empty"))
    }
}

fn question(fields: &mut Fields<'_>) -> Result<Entry, String> {
    let (question, answer) = (fields.words("question")?, fields.words("answer")?);
    let title = fields.text("title")?.unwrap_or_else(|| question.clone());
    let (url, author) = match fields.text("source")? {
        Some(source) if is_web_address(&source) => (Some(source), None),
        other => (None, other),
    };
    let said = Stated { kind: Some(Kind::Qa), url, author, ..Stated::default() };
    Ok(Entry { body: format!("{question}\n\n{answer}"), title, said, id: None })
}

fn incident(fields: &mut Fields<'_>) -> Result<Entry, String> {
    let (failure, resolution) = (fields.words("failure")?, fields.words("resolution")?);
    let id = fields.text("id")?;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if let Some(id) =
        id.as_deref().filter(|id| id.chars().count() > MAX_ID_CHARS || !id.chars().all(is_plain))
    {
        let id: String = id.chars().take(40).collect();
        return Err(format!(
            "the id `{id}` has other characters than letters, digits, `_`, `-`, `.` and `:`, or too many"
        ));
    }
    let title = fields.text("title")?;
    let first_line = failure.lines().next().unwrap_or_default().to_owned();
    let mut body = format!("## Failure\n\n{failure}\n\n## Resolution\n\n{resolution}\n");
    let links = match fields.map.remove("links") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(links)) => links,
        Some(link) => vec![link],
    };
    let links: Vec<&str> = links.iter().take(MAX_LINKS).filter_map(Value::as_str).map(str::trim).collect();
    if !links.is_empty() {
        body.push_str("\n## Links\n\n");
    }
    for link in links.into_iter().filter(|link| !link.contains(['<', '>', '(', ')', '\n', ' '])) {
        let (link, secrets) = redaction::redacted(link.to_owned());
        redaction::add(fields.redacted, secrets);
        let link = link.as_str();
        let line =
            if is_web_address(link) { format!("- <{link}>\n") } else { format!("- [{link}]({link})\n") };
        body.push_str(&line);
    }
    if let Some(when) = fields.text("when")? {
        fields.map.entry("updated").or_insert(Value::String(when));
    }
    let said = Stated { kind: Some(Kind::Incident), ..Stated::default() };
    Ok(Entry { body, title: title.unwrap_or(first_line), said, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Format, parsed_in, site::Site};

    fn parse_file(text: &str) -> Parsed {
        parsed_in(Format::QaLines, "qa/f.jsonl", text, &[], &Site::default())
    }

    #[test]
    fn lines_become_documents() {
        let text = "{\"question\": \"How?\", \"answer\": \"Run `x`.\", \"source\": \"https://e.com/a\", \"access\": [\"ops\"]}\r\n\n\
                    {\"id\": \"INC-7\", \"failure\": \"Pod web is OOMKilled\\nlog\", \"resolution\": \"Raised the limit.\", \
                    \"when\": \"2025-01-02T03:04:05Z\", \"links\": [\"https://e.com/b\", 5]}\n";
        let parsed = parse_file(text);
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        let [qa, incident] = parsed.documents.as_slice() else { panic!("two lines: {:?}", parsed.documents) };
        assert_eq!(
            (qa.meta.id.as_str(), qa.meta.title.as_str(), qa.meta.kind),
            ("kb/qa/f.jsonl#1", "How?", Kind::Qa)
        );
        assert_eq!(
            (qa.meta.url.as_deref(), qa.meta.access.as_slice()),
            (Some("https://e.com/a"), &["ops".to_owned()][..])
        );
        assert_eq!(qa.body.as_str(), "How?\n\nRun `x`.");
        assert_eq!(&text[qa.body.source_range(0..3)], text.lines().next().expect("there is one"));
        insta::assert_snapshot!(incident.body.as_str(), @r"
        ## Failure

        Pod web is OOMKilled
        log

        ## Resolution

        Raised the limit.

        ## Links

        - <https://e.com/b>
        ");
        let meta = &incident.meta;
        assert_eq!((meta.id.as_str(), meta.title.as_str()), ("kb/qa/f.jsonl#INC-7", "Pod web is OOMKilled"));
        assert_eq!(meta.kind, Kind::Incident);
        assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2025-01-02T03:04:05Z"));
    }

    #[test]
    fn broken_lines_are_reported_and_the_others_kept() {
        let good = "{\"question\": \"a\", \"answer\": \"b\"}";
        let deep = "[".repeat(100_000);
        for (line, part) in [
            ("{\"question\": \"a\"", "not valid JSON"),
            ("[1]", "not an object"),
            (deep.as_str(), "not valid JSON"),
            ("{\"question\": \"a\"}", "no `answer`"),
            ("{\"x\": 1}", "no `question`; a line needs"),
            ("{\"question\": \"a\", \"answer\": \" \"}", "the answer is empty"),
            ("{\"question\": \"a\", \"answer\": {}}", "`answer` is not a text"),
            ("{\"question\": \"a\", \"answer\": \"b\", \"team\": \"x\"}", "`team`: unknown"),
            ("{\"question\": \"a\", \"answer\": \"b\", \"access\": []}", "it is empty"),
            ("{\"question\": \"a\", \"answer\": \"b\", \"acces\": \"x\"}", "`acces`"),
            ("{\"failure\": \"a\"}", "no `resolution`"),
            ("{\"failure\": \"a\", \"resolution\": \"b\", \"id\": \"a/b c\"}", "the id `a/b c`"),
            ("{\"question\": \"\\ud800\", \"answer\": \"b\"}", "not valid JSON"),
        ] {
            let parsed = parse_file(&format!("{good}\n{line}\n{good}\n"));
            assert_eq!(parsed.documents.len(), 2, "{}", &line[..line.len().min(60)]);
            assert_eq!(parsed.rejected[0].path, "qa/f.jsonl#2");
            let reason = &parsed.rejected[0].reason;
            assert!(reason.contains(part), "{}: {reason}", &line[..line.len().min(60)]);
        }
        let twice = "{\"failure\": \"a\", \"resolution\": \"b\", \"id\": 1}\n".repeat(2);
        assert!(parse_file(&twice).rejected[0].reason.contains("given twice"));
    }
}
