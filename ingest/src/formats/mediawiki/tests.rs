//! Dumps in, documents out.

use super::*;
use crate::formats::{Format, parsed_in, site::Site};
use kb::growth::assert_follows_size;
use proptest::prelude::*;

const HEAD: &str = r#"<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Ops</sitename>
    <base>https://wiki.example.com/wiki/Main_Page</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6">Datei</namespace>
      <namespace key="10">Template</namespace>
      <namespace key="14">Kategorie</namespace>
    </namespaces>
  </siteinfo>
"#;

fn page(id: usize, title: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "  <page>\n    <title>{title}</title>\n    <ns>0</ns>\n    <id>{id}</id>\n    <revision>\n      <id>9</id>\n      \
         <timestamp>2024-01-02T03:04:05Z</timestamp>\n      <contributor><username>Jane &amp; Co</username><id>3</id></contributor>\n      \
         <model>wikitext</model>\n      <text bytes=\"1\" xml:space=\"preserve\">{text}</text>\n    </revision>\n  </page>\n"
    )
}

fn parse_dump(pages: &str) -> Parsed {
    parsed_in(
        Format::MediaWiki,
        "wiki/dump.xml",
        &format!("{HEAD}{pages}</mediawiki>\n"),
        &[],
        &Site::default(),
    )
}

#[track_caller]
fn document(text: &str) -> Document {
    let mut parsed = parse_dump(&(page(1, "Node drain", text) + &page(2, "Cordon", "Text.")));
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    parsed.documents.remove(0)
}

/// Checks the Markdown of a text that a last line follows.
#[track_caller]
fn check(text: &str, expected: &str) {
    let document = document(&format!("{text}\n\nend"));
    assert_eq!(document.body.as_str().strip_suffix("end\n").map(str::trim_end), Some(expected), "{text}");
}

