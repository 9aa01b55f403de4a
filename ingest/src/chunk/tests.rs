//! Rules that hold of the cuts of any text, and examples of cuts of usual texts.

use super::*;
use kb::document::{DocumentMeta, Kind};
use kb::mapped::MappedText;
use proptest::prelude::*;

/// A token a word, as the crudest tokenizers count.
struct Words;
/// A token a character, as for scripts that a vocabulary lacks.
struct Characters;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count() + 2
    }
}

impl TokenCounter for Characters {
    fn count(&self, text: &str) -> usize {
        text.chars().count() + 2
    }
}

fn document(title: &str, text: &str, syntax: Syntax) -> Document {
    let meta = DocumentMeta::new("s/d.md", "s", title, Kind::Docs);
    Document::new(meta, MappedText::new(text.to_owned()), syntax)
}

/// Cuts a text and checks what must hold of every cut.
fn split(
    title: &str,
    text: &str,
    syntax: Syntax,
    counter: &dyn TokenCounter,
    max_tokens: usize,
) -> Vec<Chunk> {
    let document = document(title, text, syntax);
    let chunker = Chunker::new(counter, max_tokens);
    let cut = chunker.split(&document);
    assert_eq!(cut, chunker.split(&document), "equal input gives equal output");
    let mut last_start = 0;
    for (i, chunk) in cut.chunks.iter().enumerate() {
        assert_eq!(chunk.ordinal as usize, i);
        assert!(!chunk.text.trim().is_empty(), "chunk {i} is empty");
        let tokens = counter.count(&chunk.passage(&cut.title));
        assert_eq!(chunk.tokens as usize, tokens);
        assert!(tokens <= max_tokens, "chunk {i} has {tokens} tokens: {:?}", chunk.text);
        assert!(chunk.text.len() <= 16 * max_tokens, "chunk {i} has {} bytes", chunk.text.len());
        let (start, end) = (chunk.start_byte as usize, chunk.end_byte as usize);
        assert!(last_start <= start && start <= end && end <= text.len(), "{last_start} {start} {end}");
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end));
        last_start = start;
    }
    cut.chunks
}

fn shown(chunks: &[Chunk]) -> String {
    let mut shown = String::new();
    for chunk in chunks {
        let anchor = chunk.anchor.as_deref().map(|anchor| format!(" #{anchor}")).unwrap_or_default();
        shown.push_str(&format!(
            "=== {}{anchor} ({}..{})\n{}\n",
            chunk.heading_path.join(" > "),
            chunk.start_byte,
            chunk.end_byte,
            chunk.text
        ));
    }
    shown
}

#[test]
fn fragments_of_the_file_lead_to_passages() {
    let text = format!("# A\n\n{}\n\n## B\n\nbeta\n", "alpha alpha alpha.\n\n".repeat(30));
    let later = text.rfind("alpha").expect("it is there");
    let fragments = vec![(0, "page=1".to_owned()), (later, "page=2".to_owned())];
    let document = document("T", &text, Syntax::Markdown).with_fragments(fragments);
    let chunks = Chunker::new(&Words, 60).split(&document).chunks;
    let anchors: Vec<&str> = chunks.iter().filter_map(|chunk| chunk.anchor.as_deref()).collect();
    assert_eq!(anchors.len(), chunks.len());
    assert!(
        anchors.is_sorted() && anchors[0] == "page=1" && anchors.last() == Some(&"page=2"),
        "{anchors:?}"
    );
}

