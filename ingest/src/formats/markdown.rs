//! Markdown, as wikis and documentation generators write it: front matter, shortcodes, boxes and HTML become plain
//! Markdown.

use super::{
    Beside, Document, Parsed, Place, Syntax, admonitions, entities, front_matter, github_wiki, html,
    inner_links,
    links::{self, FoundLink},
    manifests, metadata, notion,
    redaction::{self, Secrets},
    shortcodes,
    site::{self, Site},
    stated::Stated,
    steps::Steps,
    title_of_path,
};
use crate::dialect;
use kb::mapped::{Edit, MappedText};
use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

pub(super) fn parse(text: String, place: &Place<'_>) -> Parsed {
    let is_of_wiki = github_wiki::is_page(place);
    if is_of_wiki && github_wiki::is_bar(place) {
        return Parsed::left_out(place, "a bar that stands around the pages of the wiki");
    }
    let (source, redacted) = redaction::redacted(text);
    let (said, source) = match front_matter::parse(source.as_str()) {
        Ok(None) => (Stated::default(), source),
        Ok(Some((said, range))) => {
            let body = &source.as_str()[range.end..];
            // The purpose of a page often stands only in its front matter.
            let lead = match &said.description {
                Some(description) if !body.contains(description.as_str()) => format!("{description}\n\n"),
                _ => String::new(),
            };
            let source = source.edited(vec![Edit::replace(range, lead)]);
            (said, source)
        }
        Err(error) => return Parsed::rejected(place, error.to_string()),
    };
    let (said, source) = match notion::is_exported(place) {
        true => {
            match notion::without_properties(source).and_then(|(own, source)| Ok((said.or(own)?, source))) {
                Ok(read) => read,
                Err(error) => return Parsed::rejected(place, error.to_string()),
            }
        }
        false => (said, source),
    };
    let steps = Steps::for_text(source.as_str());
    let source = match is_of_wiki {
        true => {
            let edits = github_wiki::edits(source.as_str(), place, &steps);
            source.edited(edits)
        }
        false => source,
    };
    let source = manifests::with_manifests(site::with_includes(source, place, &steps), place);
    let (body, found_links) = match cleaned(source, place.site, &steps) {
        Ok(cleaned) => cleaned,
        Err(reason) => return Parsed::rejected(place, reason),
    };
    finished(body, &found_links, said, redacted, place)
}

/// The document of a cleaned text; `redacted` is what was redacted in its file.
pub(crate) fn finished(
    body: MappedText,
    found_links: &[FoundLink],
    said: Stated,
    mut redacted: Secrets,
    place: &Place<'_>,
) -> Parsed {
    let (body, joined) = redaction::again(body);
    redaction::add(&mut redacted, joined);
    let outline = Outline::of(body.as_str(), said.description.as_deref().unwrap_or_default());
    if !outline.has_text {
        return Parsed::rejected(place, "no text");
    }
    let mut parsed = Parsed { redacted, ..Parsed::default() };
    for warning in &said.warnings {
        parsed.warn(place, warning.clone());
    }
    let title = said.title.clone().or(outline.title).unwrap_or_else(|| title_of_path(place));
    let id = format!("{}/{}", place.source, place.relative);
    let ignored_checks = said.lint_ignore.clone();
    let mut meta = metadata(place, id, title, said, body.as_str());
    meta.links = place.pages.resolve(place.relative, found_links);
    let mut document = Document::new(meta, body, Syntax::Markdown);
    document.beside =
        Beside { links: inner_links::links_of(found_links, place), ignored_checks, ..Beside::default() };
    parsed.documents.push(document);
    parsed
}

/// Plain Markdown, and the links that stood in it; why not, where that takes more steps than there are.
pub(crate) fn cleaned(
    mut text: MappedText,
    site: &Site,
    steps: &Steps,
) -> Result<(MappedText, Vec<FoundLink>), String> {
    let shortcodes: Pass<'_> = &|text| shortcodes::edits(text, site, steps);
    let passes: [Pass<'_>; 6] = [
        &shortcodes::mending_edits,
        shortcodes,
        &|text| site::value_edits(text, site),
        &|text| admonitions::edits(text, steps),
        &|text| html::edits(text, steps),
        &entities::edits,
    ];
    for pass in passes {
        let edits = pass(text.as_str());
        if !steps.take(edits.len()) {
            return Err(steps.refusal());
        }
        text = text.edited(edits);
    }
    Ok(links::plain(text))
}

