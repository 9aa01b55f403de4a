//! Real documentation, where `RUNBOOKD_TEST_DATA` is set: no passage has markup left in it, outside code, that only the
//! tools of its site understand.

use super::{Defaults, Format, Place, links::Pages, parse, site::Site};
use crate::{chunk::Chunker, dialect};
use kb::embed::TokenCounter;
use pulldown_cmark::{Event, Tag, TagEnd};
use rayon::prelude::*;
use regex::Regex;
use std::path::{Path, PathBuf};

/// A token counter that counts words.
struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

/// Markup that only tools understand, each with its tool.
const MARKUP: [(&str, &str); 9] = [
    ("shortcode", r"\{\{[<%]|[%>]\}\}"),
    ("box or tab", r#"(?m)^\s*(:::|!!! |\?\?\?\+? |=== ")|\[!(NOTE|TIP|WARNING|IMPORTANT|CAUTION)\]"#),
    ("snippet", r"-{1,2}8<-{1,2}|\{\{#include|@include:"),
    ("MDX", r#"(?m)^(import|export) .*(from ['"]|=)|</?(Tabs|TabItem|Admonition)\b|\{/\*"#),
    ("Liquid", r"\{%-?\s*/?[a-z_]+[^%\n]*%\}"),
    ("attributes", r"(?m)\{:[ .#\w][^}\n]*\}|\{ ?[.#][\w-]+[^}\n]*\}\s*$"),
    (
        "front matter",
        r"(?m)\A(---|\+\+\+)\s*$|^(sidebar_position|sidebar_label|weight|draft|layout|nav_order|slug): ",
    ),
    (
        "AsciiDoc",
        r"(?m)^(include|image|ifdef|ifndef|ifeval|endif|video|toc)::|^\[(source|NOTE|TIP|WARNING|IMPORTANT|cols|options|\[)|^(====+|\|===|\+\+\+\+)$|^:!?[a-z-]+!?:( |$)|\b(xref|link|image|menu|btn):[^\s\[]+\[|<<[\w-]+(,[^>]*)?>>",
    ),
    ("reStructuredText", r"(?m)^\.\. [\w-]+::|:[a-z:]+:`|`_\b"),
];

/// The words of a passage outside code, a block a line.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut is_code = false;
    for (event, _) in dialect::parse(text) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(words) | Event::Html(words) | Event::InlineHtml(words) if !is_code => {
                prose.push_str(&words)
            }
            Event::Code(_) => prose.push('¶'),
            Event::End(_) if !prose.ends_with('\n') => prose.push('\n'),
            Event::SoftBreak | Event::HardBreak => prose.push('\n'),
            _ => {}
        }
    }
    prose
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the data is found is no part of the product's configuration"
)]
fn nothing_of_a_sites_tools_is_left() {
    let Some(data) = std::env::var_os("RUNBOOKD_TEST_DATA") else {
        return println!("SKIPPED: RUNBOOKD_TEST_DATA is not set");
    };
    let patterns: Vec<(&str, Regex)> =
        MARKUP.iter().map(|(name, pattern)| (*name, Regex::new(pattern).expect(pattern))).collect();
    let mut found = Vec::new();
    let mut num_chunks = 0;
    for folder in std::fs::read_dir(Path::new(&data).join("corpora")).expect("it lists").flatten() {
        let root = folder.path();
        let files: Vec<PathBuf> = walkdir::WalkDir::new(&root)
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .collect();
        let relative = |path: &PathBuf| path.strip_prefix(&root).expect("below").display().to_string();
        let paths: Vec<String> = files.iter().map(relative).collect();
        let sizes: Vec<(String, u64)> = paths.iter().map(|path| (path.clone(), 1)).collect();
        let (pages, below) = (Pages::new("s", paths.iter().map(String::as_str)), root.clone());
        let site = Site::of(sizes.into_iter(), move |path| std::fs::read(below.join(path)).ok());
        let defaults = Defaults::default();
        let of_file = |path: &String| {
            let mut of_file = Vec::new();
            let Ok(format) = Format::of(path) else { return (0, of_file) };
            let place = Place {
                source: "s",
                relative: path,
                shown: path,
                pages: &pages,
                site: &site,
                defaults: &defaults,
            };
            let bytes = std::fs::read(root.join(path)).expect("it reads");
            let mut num_chunks = 0;
            for document in parse(format, bytes, &place).documents {
                for chunk in Chunker::new(&Words, 250).split(&document).chunks {
                    num_chunks += 1;
                    let prose = prose(&chunk.text);
                    for (name, pattern) in &patterns {
                        of_file.extend(pattern.find_iter(&prose).map(|at| {
                            let line = prose[..at.start()].rfind('\n').map_or(0, |line| line + 1);
                            let line = prose[line..].trim_start().lines().next().unwrap_or_default();
                            format!("{name}: {}/{path}: {line}", root.file_name().expect("a name").display())
                        }));
                    }
                }
            }
            (num_chunks, of_file)
        };
        for (num, of_file) in paths.par_iter().map(of_file).collect::<Vec<_>>() {
            num_chunks += num;
            found.extend(of_file);
        }
    }
    println!("{num_chunks} passages");
    assert!(num_chunks > 1_000, "{num_chunks} passages");
    assert!(found.is_empty(), "{} left:\n{}", found.len(), found.join("\n"));
}
