//! Messages of the interface: requests as texts that can be read and compared, replies as they are recorded.

use prost::Message as _;
use qdrant_client::qdrant as api;
use std::fmt::Write as _;

/// For each method that the engine calls: its request and its reply.
macro_rules! methods {
    ($($path:literal $request:ident $reply:ident;)*) => {
        /// The text of a request; the error says why the bytes are no request.
        pub(super) fn request_text(method: &str, bytes: &[u8]) -> Result<String, String> {
            match method {
                $($path => {
                    let request = api::$request::decode(bytes).map_err(|error| error.to_string())?;
                    Ok(text_of(&request))
                })*
                _ => Err("this method is not in the list of messages.rs".to_owned()),
            }
        }

        /// A reply without what differs between two recordings of the same: how long it took.
        pub(super) fn settled(method: &str, bytes: &[u8]) -> Vec<u8> {
            match method {
                $($path => {
                    let mut reply = api::$reply::decode(bytes).expect("the server sends its own messages");
                    reply.time = 0.0;
                    reply.encode_to_vec()
                })*
                _ => panic!("{method} is not in the list here"),
            }
        }

        /// The text of a reply.
        pub(super) fn reply_text(method: &str, bytes: &[u8]) -> Option<String> {
            match method {
                $($path => api::$reply::decode(bytes).ok().map(|reply| text_of(&reply)),)*
                _ => None,
            }
        }
    };
}

methods! {
    "/qdrant.Collections/CollectionExists" CollectionExistsRequest CollectionExistsResponse;
    "/qdrant.Collections/Create" CreateCollection CollectionOperationResponse;
    "/qdrant.Collections/Delete" DeleteCollection CollectionOperationResponse;
    "/qdrant.Collections/Get" GetCollectionInfoRequest GetCollectionInfoResponse;
    "/qdrant.Collections/List" ListCollectionsRequest ListCollectionsResponse;
    "/qdrant.Collections/ListAliases" ListAliasesRequest ListAliasesResponse;
    "/qdrant.Collections/UpdateAliases" ChangeAliases CollectionOperationResponse;
    "/qdrant.Points/Count" CountPoints CountResponse;
    "/qdrant.Points/CreateFieldIndex" CreateFieldIndexCollection PointsOperationResponse;
    "/qdrant.Points/Delete" DeletePoints PointsOperationResponse;
    "/qdrant.Points/Get" GetPoints GetResponse;
    "/qdrant.Points/Query" QueryPoints QueryResponse;
    "/qdrant.Points/QueryBatch" QueryBatchPoints QueryBatchResponse;
    "/qdrant.Points/Scroll" ScrollPoints ScrollResponse;
    "/qdrant.Points/SetPayload" SetPayloadPoints PointsOperationResponse;
    "/qdrant.Points/Upsert" UpsertPoints PointsOperationResponse;
}

/// Leaves out of lists what belongs to others on the same server, and puts the rest in order.
pub(super) fn without_others(method: &str, bytes: &[u8], name: &str) -> Vec<u8> {
    match method {
        "/qdrant.Collections/List" => {
            let mut reply = api::ListCollectionsResponse::decode(bytes).expect("a list");
            reply.collections.retain(|collection| collection.name.starts_with(name));
            reply.collections.sort_by(|a, b| a.name.cmp(&b.name));
            reply.encode_to_vec()
        }
        "/qdrant.Collections/ListAliases" => {
            let mut reply = api::ListAliasesResponse::decode(bytes).expect("a list");
            reply.aliases.retain(|alias| alias.alias_name.starts_with(name));
            reply.aliases.sort_by(|a, b| a.alias_name.cmp(&b.alias_name));
            reply.encode_to_vec()
        }
        _ => bytes.to_vec(),
    }
}

/// Lines up to this length hold a whole part of a message.
const LINE: usize = 118;