/// One pass of cleaning: the edits that it makes of a text.
type Pass<'a> = &'a dyn Fn(&str) -> Vec<Edit>;

/// The title of a text, and whether it has more than headings.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outline {
    /// The first heading of the first level. In a text without such a heading it is the heading that the text begins
    /// with, unless it is a usual name of a section, and as long as all others are of a lower level: the first of
    /// several equal headings names only its own part.
    title: Option<String>,
    /// Whether there is a word outside headings.
    has_text: bool,
}

impl Outline {
    /// `lead` may stand before a text's beginning.
    fn of(text: &str, lead: &str) -> Self {
        let mut outline = Self::default();
        let mut heading: Option<(HeadingLevel, String)> = None;
        let mut opening: Option<(HeadingLevel, String)> = None;
        let lead = letters(lead);
        // How much of the lead was seen, as long as nothing else was.
        let mut passed = Some(0);
        for (event, _) in dialect::parse(text) {
            match event {
                Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new())),
                Event::End(TagEnd::Heading(_)) => {
                    let Some((level, words)) = heading.take() else { continue };
                    let words = Some(words).filter(|words| !words.trim().is_empty());
                    let begins_text =
                        passed.take().is_some_and(|passed| !outline.has_text || passed == lead.len());
                    if level == HeadingLevel::H1 {
                        outline.title = outline.title.or(words);
                    } else if begins_text {
                        opening = words.filter(|words| !is_section_name(words)).map(|words| (level, words));
                    } else {
                        opening = opening.filter(|(first, _)| level > *first);
                    }
                }
                Event::Text(words) | Event::Code(words) | Event::Html(words) | Event::InlineHtml(words) => {
                    match &mut heading {
                        Some((_, heading)) => heading.push_str(&words),
                        None => {
                            outline.has_text |= words.chars().any(char::is_alphanumeric);
                            let words = letters(&words);
                            passed = passed
                                .filter(|passed| lead[*passed..].starts_with(&words))
                                .map(|passed| passed + words.len());
                        }
                    }
                }
                _ => {}
            }
            if outline.has_text && outline.title.is_some() {
                break;
            }
        }
        outline.title = outline.title.or(opening.map(|(_, words)| words));
        outline
    }
}

