use super::*;
use crate::formats::{Defaults, links::Pages, site::Site};
use std::io::Write;
use zip::{ZipWriter, write::SimpleFileOptions};

/// Styles as a German Word has them, and some that a company made.
const STYLES: &str = r#"<w:styles xmlns:w="w">
  <w:style w:type="paragraph" w:default="1" w:styleId="Standard"><w:name w:val="Normal"/></w:style>
  <w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
  <w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
  <w:style w:type="paragraph" w:styleId="Firma"><w:name w:val="Acme Part"/><w:basedOn w:val="berschrift2"/></w:style>
  <w:style w:type="paragraph" w:styleId="Kreis1"><w:name w:val="a"/><w:basedOn w:val="Kreis2"/></w:style>
  <w:style w:type="paragraph" w:styleId="Kreis2"><w:name w:val="b"/><w:basedOn w:val="Kreis1"/></w:style>
  <w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
  <w:style w:type="paragraph" w:styleId="Verzeichnis1"><w:name w:val="toc 1"/></w:style>
  <w:style w:type="paragraph" w:styleId="Konsole"><w:name w:val="Acme Shell"/><w:rPr><w:rFonts w:ascii="Consolas"/></w:rPr></w:style>
  <w:style w:type="paragraph" w:styleId="Unsichtbar"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>
  <w:style w:type="character" w:styleId="Code"><w:name w:val="HTML Code"/></w:style>
</w:styles>"#;

const NUMBERING: &str = r#"<w:numbering xmlns:w="w">
  <w:abstractNum w:abstractNumId="0">
    <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/><w:pPr><w:ind w:left="720"/></w:pPr></w:lvl>
    <w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/><w:pPr><w:ind w:left="1440"/></w:pPr></w:lvl>
  </w:abstractNum>
  <w:abstractNum w:abstractNumId="1"><w:numStyleLink w:val="List"/></w:abstractNum>
  <w:abstractNum w:abstractNumId="2"><w:styleLink w:val="List"/>
    <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1"/></w:lvl>
  </w:abstractNum>
  <w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
  <w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>
  <w:num w:numId="3"><w:abstractNumId w:val="1"/></w:num>
</w:numbering>"#;

/// A package with these parts beside styles and lists.
fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in
        [("word/styles.xml", STYLES), ("word/numbering.xml", NUMBERING)].iter().chain(parts)
    {
        zip.start_file(*name, SimpleFileOptions::default()).expect("it begins");
        zip.write_all(content.as_bytes()).expect("it is written");
    }
    zip.finish().expect("it ends").into_inner()
}

fn read_file(bytes: &[u8]) -> Parsed {
    let (pages, site, defaults) = (Pages::default(), Site::default(), Defaults::default());
    let place = Place {
        source: "kb",
        relative: "my-page.docx",
        shown: "my-page.docx",
        pages: &pages,
        site: &site,
        defaults: &defaults,
    };
    parse(bytes, &place)
}

