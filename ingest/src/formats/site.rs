//! The texts that the files around a page put in it: the values of the site's configuration, and the files that it
//! includes.
//!
//! Entry points: [`Site::value`] for `{{< param version >}}` and its like, [`with_includes`] for `{{#include file}}`
//! and its like. Only files that the source lists are read, so no file outside it is, and no hidden one. If there is no
//! text to put in, a marker that names it stays: a sentence has no gap that its reader cannot see.

use super::{Format, Place, asciidoc, front_matter, redaction, rst, steps::Steps, web_page};
use crate::decode;
use kb::mapped::{Edit, MappedText};
use regex::{Captures, Regex};
use serde_norway::Value;
use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
    sync::LazyLock,
};

/// Larger configurations are not read.
const MAX_CONFIG_BYTES: u64 = 256 << 10;
/// The largest number of values of a site.
const MAX_VALUES: usize = 4_096;
/// Longer values stand for no words of a sentence.
const MAX_VALUE_CHARS: usize = 200;
/// Maps in maps that are looked into.
const MAX_DEPTH: usize = 6;
/// Bytes that one page includes, at most.
pub(super) const MAX_INCLUDED_BYTES: usize = 256 << 10;
/// Files that one page includes, at most.
pub(super) const MAX_INCLUDED_FILES: usize = 64;
/// Files that include files that include files.
const MAX_NESTING: usize = 3;
/// Larger manifests are not shown in a page that names them.
const MAX_MANIFEST_BYTES: u64 = 8 << 10;
/// Longer names of included files are text.
const MAX_NAME_CHARS: usize = 200;

/// Reads a listed file's bytes by its relative path.
type Reader = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// The site that a source's pages belong to.
#[derive(Default)]
pub struct Site {
    /// The values, by the names that [`normalised`] makes.
    values: BTreeMap<String, String>,
    /// Relative paths with their sizes.
    files: BTreeMap<String, u64>,
    reader: Option<Box<Reader>>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("values", &self.values).finish_non_exhaustive()
    }
}

impl Site {
    /// The site of a source's files, given with their sizes; the site's configuration files are read at once.
    pub fn of(
        files: impl Iterator<Item = (String, u64)>,
        reader: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let mut site = Self { files: files.collect(), ..Self::default() };
        let configs = site.files.iter().filter(|(_, bytes)| **bytes <= MAX_CONFIG_BYTES);
        let configs: Vec<(String, String)> =
            configs.filter_map(|(path, _)| Some((path.clone(), prefix_of_config(path)?))).collect();
        for (path, prefix) in configs {
            let text = reader(&path).and_then(|bytes| decode::decode(bytes).ok());
            let Some(text) = text.map(|decoded| decoded.text) else { continue };
            let value = match path.ends_with(".toml") {
                true => toml::from_str::<toml::Table>(&text)
                    .ok()
                    .and_then(|table| serde_norway::to_value(table).ok()),
                false => serde_norway::from_str(&text).ok(),
            };
            if let Some(value) = value {
                site.keep(&prefix, &value, &text, MAX_DEPTH);
            }
        }
        site.reader = Some(Box::new(reader));
        site
    }

