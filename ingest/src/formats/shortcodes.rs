//! Hugo's shortcodes, `{{< name >}}` and `{{% name %}}`, as the words a reader of the rendered page would see.
//!
//! Shortcodes that stand for a value become it, where the site says it, or a marker that names it: a sentence with a
//! gap would say something else. The bodies of paired shortcodes stay; only their tags are replaced. Code fences are
//! left alone, but for escaped shortcodes (`{{</* name */>}}`), which lose their escape everywhere.

use super::{site::Site, steps::Steps};
use crate::dialect;
use kb::mapped::Edit;
use regex::Regex;
use std::{collections::HashMap, ops::Range, sync::LazyLock};

/// Longer markers are cut.
const MAX_MARKER_CHARS: usize = 60;

/// A longer tag is text.
const MAX_TAG_BYTES: usize = 4 << 10;

/// The edits that turn shortcodes into words.
pub(crate) fn edits(text: &str, site: &Site, steps: &Steps) -> Vec<Edit> {
    if !text.contains("{{") {
        return Vec::new();
    }
    let mut tags = Vec::new();
    let mut prose = Vec::new();
    dialect::for_each_line(text, |at, line, is_code| {
        if !is_code {
            prose.push(at..at + line.len());
        }
    });
    let mut at = 0;
    let mut ends = Ends::default();
    let last_end = [">}}", "%}}"].iter().filter_map(|end| text.rfind(end)).max().unwrap_or_default();
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        if start > last_end {
            break;
        }
        if !text[start + 2..].starts_with(['<', '%']) || !ends.are_near(text, start) {
            at = start + 2;
            continue;
        }
        let tag = Tag::parse(text, start);
        if !steps.take(tag.as_ref().map_or(MAX_TAG_BYTES, |tag| tag.range.len())) {
            break;
        }
        match tag {
            Some(tag) => {
                at = tag.range.end;
                let in_prose = prose.partition_point(|line: &Range<usize>| line.end <= start);
                let in_prose = prose.get(in_prose).is_some_and(|line| line.contains(&start));
                // In code only a value replaces the text that is written there.
                if in_prose || tag.is_escaped || tag.value(site).is_some() {
                    tags.push(tag);
                }
            }
            None => at = start + 2,
        }
    }
    let mut last_closing: HashMap<&str, usize> = HashMap::new();
    for tag in tags.iter().filter(|tag| tag.is_closing) {
        last_closing.insert(tag.name, tag.range.start);
    }
    let mut edits = Vec::with_capacity(tags.len());
    let mut dropped_until = 0;
    let mut line = Line::default();
    for (i, tag) in tags.iter().enumerate() {
        if tag.range.start < dropped_until {
            continue;
        }
        line.move_to(text, &tag.range, steps);
        let is_paired = last_closing.get(tag.name).is_some_and(|closing| *closing > tag.range.start);
        if !tag.is_closing && !tag.is_escaped && is_dropped_with_body(tag.name) {
            let mut later = tags[i + 1..].iter().filter(|_| is_paired);
            let end = later.find(|other| steps.take(1) && other.is_closing && other.name == tag.name);
            dropped_until = end.map_or(tag.range.end, |end| end.range.end);
            edits.push(Edit::delete(tag.range.start..dropped_until));
        } else {
            let mut words = tag.value(site).unwrap_or_else(|| tag.words());
            if words.is_empty() && !tag.is_closing && !is_paired && line.has_gap(text, tag) {
                words = tag.marker();
            }
            let words = if line.is_in_address { words.replace(' ', "-") } else { words };
            edits.push(Edit::replace(tag.range.clone(), words));
        }
    }
    edits
}

/// The edits that give a tag the brace that its author forgot: `{< name a="b" >}}`.
pub(crate) fn mending_edits(text: &str) -> Vec<Edit> {
    static HALF: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^|[^{])(\{[<%]) ?[a-z][\w-]*\s[^<>{}\n]*[>%]\}\}").expect("a right pattern")
    });
    if !text.contains("}}") || !(text.contains("{<") || text.contains("{%")) {
        return Vec::new();
    }
    let half = HALF.captures_iter(text).filter_map(|found| found.get(1));
    half.map(|brace| Edit::replace(brace.start()..brace.start(), "{")).collect()
}

