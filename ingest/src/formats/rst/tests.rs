//! Pages in, documents out.

use crate::formats::{Document, Format, Parsed, parsed_in, site::Site};
use kb::growth::assert_follows_size;
use proptest::prelude::*;

fn parse_page(text: &str, files: &'static [(&'static str, &'static str)]) -> Parsed {
    let sizes = files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64));
    let site = Site::of(sizes, move |path| {
        files.iter().find(|(known, _)| *known == path).map(|(_, text)| text.as_bytes().to_vec())
    });
    parsed_in(Format::ReStructuredText, "a.rst", text, &["a.rst", "sops/drain.rst"], &site)
}

#[track_caller]
fn document(text: &str) -> Document {
    let mut parsed = parse_page(text, &[]);
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    parsed.documents.remove(0)
}

/// Checks the Markdown of a text between a heading and a last line.
#[track_caller]
fn check(text: &str, expected: &str) {
    let document = document(&format!("Title\n=====\n\n{text}\n\nend\n"));
    let body = document.body.as_str();
    let shown = body.strip_prefix("# Title\n\n").and_then(|body| body.strip_suffix("\n\nend\n"));
    assert_eq!(shown, Some(expected), "{body}");
}

#[test]
fn a_page_comes_out_as_markdown() {
    let text = r#".. a comment
   on two lines
.. _drain:

==============
Drain a *node*
==============

:Author: Jane Doe
:Date: 2024-08-21
:Severity: high
:access: sre, ops
:orphan:

.. meta::
   :description lang=en: How to empty a node.
   :keywords: nodes, drain

.. contents:: Table of contents
   :depth: 2

.. toctree::
   :maxdepth: 1

   sops/drain
   other

Use ``kubectl`` on |product|, **never** by *hand*: see :doc:`the SOP <sops/drain>`, :ref:`steps`,
`Kubernetes <https://kubernetes.io/docs/>`_ and https://example.com/a. A snake_case_name stays, 2 * 3 too,
and so does R&D. It needs a note [1]_ and :term:`pod` and :guilabel:`&OK`.

.. note:: Mind the budget.

.. warning::

   Two nodes at once lose data.

   * one

     - deeper

   * two

.. |product| replace:: *Acme* Cloud

.. _steps:

Steps
=====

#. Cordon it::

      kubectl cordon node-1

   Then wait.

#. Drain it:

   .. code-block:: bash
      :caption: The command
      :emphasize-lines: 1

      kubectl drain node-1 \
        --ignore-daemonsets

A. Undo
-------

term
   What it means.
other : a classifier
   More.

-a, --all        All of them.
--file=FILE
                 Which one.

.. [1] It is `here`__.

__ https://example.com/note
"#;
    let document = document(text);
    insta::assert_snapshot!(document.body.as_str(), @r"
    # Drain a node {#drain}

    - **Severity**: high

    Use `kubectl` on Acme Cloud, **never** by hand: see the SOP, Steps,
    [Kubernetes](https://kubernetes.io/docs/) and <https://example.com/a>. A snake_case_name stays, 2 * 3 too,
    and so does R&D. It needs a note [1] and pod and OK.

    **Note:** Mind the budget.

    **Warning:** Two nodes at once lose data.

    - one
      - deeper
    - two

    ## Steps {#steps}

    1. Cordon it:

       ```
       kubectl cordon node-1
       ```

       Then wait.
    2. Drain it:

       **The command**

       ```bash
       kubectl drain node-1 \
         --ignore-daemonsets
       ```

    ### A. Undo

    - **term**: What it means.
    - **other : a classifier**: More.

    - `-a, --all`: All of them.
    - `--file=FILE`: Which one.

    [1] It is [here](https://example.com/note).
    ");
    let meta = &document.meta;
    assert_eq!((meta.title.as_str(), meta.access.join(" ")), ("Drain a node", "ops sre".to_owned()));
    assert_eq!(meta.author.as_deref(), Some("Jane Doe"));
    assert_eq!(meta.created_at.map(|time| time.to_string()).as_deref(), Some("2024-08-21T00:00:00Z"));
    assert_eq!(meta.labels, ["drain", "nodes"]);
    assert_eq!(meta.links.len(), 1, "{:?}", meta.links);
    assert_eq!(meta.links[0].target, "kb/sops/drain.rst");
    let at = document.body.as_str().find("What it means").expect("it is there");
    assert_eq!(text[document.body.source_range(at..at + 4)].trim(), "What it means.");
}

#[test]
fn tables_of_every_sort_come_out() {
    let text = "\
Title
-----

+------------+------------+-----------+
| Header 1   | Header 2   | Header 3  |
+============+============+===========+
| body row 1 | column 2   | column 3  |
+------------+------------+-----------+
| body row 2 | Cells may span columns.|
+------------+------------+-----------+
| body row 3 | Cells may  | - one     |
+------------+ span rows. | - ``two`` |
| body row 4 |            |           |
+------------+------------+-----------+

=====  =====  ======
   Inputs     Output
------------  ------
  A      B    A or B
=====  =====  ======
False  False  False
True   False  True
              or so
=====  =====  ======

.. csv-table:: Limits
   :header: \"Name\", \"Value, in MB\"
   :widths: 10, 20

   \"a\", 5
   `b <https://e.com/b>`_, \"6\"

.. list-table:: Alerts
   :header-rows: 1

   * - Alert
     - What to do
   * - ``NodeDown``
     - Look:

       .. code-block:: sh

          kubectl get nodes
   * - Other
     -
";
    insta::assert_snapshot!(document(text).body.as_str(), @r"
    # Title

    | Header 1 | Header 2 | Header 3 |
    | --- | --- | --- |
    | body row 1 | column 2 | column 3 |
    | body row 2 | Cells may span columns. |
    | body row 3 | Cells may span rows. | - one - `two` |
    | body row 4 |

    | Inputs | | Output |
    | --- | --- | --- |
    | A | B | A or B |
    | False | False | False |
    | True | False | True or so |

    **Limits**

    | Name | Value, in MB |
    | --- | --- |
    | a | 5 |
    | [b](https://e.com/b) | 6 |

    **Alerts**

    | Alert | What to do |
    | --- | --- |
    | `NodeDown` | Look: `kubectl get nodes` |
    | Other | |
    ");
}

#[test]
fn directives_show_what_they_say_and_nothing_else() {
    check(".. tip:: Do it.\n   Now.", "**Tip:** Do it.\nNow.");
    check(".. seealso::\n\n   - a\n   - b", "**See also:**\n\n- a\n- b");
    check(".. admonition:: Mind *this*\n   :class: x\n\n   Text.", "**Mind this**\n\nText.");
    check(".. deprecated:: 1.2\n   Use ``b``.", "**Deprecated since version 1.2:** Use `b`.");
    check(".. versionadded:: 2.0", "**New in version 2.0**");
    check(".. image:: a.png\n   :alt: The map\n   :width: 5", "The map");
    check(".. figure:: a.png\n\n   The caption.\n\n   The legend.", "The caption.\n\nThe legend.");
    check(".. only:: html\n\n   Sub\n   ---\n\n   Text.", "## Sub\n\nText.");
    check(
        ".. tabs::\n\n   .. tab:: Linux\n\n      Do.\n\n   .. code-tab:: bash Mac\n\n      x",
        "**Linux**\n\nDo.\n\n**Mac**\n\n```bash\nx\n```",
    );
    check(
        ".. highlight:: yaml\n\nText::\n\n  a: 1\n   b\n\n.. raw:: html\n\n   <b>x</b>",
        "Text:\n\n```yaml\na: 1\n b\n```",
    );
    check(
        ".. parsed-literal::\n\n   pip install **x**\\ ==\\ |version| # :ref:`a <b>`",
        "```\npip install x==[version] # a\n```",
    );
    check(
        ".. py:function:: run(a)\n\n   Runs.\n\n   :param a: the thing",
        "`run(a)`: Runs.\n\n- **param a**: the thing",
    );
    check(".. option:: --all\n\n   All.", "`--all`: All.");
    check(".. unknown:: some title\n   :x: 1\n\n   Text.", "**some title**\n\nText.");
    check("..\n\n  Quoted.", "> Quoted.");
    check(
        ".. _a: https://e.com\n.. |b| unicode:: 0xA9 .. sign\n\nSee a_ |b| and `A`_, c_d_.",
        "See [a](https://e.com) © and [A](https://e.com), c_d\\_.",
    );
    check(">>> a = 1\n>>> a\n1", "```python\n>>> a = 1\n>>> a\n1\n```");
    check("| one\n| two", "one\ntwo");
    check("a\n\n----\n\nb", "a\n\nb");
    check("Quoted::\n\n> a\n> b", "Quoted:\n\n```\n> a\n> b\n```");
    check(":field: what\n:other:\n   more", "- **field**: what\n- **other**: more");
}

#[test]
fn paragraphs_lose_their_marks() {
    check("``a`` :code:`b` `c` :py:func:`~x.y.z` :kbd:`C-x`", "`a` `b` `c` `z` C-x");
    check("**a** *b* :sup:`2` :pep:`8` :rfc:`2822` :raw-html:`<b>`", "**a** b 2 PEP 8 RFC 2822");
    check("[#]_ [#x]_ [*]_ [CIT]_ a [b] c", "[1] [x] [\\*\\] [CIT] a [b] c");
    check("a\\*b \\ c ``\\d`` *", "a\\*b c `\\d` \\*");
    check("`a <b_>`_ `c <d.rst#e>`__ `f`_ g__", "a c f g\\_\\_");
    check(
        ":menuselection:`A --> B` :abbr:`LAN (local)` :file:`a/b` `x`:code:",
        "A > B LAN (local) `a/b` `x`",
    );
    check(
        "<https://e.com/x> (https://e.com/y). \"*\" `*`",
        "<https://e.com/x> (<https://e.com/y>). \"\\*\" `*`",
    );
}

#[test]
fn files_are_included_from_the_source_only() {
    let text = "T\n=\n\n.. include:: snippets/note.rst\n.. include:: sops/drain.rst\n.. include:: ../x.rst\n\
                .. literalinclude:: a.yaml\n   :lines: 1-2\n\n.. include:: secret.txt\n.. include:: a.rst\n";
    let parsed = parse_page(
        text,
        &[
            (
                "snippets/note.rst",
                ".. |one| replace:: |two|\n.. |two| replace:: *it*\n\n.. note:: Mind |one|\n",
            ),
            ("sops/drain.rst", "Drain\n=====\n\nText.\n"),
            ("a.yaml", "---\na: 1\nb: 2\n"),
            ("secret.txt", "---\naccess: [ops]\n---\nhidden\n"),
            ("a.rst", "x\n"),
        ],
    );
    insta::assert_snapshot!(parsed.documents[0].body.as_str(), @r"
    # T

    **Note:** Mind it

    drain

    ```yaml
    ---
    a: 1
    ```
    ");
    let warnings: Vec<&str> = parsed.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn restrictions_are_read_or_refuse_the_page() {
    for (text, access) in [
        (":access: [ops]\n\nT\n=\n\ntext\n", Some("ops")),
        ("T\n=\n\n:access: ops, sre\n\ntext\n", Some("ops sre")),
        ("T\n=\n\ntext\n\n.. meta::\n   :access: ops\n", Some("ops")),
        ("---\naccess: ops\n---\nT\n=\n\ntext\n", Some("ops")),
        ("T\n=\n\n:acess: ops\n\ntext\n", None),
        ("T\n=\n\n:access:\n\ntext\n", None),
        (":access: a\n:access: b\n\ntext\n", None),
        (":title: x\n\n---\naccess: ops\n---\n\n:access: a\n\ntext\n", None),
    ] {
        let parsed = parse_page(text, &[]);
        let found = parsed.documents.first().map(|document| document.meta.access.join(" "));
        assert_eq!(found.as_deref(), access, "{text} {:?}", parsed.rejected);
        // Front matter and what is refused are looked at before a page is included.
        assert!(super::restricts(text) || text.contains("---"), "{text}");
    }
}

/// The pieces that random texts with markup are put together from.
const UNITS: [&str; 48] = [
    "*",
    "**",
    "`",
    "``",
    "|",
    "_",
    "__",
    "[1]_",
    "[",
    "]_",
    ":a:`",
    ":ref:`",
    "<",
    ">`_",
    "\\",
    "a_ ",
    " a",
    "\n",
    "\n\n",
    "\n ",
    "\n  ",
    "\n      ",
    "- ",
    "* ",
    "1. ",
    "#. ",
    "(a) ",
    ":x: ",
    "\n:y:\n",
    ".. ",
    "\n.. _a:\n",
    ".. |x| replace:: ",
    "\n.. note::\n",
    "\n.. code::\n\n",
    "\n.. list-table::\n\n",
    "\n.. csv-table::\n\n",
    "::",
    "\n====\n",
    "\n----\n",
    "\n== ==\n",
    "+--+--+\n",
    "| a|b |\n",
    "--a  b\n",
    ">>> ",
    "\t",
    "é節",
    "https://a.b",
    "\"",
];

proptest! {
    #[test]
    fn any_signs_are_read(picks in proptest::collection::vec(0..UNITS.len(), 0..120)) {
        let text: String = picks.into_iter().map(|pick| UNITS[pick]).collect();
        parse_page(&format!("word {text}"), &[("a.txt", "x")]);
    }
}

#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    let pairs = [
        "- - ",
        "*a ",
        "`a ",
        "``a ",
        "|a ",
        "a_ b",
        "`a <",
        ".. |a| replace:: aaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "|a| ",
        "\na\n==\n",
        "== ==\n\n",
        "== ==\na\n",
        "+-+\n",
        "+-+-+\n|\n",
        "\n\n\n\n",
        "a::\n\n b\n\n",
        "a\n b\n  c\n   d\n",
        "- a\n\n  - b\n\n    - c\n\n",
        "1. a\n",
        ".. note::\n\n   ",
        "\n.. a\n",
        ":a: b\n",
        "* - a\n  - b\n",
    ];
    for unit in UNITS.iter().chain(&pairs) {
        let text = |bytes: usize| {
            let mut text = "word\n\n.. |a| replace:: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\n.. list-table::\n\n   ".to_owned();
            text.push_str(&unit.repeat(bytes / unit.len()));
            text
        };
        assert_follows_size(unit, 200_000, text, |text| drop(parse_page(text, &[])));
    }
}
