//! Pages in, documents out.

use crate::formats::{Document, Format, Parsed, parsed_in, site::Site};
use kb::growth::assert_follows_size;

fn parse_page(text: &str, files: &'static [(&'static str, &'static str)]) -> Parsed {
    let sizes = files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64));
    let site = Site::of(sizes, move |path| {
        files.iter().find(|(known, _)| *known == path).map(|(_, text)| text.as_bytes().to_vec())
    });
    parsed_in(Format::AsciiDoc, "a.adoc", text, &["a.adoc", "sops/drain.adoc"], &site)
}

#[track_caller]
fn document(text: &str) -> Document {
    let mut parsed = parse_page(text, &[]);
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    parsed.documents.remove(0)
}

#[test]
fn a_page_comes_out_as_markdown() {
    let text = r#"// a comment
[[drain,drain.title]]
= Drain a *node*
:product: Acme
:access: sre, ops
:cmd: kubectl

Use `+{cmd}+` on {product}, *never* by _hand_: see xref:sops/drain.adoc[the SOP], <<steps,the steps>> and
https://kubernetes.io/docs/[Kubernetes]. A snake_case_name stays, 2 * 3 too, 1&#44;000 R&D.

NOTE: Mind the budget.

[WARNING]
====
Two nodes at once lose data.

* one
** deeper
* two
====

[#steps]
== Steps

. Cordon it:
+
[source,bash]
----
kubectl cordon NODE # <1>
----
<1> the node's name
. Drain it.

.Times
[cols="1,2",options="header"]
|===
|Node |Time

|big
|1 hour
2+|both
|===

Term:: What it means.

ifdef::nowhere[]
unseen
endif::[]
ifndef::nowhere[]
seen
endif::[]

image::a.png[A diagram]

----
== not a heading
----
"#;
    let document = document(text);
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Drain a **node** {#drain}

    Use `kubectl` on Acme, **never** by hand: see the SOP, the steps and
    [Kubernetes](https://kubernetes.io/docs/). A snake_case_name stays, 2 * 3 too, 1,000 R&D.

    **Note:** Mind the budget.

    **Warning:**

    Two nodes at once lose data.

    - one
      - deeper
    - two

    ## Steps {#steps}

    1. Cordon it:

       ```bash
       kubectl cordon NODE # <1>
       ```
       1. the node's name
    2. Drain it.

    **Times**

    | Node | Time |
    | --- | --- |
    | big | 1 hour |
    | both | |

    - **Term**: What it means.

    seen

    A diagram

    ```
    == not a heading
    ```
    ");
    let meta = &document.meta;
    assert_eq!((meta.title.as_str(), meta.product.as_deref()), ("Drain a node", Some("Acme")));
    assert_eq!(meta.access, ["ops", "sre"]);
    assert_eq!(meta.links.len(), 1);
    assert_eq!(meta.links[0].target, "kb/sops/drain.adoc");
}

#[test]
fn marks_of_other_tools_are_no_words() {
    let document = document(
        "= A\n\n???+ warning If the image\nis gone, build it.\n\nWrite `x` and +include::a.adoc[]+.\n",
    );
    insta::assert_snapshot!(document.body.as_str(), @r"
    # A

    **Warning:** If the image
    is gone, build it.

    Write `x` and `include::a.adoc[]`.
    ");
}

#[test]
fn includes_stay_within_the_source() {
    let files: &[(&str, &str)] = &[
        ("parts.txt", ":name: web\nfrom a part\n"),
        ("sops/drain.adoc", "= Drain\n\ntext\n"),
        ("includes/secret.adoc", ":access: ops\nhidden\n"),
        ("includes/loop.adoc", "once\ninclude::loop.adoc[]\n"),
    ];
    let text = "include::parts.txt[]\n\ninclude::sops/drain.adoc[]\n\ninclude::secret.adoc[]\n\ninclude::../../etc/passwd[]\n\n\
                {name} {nowhere}\n\ninclude::includes/loop.adoc[]\n";
    let parsed = parse_page(text, files);
    let body = parsed.documents[0].body.as_str();
    assert!(body.contains("from a part") && body.contains("web {nowhere}"), "{body}");
    assert!(body.contains("drain") && !body.contains("hidden") && !body.contains("include"), "{body}");
    assert!(parsed.warnings.len() >= 2, "{:?}", parsed.warnings);
}

#[test]
fn who_may_read_a_page_is_read_strictly() {
    for (text, part) in [
        ("= A\n:access:\n\ntext", "it is empty"),
        ("= A\n:acces: ops\n\ntext", "`acces`"),
        ("= A\n:page-access-tags: ops\n\ntext", "reads as `access`"),
        ("= A\n:access: a\n:access: b\n\ntext", "given twice"),
    ] {
        let parsed = parse_page(text, &[]);
        let reason = parsed.rejected.first().map(|rejection| rejection.reason.as_str()).unwrap_or_default();
        assert!(reason.contains(part), "{text}: {reason:?}");
    }
}

#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    for unit in [
        "`",
        "*",
        "_a ",
        "`a ",
        "*a ",
        "#",
        "+a ",
        "<<",
        "[[",
        "((",
        "https:",
        "link:[",
        "link:a[",
        "{a}",
        "\\",
        "* a\n",
        "** a\n",
        "====\n",
        "----\n",
        "|===\n",
        "|",
        "|===\n|a\n",
        "+\n",
        "[a]\n",
        ":a: {a}{a}\n",
        "ifdef::a[]\n",
        "a:: ",
        "a::\n",
        "= a\n",
        ".a\n",
        "include::a[]\n",
        "--\n",
        "____\n",
        "* a\n+\n====\n",
        "[cols=9999*]\n|===\n|a\n|===\n",
        "2000+|a ",
        "http://a ",
        "image::",
        "\"`",
        "^a",
        " a\n",
        "<1> a\n",
        "日",
    ] {
        let text = |bytes: usize| format!("word\n\n{}", unit.repeat(bytes / unit.len()));
        assert_follows_size(unit, 200_000, text, |text| {
            for document in &parse_page(text, &[]).documents {
                let length = document.body.as_str().len();
                assert!(length < 24 * text.len(), "{unit:?} became {length} bytes");
            }
        });
    }
}