/// The ends of the next tags of both kinds, looked for once for all tags before them.
#[derive(Default)]
struct Ends([Option<usize>; 2]);

impl Ends {
    /// Whether a tag that begins here may end within its length. Places must go forward.
    fn are_near(&mut self, text: &str, start: usize) -> bool {
        for (next, end) in self.0.iter_mut().zip([">}}", "%}}"]) {
            if next.is_none_or(|next| next < start) {
                *next = Some(text[start..].find(end).map_or(usize::MAX, |found| start + found));
            }
        }
        self.0.iter().flatten().any(|next| *next <= start + MAX_TAG_BYTES)
    }
}

/// The line that the tag under way stands in, read once for all of its tags.
#[derive(Default)]
struct Line {
    range: Range<usize>,
    /// The range of the line's words, without the white space around them.
    words: Range<usize>,
    /// How far it was read.
    read: usize,
    /// Whether what was read ends within a link's address, which cannot hold spaces.
    is_in_address: bool,
}

impl Line {
    /// Goes on to a tag. Tags must come in order.
    fn move_to(&mut self, text: &str, tag: &Range<usize>, steps: &Steps) {
        if tag.start >= self.range.end || self.read > tag.start {
            let before = self.range.end.min(tag.start);
            let start =
                text[before..tag.start].rfind('\n').map_or(before, |line_break| before + line_break + 1);
            let end = text[tag.end..].find('\n').map_or(text.len(), |length| tag.end + length);
            steps.take(end - before);
            let first = end - text[start..end].trim_start().len();
            let words = first..first + text[first..end].trim_end().len();
            *self = Self { range: start..end, words, read: start, is_in_address: false };
        }
        let bytes = text.as_bytes();
        for at in self.read..tag.start {
            match bytes[at] {
                b'(' if at > self.range.start && bytes[at - 1] == b']' => self.is_in_address = true,
                b')' | b' ' => self.is_in_address = false,
                _ => {}
            }
        }
        self.read = tag.start;
    }

    /// Whether a reader of the rendered page sees something where the tag stands, and would miss it: it stands in a
    /// sentence, and not within a word.
    fn has_gap(&self, text: &str, tag: &Tag<'_>) -> bool {
        if WORDLESS.contains(&tag.name) {
            return false;
        }
        let (before, after) = (&text[..tag.range.start], &text[tag.range.end..]);
        let near = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        if near(before.chars().next_back()) && near(after.chars().next()) {
            return false;
        }
        // Only the white space between two tags is looked through.
        let line_before = text[self.words.start.min(tag.range.start)..tag.range.start].trim_end();
        let line_after = text[tag.range.end..self.words.end.max(tag.range.end)].trim_start();
        // Only other tags beside it make no sentence.
        let is_tag = |part: &str| part.starts_with("{{") && part.ends_with("}}");
        [line_before, line_after].into_iter().any(|part| !part.is_empty() && !is_tag(part))
    }
}

/// Shortcodes that show no words.
const WORDLESS: [&str; 16] = [
    "anchor", "badge", "br", "button", "clear", "clearfix", "details", "emoji", "fa", "icon", "include",
    "nbsp", "tab", "table", "toc", "wbr",
];

/// Comments, and diagrams in a drawing language.
fn is_dropped_with_body(name: &str) -> bool {
    matches!(name, "comment" | "mermaid")
}

/// One opening or closing tag.
struct Tag<'a> {
    range: Range<usize>,
    name: &'a str,
    /// Parameters without a name have an empty one.
    parameters: Vec<(&'a str, &'a str)>,
    is_closing: bool,
    is_escaped: bool,
    inside: &'a str,
}