    fn keep(&mut self, name: &str, value: &Value, written: &str, depth: usize) {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Bool(flag) => flag.to_string(),
            // `1.20` is a number to YAML and TOML, and would become 1.2.
            Value::Number(number) => {
                let key = name.rsplit('.').next().unwrap_or(name);
                let as_written = written.lines().filter_map(|line| number_of(line, key));
                let same = |text: &&str| text.parse::<f64>().ok() == number.as_f64();
                as_written.into_iter().find(same).map_or_else(|| number.to_string(), str::to_owned)
            }
            Value::Mapping(map) if depth > 0 => {
                for (key, value) in map {
                    let Some(key) = key.as_str() else { continue };
                    let name =
                        if name.is_empty() { normalised(key) } else { format!("{name}.{}", normalised(key)) };
                    self.keep(&name, value, written, depth - 1);
                }
                return;
            }
            Value::Tagged(tagged) if depth > 0 => return self.keep(name, &tagged.value, written, depth - 1),
            _ => return,
        };
        let is_words =
            !text.is_empty() && !text.contains(['\n', '{', '<']) && text.chars().count() <= MAX_VALUE_CHARS;
        if is_words && self.values.len() < MAX_VALUES {
            self.values.entry(name.to_owned()).or_insert(text);
        }
    }

    /// The value that a page names: `version`, `site.version`, `.Site.Params.version`, `latest-version`.
    pub fn value(&self, name: &str) -> Option<&str> {
        if self.values.is_empty() {
            return None;
        }
        let name = normalised(name.trim().trim_start_matches('.'));
        let name = name.strip_prefix("site.").unwrap_or(&name);
        let places = ["", "params.", "extra.", "data.", "variables."];
        places.iter().find_map(|place| self.values.get(&format!("{place}{name}"))).map(String::as_str)
    }

    /// Whether a file or a folder with this relative path is listed.
    pub(crate) fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        let mut from = self.files.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded));
        path.is_empty()
            || self.files.contains_key(path)
            || from.next().is_some_and(|(file, _)| file.starts_with(&below))
    }

    /// The listed file that a page means by a name: beside it, below the root, or in a folder for such files.
    fn file(&self, from: &str, name: &str) -> Option<&str> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let below = |folder: &str| joined(folder, name.trim_start_matches('/'));
        let beside = if name.starts_with('/') { None } else { below(folder) };
        let candidates =
            [beside, below(""), below("includes"), below("_includes"), below("snippets"), below("docs")];
        let exact = candidates.into_iter().flatten().find_map(|path| self.files.get_key_value(&path));
        exact.map(|(path, _)| path.as_str()).or_else(|| {
            let wanted = joined("", name.trim_start_matches('/'))?;
            let endings = [format!("/includes/{wanted}"), format!("/_includes/{wanted}")];
            let mut found =
                self.files.keys().filter(|path| endings.iter().any(|ending| path.ends_with(ending)));
            found.next().map(String::as_str)
        })
    }

    /// The manifest that a page means by a name, with its path: beside it, below the root, or in a folder of examples.
    /// `None` for a text that is not a Kubernetes manifest, or would end the block of code that it is shown in.
    pub(super) fn manifest(&self, from: &str, name: &str) -> Option<(String, String)> {
        let path = self.file(from, name).or_else(|| {
            let wanted = format!("examples/{}", joined("", name.trim_start_matches('/'))?);
            let is_meant = |path: &&String| {
                path.strip_suffix(&wanted).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
            };
            self.files.keys().find(is_meant).map(String::as_str)
        })?;
        let bytes = *self.files.get(path)?;
        if bytes > MAX_MANIFEST_BYTES {
            return None;
        }
        let text = decode::decode(self.reader.as_ref()?(path)?).ok()?.text;
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        let is_manifest = has("apiVersion:") && has("kind:") && !text.contains("```");
        is_manifest.then(|| (path.to_owned(), redaction::redacted(text).0.as_str().to_owned()))
    }

    /// The listed file that a page includes by a name, as [`with_includes`] finds it.
    pub(super) fn included_file(&self, from: &str, name: &str) -> Option<&str> {
        self.file(from, name)
    }

    /// Whether there is a file of this path.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether there are files below a folder.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.files.range(below.clone()..).next().is_some_and(|(first, _)| first.starts_with(&below))
    }

    /// The number of files, which bounds the steps of a search for a name.
    pub(super) fn num_files(&self) -> usize {
        self.files.len()
    }

    /// The text of a file as another page may show it: its front matter gone. `None` also where that restricts who may
    /// read it, or cannot be understood.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let bytes =
            self.files.get(path).filter(|bytes| **bytes <= MAX_INCLUDED_BYTES as u64).map(|_| path)?;
        let text = decode::decode(self.reader.as_ref()?(bytes)?).ok()?.text;
        let (redacted, _) = redaction::redacted(text);
        let text = redacted.as_str();
        let is_restricted = match Format::of(path) {
            Ok(Format::AsciiDoc) => asciidoc::restricts(text),
            Ok(Format::WebPage) => web_page::restricts(text),
            Ok(Format::ReStructuredText) => rst::restricts(text),
            _ => false,
        };
        if is_restricted {
            return None;
        }
        // A file that is not a page has no front matter: a manifest begins with `---` as well.
        let is_page = matches!(
            Format::of(path),
            Ok(Format::Markdown
                | Format::AsciiDoc
                | Format::WebPage
                | Format::ReStructuredText
                | Format::PlainText)
        );
        if !is_page {
            return front_matter::refuse_in_text(text).is_ok().then(|| text.to_owned());
        }
        match front_matter::parse(text) {
            Ok(None) => Some(text.to_owned()),
            Ok(Some((said, range))) if said.access.is_none() => Some(text[range.end..].to_owned()),
            Ok(Some(_)) | Err(_) => None,
        }
    }
}