/// The letters and digits of a text.
fn letters(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Names that sections have on any page, lower-cased, one a line, sorted.
const SECTION_NAMES: &str = include_str!("section_names.txt");

/// Whether a heading names a part of a page, and so not the page.
fn is_section_name(heading: &str) -> bool {
    let heading = heading.trim().trim_end_matches([':', '：', '.', '?', '？']).trim_end().to_lowercase();
    SECTION_NAMES.lines().any(|name| name == heading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Defaults, Format, links::Pages, parsed_in};
    use kb::{
        document::{Kind, Trust},
        growth::assert_follows_size,
    };

    fn parse_file(relative: &str, text: &str) -> Parsed {
        parsed_in(Format::Markdown, relative, text, &["a.md", "sops/b.md"], &Site::default())
    }

    fn document(relative: &str, text: &str) -> Document {
        let mut parsed = parse_file(relative, text);
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        parsed.documents.remove(0)
    }

    #[test]
    fn a_page_comes_out_with_its_metadata() {
        let text = "---\ntitle: Node down\ndescription: What to do.\nlabels: [b, a, b]\n---\n# Other\n\n\
                    {{< note >}}\nSee [the SOP](sops/b.md) and <b>mind</b>.\n{{< /note >}}\n";
        let document = document("a.md", text);
        insta::assert_snapshot!(document.body.as_str(), @r"
        What to do.

        # Other

        **Note:** 
        See the SOP and mind.
        ");
        let meta = &document.meta;
        assert_eq!((meta.id.as_str(), meta.title.as_str()), ("kb/a.md", "Node down"));
        assert_eq!((meta.kind, meta.trust), (Kind::Docs, Trust::Official));
        assert_eq!(meta.labels, ["a", "b"]);
        assert_eq!(meta.links.len(), 1);
        assert_eq!((meta.links[0].target.as_str(), meta.links[0].text.as_str()), ("kb/sops/b.md", "the SOP"));
        let start = document.body.as_str().find("See").expect("it is there");
        let range = document.body.source_range(start..document.body.as_str().trim_end().len());
        assert_eq!(&text[range], "See [the SOP](sops/b.md) and <b>mind</b>.");
    }

    #[test]
    fn titles_come_from_front_matter_heading_or_path() {
        for (text, title) in [
            ("---\ntitle: A\n---\n# B\n\nx", "A"),
            ("# B `c`\n\nx", "B c"),
            ("B\n===\n\nx", "B"),
            ("## C\n\nx", "C"),
            ("<!-- lint -->\n### C `d`\n\nx\n\n#### E\n\ny", "C d"),
            ("## C\n\nx\n\n## D\n\ny", "my page"),
            ("---\ndescription: On D.\n---\n## C\n\nx", "C"),
            ("## C\n\nx\n\n# B\n\ny", "B"),
            ("x\n\n## C\n\ny", "my page"),
            ("#\n\nx", "my page"),
            ("## Symptoms\n\nx\n\n## Cause\n\ny", "my page"),
            ("## 概述：\n\nx", "my page"),
            ("## Tổng quan\n\nx", "my page"),
        ] {
            assert_eq!(document("my-page.md", text).meta.title, title, "{text}");
        }
    }

    #[test]
    fn section_names_are_sorted() {
        let names: Vec<&str> = SECTION_NAMES.lines().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "sorted, each once");
        assert!(names.iter().all(|name| name.trim() == *name && name.to_lowercase() == *name));
    }

    #[test]
    fn nothing_that_a_reader_would_see_as_a_secret_is_kept() {
        let (key, token) = ("AKIAQ7RLMXVTN2ZPWK4D", "ghp_aB3dE5gH7jK9mN2pQ4rS6tU8vWxYz0aB3dE5");
        for hidden in [
            format!("{}&#55;{}", &key[..5], &key[6..]),
            format!("{}<!-- x -->{}", &key[..9], &key[9..]),
            format!("{}<b></b>{}", &key[..9], &key[9..]),
            format!("{}**{}**", &key[..9], &key[9..]),
            format!("{}[{}](b.md)", &key[..9], &key[9..]),
            format!("{}{{{{< x >}}}}{}", &key[..9], &key[9..]),
            format!("{}\u{200d}{}", &key[..9], &key[9..]),
            token.replace('_', "\\_"),
            token.replace('_', "&amp;lowbar;"),
        ] {
            for text in [
                format!("# Title {hidden}\n\nThe key is {hidden}.\n"),
                format!("---\ntitle: T\n---\n| a |\n|---|\n| {hidden} |\n"),
            ] {
                let document = document("a.md", &text);
                let body = document.body.as_str();
                assert!(body.contains("[redacted:"), "{text:?} gave {body:?}");
                assert!(
                    document.meta.title == "T" || document.meta.title.contains("[redacted:"),
                    "{:?}",
                    document.meta.title
                );
                assert!(!body.contains(&key[9..]) && !body.contains(&token[4..]), "{text:?} gave {body:?}");
            }
        }
        let document = document("a.md", "# A&#8238;B&#27;[31m\u{200d}C\n\ntext\n");
        assert_eq!(document.meta.title, "AB[31mC");
    }

    #[test]
    fn pages_without_text_are_reported() {
        for text in [
            "",
            " \n",
            "---\ntitle: A\n---\n",
            "# Only a heading\n",
            "<!-- x -->",
            "![](a.png)",
            "---\n---\n***\n",
        ] {
            let parsed = parse_file("a.md", text);
            assert!(parsed.documents.is_empty(), "{text}");
            assert_eq!(parsed.rejected[0].reason, "no text", "{text}");
        }
    }

    #[test]
    fn hostile_pages_take_no_longer_than_their_size() {
        for unit in [
            "[",
            "![",
            "](",
            "[a](b.md) ",
            "![![",
            "](a)",
            "<",
            "<a ",
            "<!--",
            "{{<",
            "{{< a \"",
            "> ",
            "- ",
            "`",
            "*",
            "_a",
            "|",
            "&amp;",
            ":::a\n",
            "!!! a\n    ",
            "# a\n",
            "```\n",
            "<div>",
            "[a]: b\n",
            "[^a]",
            "(",
            "節。",
            "\u{200b}",
            "\r",
            "$",
        ] {
            let text = |bytes: usize| format!("word {}", unit.repeat(bytes / unit.len()));
            assert_follows_size(unit, 200_000, text, |text| drop(parse_file("a.md", text)));
        }
    }

    /// Signs that make a pass look far ahead, alone and in pairs: a text of twice the size takes about twice the steps.
    #[test]
    fn steps_grow_with_the_text_only() {
        let units = [
            "{{< note >}}",
            "{{% /note %}}",
            "{{< a >}}b{{< /a >}}",
            "{{< comment >}}",
            "{{< /comment >}}",
            "{{<",
            "{{< \"",
            "{{< a b=\"c\" >}}",
            ">}}",
            "%}}",
            "{{",
            "{{#include a.md}}",
            "{!a.md!}",
            "](",
            "[a](b.md)",
            "![",
            "<a",
            "<a \"",
            "<a>",
            "</a>",
            "<div>",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            ">",
            ":::note\n",
            "!!! note\n",
            "!!! note\n    ",
            "=== \"a\"\n    ",
            "> [!NOTE]\n",
            "{% hint %}\n",
            "a={b}",
            "&amp;",
            "&",
            "# a\n",
            "- a\n",
            "|",
            "```\n",
            "~~~\n",
            "\n",
            "  ",
            " ",
            "a",
            "\"",
            "\\",
            "{{/*",
            "*/}}",
            "\u{200b}",
        ];
        let (pages, defaults, site) = (Pages::default(), Defaults::default(), Site::default());
        let place = Place {
            source: "kb",
            relative: "a.md",
            shown: "a.md",
            pages: &pages,
            site: &site,
            defaults: &defaults,
        };
        let taken = |unit: &str, bytes: usize| {
            let text = format!("word {}", unit.repeat(bytes / unit.len()));
            let steps = Steps::for_text(&text);
            let included = site::with_includes(MappedText::new(text), &place, &steps);
            let _ = cleaned(included, &site, &steps);
            steps.taken()
        };
        let mut random = 1u64;
        let mut tried: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        for _ in 0..300 {
            let mut pick = || {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                units[(random >> 33) as usize % units.len()]
            };
            tried.push(format!("{}{}", pick(), pick()));
        }
        for unit in tried {
            let (once, twice) = (taken(&unit, 8_000), taken(&unit, 16_000));
            assert!(
                twice <= 2 * once + 10_000,
                "{unit:?} takes {once} steps, and {twice} for twice the text"
            );
        }
    }

    /// A long line of tags is read at once, and one that takes too much is reported.
    #[test]
    fn long_lines_of_tags_are_read_or_reported() {
        for unit in [
            "{{< note >}} ",
            "{{< a >}}b{{< /a >}}",
            "{{< comment >}}",
            "[{{< ref \"a b\" >}}]({{< ref \"a\" >}}) ",
        ] {
            let parsed = parse_file("a.md", &format!("word {}", unit.repeat(40_000)));
            assert_eq!((parsed.documents.len(), parsed.rejected.len()), (1, 0), "{unit}");
        }
        // Each name is looked for among all files.
        let files = (0..5_000).map(|number| (format!("{number}.md"), 1));
        let site = Site::of(files, |_| None);
        let text = format!("word {}", "{{#include x}} ".repeat(20_000));
        let parsed = parsed_in(Format::Markdown, "a.md", &text, &[], &site);
        assert!(parsed.rejected[0].reason.contains("more than its size allows"), "{:?}", parsed.rejected);
    }

    #[test]
    fn hashes_follow_text_metadata_and_place() {
        let base = document("a.md", "---\ntitle: A\n---\ntext\n").content_hash;
        assert_eq!(document("a.md", "---\ntitle: A\n---\ntext\n").content_hash, base);
        for (path, text) in [
            ("a.md", "---\ntitle: B\n---\ntext\n"),
            ("a.md", "---\ntitle: A\n---\ntext!\n"),
            ("a.md", "---\ntitle:  A\n---\ntext\n"),
            ("b.md", "---\ntitle: A\n---\ntext\n"),
        ] {
            assert_ne!(document(path, text).content_hash, base, "{path} {text}");
        }
    }
}