impl<'a> Tag<'a> {
    fn parse(text: &'a str, start: usize) -> Option<Self> {
        let rest = &text[start + 2..];
        let (close, inner) = match rest.as_bytes().first()? {
            b'<' => (">}}", &rest[1..]),
            b'%' => ("%}}", &rest[1..]),
            _ => return None,
        };
        let length = end_of_tag(inner, close)?;
        let range = start..start + 3 + length + close.len();
        let inside = inner[..length].trim();
        if let Some(escaped) = inside.strip_prefix("/*").and_then(|inside| inside.strip_suffix("*/")) {
            return Some(Self {
                range,
                name: "",
                parameters: Vec::new(),
                is_closing: false,
                is_escaped: true,
                inside: escaped,
            });
        }
        let (is_closing, body) = match inside.strip_prefix('/') {
            Some(body) => (true, body.trim_start()),
            None => (false, inside.strip_suffix('/').unwrap_or(inside)),
        };
        let name_end = body.find(char::is_whitespace).unwrap_or(body.len());
        let name = &body[..name_end];
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.'))
        {
            return None;
        }
        let parameters = parameters(&body[name_end..]);
        Some(Self { range, name, parameters, is_closing, is_escaped: false, inside })
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        let value = self.parameters.iter().find(|(key, _)| *key == name)?.1.trim();
        (!value.is_empty()).then_some(value)
    }

    fn first(&self) -> Option<&'a str> {
        self.named("")
    }

    /// The value that the site gives the tag.
    fn value(&self, site: &Site) -> Option<String> {
        if self.is_closing || self.is_escaped {
            return None;
        }
        match self.name {
            "param" => site.value(self.first()?).map(str::to_owned),
            "skew" => {
                let current = site.value("version").or_else(|| site.value("latest"))?.trim_start_matches('v');
                let offset = match self.first()? {
                    "currentVersion" | "latestVersion" => 0,
                    "currentVersionAddMinor" | "latestVersionAddMinor" => {
                        self.parameters.get(1)?.1.parse().ok()?
                    }
                    "nextMinorVersion" => 1,
                    "prevMinorVersion" => -1,
                    _ => return None,
                };
                let mut parts = current.split('.');
                let (major, minor) = (parts.next()?, parts.next()?.parse::<i64>().ok()?);
                Some(format!("{major}.{}", minor.checked_add(offset).filter(|minor| *minor >= 0)?))
            }
            name if self.parameters.is_empty() => site.value(name).map(str::to_owned),
            _ => None,
        }
    }

    /// The marker in the place of a value that is not known.
    fn marker(&self) -> String {
        let words =
            self.inside.split_whitespace().collect::<Vec<_>>().join(" ").replace(['"', '`', '[', ']'], "");
        match words.char_indices().nth(MAX_MARKER_CHARS) {
            Some((end, _)) => format!("[{}…]", &words[..end]),
            None => format!("[{words}]"),
        }
    }

    /// The words of the tag for a reader.
    fn words(&self) -> String {
        if self.is_escaped {
            return format!("{{{{<{}>}}}}", self.inside);
        }
        if self.is_closing {
            return if self.name == "highlight" { "```".to_owned() } else { String::new() };
        }
        let any_text =
            || ["text", "title", "caption", "alt", "name"].iter().find_map(|name| self.named(name));
        match self.name {
            "note" | "caution" | "warning" | "tip" | "important" | "info" | "danger" | "hint" | "callout" => {
                format!("**{}:** ", self.named("title").map_or_else(|| capitalised(self.name), str::to_owned))
            }
            "alert" => format!("**{}:** ", self.named("title").unwrap_or("Note")),
            "tab" => {
                self.named("name").or(self.named("header")).or(self.first()).map(strong).unwrap_or_default()
            }
            "details" | "expand" => any_text().or(self.first()).map(strong).unwrap_or_default(),
            "table" => self.named("caption").map(strong).unwrap_or_default(),
            "heading" => self.first().map(section_name).unwrap_or_default(),
            "glossary_tooltip" => self
                .named("text")
                .map(str::to_owned)
                .or_else(|| self.named("term_id").map(spaced))
                .unwrap_or_default(),
            "glossary_definition" => self
                .named("prepend")
                .map(str::to_owned)
                .or_else(|| self.named("term_id").map(spaced))
                .unwrap_or_default(),
            "feature-state" => {
                let version = self.named("for_k8s_version").map(|version| format!("Kubernetes {version}"));
                let gate = self.named("feature_gate_name").map(|gate| format!("feature gate {gate}"));
                let state = self.named("state").map(str::to_owned);
                let words: Vec<String> = [version, gate, state].into_iter().flatten().collect();
                if words.is_empty() { String::new() } else { format!("Feature state: {}", words.join(", ")) }
            }
            "skew" => self
                .first()
                .map(|which| skew_words(which, self.parameters.get(1).map(|p| p.1)))
                .unwrap_or_default(),
            "param" => self.marker(),
            "code_sample" | "codenew" | "code" | "example" | "code_file" => self
                .named("file")
                .or(self.first())
                .map(|file| format!("Example: `{file}`"))
                .unwrap_or_default(),
            "figure" | "img" | "image" => {
                let mut said: Vec<&str> = Vec::new();
                for text in ["title", "alt", "caption"].iter().filter_map(|name| self.named(name)) {
                    if !said.contains(&text) {
                        said.push(text);
                    }
                }
                said.join(". ")
            }
            // These shortcodes stand for the address within a link.
            "ref" | "relref" => self.first().or(self.named("path")).unwrap_or_default().to_owned(),
            "link" => match (self.named("text"), self.named("url")) {
                (Some(text), Some(url)) => format!("[{text}]({url})"),
                (text, _) => text.unwrap_or_default().to_owned(),
            },
            "api-reference" => self
                .named("text")
                .map(str::to_owned)
                .or_else(|| self.named("page").map(|page| spaced(page.rsplit('/').next().unwrap_or(page))))
                .unwrap_or_default(),
            "highlight" => format!("```{}", self.first().unwrap_or_default()),
            "tabs" | "tabpane" | "include" => String::new(),
            name if name.starts_with("blocks/") => self.named("title").map(strong).unwrap_or_default(),
            _ => any_text().unwrap_or_default().to_owned(),
        }
    }
}