/// Folders whose files are parts of pages.
const PARTS: [&str; 6] = ["_includes", "_partials", "includes", "partials", "shared", "snippets"];

/// Whether a file that another one includes is a page of its own, and no part of others.
pub(super) fn is_page(path: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    matches!(Format::of(path), Ok(Format::AsciiDoc | Format::ReStructuredText))
        && !file.starts_with('_')
        && !folder.split('/').any(|folder| PARTS.contains(&folder))
}

/// The names under which a file's values are known, when it configures a site: Hugo's, Jekyll's and MkDocs's, and data
/// files.
fn prefix_of_config(path: &str) -> Option<String> {
    let (stem, extension) = path.rsplit_once('.')?;
    if !matches!(extension, "toml" | "yaml" | "yml" | "json") {
        return None;
    }
    let depth = path.matches('/').count();
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let last_folder = folder.rsplit('/').next().unwrap_or_default();
    match (last_folder, name) {
        (_, "hugo" | "mkdocs" | "_config") if depth <= 2 => Some(String::new()),
        ("", "config") => Some(String::new()),
        ("_default", "hugo" | "config") => Some(String::new()),
        ("_default", name) => Some(normalised(name)),
        ("data" | "_data", name) if depth <= 3 => Some(format!("data.{}", normalised(name))),
        _ => None,
    }
}

/// A name without what writers vary: `latest-version`, `latest_version` and `latestVersion` are one.
fn normalised(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | '"' | '\'')).flat_map(char::to_lowercase).collect()
}

/// The number that a line of a configuration gives a key, as it is written.
fn number_of<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let (name, value) = line.split_once([':', '='])?;
    let value = value.split('#').next().unwrap_or_default().trim().trim_end_matches(',');
    (normalised(name.trim().trim_start_matches("- ")) == key && !value.is_empty()).then_some(value)
}

/// Resolves `.` and `..`; `None` when the path leaves the root.
fn joined(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The forms in which a page includes a file: mdBook, Hugo, MkDocs (two extensions), VitePress, Jekyll.
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"\{\{#(?:include|rustdoc_include|playground)\s+([^}\n]+?)\s*\}\}",
        r#"\{\{[<%]\s*(?:include|readfile|include-file)\s+(?:file\s*=\s*)?["`]?([^"`\s>%]+)["`]?[^>%\n]*[>%]\}\}"#,
        r#"(?m:^[ \t]*-{1,2}8<-{1,2}[ \t]+["']([^"'\n]+)["'][ \t]*$)"#,
        r"\{!\s*([^!\n]+?)\s*!\}",
        r"<!--\s*@include:\s*([^\s>]+?)\s*-->",
        r"\{%-?\s*include(?:_relative)?\s+([\w./-]+)[^%\n]*%\}",
    ];
    Regex::new(&forms.join("|")).expect("a right pattern")
});

/// The files and bytes that a page may still include.
struct Budget<'s> {
    bytes: usize,
    files: usize,
    steps: &'s Steps,
}

/// A page with the files that it includes; a file that cannot be included leaves a marker with its name.
pub(super) fn with_includes(text: MappedText, place: &Place<'_>, steps: &Steps) -> MappedText {
    let mut budget = Budget { bytes: MAX_INCLUDED_BYTES, files: MAX_INCLUDED_FILES, steps };
    let edits = includes(text.as_str())
        .map(|(range, name)| {
            Edit::replace(range, included(&name, place.relative, place.site, MAX_NESTING, &mut budget))
        })
        .collect();
    text.edited(edits)
}

/// The places where files are included, with the file's name as it is written. A form behind a backslash only shows how
/// it is written.
fn includes(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let found = (text.contains("{{") || text.contains("8<") || text.contains("{!") || text.contains("{%"))
        || text.contains("@include");
    let matches = found.then(|| INCLUDE.captures_iter(text)).into_iter().flatten();
    matches.filter_map(move |captures: Captures<'_>| {
        let whole = captures.get(0)?;
        let name = captures.iter().skip(1).flatten().next()?.as_str();
        let is_shown = text[..whole.start()].ends_with('\\');
        (!is_shown && name.chars().count() <= MAX_NAME_CHARS).then(|| (whole.range(), name.to_owned()))
    })
}

