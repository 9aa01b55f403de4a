//! Pages in, documents out.

use super::super::{
    page::{Body, Comment, Context, Page, parse},
    settings::Settings,
};
use crate::formats::{Defaults, Document, Parsed};
use kb::{document::Kind, growth::assert_follows_size};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeMap;

/// The pages that links lead to.
const TITLES: [(&str, &str, &str); 3] =
    [("7", "OPS", "Relay down"), ("8", "OPS", "Restart the relay"), ("9", "DEV", "Build")];

fn context(toml: &str) -> Context {
    let titles = TITLES.map(|(id, space, title)| (id.to_owned(), (space.to_owned(), title.to_owned())));
    Context::new("wiki", &Settings::sample(toml), &Defaults::default(), &BTreeMap::from(titles))
}

fn cloud() -> Context {
    context("url = \"https://acme.atlassian.net/wiki\"")
}

fn page(storage: &str) -> Page {
    Page {
        id: "7".to_owned(),
        title: "Relay down".to_owned(),
        space: "OPS".to_owned(),
        body: Body::Storage(storage.to_owned()),
        ..Page::default()
    }
}

#[track_caller]
fn only(parsed: Parsed) -> Document {
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    let [document] = <[Document; 1]>::try_from(parsed.documents).expect("there is one document");
    document
}

#[track_caller]
fn text_of(storage: &str) -> String {
    only(parse(&page(storage), &cloud()).parsed).body.as_str().to_owned()
}