/// The text of a message: equal messages have equal texts, whatever the order of their maps, and different ones
/// different texts. Floats are written so that they are read back as they were.
///
/// It is the text of `{:#?}`, with maps in order and without the parts that follow from the place: absent fields, names
/// of types, the wrappers of the only value that there can be, most line breaks.
pub(super) fn text_of(message: &impl std::fmt::Debug) -> String {
    let pretty = format!("{message:#?}");
    let mut lines = pretty.lines();
    let mut text = String::new();
    while let Some(part) = Part::read(&mut lines) {
        part.write(&mut text, 0);
    }
    text
}

/// The label of what a value of a payload is.
const KIND: &str = "kind: ";

/// A value with its label, such as `id: Num(3)`.
struct Part {
    /// The label; the whole of a value without brackets.
    label: String,
    /// The name before the brackets: that of a variant.
    name: String,
    /// `{}`, `[]`, `()` or the empty text.
    brackets: &'static str,
    inner: Vec<Part>,
}

impl Part {
    /// `None` at the end of the text, and at a closing bracket.
    fn read<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Option<Part> {
        let line = lines.next()?.trim_start();
        let line = line.strip_suffix(',').unwrap_or(line);
        let brackets = match line.as_bytes() {
            // A text in quotation marks ends with one.
            [.., b'{'] => "{}",
            [.., b'['] => "[]",
            [.., b'('] => "()",
            [b'}' | b']' | b')', ..] => return None,
            _ => "",
        };
        let opened = line[..line.len() - brackets.len() / 2].trim_end();
        let name = match opened.rsplit(' ').next() {
            Some(name) if !brackets.is_empty() && name.starts_with(|c: char| c.is_ascii_uppercase()) => name,
            _ => "",
        };
        let mut label = opened[..opened.len() - name.len()].to_owned();
        if name.is_empty() && !brackets.is_empty() && !label.is_empty() {
            label.push(' ');
        }
        let mut part = Part { label, name: name.to_owned(), brackets, inner: Vec::new() };
        if brackets.is_empty() {
            return Some(part);
        }
        while let Some(inner) = Part::read(lines) {
            let is_absent = inner.label.ends_with(": None") || inner.label.ends_with(": []");
            if !inner.brackets.is_empty() || !is_absent {
                part.inner.push(inner);
            }
        }
        let is_map = brackets == "{}" && part.name.is_empty();
        if is_map {
            part.inner.sort_by_cached_key(Part::on_one_line);
        }
        Some(if is_map { part } else { part.simplified() })
    }

    /// The part without the names that follow from a value's place: in a structure only variants keep their names.
    fn simplified(mut self) -> Part {
        match (self.name.as_str(), self.brackets, self.inner.as_mut_slice()) {
            ("Some" | "IntegerValue" | "DoubleValue" | "StringValue" | "BoolValue", "()", [_]) => self.only(),
            ("ListValue", "()", [list]) if list.inner.len() == 1 => {
                let mut values = list.inner.remove(0);
                values.label = self.label;
                values
            }
            (_, "()", [value]) if value.brackets == "{}" && value.name.is_empty() => {
                let inner = std::mem::take(&mut value.inner);
                Part { brackets: "{}", inner, ..self }
            }
            ("Value", "{}", [value]) if value.name.is_empty() && value.label.starts_with(KIND) => {
                value.label.drain(..KIND.len());
                self.only()
            }
            (_, "{}", [value]) if !value.name.is_empty() => {
                value.label.clear();
                self.only()
            }
            (_, "{}", _) => Part { name: String::new(), ..self },
            _ => self,
        }
    }

    /// The only value in it, under its own label.
    fn only(mut self) -> Part {
        let mut value = self.inner.pop().expect("there is one");
        value.label.insert_str(0, &self.label);
        value
    }

    /// The label, the name and the opening bracket.
    fn head(&self) -> String {
        let space = if self.brackets == "{}" && !self.name.is_empty() { " " } else { "" };
        format!("{}{}{space}{}", self.label, self.name, &self.brackets[..self.brackets.len() / 2])
    }