fn included(name: &str, from: &str, site: &Site, nesting: usize, budget: &mut Budget<'_>) -> String {
    let marker = || format!("[include {name}]");
    // `file.md:2:10` and `file.md:anchor` are a part of the file.
    let (path, part) = match name.split_once(':') {
        Some((path, part)) => (path.trim(), Some(part.trim())),
        None => (name.split_whitespace().next().unwrap_or(name), None),
    };
    // A name is looked for among all files.
    if nesting == 0 || budget.files == 0 || !budget.steps.take(site.files.len()) {
        return marker();
    }
    let Some(file) = site.file(from, path).filter(|file| *file != from) else { return marker() };
    budget.files -= 1;
    let Some(text) = site.text(file) else { return marker() };
    let Some(part) = part_of(&text, part) else { return marker() };
    if part.len() > budget.bytes {
        return marker();
    }
    budget.bytes -= part.len();
    let mut whole = String::with_capacity(part.len());
    let mut done = 0;
    for (range, name) in includes(&part) {
        whole.push_str(&part[done..range.start]);
        whole.push_str(&included(&name, file, site, nesting - 1, budget));
        done = range.end;
    }
    whole.push_str(&part[done..]);
    whole.trim_matches('\n').to_owned()
}

/// The lines of a file between two numbers, from 1, or between the marks of an anchor; all but those marks without
/// either.
fn part_of(text: &str, part: Option<&str>) -> Option<String> {
    let is_mark =
        |line: &str| line.contains("ANCHOR:") || line.contains("ANCHOR_END:") || line.contains("--8<--");
    let joined =
        |lines: &mut dyn Iterator<Item = &str>| lines.filter(|line| !is_mark(line)).collect::<String>();
    let lines = text.split_inclusive('\n');
    let Some(part) = part.filter(|part| !part.is_empty()) else { return Some(joined(&mut { lines })) };
    let (first, last) = part.split_once(':').unwrap_or((part, if part.contains(':') { "" } else { part }));
    let number = |text: &str, default: usize| match text.trim() {
        "" => Some(default),
        text => text.parse::<usize>().ok(),
    };
    if let (Some(first), Some(last)) = (number(first, 1), number(last, usize::MAX)) {
        let count = last.saturating_sub(first.saturating_sub(1));
        return Some(joined(&mut lines.skip(first.saturating_sub(1)).take(count)));
    }
    let marks = |line: &str, words: [&str; 2]| {
        let [anchor, section] = words;
        let after = |mark: &str, end: &[char]| {
            let rest = line.split_once(mark)?.1;
            rest.trim_start().split(end).next().map(str::trim).map(|name| name == part)
        };
        after(anchor, &[' ', '\n', '\r', '-']).or_else(|| after(section, &[']'])).unwrap_or(false)
    };
    let mut inside = lines.skip_while(|line| !marks(line, ["ANCHOR:", "[start:"])).skip(1).peekable();
    inside.peek()?;
    Some(joined(&mut inside.take_while(|line| !marks(line, ["ANCHOR_END:", "[end:"]))))
}