#[test]
fn a_page_comes_out_as_markdown() {
    let text = r#"{{Infobox|name=Node|image=x.png}}
{{warning|Two nodes at once ''lose'' data, see [[cordon|the other page]].}}
'''Draining''' a node takes its pods away.<ref>A footnote.</ref> It is like [[Cordon]]ing, [[cordon#Why|why]]; see
[https://kubernetes.io/docs/ the docs], https://example.com/a and [[Nowhere]]. <!-- hidden -->
__TOC__
== Steps ==
# Cordon it: <code>kubectl cordon &lt;node></code>
# Drain it:
#* wait, then
#: look
<syntaxhighlight lang="bash">
kubectl drain node-1
</syntaxhighlight>
# Done

=== Options ===
; --force : all of them
* one
** ''deeper''
* <nowiki>[[not a link]]</nowiki> &mdash; R&D

 plain  '''text'''
   indented

{| class="wikitable" style="x"
|+ Limits
! Name !! Value
|-
| style="a" | CPU || 4 <br> cores
|-
| colspan="2" | both
|-
| [[Cordon|c]]
|
* a
* b
|}
[[File:Map.png|thumb|200px|alt=A map|The ''map'' of [[Cordon|it]]]]
[[Category:Runbooks]] [[Kategorie:Nodes|x]] [[de:Knoten]] [[:Category:Shown]]
"#;
    let document = document(text);
    insta::assert_snapshot!(document.body.as_str(), @r"
    **Warning:** Two nodes at once lose data, see the other page.

    **Draining** a node takes its pods away. It is like Cordoning, why; see
    [the docs](https://kubernetes.io/docs/), <https://example.com/a> and Nowhere.

    ## Steps

    1. Cordon it: `kubectl cordon <node>`
    2. Drain it:
       - wait, then

       look

       ```bash
       kubectl drain node-1
       ```
    3. Done

    ### Options

    **--force**: all of them

    - one
      - deeper
    - [[not a link]\] — R&D

    ```
    plain  text
      indented
    ```

    **Limits**

    | Name | Value |
    | --- | --- |
    | CPU | 4 cores |
    | both | |
    | c | a b |

    The map of it
    Category:Shown
    ");
    let meta = &document.meta;
    assert_eq!((meta.id.as_str(), meta.title.as_str()), ("kb/wiki/dump.xml#1", "Node drain"));
    assert_eq!((meta.kind, meta.author.as_deref()), (Kind::Wiki, Some("Jane & Co")));
    assert_eq!(meta.url.as_deref(), Some("https://wiki.example.com/wiki/Node_drain"));
    assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2024-01-02T03:04:05Z"));
    assert_eq!((meta.labels.join(" "), meta.language.as_deref()), ("Nodes Runbooks".to_owned(), Some("en")));
    assert!(meta.links.iter().all(|link| link.target == "kb/wiki/dump.xml#2"), "{:?}", meta.links);
    assert_eq!(meta.links.len(), 4, "{:?}", meta.links);
    let dump = format!("{HEAD}{}", page(1, "Node drain", text));
    assert!(dump[document.body.source_range(0..10)].starts_with("<page>"));
}

#[test]
fn markup_becomes_words() {
    check("a '''b''' ''c'' '''''d''''' ''''e'''' l'eau '''open", "a **b** c **d** '**e'** l'eau open");
    check("{{note|text=a=b}} {{mystery|x}} {{code|a {{!}} b}} {{key|Ctrl}}", "**Note:** a=b\n`a | b` Ctrl");
    check("{{warning|\n* a\n* b}}", "**Warning:**\n\n- a\n- b");
    check(
        "{{note|Title|A text of more than thirty letters.}}",
        "**Note:** Title: A text of more than thirty letters.",
    );
    check("{{main|Cordon|Node drain}}\nx", "See also: Cordon, Node drain\n\nx");
    check("{{bc|line 1\nline 2}}", "```\nline 1\nline 2\n```");
    check("{{a|{{b|[[c|d]]}}}} {{{1|default}}} {{PAGENAME}} {{open", "default Node drain {{open");
    check("<div style=\"a\">x</div> <pod-name> <br/> <span>y</span> <references />", "x\n\\<pod-name>\ny");
    check("<pre>\na <b>\n</pre>", "```\na <b>\n```");
    check("[[Help:Me (x)|]] [[w:en:X|x]] [[#Part]] [[a b_c]]", "Me x Part a b c");
    check("[http://a.b] [mailto:x@y z] [not] [[open", "<http://a.b> z [not] [[open");
    check(
        "<nowiki>'''x'''</nowiki> &lt;b> <source lang=\"yaml\" inline>a: 1</source>",
        "'''x''' \\<b> `a: 1`",
    );
    check("*a\n*#b\n*:c\n:d\n----\n;e", "- a\n  1. b\n\n  c\n\nd\n\n**e**");
}

#[test]
fn what_is_no_article_is_left_out_or_refused() {
    let redirect = page(3, "Old", "#REDIRECT [[Cordon]]")
        .replace("<id>3</id>\n", "<id>3</id>\n<redirect title=\"Cordon\" />\n");
    let talk = page(4, "Template:X", "text").replace("<ns>0", "<ns>10");
    let json = page(5, "Data", "{}").replace("wikitext", "json");
    let restricted = page(6, "Secret", "text")
        .replace("</id>\n    <rev", "</id>\n<restrictions>read=ops</restrictions><rev");
    let empty = page(7, "Empty", "{{x}}");
    let tagged = page(8, "Tagged", "access: [ops]\n\ntext");
    let linked = page(9, "Linked", "See [[old|what was there]] now.");
    let pages = [
        page(2, "Cordon", "Text."),
        redirect,
        talk,
        json,
        restricted,
        empty,
        tagged,
        linked,
        page(2, "B", "b"),
    ];
    let parsed = parse_dump(&pages.concat());
    let ids: Vec<&str> = parsed.documents.iter().map(|document| document.meta.id.as_str()).collect();
    assert_eq!(ids, ["kb/wiki/dump.xml#2", "kb/wiki/dump.xml#9"]);
    assert_eq!(parsed.documents[1].meta.links[0].target, "kb/wiki/dump.xml#2");
    let rejected: Vec<String> = parsed
        .rejected
        .iter()
        .map(|rejection| format!("{} {} {}", rejection.path, rejection.by_convention, rejection.reason))
        .collect();
    insta::assert_snapshot!(rejected.join("\n"), @r"
    wiki/dump.xml#3 true it only leads to `Cordon`
    wiki/dump.xml#4 true a page of the namespace 10 (Template)
    wiki/dump.xml#5 false not supported: a page of json
    wiki/dump.xml#6 false who may read the page is restricted, and cannot be told from a dump
    wiki/dump.xml#7 false no text
    wiki/dump.xml#8 false front matter key `access`: line 1: it is read in Markdown only; rename the file to `.md`, or give `--access`
    wiki/dump.xml#2 false the page 2 is given twice
    ");
}

#[test]
fn only_the_newest_revision_counts() {
    let older = "<revision><timestamp>2023-01-01T00:00:00Z</timestamp><text>Older</text></revision>";
    let newer = "<revision><timestamp>2025-01-01T00:00:00Z</timestamp><text>Newer</text></revision>";
    let newest = page(1, "A", "Middle").replace("  </page>", &format!("{newer}{older}</page>"));
    let parsed = parse_dump(&newest);
    assert_eq!(parsed.documents[0].body.as_str(), "Newer\n");
    assert_eq!(parsed.documents[0].meta.author, None);
}

#[test]
fn other_and_broken_xml_is_reported() {
    let good = page(1, "A", "Text.");
    for (text, documents, part) in [
        ("<a>text</a>".to_owned(), 0, "not supported: XML other"),
        ("text".to_owned(), 0, "not supported: XML other"),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><mediawiki>a</mediawiki>".to_owned(),
            0,
            "not supported: XML other",
        ),
        (format!("{HEAD}{good}<page><title>B"), 1, "the dump is cut"),
        (format!("{HEAD}{good}<page></a></page></mediawiki>"), 1, "cannot be read from byte"),
        (format!("{HEAD}{good}{}", "<a>".repeat(100_000)), 1, "deeper than 16"),
        (format!("{HEAD}{good}<!DOCTYPE a></mediawiki>"), 1, "a DTD"),
        (format!("{HEAD}</mediawiki>"), 0, "the dump has no pages"),
    ] {
        let parsed = parsed_in(Format::MediaWiki, "d.xml", &text, &[], &Site::default());
        let reason = &parsed.rejected[0].reason;
        assert!(reason.contains(part), "{}: {reason}", &text[..text.len().min(60)]);
        assert_eq!((parsed.documents.len(), parsed.is_unknown), (documents, documents > 0));
    }
}

/// The pieces that random texts with markup are put together from.
const UNITS: [&str; 52] = [
    "'''",
    "''",
    "'",
    "[[",
    "]]",
    "[",
    "]",
    "|",
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{|",
    "|}",
    "|-",
    "||",
    "!!",
    "!",
    "*",
    "#",
    ":",
    ";",
    "=",
    "==",
    "\n",
    "\n\n",
    " ",
    "\n ",
    "<",
    ">",
    "<nowiki>",
    "</nowiki>",
    "<pre>",
    "</pre>",
    "<ref>",
    "<br>",
    "<!--",
    "-->",
    "&amp;",
    "&",
    "__TOC__",
    "_",
    "http://a.b",
    "[http://",
    "File:",
    "[[File:a|",
    "Category:",
    "{{note|",
    "a",
    "é節",
    "\u{e000}0\u{e001}",
    "----",
];

proptest! {
    #[test]
    fn any_signs_are_read(picks in proptest::collection::vec(0..UNITS.len(), 0..120)) {
        let text: String = picks.into_iter().map(|pick| UNITS[pick]).collect();
        parse_dump(&page(1, "A", &format!("word {text}")));
    }
}

#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    let pairs = [
        "[[a",
        "[[File:a|[[",
        "{{a|",
        "{{a|b}}",
        "<a \"",
        "<a ",
        "<nowiki",
        "* a\n",
        "*#",
        "\n|\n",
        "{|\n",
        "|-\n| a || b\n",
        "'''a\n",
        "[http://a ",
        "{{{a",
        "<code>a</code>",
        "<code>",
        "</",
        "h",
        "f",
        "==a==\n",
        " a\n",
        "__A",
        "{{note|{{note|",
    ];
    for unit in UNITS.iter().chain(&pairs) {
        let text =
            |bytes: usize| page(1, "A", &format!("word\n{{|\n| x\n|}}\n{}", unit.repeat(bytes / unit.len())));
        assert_follows_size(unit, 200_000, text, |text| drop(parse_dump(text)));
    }
}