    fn tail(&self) -> &'static str {
        &self.brackets[self.brackets.len() / 2..]
    }

    fn on_one_line(&self) -> String {
        let inner: Vec<String> = self.inner.iter().map(Part::on_one_line).collect();
        let space = if self.brackets == "{}" && !inner.is_empty() { " " } else { "" };
        format!("{}{space}{}{space}{}", self.head(), inner.join(", "), self.tail())
    }

    fn write(&self, text: &mut String, depth: usize) {
        let line = self.on_one_line();
        let is_short = self.inner.is_empty() || depth + line.len() <= LINE;
        let shown = if is_short { line } else { self.head() };
        writeln!(text, "{:depth$}{shown}", "").expect("a text takes all");
        if !is_short {
            self.inner.iter().for_each(|part| part.write(text, depth + 1));
            writeln!(text, "{:depth$}{}", "", self.tail()).expect("a text takes all");
        }
    }
}

/// The first difference of two texts of messages: the lines that enclose the place, and both texts from shortly before
/// it.
pub(super) fn first_difference(recorded: &str, sent: &str) -> String {
    let (recorded, sent): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), sent.lines().collect());
    let at = recorded.iter().zip(&sent).take_while(|(a, b)| a == b).count();
    let line = |lines: &[&str]| lines.get(at).map_or("", |line| line.trim_start()).to_owned();
    let (was, is) = (line(&recorded), line(&sent));
    let depth_of = |line: &str| line.len() - line.trim_start().len();
    let mut depth = recorded.get(at).or(sent.get(at)).map_or(0, |line| depth_of(line));
    let mut around = Vec::new();
    for line in recorded[..at].iter().rev() {
        if depth_of(line) < depth {
            depth = depth_of(line);
            around.push(line.trim());
        }
    }
    around.reverse();
    let same = was.chars().zip(is.chars()).take_while(|(a, b)| a == b).count();
    let shown = |line: &str| match line {
        "" => "(nothing)".to_owned(),
        line => line.chars().skip(same.saturating_sub(60)).take(200).collect(),
    };
    format!("in {}\n  recorded: {}\n  sent:     {}", around.join(" "), shown(&was), shown(&is))
}

#[cfg(test)]
mod tests {
    use super::super::super::points;
    use super::*;

    #[test]
    fn a_text_holds_all_of_a_message_and_no_order_of_maps() {
        let point = |weight: f32| {
            let sparse = std::collections::BTreeMap::from([(7, weight), (9, 1.0)]);
            let draft = points::Draft::new(points::numbered(3), points::Sort::Term)
                .with("counts", points::list([1, 2].map(points::integer)))
                .with("stored", points::text("two\nlines, {and} a \" mark: None"))
                .with("zero", points::integer(0))
                .sparse("fields", &sparse);
            text_of(&draft.build())
        };
        let text = point(0.1);
        for _ in 0..20 {
            assert_eq!(point(0.1), text);
        }
        insta::assert_snapshot!(text, @r#"
        {
         id: Num(3)
         payload: { "counts": [1, 2], "sort": "term", "stored": "two\nlines, {and} a \" mark: None", "zero": 0 }
         vectors: Vectors { vectors: { "fields": Sparse { values: [0.1, 1.0], indices: [7, 9] } } }
        }
        "#);
        let next = f32::from_bits(0.1_f32.to_bits() + 1);
        let difference = first_difference(&text, &point(next));
        insta::assert_snapshot!(difference, @r#"
        in {
          recorded: ectors: Vectors { vectors: { "fields": Sparse { values: [0.1, 1.0], indices: [7, 9] } } }
          sent:     ectors: Vectors { vectors: { "fields": Sparse { values: [0.10000001, 1.0], indices: [7, 9] } } }
        "#);
    }
}