/// The edits that put a site's values in the place of `{{ name }}`; a name that the site does not know stays as it is
/// written, for it may be an example of a template.
pub(super) fn value_edits(text: &str, site: &Site) -> Vec<Edit> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\{\{-?\s*([.A-Za-z_][\w.-]{0,99}?)\s*-?\}\}").expect("a right pattern")
    });
    if site.values.is_empty() || !text.contains("{{") {
        return Vec::new();
    }
    let edit = |captures: Captures<'_>| {
        let value = site.value(&captures[1])?;
        Some(Edit::replace(captures.get(0)?.range(), value))
    };
    NAMED.captures_iter(text).filter_map(edit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Defaults, Format, links::Pages, parse};

    /// A site of files, with what a page of it becomes.
    fn page(files: &[(&str, &str)], relative: &str) -> String {
        let contents: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let listed: Vec<(String, u64)> =
            contents.iter().map(|(path, text)| (path.clone(), text.len() as u64)).collect();
        let text = contents[relative].clone();
        let site =
            Site::of(listed.into_iter(), move |path: &str| Some(contents.get(path)?.clone().into_bytes()));
        let (pages, defaults) = (Pages::default(), Defaults::default());
        let place =
            Place { source: "s", relative, shown: relative, pages: &pages, site: &site, defaults: &defaults };
        let parsed = parse(Format::Markdown, text.into_bytes(), &place);
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        parsed.documents[0].body.as_str().trim().to_owned()
    }

    #[test]
    fn values_come_from_the_site() {
        let check = |config: (&str, &str), text: &str, expected: &str| {
            assert_eq!(page(&[config, ("docs/a.md", text)], "docs/a.md"), expected, "{config:?} {text}");
        };
        let hugo = (
            "hugo.toml",
            "title = \"Relay\"\n[params]\nversion = 1.20\nlatest_version = \"v1.33\"\n[params.ui]\nurl = \"x\"\n",
        );
        check(hugo, "Install {{< param version >}} now.", "Install 1.20 now.");
        check(hugo, "Install {{< param \"latest-version\" >}} now.", "Install v1.33 now.");
        check(hugo, "Install {{% latest-version %}} now.", "Install v1.33 now.");
        check(hugo, "Install {{ .Site.Params.version }} now.", "Install 1.20 now.");
        check(
            hugo,
            "Install {{< param other >}} and {{ .Values.x }}.",
            "Install [param other] and {{ .Values.x }}.",
        );
        check(hugo, "Use {{< skew currentVersion >}}.", "Use 1.20.");
        check(hugo, "Use v{{< skew currentVersionAddMinor -1 >}}.", "Use v1.19.");
        check(hugo, "```\nget relay-{{< param version >}}.tgz\n```", "```\nget relay-1.20.tgz\n```");
        check(("config/_default/params.yaml", "version: 1.20\n"), "In {{< param version >}}.", "In 1.20.");
        check(("config.yaml", "params:\n  version: 2.0\n"), "In {{< param version >}}.", "In 2.0.");
        check(
            ("mkdocs.yml", "extra:\n  relay_version: 1.20\nx: !!python/name:y.z\n"),
            "In {{ relay_version }}.",
            "In 1.20.",
        );
        check(("_config.yml", "version: 1.20\n"), "In {{ site.version }}.", "In 1.20.");
        check(("data/relay.json", "{\"version\": \"1.2\"}"), "In {{ site.data.relay.version }}.", "In 1.2.");
        check(("other.yaml", "version: 1.20\n"), "In {{< param version >}}.", "In [param version].");
    }

    #[test]
    fn files_are_included() {
        let steps = ("docs/part/steps.md", "---\ntitle: T\n---\nDrain it.\n\nStart it.\n");
        for (include, at) in [
            ("{{#include part/steps.md}}", "docs/a.md"),
            ("{{#include ../docs/part/steps.md}}", "docs/a.md"),
            ("{{< include \"part/steps.md\" >}}", "docs/a.md"),
            ("{{% readfile file=\"part/steps.md\" %}}", "docs/a.md"),
            ("--8<-- \"docs/part/steps.md\"", "docs/a.md"),
            ("{!docs/part/steps.md!}", "docs/a.md"),
            ("<!--@include: ./part/steps.md-->", "docs/a.md"),
            ("{% include_relative part/steps.md %}", "docs/a.md"),
            ("{{#include /docs/part/steps.md}}", "b.md"),
        ] {
            let text = format!("First:\n\n{include}\n\nThen wait.");
            let expected = "First:\n\nDrain it.\n\nStart it.\n\nThen wait.";
            assert_eq!(page(&[steps, (at, &text)], at), expected, "{include}");
        }
        let code = ("x.yaml", "# ANCHOR: a\na: 1\n# ANCHOR_END: a\nb: 2\nc: 3\n");
        for (include, expected) in [
            ("{{#include x.yaml}}", "a: 1\nb: 2\nc: 3"),
            ("{{#include x.yaml:4:5}}", "b: 2\nc: 3"),
            ("{{#include x.yaml:5}}", "c: 3"),
            ("{{#include x.yaml:4:}}", "b: 2\nc: 3"),
            ("{{#include x.yaml:a}}", "a: 1"),
            ("{{#include x.yaml:nope}}", "[include x.yaml:nope]"),
        ] {
            let text = format!("Apply:\n\n```yaml\n{include}\n```");
            let expected = format!("Apply:\n\n```yaml\n{expected}\n```");
            assert_eq!(page(&[code, ("a.md", &text)], "a.md"), expected, "{include}");
        }
        let nested = page(
            &[("a.md", "A {{#include b.md}}."), ("b.md", "B {{#include c/d.md}}"), ("c/d.md", "D")],
            "a.md",
        );
        assert_eq!(nested, "A B D.");
    }

    #[test]
    fn manifests_stand_in_the_section_that_names_them() {
        let manifest = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: probe\n";
        let shown = format!("The manifest `NAME`:\n\n```yaml\n{}\n```", manifest.trim());
        for (file, name, says) in [
            ("examples/pods/probe.yaml", "pods/probe.yaml", "{{% code_sample file=\"pods/probe.yaml\" %}}"),
            ("docs/pods/probe.yaml", "pods/probe.yaml", "See [the file](pods/probe.yaml)."),
            ("docs/m/probe.yml", "m/probe.yml", "Apply `m/probe.yml`."),
            ("m/probe.yaml", "m/probe.yaml", "```bash\n# now\nkubectl apply -f m/probe.yaml\n```"),
        ] {
            let text = format!("# Probe\n\n1. Look.\n\n{says}\n\n2. Wait.\n\n## After\n\n{says}\n");
            let found = page(&[(file, manifest), ("docs/a.md", &text)], "docs/a.md");
            let (section, after) = found.split_once("## After").expect("both sections");
            assert!(section.trim_end().ends_with(&shown.replace("NAME", name)), "{says}: {found}");
            assert!(section.contains("2. Wait.") && !after.contains("apiVersion"), "{says}: {found}");
        }
        let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n# AKIAQ7RLMXVTN2ZPWK4D\n";
        for (file, content, says, never) in [
            ("docs/values.yaml", "a: 1\nb: 2\n", "Edit `values.yaml`.", "b: 2"),
            ("other.yaml", manifest, "See https://x.example/other.yaml now.", "name: probe"),
            ("docs/s.yaml", secret, "Apply `s.yaml`.", "AKIAQ7RLMXVTN2ZPWK4D"),
            ("../secret.yaml", manifest, "Apply `../../secret.yaml`.", "name: probe"),
        ] {
            let found = page(&[(file, content), ("docs/a.md", says)], "docs/a.md");
            assert!(!found.contains(never), "{says}: {found}");
        }
        let large = format!("{manifest}data: {}\n", "x".repeat(9_000));
        assert!(!page(&[("m.yaml", &large), ("a.md", "Apply `m.yaml`.")], "a.md").contains("xxx"));
        let many: String = (0..2_000).map(|_| "Apply `m.yaml`. ").collect();
        assert_eq!(page(&[("m.yaml", manifest), ("a.md", &many)], "a.md").matches("kind: Pod").count(), 1);
    }

    #[test]
    fn what_cannot_be_included_is_named() {
        let check = |files: &[(&str, &str)], text: &str, expected: &str| {
            let files: Vec<(&str, &str)> = files.iter().copied().chain([("d/a.md", text)]).collect();
            assert_eq!(page(&files, "d/a.md"), expected, "{text}");
        };
        check(&[], "See {{#include none.md}}.", "See [include none.md].");
        check(&[], "See {{< include \"none.md\" >}}.", "See [include none.md].");
        check(&[], "See {{#include ../../etc/passwd}}.", "See [include ../../etc/passwd].");
        check(&[], "See {{#include a.md}}.", "See [include a.md].");
        check(&[], "Write \\{{#include a.md}}.", "Write \\{{#include a.md}}.");
        let closed = ("d/b.md", "---\naccess: [sre]\n---\nSecret.");
        check(&[closed], "See {{#include b.md}}.", "See [include b.md].");
        check(
            &[("d/b.md", "---\naccess: [sre\n---\nSecret.")],
            "See {{#include b.md}}.",
            "See [include b.md].",
        );
        check(
            &[("d/b.md", "Key AKIAQ7RLMXVTN2ZPWK4D")],
            "{{#include b.md}}.",
            "Key [redacted:aws-access-key].",
        );
        let loops = [("d/b.md", "B {{#include c.md}}"), ("d/c.md", "C {{#include b.md}}")];
        check(&loops, "{{#include b.md}}", "B C B [include c.md]");
    }

    #[test]
    fn bombs_are_bounded() {
        let wide = "{{#include b.md}}\n".repeat(2_000);
        let large = "x y z\n".repeat(40_000);
        let text = page(&[("a.md", &wide), ("b.md", &wide.replace('b', "c")), ("c.md", &large)], "a.md");
        assert!(text.len() < 4 * MAX_INCLUDED_BYTES, "{}", text.len());
    }
}