#[test]
fn a_runbook_page_comes_out_as_markdown() {
    let storage = r#"<ac:structured-macro ac:name="toc" ac:schema-version="1"/>
<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell>
<h1>Symptoms</h1>
<p>The relay is <strong>down</strong>&nbsp;&mdash; alert <code>RelayDown</code>, see <ac:link><ri:page ri:content-title="Restart the relay" /><ac:link-body>the <em>restart</em> page</ac:link-body></ac:link> or <ac:link><ri:page ri:space-key="DEV" ri:content-title="Build"/></ac:link>. Owner: <ac:link><ri:user ri:account-id="5b10"/></ac:link><ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Red</ac:parameter><ac:parameter ac:name="title">SEV1</ac:parameter></ac:structured-macro></p>
<ac:structured-macro ac:name="warning"><ac:parameter ac:name="title">Do not</ac:parameter><ac:rich-text-body><p>Never delete the <a href="https://example.com/pvc?a=1&amp;b=2">volume</a>.</p></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="info"><ac:rich-text-body><p>Takes 5 minutes.</p></ac:rich-text-body></ac:structured-macro>
</ac:layout-cell><ac:layout-cell>
<h2>Steps</h2>
<ol><li>Look:<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">bash</ac:parameter><ac:parameter ac:name="title">On a bastion</ac:parameter><ac:plain-text-body><![CDATA[kubectl get pods -n relay \
  | grep -v "Running" && echo <none>

kubectl describe pod]]></ac:plain-text-body></ac:structured-macro></li><li><p>Restart.</p><ul><li>once</li><li>then wait</li></ul></li></ol>
<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status><ac:task-body>Tell #ops</ac:task-body></ac:task>
<ac:task><ac:task-id>2</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body><span>Close by <time datetime="2026-03-04"/></span></ac:task-body></ac:task></ac:task-list>
</ac:layout-cell></ac:layout-section></ac:layout>
<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">Old way</ac:parameter><ac:rich-text-body><p>Call Anna. <ac:emoticon ac:name="cross"/></p></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="excerpt-include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="Restart the relay"/></ac:link></ac:parameter></ac:structured-macro>
<p>Ticket <ac:structured-macro ac:name="jira"><ac:parameter ac:name="server">Jira</ac:parameter><ac:parameter ac:name="key">OPS-12</ac:parameter></ac:structured-macro></p>
<ac:image ac:alt="The dashboard"><ri:attachment ri:filename="x.png"/><ac:caption><p>Relay dashboard</p></ac:caption></ac:image>
<ac:structured-macro ac:name="noformat"><ac:plain-text-body><![CDATA[ERROR: relay * not * found]]></ac:plain-text-body></ac:structured-macro>
<ac:structured-macro ac:name="some-vendor"><ac:parameter ac:name="x">1</ac:parameter><ac:rich-text-body><p>Kept.</p></ac:rich-text-body></ac:structured-macro>
<ac:placeholder>Type here</ac:placeholder>"#;
    insta::assert_snapshot!(text_of(storage), @r#"
    # Symptoms {#Symptoms}

    The relay is **down** — alert `RelayDown`, see the restart page or Build. Owner: SEV1

    **Do not**

    Never delete the [volume](https://example.com/pvc?a=1&b=2).

    **Info:**

    Takes 5 minutes.

    ## Steps {#Steps}

    1. Look:

       **On a bastion**

       ```bash
       kubectl get pods -n relay \
         | grep -v "Running" && echo <none>

       kubectl describe pod
       ```
    2. Restart.
       - once
       - then wait

    - [x] Tell #ops
    - [ ] Close by 2026-03-04

    **Old way**

    Call Anna. ❌

    Restart the relay

    Ticket OPS-12

    The dashboard

    Relay dashboard

    ```
    ERROR: relay * not * found
    ```

    Kept.
    "#);
}

#[test]
fn tables_keep_their_cells_and_their_code() {
    let simple = r#"<table class="wrapped"><colgroup><col/><col/></colgroup><tbody><tr><th><p>Alert</p></th><th colspan="2"><p>What to do | when</p></th></tr>
<tr><td rowspan="2"><p>RelayDown</p></td><td><ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[kubectl get pods]]></ac:plain-text-body></ac:structured-macro></td><td><p>at once</p><p>always</p></td></tr>
<tr><td><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">OK</ac:parameter></ac:structured-macro></td><td>&nbsp;</td></tr></tbody></table>"#;
    insta::assert_snapshot!(text_of(simple), @r"
    | Alert | What to do \| when | |
    | --- | --- | --- |
    | RelayDown | `kubectl get pods` | at once always |
    | RelayDown | OK | |
    ");
    let listed = r#"<table><tbody><tr><th>Step</th><th>Command</th><th>Note</th></tr>
<tr><td><p>Drain</p></td><td><ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sh</ac:parameter><ac:plain-text-body><![CDATA[kubectl cordon n1
kubectl drain n1]]></ac:plain-text-body></ac:structured-macro></td><td><ac:structured-macro ac:name="note"><ac:rich-text-body><ul><li>not at night</li><li>ask first</li></ul></ac:rich-text-body></ac:structured-macro></td></tr>
<tr><td><p>Wait</p><p>Ten minutes.</p></td><td colspan="2"><p><strong>nothing</strong></p></td></tr></tbody></table>"#;
    insta::assert_snapshot!(text_of(listed), @r"
    - **Step:** Drain

      **Command:**

      ```sh
      kubectl cordon n1
      kubectl drain n1
      ```

      **Note:**

      **Note:**
      - not at night
      - ask first
    - **Step:** Wait

      Ten minutes.

      **Command:** **nothing**
    ");
}

#[test]
fn pages_in_any_language_keep_their_words() {
    let storage = "<h2>概要 と 手順</h2><p>リレーが停止した場合は、<ac:link><ri:page ri:content-title=\"Restart the relay\"/>\
        <ac:plain-text-link-body><![CDATA[再起動の手順]]></ac:plain-text-link-body></ac:link>を参照。</p>\
        <h2>概要 と 手順</h2><p>Kiểm tra đĩa: <code>df -h</code> &rarr; xoá tệp cũ.</p>\
        <ac:adf-extension><ac:adf-node type=\"panel\"><ac:adf-attribute key=\"panel-type\">note</ac:adf-attribute>\
        <ac:adf-content><p>务必先备份。</p></ac:adf-content></ac:adf-node>\
        <ac:adf-fallback><p>务必先备份。</p></ac:adf-fallback></ac:adf-extension>";
    let document = only(parse(&page(storage), &cloud()).parsed);
    insta::assert_snapshot!(document.body.as_str(), @r"
    ## 概要 と 手順 {#概要-と-手順}

    リレーが停止した場合は、再起動の手順を参照。

    ## 概要 と 手順 {#概要-と-手順.1}

    Kiểm tra đĩa: `df -h` → xoá tệp cũ.

    **Note:**

    务必先备份。
    ");
    let link = &document.meta.links[0];
    assert_eq!((link.target.as_str(), link.text.as_str()), ("wiki/8", "再起動の手順"));
}

#[test]
fn pages_carry_what_is_known_of_them() {
    let page = Page {
        ancestors: vec!["Operations".to_owned(), "Relay [core]".to_owned()],
        labels: vec!["sop".to_owned(), "relay".to_owned()],
        author: Some("Anna".to_owned()),
        created_at: "2025-01-02T03:04:05Z".parse().ok(),
        updated_at: "2026-01-02T03:04:05Z".parse().ok(),
        address: Some("/spaces/OPS/pages/7/Relay+down".to_owned()),
        attachments: vec!["x.png".to_owned(), "plan_b*.pdf".to_owned()],
        comments: vec![
            Comment {
                id: "70".to_owned(),
                created_at: "2026-01-03T00:00:00Z".parse().ok(),
                body: Body::Storage("<p>Also see <code>relayctl</code>.</p><pre>a\nb</pre>".to_owned()),
            },
            Comment { id: "71".to_owned(), created_at: None, body: Body::Storage("<p> </p>".to_owned()) },
            Comment { id: "72".to_owned(), created_at: None, body: Body::View("<p>Thanks</p>".to_owned()) },
        ],
        ..page("<h1>Relay down</h1><p>Intro.</p><h1>Fix it</h1><p>Do.</p><h2>Then</h2><p>Go.</p>")
    };
    let document = only(parse(&page, &cloud()).parsed);
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Operations › Relay [core\]

    Intro.

    ## Fix it {#Fix-it}

    Do.

    ### Then {#Then}

    Go.

    ## Attachments

    - plan_b\*.pdf

    ## Comments

    - **2026-01-03:**

      Also see `relayctl`.

      ```
      a
      b
      ```
    - Thanks
    ");
    let meta = &document.meta;
    assert_eq!((meta.id.as_str(), meta.title.as_str(), meta.kind), ("wiki/7", "Relay down", Kind::Sop));
    assert_eq!(meta.url.as_deref(), Some("https://acme.atlassian.net/wiki/spaces/OPS/pages/7/Relay+down"));
    assert_eq!(meta.labels, ["relay", "sop"]);
    assert_eq!(meta.author.as_deref(), Some("Anna"));
    assert_eq!(meta.updated_at, page.updated_at);
    assert!(meta.access.is_empty());

    let of_data_center = context("url = \"https://wiki.acme.example\"");
    let without_address = Page { address: None, ..page };
    let document = only(parse(&without_address, &of_data_center).parsed);
    assert!(document.body.as_str().contains("## Fix it {#Relaydown-Fixit}"), "{}", document.body.as_str());
    let url = "https://wiki.acme.example/pages/viewpage.action?pageId=7";
    assert_eq!(document.meta.url.as_deref(), Some(url));
}

#[test]
fn restricted_pages_are_left_out_or_tagged() {
    let restricted = Page { is_restricted: true, ..page("<p>text</p>") };
    let parsed = parse(&restricted, &cloud()).parsed;
    assert!(parsed.documents.is_empty());
    assert_eq!(parsed.rejected[0].path, "wiki/7 (Relay down)");
    assert!(parsed.rejected[0].reason.starts_with("only some may view it"), "{:?}", parsed.rejected);
    let tagged = context("restrictions = { access = [\"leads\"] }");
    assert_eq!(only(parse(&restricted, &tagged).parsed).meta.access, ["leads"]);
    assert!(only(parse(&page("<p>text</p>"), &tagged).parsed).meta.access.is_empty());
    // An empty list of tags does not open the page to all.
    let none = context("restrictions = { access = [] }");
    assert!(parse(&restricted, &none).parsed.documents.is_empty());
}

#[test]
fn secrets_are_redacted_wherever_they_stand() {
    let key = "AKIAQ7RLMXVTN2ZPWK4D";
    let page = Page {
        title: format!("Key {key}"),
        attachments: vec![format!("{key}.txt")],
        ancestors: vec![key.to_owned()],
        comments: vec![Comment {
            id: "1".to_owned(),
            created_at: None,
            body: Body::Storage(format!("<p>{}<strong>{}</strong></p>", &key[..9], &key[9..])),
        }],
        ..page(&format!(
            "<p>{key}</p><ac:structured-macro ac:name=\"code\"><ac:plain-text-body><![CDATA[{key}]]>\
             </ac:plain-text-body></ac:structured-macro><p>{}&#{};{}</p>",
            &key[..5],
            key.as_bytes()[5],
            &key[6..]
        ))
    };
    let parsed = parse(&page, &cloud()).parsed;
    assert!(parsed.redacted.values().sum::<u64>() >= 3, "{:?}", parsed.redacted);
    let document = only(parsed);
    assert!(!format!("{document:?}").contains(&key[9..]), "{document:?}");
}

#[test]
fn broken_storage_is_read_as_well_as_it_can_be() {
    for (storage, text) in [
        ("<p>a < b & c > d</p><p>x", "a < b & c > d\n\nx\n"),
        ("<p>a</div></p></ac:x><p>b</p>", "a\n\nb\n"),
        ("<p>one<br>two</p>", "one\ntwo\n"),
        (
            "<p>a <ac:structured-macro ac:name=\"excerpt\"><ac:parameter ac:name=\"atlassian-macro-output-type\">INLINE\
             </ac:parameter><ac:parameter ac:name=\"name\">x</ac:parameter><ac:rich-text-body>b</ac:rich-text-body>\
             </ac:structured-macro> c</p>",
            "a b c\n",
        ),
        ("a &nosuch; &#x27; b", "a \\&nosuch; ' b\n"),
        ("<table><tr><td>a</td><td>b", "| a | b |\n| --- | --- |\n"),
    ] {
        let read = parse(&page(storage), &cloud());
        assert!(!read.is_cut, "{storage}");
        let text_of = |parsed: Parsed| parsed.documents.first().map(|page| page.body.as_str().to_owned());
        assert_eq!(text_of(read.parsed).as_deref(), Some(text), "{storage}");
    }
    for storage in ["<p>a</p><![CDATA[b", "<p>a</p><ac:link ac:x='", "<p>a</p><!-- "] {
        let read = parse(&page(storage), &cloud());
        assert!(read.is_cut && read.parsed.warnings.len() == 1, "{storage}");
    }
}

/// The pieces that random pages are put together from.
const UNITS: [&str; 24] = [
    "<ac:structured-macro ac:name=\"info\">",
    "<ac:structured-macro ac:name=\"code\">",
    "<ac:structured-macro ac:name=\"x\"/>",
    "</ac:structured-macro>",
    "<ac:rich-text-body>",
    "<ac:plain-text-body><![CDATA[",
    "]]>",
    "</ac:plain-text-body>",
    "<ac:parameter ac:name=\"title\">",
    "</ac:parameter>",
    "<ac:link>",
    "<ri:page ri:content-title=\"Build\"/>",
    "</ac:link>",
    "<table>",
    "<tr>",
    "<th colspan=\"3\">",
    "<td rowspan=\"2\">",
    "</table>",
    "<ul><li>",
    "<h1>",
    "</p>",
    "&nbsp;",
    "日本 words\n",
    "<",
];

proptest! {
    /// Tags in any order are read: no tag comes out as words, and the places of the text lie in the page.
    #[test]
    fn any_order_of_tags_is_read(units in vec(select(&UNITS[..]), 0..60)) {
        let storage = units.concat();
        let read = parse(&page(&storage), &cloud());
        for document in read.parsed.documents {
            let text = document.body.as_str();
            let place = document.body.source_range(0..text.len());
            prop_assert!(place.end <= storage.len() + 1, "{place:?} of {storage:?}");
            // In a section of CDATA, tags are words.
            let has_tags = text.contains("ac:") || text.contains("ri:");
            prop_assert!(!has_tags || storage.contains("CDATA"), "{storage:?} gave {text:?}");
        }
    }
}

/// Pages of nested or repeated markup take time that grows with their size only.
#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    for unit in [
        "<ac:structured-macro ac:name=\"info\"><ac:rich-text-body>",
        "<ac:structured-macro ac:name=\"code\">",
        "<ac:link><ac:link-body>",
        "<table><tr><td>",
        "<table><tr><th>a</th><th>b</th></tr><tr><td rowspan=\"32\" colspan=\"32\"><ul><li>",
        "<ac:parameter ac:name=\"title\">a</ac:parameter>",
        "<ac:task-list><ac:task>",
        "<h1>",
        "<p>",
        "</p>",
        "<![CDATA[",
        "<![CDATA[]]>",
        "&nbsp;",
        "&",
        "<",
        "<ac:image ac:alt=\"a\">",
        "<ac:adf-extension><ac:adf-node type=\"panel\">",
        "<a href=\"/pages/7\">",
        "<ac:structured-macro ac:name=\"include\"><ac:parameter><ri:page ri:content-title=\"Build\"/>",
    ] {
        let storage = |bytes: usize| format!("word {}", unit.repeat(bytes / unit.len()));
        assert_follows_size(unit, 200_000, storage, |storage| drop(parse(&page(storage), &cloud())));
    }
}