#[test]
fn sections_about_something_else_are_passages_of_their_own() {
    let text = "# Title\n\nIntro.\n\n## One {#first}\n\nAlpha.\n\n### Deep\n\nBeta.\n\n#### Cause\n\nGamma.\n\n#### Steps\n\nWait.\n\n## Two\n\n\
                Delta.\n\n## Two\n\n### Only\n\nEpsilon.\n";
    insta::assert_snapshot!(shown(&split("Title", text, Syntax::Markdown, &Words, 256)), @r"
    ===  #title (9..15)
    Intro.
    === One #first (34..40)
    Alpha.
    === One > Deep #deep (52..96)
    Beta.

    #### Cause

    Gamma.

    #### Steps

    Wait.
    === Two #two (106..112)
    Delta.
    === Two > Only #only (132..140)
    Epsilon.
    ");
}

#[test]
fn large_code_is_fenced_again() {
    let text = "Run:\n\n```bash title=\"x\"\none two three\nfour five six\nseven eight nine\nten ten ten\n```\n\nEnd.\n";
    insta::assert_snapshot!(shown(&split("T", text, Syntax::Markdown, &Words, 14)), @r#"
    ===  (0..52)
    Run:

    ```bash title="x"
    one two three
    four five six
    ```
    ===  (52..90)
    ```bash title="x"
    seven eight nine
    ten ten ten
    ```

    End.
    "#);
}

#[test]
fn large_tables_repeat_their_header() {
    let text = "| a | b |\n|---|---|\n| one | two |\n| three | four |\n| five | six |\n| seven | eight |\n";
    insta::assert_snapshot!(shown(&split("T", text, Syntax::Markdown, &Words, 27)), @r"
    ===  (0..50)
    | a | b |
    | --- | --- |
    | one | two |
    | three | four |
    ===  (51..83)
    | a | b |
    | --- | --- |
    | five | six |
    | seven | eight |
    ");
}

#[test]
fn large_lists_are_cut_between_items_and_their_blocks() {
    let text = "1. one two\n2. three four\n\n   ```\n   five six\n     seven\n   ```\n\n   eight nine ten\n3. last\n";
    insta::assert_snapshot!(shown(&split("T", text, Syntax::Markdown, &Words, 11)), @r"
    ===  (0..24)
    1. one two

    2. three four
    ===  (29..81)
    ```
    five six
      seven
    ```

    eight nine ten
    ===  (82..89)
    3. last
    ");
}

#[test]
fn plain_text_is_not_markdown() {
    let text = "# not a heading\nline\n\n    indented\n\nlast";
    insta::assert_snapshot!(shown(&split("T", text, Syntax::Plain, &Words, 256)), @r"
    ===  (0..40)
    # not a heading
    line

        indented

    last
    ");
}

#[test]
fn long_titles_and_headings_leave_room() {
    let long = "very long heading words ".repeat(60);
    let text = format!("## {long}\n\n### Inner {long}\n\nBody of the text.\n");
    let chunks = split(&long, &text, Syntax::Markdown, &Words, 60);
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].text, "Body of the text.");
    assert!(
        chunks[0].heading_path.iter().any(|heading| heading.contains('…')),
        "{:?}",
        chunks[0].heading_path
    );
}

#[test]
fn text_without_structure_is_cut_all_the_same() {
    for (text, unit) in [("a".repeat(20_000), "a"), ("節點".repeat(4_000), "節"), ("👩‍💻".repeat(1_000), "💻")]
    {
        for counter in [&Words as &dyn TokenCounter, &Characters] {
            for text in [
                text.clone(),
                format!("```\n{text}\n```"),
                format!("| h |\n|---|\n| {text} |\n"),
                format!("- {text}"),
            ] {
                let chunks = split("T", &text, Syntax::Markdown, counter, 64);
                let kept: usize = chunks.iter().map(|chunk| chunk.text.matches(unit).count()).sum();
                assert_eq!(kept, text.matches(unit).count());
            }
        }
    }
}

#[test]
fn deep_nesting_does_no_harm() {
    for text in
        ["> ".repeat(5_000) + "deep", "- ".repeat(5_000) + "deep", "[".repeat(20_000), "*a ".repeat(20_000)]
    {
        let chunks = split("T", &text, Syntax::Markdown, &Characters, 64);
        assert!(!chunks.is_empty());
    }
}

/// A Markdown block whose words come from `next`.
fn block(kind: u8, size: usize, next: &mut impl FnMut() -> String) -> String {
    let mut words = |count: usize| (0..count.max(1)).map(|_| next()).collect::<Vec<_>>().join(" ");
    match kind % 8 {
        0 => words(size),
        1 => (0..size).map(|_| format!("- {}\n", words(3))).collect(),
        2 => format!("```yaml\n{}\n```", (0..size).map(|_| words(3)).collect::<Vec<_>>().join("\n")),
        3 => {
            let rows: String = (0..size).map(|_| format!("| {} | {} |\n", words(2), words(1))).collect();
            format!("| {} | {} |\n| --- | --- |\n{rows}", words(1), words(1))
        }
        4 => format!("> {}\n> {}", words(size), words(2)),
        5 => (0..size.min(6))
            .map(|i| {
                format!(
                    "{}. {}\n\n   {}\n\n   ```\n   {}\n   ```\n\n",
                    i + 1,
                    words(3),
                    words(size),
                    words(4)
                )
            })
            .collect(),
        6 => format!("    {}\n    {}", words(size), words(2)),
        _ => format!("- {}\n  - {}\n    - {}\n\n      {}\n", words(2), words(size), words(size), words(3)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_word_is_in_some_chunk(
        plan in proptest::collection::vec((0u8..8, 1usize..60, 0usize..5), 1..12),
        max_tokens in 120usize..400,
        by_character in any::<bool>(),
    ) {
        let mut number = 0;
        let mut next = || { number += 1; format!("w{number}x") };
        let mut text = String::new();
        for (kind, size, level) in plan {
            if level > 0 {
                text.push_str(&format!("{} {}\n\n{}\n\n", "#".repeat(level), next(), next()));
            }
            text.push_str(&block(kind, size, &mut next));
            text.push_str("\n\n");
        }
        let counter: &dyn TokenCounter = if by_character { &Characters } else { &Words };
        let chunks = split("Title", &text, Syntax::Markdown, counter, max_tokens);
        let kept: std::collections::HashSet<&str> = chunks
            .iter()
            .flat_map(|chunk| chunk.heading_path.iter().map(String::as_str).chain([chunk.text.as_str()]))
            .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            .collect();
        for word in 1..=number {
            prop_assert!(kept.contains(format!("w{word}x").as_str()), "w{}x is lost from\n{}", word, text);
        }
    }

    #[test]
    fn any_text_can_be_cut(text in "([a-z#>*|`~\\-+0-9.\\[\\]()<>&;!: \t\n節👩]{0,12}){0,40}", max_tokens in 24usize..100) {
        split("T", &text, Syntax::Markdown, &Characters, max_tokens);
        split("T", &text, Syntax::Plain, &Words, max_tokens);
    }
}

#[test]
fn headings_above_a_document_begin_every_path() {
    let text = "Words before.\n\n# Steps\n\nRestart it.\n\n# Why\n\nIt was full.\n";
    for (syntax, expected) in [
        (
            Syntax::Markdown,
            "[\"Ops › Relay\"] Words before.\n[\"Ops › Relay\", \"Steps\"] Restart it.\n[\"Ops › Relay\", \"Why\"] It was full.",
        ),
        (Syntax::Plain, "[\"Ops › Relay\"] Words before.\n\n# Steps\n\nRestart it.\n\n# Why\n\nIt was full."),
    ] {
        let document = document("plan", text, syntax).below(vec!["Ops › Relay".to_owned()]);
        let chunks = Chunker::new(&Words, 200).split(&document).chunks;
        let found: Vec<String> =
            chunks.iter().map(|chunk| format!("{:?} {}", chunk.heading_path, chunk.text)).collect();
        assert_eq!(found.join("\n"), expected, "{syntax:?}");
    }
}