fn body(inner: &str) -> String {
    format!(r#"<w:document xmlns:w="w" xmlns:r="r"><w:body>{inner}</w:body></w:document>"#)
}

/// A paragraph with properties and runs.
fn paragraph(properties: &str, runs: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>")
}

fn run(words: &str) -> String {
    format!("<w:r><w:t xml:space=\"preserve\">{words}</w:t></w:r>")
}

fn styled(style: &str, words: &str) -> String {
    paragraph(&format!(r#"<w:pStyle w:val="{style}"/>"#), &run(words))
}

fn item(list: u32, level: u32, words: &str) -> String {
    let properties = format!(r#"<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list}"/></w:numPr>"#);
    paragraph(&properties, &run(words))
}

#[track_caller]
fn check(inner: &str, expected: &str) {
    let parsed = read_file(&package(&[("word/document.xml", &body(inner))]));
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    assert_eq!(parsed.documents[0].body.as_str(), expected);
}

#[test]
fn headings_go_by_style() {
    check(
        &[
            styled("Verzeichnis1", "Lage 3"),
            styled("berschrift1", "Lage"),
            styled("Firma", "Teil"),
            paragraph(r#"<w:outlineLvl w:val="2"/>"#, &run("Punkt")),
            styled("Kreis1", "Text"),
            styled("Unsichtbar", "geheim"),
            styled("Unbekannt", "mehr"),
            styled("Heading4", "Ende"),
        ]
        .concat(),
        "# Lage\n\n## Teil\n\n### Punkt\n\nText\n\nmehr\n\n#### Ende\n",
    );
    // A title stands above all headings.
    check(
        &[styled("Titel", "T"), styled("berschrift1", "A"), styled("Standard", "x")].concat(),
        "# T\n\n## A\n\nx\n",
    );
}

#[test]
fn lists_count_on() {
    let shell = styled("Konsole", "kubectl get pods");
    check(
        &[
            item(1, 0, "a"),
            item(1, 1, "b"),
            shell.clone(),
            item(1, 0, "c"),
            styled("Standard", "x"),
            item(1, 0, "d"),
        ]
        .concat(),
        "1. a\n   - b\n\n   ```\n   kubectl get pods\n   ```\n2. c\n\n   x\n3. d\n",
    );
    check(&[item(2, 0, "a"), styled("berschrift1", "H"), item(2, 0, "b")].concat(), "5. a\n\n# H\n\n6. b\n");
    check(
        &[item(3, 0, "a"), item(9, 0, "no list"), shell].concat(),
        "1. a\n\nno list\n\n```\nkubectl get pods\n```\n",
    );
}

#[test]
fn words_keep_their_form() {
    let bold = |words: &str| format!("<w:r><w:rPr><w:b/></w:rPr><w:t>{words}</w:t></w:r>");
    let code =
        |words: &str| format!(r#"<w:r><w:rPr><w:rStyle w:val="Code"/></w:rPr><w:t>{words}</w:t></w:r>"#);
    for (runs, expected) in [
        (run("a ") + &bold("b") + &run(" c"), "a **b** c\n"),
        (run("a") + &bold("b") + &run("c"), "abc\n"),
        (run("run ") + &code("a|b") + &run("."), "run `a|b`.\n"),
        (run("1. *x* &lt;y&gt; &amp;amp;"), "1\\. \\*x\\* \\<y> \\&amp;\n"),
        ("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r>".to_owned(), "a\nb\tc\n"),
        ("<w:r><w:t>a</w:t><w:br w:type=\"page\"/><w:noBreakHyphen/><w:t>b</w:t></w:r>".to_owned(), "a-b\n"),
        (
            "<w:moveFrom><w:r><w:t>old</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>new</w:t></w:r></w:moveTo>".to_owned(),
            "new\n",
        ),
        (
            r#"<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> HYPERLINK "https://e.com/a"</w:instrText></w:r>
               <w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>here</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>"#
                .to_owned()
                + &run(" and"),
            "[here](https://e.com/a) and\n",
        ),
        // A field without an end hides no more than its paragraph.
        (r#"<w:r><w:fldChar w:fldCharType="begin"/><w:t>x</w:t></w:r></w:p><w:p>"#.to_owned() + &run("y"), "y\n"),
    ] {
        check(&format!("<w:p>{runs}</w:p>"), expected);
    }
    let drop_cap = paragraph(r#"<w:framePr w:dropCap="drop"/>"#, &run("R"));
    check(&(drop_cap + &format!("<w:p>{}</w:p>", run("elay"))), "Relay\n");
}

#[test]
fn tables_and_boxes() {
    let cell = |properties: &str, words: &str| {
        format!("<w:tc><w:tcPr>{properties}</w:tcPr><w:p>{}</w:p></w:tc>", run(words))
    };
    let rows = [
        format!("<w:tr>{}{}</w:tr>", cell(r#"<w:gridSpan w:val="2"/>"#, "a"), cell("", "b")),
        format!(
            "<w:tr>{}{}{}</w:tr>",
            cell(r#"<w:vMerge w:val="restart"/>"#, "c"),
            cell("", "d"),
            cell("", "e")
        ),
        format!(
            "<w:tr>{}{}{}</w:tr>",
            "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc>",
            cell("", "f"),
            "<w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>in</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p/></w:tc>"
        ),
    ];
    check(
        &format!("<w:tbl>{}</w:tbl>", rows.concat()),
        "| a | | b |\n| --- | --- | --- |\n| c | d | e |\n| c | f | in |\n",
    );
    let shell = styled("Konsole", "ls");
    check(&format!("<w:tbl><w:tr><w:tc>{shell}</w:tc></w:tr></w:tbl>"), "```\nls\n```\n");
    check("<w:tr/><w:tc/><w:p><w:r><w:t>odd</w:t></w:r></w:p><w:tbl>\n</w:tbl>", "odd\n");
}

#[test]
fn properties_are_read_as_front_matter() {
    let core = |title: &str| {
        format!(
            "<cp:coreProperties xmlns:cp=\"cp\" xmlns:dc=\"dc\"><dc:title>{title}</dc:title><cp:keywords>a; b</cp:keywords></cp:coreProperties>"
        )
    };
    let custom = |name: &str, value: &str| {
        format!(
            "<Properties><property name=\"{name}\"><vt:lpwstr>{value}</vt:lpwstr></property></Properties>"
        )
    };
    let text = body(&(styled("berschrift1", "A") + &styled("berschrift1", "B") + &styled("Standard", "x")));
    let read = |title: &str, name: &str, value: &str| {
        let (core, custom) = (core(title), custom(name, value));
        let parts = [
            ("word/document.xml", text.as_str()),
            ("docProps/core.xml", core.as_str()),
            ("docProps/custom.xml", custom.as_str()),
        ];
        read_file(&package(&parts))
    };
    let parsed = read("Relay &amp; queue", "Access", "sre, oncall");
    let meta = &parsed.documents[0].meta;
    assert_eq!((meta.title.as_str(), meta.labels.join(" ")), ("Relay & queue", "a b".to_owned()));
    assert_eq!(meta.access, ["oncall", "sre"]);
    let parsed = read("Document1", "Version", "1.0");
    assert_eq!(
        (parsed.documents[0].meta.title.as_str(), &parsed.documents[0].meta.version),
        ("my page", &None)
    );
    for (name, value) in
        [("access", ""), ("Restricted", "yes"), ("Visible to", "hr"), ("access", &"x,".repeat(9_000))]
    {
        let parsed = read("T", name, value);
        assert!(parsed.documents.is_empty() && parsed.rejected.len() == 1, "{name}: {parsed:?}");
    }
    let parsed = read_file(&package(&[("word/document.xml", &body(&styled("Standard", "access: [hr]")))]));
    let reason = &parsed.rejected[0].reason;
    assert!(reason.contains("give the file a property `access`"), "{reason}");
}

#[test]
fn secrets_are_redacted_over_runs() {
    let key = "AKIAQ7RLMXVTN2ZPWK4D";
    let parted = format!("<w:p>{}{}</w:p>", run(&key[..8]), run(&key[8..]));
    let bold =
        format!("<w:p>{}<w:r><w:rPr><w:b/></w:rPr><w:t>{}</w:t></w:r></w:p>", run(&key[..8]), &key[8..]);
    let code = styled("Konsole", &format!("export KEY={key}"));
    let cell = format!("<w:tbl><w:tr><w:tc>{bold}</w:tc><w:tc>{bold}</w:tc></w:tr></w:tbl>");
    for inner in [parted, bold, code, cell, styled("Titel", key) + &styled("Standard", "x")] {
        let parsed = read_file(&package(&[("word/document.xml", &body(&inner))]));
        let document = &parsed.documents[0];
        assert!(document.body.as_str().contains("[redacted:aws-access-key]"), "{:?}", document.body.as_str());
        assert!(!document.body.as_str().contains(&key[8..]) && !document.meta.title.contains(key));
        assert!(parsed.redacted["aws-access-key"] >= 1);
    }
}