/// Length of the tag's inside: up to `close` outside quotes.
fn end_of_tag(inner: &str, close: &str) -> Option<usize> {
    let mut quoted = false;
    let mut previous = 0;
    for (at, byte) in inner.bytes().enumerate().take(MAX_TAG_BYTES) {
        match byte {
            b'"' if previous != b'\\' => quoted = !quoted,
            _ if !quoted && inner.as_bytes()[at..].starts_with(close.as_bytes()) => return Some(at),
            _ => {}
        }
        previous = byte;
    }
    None
}

/// `a "b c" key="value"` as pairs of name and value.
fn parameters(text: &str) -> Vec<(&str, &str)> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let name_end =
            rest.find(|c: char| c == '=' || c == '"' || c == '`' || c.is_whitespace()).unwrap_or(rest.len());
        let name = &rest[..name_end];
        let after = rest[name_end..].trim_start();
        match after.strip_prefix('=') {
            Some(after) if !name.is_empty() => {
                let (value, left) = value(after.trim_start());
                parameters.push((name, value));
                rest = left.trim_start();
            }
            _ if !name.is_empty() => {
                parameters.push(("", name));
                rest = after;
            }
            _ => {
                let (value, left) = value(rest);
                parameters.push(("", value));
                rest = left.trim_start();
            }
        }
    }
    parameters
}

/// A value at the start of the text, and the text after it. Takes at least one character of a text that is not empty.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '`'] {
        if let Some(quoted) = text.strip_prefix(quote) {
            let end = quoted.find(quote).unwrap_or(quoted.len());
            return (&quoted[..end], quoted[end..].strip_prefix(quote).unwrap_or_default());
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let end = if end == 0 { text.chars().next().map_or(0, char::len_utf8) } else { end };
    (&text[..end], &text[end..])
}

