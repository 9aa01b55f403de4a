//! Pages in, documents out.

use crate::formats::{Document, Format, Parsed, parsed_in, site::Site};
use kb::growth::assert_follows_size;

fn parse_page(relative: &str, text: &str) -> Parsed {
    let pages = ["a.html", "sops/drain.html", "sops/index.html"];
    parsed_in(Format::WebPage, relative, text, &pages, &Site::default())
}

#[track_caller]
fn document(text: &str) -> Document {
    let mut parsed = parse_page("a.html", text);
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    parsed.documents.remove(0)
}

#[test]
fn a_page_comes_out_without_its_surroundings() {
    let text = r##"<!DOCTYPE html>
<html lang="en-us"><head><meta charset="utf-8"><title>Drain a node | Acme Docs</title>
<meta name="description" content="How to empty a node.">
<meta name="robots" content="noindex"><meta name="viewport" content="width=device-width">
<meta property="article:modified_time" content="2025-03-01T10:00:00Z">
<link rel="canonical" href="https://docs.acme.example/drain">
<style>p { color: red }</style><script>var access = ["x"];</script></head>
<body class="docs"><header><h1>Acme Docs</h1><nav><a href="/">Home</a></nav></header>
<div id="cookie-banner">We use cookies. <button>OK</button></div>
<main><div class="breadcrumbs">Docs / Nodes</div>
<h1 id="drain">Drain a node<a class="headerlink" href="#drain">¶</a></h1>
<p>Before an <em>upgrade</em>, see <a href="sops/drain.html">the SOP</a> and
<a href="https://kubernetes.io/docs/">Kubernetes</a>, <a href="javascript:alert(1)">run</a>.</p>
<div class="admonition warning"><p class="admonition-title">Warning</p><p>Never drain <b>two</b> nodes.</p></div>
<div class="alert alert-info"><strong>Mind</strong> the budget.</div>
<h2>Steps</h2>
<ol><li>Cordon:<pre><code class="language-sh">kubectl cordon NODE
  # and wait
</code></pre></li><li><p>Drain it:</p><ul><li>pods &amp; jobs<li>then <code>a|b</code></ul></li></ol>
<div class="highlight highlight-source-yaml"><pre>a: <span>1</span></pre></div>
<table><caption>Times</caption><thead><tr><th>Node</th><th colspan="2">Time</th></tr></thead>
<tr><td rowspan="2">big</td><td>1|2</td><td>x<br>y</td></tr><tr><td>3</td></tr></table>
<details><summary>More</summary><p>Folded.</p></details>
<blockquote><p>Quoted.</p></blockquote>
<p hidden>secret</p><p style="display: none">unseen</p><span aria-hidden="true">x</span>
<p><img src="a.png" alt="A diagram"><br>line</p>
<dl><dt>Term</dt><dd>What it means.</dd></dl>
<aside>Related pages</aside></main><footer>© Acme</footer></body></html>"##;
    let document = document(text);
    insta::assert_snapshot!(document.body.as_str(), @r"
    How to empty a node.

    # Drain a node {#drain}

    Before an upgrade, see the SOP and [Kubernetes](https://kubernetes.io/docs/), run.

    **Warning:**

    Never drain **two** nodes.

    **Info:**

    **Mind** the budget.

    ## Steps

    1. Cordon:

       ```sh
       kubectl cordon NODE
         # and wait
       ```
    2. Drain it:
       - pods & jobs
       - then `a|b`

    ```yaml
    a: 1
    ```

    **Times**

    | Node | Time | |
    | --- | --- | --- |
    | big | 1\|2 | x y |
    | big | 3 |

    **More**

    Folded.

    > Quoted.

    A diagram
    line

    **Term**

    What it means.
    ");
    let meta = &document.meta;
    assert_eq!((meta.id.as_str(), meta.title.as_str()), ("kb/a.html", "Drain a node"));
    assert_eq!(meta.language.as_deref(), Some("en-US"));
    assert_eq!(meta.url.as_deref(), Some("https://docs.acme.example/drain"));
    assert_eq!(meta.updated_at.map(|time| time.to_string()).as_deref(), Some("2025-03-01T10:00:00Z"));
    let links: Vec<_> = meta.links.iter().map(|link| (link.target.as_str(), link.text.as_str())).collect();
    assert_eq!(links, [("kb/sops/drain.html", "the SOP")]);
    let at = document.body.as_str().find("Never").expect("it is there");
    assert_eq!(&text[document.body.source_range(at..at + 5)], "Never drain <b>two</b> nodes.");
}

#[test]
fn blocks_read_as_they_show() {
    let blocks = [
        ("<p>a<p>b<div>c</div>d", "a\n\nb\n\nc\n\nd"),
        ("a <b> b </b>c<b></b> <strong><code>x</code></strong>", "a **b** c **`x`**"),
        (
            "<p>1. not a list</p><p># no heading</p><p>&lt;pod-name&gt;</p>",
            "1\\. not a list\n\n\\# no heading\n\n\\<pod-name>",
        ),
        ("<ul><li>a<ol start=3><li>b<li>c</ol><li>d</ul>", "- a\n\n  3. b\n  4. c\n- d"),
        ("<ul><li><h3>Head</h3><p>x</p></ul>", "- **Head**\n\n  x"),
        ("<a href='b.html'><img alt='' src=x></a>text", "text"),
        ("<pre>  a\n\n  b\n</pre>", "```\n  a\n\n  b\n```"),
        ("<pre><code>```\nx\n```</code></pre>", "````\n```\nx\n```\n````"),
        ("<p><code>a <b>b</b>\n c</code> and <kbd>Ctrl</kbd></p>", "`a b c` and `Ctrl`"),
        ("<h2>Use {{ .Values.x }}</h2>text", "## Use {{ .Values.x }&#125;\n\ntext"),
        ("<table><tr><td>only a <p>layout</table>", "only a\n\nlayout"),
        (
            "<table><tr><td><table><tr><td>a<td>b</table></td><td>c</td></table>",
            "| a | b |\n| --- | --- |\n\nc",
        ),
        (
            "<table><tr><th>a<th>b<tr><td><ul><li>x<li>y</ul><td><pre>p\nq</pre></table>",
            "| a | b |\n| --- | --- |\n| x y | `p q` |",
        ),
        (
            "<div class='highlight-console notranslate'><div class=highlight><pre><span></span>$ ls</pre></div></div>",
            "```console\n$ ls\n```",
        ),
        ("<p class=note>Mind.</p>", "**Note:**\n\nMind."),
        (
            "<aside class='admonition tip'><h5 class=admonition-heading><svg></svg>tip</h5>Do.</aside>",
            "**tip:**\n\nDo.",
        ),
        ("<form><h2>All</h2>in a form<input></form>", "## All\n\nin a form"),
        ("text<form><label>Search</label><input></form>", "text"),
        ("<p>日本語<br>テスト</p>", "日本語\nテスト"),
        ("<p>a</p><script>if (x < 1) { '<p>no</p>' }</script><p>b</p>", "a\n\nb"),
        ("<article><header><h1>T</h1></header><p>x</p></article><div>outside</div>", "# T\n\nx"),
        ("<main id=app></main><article>a</article>", "a"),
        ("<p>a\u{200b}b&#8203;c&shy;d&#7;e</p>", "abcde"),
    ];
    let wrong = blocks.into_iter().filter_map(|(html, expected)| {
        let shown = document(html).body.as_str().trim_end().to_owned();
        (shown != expected).then(|| format!("{html:?} gave {shown:?}, not {expected:?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn titles_come_from_the_page_or_its_window() {
    for (text, title) in [
        ("<title>A | B</title><h1>C</h1>x", "C"),
        ("<title>A - B - Site</title>x", "A - B"),
        ("<title>A</title>x", "A"),
        ("<title>节点排空 | 文档</title>x", "节点排空"),
        ("<title>- Site</title>x", "- Site"),
        (
            "<title>OPS : Page</title><h1 id=title-heading><span id=title-text>OPS : Page</span></h1><div id=main-content>x</div>",
            "Page",
        ),
        ("x", "a"),
    ] {
        assert_eq!(document(text).meta.title, title, "{text}");
    }
}

#[test]
fn who_may_read_a_page_is_read_strictly() {
    let page = |meta: &str| format!("<html><head>{meta}</head><body><p>text</p></body></html>");
    assert_eq!(document(&page("<meta name=access content='sre, ops'>")).meta.access, ["ops", "sre"]);
    assert_eq!(document(&page("<!-- <meta name=access content=x> -->")).meta.access, [""; 0]);
    assert_eq!(document("---\naccess: [ops]\n---\n<p>text").meta.access, ["ops"]);
    for (text, part) in [
        (page("<meta name=access content=''>"), "`access`: it is empty"),
        (page("<meta name=access>"), "`access`: it is empty"),
        (page("<meta name=access content='ops,,sre'>"), "a value is empty"),
        (page("<meta name=access content=a><meta name=Access content=b>"), "given twice"),
        (page("<meta name=acces content=ops>"), "it reads as `access`"),
        (page("<meta name=access-tags content=ops>"), "it reads as `access`"),
        (page("<meta property=visibility content=internal>"), "it reads as `access`"),
        (page("<meta name=applies_to content=x>"), "`applies_to`"),
        (format!("---\naccess: [ops]\n---\n{}", page("<meta name=access content=a>")), "given twice"),
        ("<!-- access: [ops] -->\n<p>text".to_owned(), "front matter"),
    ] {
        let parsed = parse_page("a.html", &text);
        let reason = parsed.rejected.first().map(|rejection| rejection.reason.as_str()).unwrap_or_default();
        assert!(reason.contains(part) && parsed.documents.is_empty(), "{text}: {reason:?}");
    }
}

#[test]
fn secrets_are_redacted_behind_markup() {
    let key = "AKIAQ7RLMXVTN2ZPWK4D";
    for hidden in [
        key.to_owned(),
        format!("{}<b></b>{}", &key[..9], &key[9..]),
        format!("{}<!-- -->{}", &key[..9], &key[9..]),
        format!("{}&#8203;{}", &key[..9], &key[9..]),
        format!("&#{};{}", u32::from(b'A'), &key[1..]),
    ] {
        let parsed = parse_page("a.html", &format!("<h1>{hidden}</h1><p>The key is {hidden}.</p>"));
        let document = &parsed.documents[0];
        assert!(!document.body.as_str().contains(&key[9..]), "{hidden}: {}", document.body.as_str());
        assert!(!document.meta.title.contains(&key[9..]), "{hidden}: {}", document.meta.title);
        assert!(parsed.redacted.contains_key("aws-access-key"), "{hidden}");
    }
}

#[test]
fn malformed_pages_keep_their_text() {
    for (text, expected) in [
        (
            "<table>Note: <b>mind</b> it<tr><td>a<td>b</tr> and this<tr><td>c</table>",
            "Note: mind it and this\n\n| a | b |\n| --- | --- |\n| c |",
        ),
        ("<table><tr><td>a<td>b<tr><code>rm x</code></table>", "`rm x`\n\n| a | b |\n| --- | --- |"),
        ("<head><title>t</title><body><p>shown</body></html><p>as well", "shown\n\nas well"),
        ("<p>before<body><p>after", "before\n\nafter"),
        ("<p>a &#x26;&#38; b &copy 5 &#150; 6", "a && b © 5 – 6"),
        ("<p>a<!-- x --!>b</p><xmp><b>x</b></xmp>", "ab\n\n```\n<b>x</b>\n```"),
        ("<p>a<svg><path><p>b</p><p>c", "a\n\nb\n\nc"),
        ("<frameset>a</frameset><p>b", "b"),
    ] {
        let parsed = parse_page("a.html", text);
        let body = parsed.documents.first().map(|document| document.body.as_str().trim()).unwrap_or_default();
        assert_eq!(body, expected, "{text}");
    }
}

#[test]
fn pages_without_text_are_reported() {
    for text in [
        "<p></p>",
        "<h1>Only</h1>",
        "<script>a</script>",
        "<nav>a</nav>",
        "<title>a</title>",
        "<p",
        "<!-- a",
        "<br>",
    ] {
        let parsed = parse_page("a.html", text);
        assert!(parsed.documents.is_empty(), "{text}");
        assert_eq!(parsed.rejected[0].reason, "no text", "{text}");
    }
    let cut = parse_page("a.html", "<p>text</p><p>more<a href='x>");
    assert_eq!((cut.documents.len(), cut.warnings.len()), (1, 1));
}

#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    for unit in [
        "<div>",
        "<p>",
        "<a href=x>",
        "<b>",
        "<table><tr><td>",
        "<td>",
        "<ul><li>",
        "<li>a",
        "<blockquote>a",
        "<h1>",
        "</div>",
        "<a a1 a2 a3 a4 ",
        "<a b=\">\" ",
        "<!--",
        "<script>",
        "</",
        "<",
        "&amp;",
        "&lt;b&gt;",
        "&nosuch;",
        "<pre>",
        "<code>a",
        "<form>",
        "<main>",
        "<header>",
        "<article>a",
        "<dl><dt>a<dd>b",
        "<td rowspan=9999 colspan=9999>a",
        "<tr><td rowspan=99>a<td>b",
        "<div class=note>",
        "<details><summary>a",
        "<br>a",
        "*_`",
        "<title>",
        "<svg><title>",
        "<table><caption>a",
        "<option>",
        "<textarea>",
        "<div hidden>",
        "<meta name=access content=a>",
        "<a href=b.html>a</a>",
    ] {
        let text = |bytes: usize| format!("<p>word</p>{}", unit.repeat(bytes / unit.len()));
        assert_follows_size(unit, 400_000, text, |text| {
            for document in &parse_page("a.html", text).documents {
                let length = document.body.as_str().len();
                assert!(length < 16 * text.len(), "{unit:?} became {length} bytes");
            }
        });
    }
}