fn strong(text: &str) -> String {
    format!("**{text}**")
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn spaced(name: &str) -> String {
    name.replace(['-', '_'], " ")
}

/// The section names that the Kubernetes website keeps in its translations.
fn section_name(key: &str) -> String {
    match key {
        "whatsnext" => "What's next".to_owned(),
        "prerequisites" => "Before you begin".to_owned(),
        "seealso" => "See also".to_owned(),
        "lessoncontent" => "Lesson content".to_owned(),
        other => capitalised(&spaced(other)),
    }
}

fn skew_words(which: &str, offset: Option<&str>) -> String {
    let name = match which {
        "currentVersion" | "currentVersionAddMinor" => "current version",
        "currentPatchVersion" => "current patch version",
        "latestVersion" | "latestVersionAddMinor" => "latest version",
        "nextMinorVersion" => "next minor version",
        "prevMinorVersion" | "oldestMinorVersion" => "previous minor version",
        other => return spaced(other),
    };
    match offset {
        Some(offset) if offset.starts_with('-') => format!("{name} {offset}"),
        Some(offset) if offset != "0" => format!("{name} +{}", offset.trim_start_matches('+')),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::assert_edited;

    fn check(source: &str, cleaned: &str) {
        assert_edited(source, edits(source, &Site::default(), &Steps::for_text(source)), cleaned);
    }

    #[test]
    fn shortcodes_become_words() {
        check(r#"A {{< glossary_tooltip text="Pod" term_id="pod" >}} runs"#, "A Pod runs");
        check(r#"{{< glossary_tooltip term_id="kube-proxy" >}}"#, "kube proxy");
        check(
            r#"{{< glossary_definition term_id="configmap" prepend="A ConfigMap is" length="all">}}"#,
            "A ConfigMap is",
        );
        check(
            r#"{{< feature-state for_k8s_version="v1.25" state="stable" >}}"#,
            "Feature state: Kubernetes v1.25, stable",
        );
        check(r#"{{< feature-state feature_gate_name="InPlace" >}}"#, "Feature state: feature gate InPlace");
        check("v{{< skew currentVersionAddMinor -1 >}}", "vcurrent version -1");
        check(r#"## {{% heading "whatsnext" %}}"#, "## What's next");
        check(r#"{{% code_sample file="debug/x.yaml" %}}"#, "Example: `debug/x.yaml`");
        check(r#"[a]({{< ref "docs/a.md#b" >}})"#, "[a](docs/a.md#b)");
        check(
            r#"[a](/v{{< skew currentVersion >}}/#b) {{< skew nextMinorVersion >}}"#,
            "[a](/vcurrent-version/#b) next minor version",
        );
        check(r#"{{< link text="services" url="/docs/service/" >}}"#, "[services](/docs/service/)");
        check(r#"{{< figure src="/a.svg" alt="x" caption="x" >}}"#, "x");
        check("{{< mystery a=1 >}}inner{{< /mystery >}}", "inner");
    }

    #[test]
    fn a_forgotten_brace_is_put_in() {
        let text = "Use {< glossary_tooltip text=\"CSI\" >}} or {{< a b >}}, not {<b>c</b>} and {% x %}.";
        assert_edited(text, mending_edits(text), &text.replacen("{<", "{{<", 1));
    }

    #[test]
    fn values_leave_no_gap() {
        check("Install {{< param \"version\" >}} now.", "Install [param version] now.");
        check("Install {{% latest-version %}} now.", "Install [latest-version] now.");
        check("Install relay-{{< version >}}.tgz.", "Install relay-[version].tgz.");
        check("- {{< latest-version >}}", "- [latest-version]");
        check("| a | {{< port name >}} |", "| a | [port name] |");
        check("{{< latest-version >}} is out.", "[latest-version] is out.");
        check(
            "[get it](https://e.com/{{< latest-version >}}/x)",
            "[get it](https://e.com/[latest-version]/x)",
        );
        check("Read it.{{< br >}}\n\n{{< toc >}}\n{{< version-check >}} {{< toc >}}\n", "Read it.\n\n\n \n");
        check("one{{< x >}}word", "oneword");
    }

    #[test]
    fn bodies_stay_and_comments_go() {
        check("{{< note >}}\nMind.\n{{< /note >}}\n", "**Note:** \nMind.\n\n");
        check("{{% alert title=\"Careful\" %}}x{{% /alert %}}", "**Careful:** x");
        check("a{{< comment >}}b {{< note >}}c{{< /note >}}{{< /comment >}}d", "ad");
        check("{{< highlight yaml \"linenos=false\" >}}\na: 1\n{{< /highlight >}}", "```yaml\na: 1\n```");
        check("{{< tab name=\"{{ x }}\" >}}", "**{{ x }}**");
    }

    #[test]
    fn code_and_templates_are_left_alone() {
        for text in [
            "```\n{{< note >}}\n```\n",
            "`{{ .Values.x }}`",
            "{{ range }}{{ end }}",
            "{{< unclosed",
            "{{<>}}",
            "{{",
        ] {
            check(text, text);
        }
        check("```\n{{</* note */>}}\n```\n", "```\n{{< note >}}\n```\n");
    }
}
