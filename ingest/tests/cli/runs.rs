//! What a run writes, removes, refuses and reports, and the exit codes of its flags.

use crate::world::{Run, World};
use serde_json::Value;
use std::fs;

#[test]
fn a_folder_goes_in_and_its_chunks_come_out() {
    let world = World::new();
    world.write(
        "guide.md",
        "---\ntitle: Guide\nurl: https://e.com/g\nkind: sop\n---\n## Steps\n\nDrain the node.\n",
    );
    let report = world.ingest(&["docs"]).exits(0).json();
    for key in ["documents", "chunks", "rejected", "generation"] {
        assert!(report.get(key).is_some(), "{key} is missing: {report}");
    }
    assert_eq!(report["chunks"]["written"], 1);
    assert_eq!(report["chunks"]["embedded"], 1);
    assert!(report["generation"].is_u64());
    let chunks = world.chunks();
    let expected = serde_json::json!({
        "document": "docs/guide.md", "chunk": "docs/guide.md#0", "title": "Guide", "kind": "sop",
        "url": "https://e.com/g", "heading_path": ["Steps"], "text": "Drain the node.",
        "start_byte": 62, "end_byte": 77, "tokens": chunks[0]["tokens"],
    });
    assert_eq!(chunks, [expected]);
    let tokens = chunks[0]["tokens"].as_u64().expect("a number");
    assert!(tokens > 3, "the prefix is counted: {tokens}");

    let one = world.run(&["chunks", "--kb", "kb", "--document", "docs/guide.md"]).exits(0);
    assert_eq!(one.stdout.lines().count(), 1);
    world.run(&["chunks", "--kb", "kb", "--document", "docs/none.md"]).exits(1);
    world.run(&["chunks", "--kb", "none"]).exits(1);
}

#[test]
fn only_what_changed_is_written() {
    let world = World::new();
    world.write("a.md", "# A\n\nAlpha.\n");
    world.write("b.md", "# B\n\nBeta.\n");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "2 2 0 0 0");
    let before = world.ingest(&["docs"]).exits(0);
    assert_eq!(before.documents(), "2 0 0 2 0");
    assert_eq!(before.json()["chunks"], serde_json::json!({"written": 0, "embedded": 0, "removed": 0}));

    world.write("b.md", "# B\n\nBetter.\n");
    world.write("c/d.txt", "Gamma.\n");
    let after = world.ingest(&["docs"]).exits(0);
    assert_eq!(after.documents(), "3 1 1 1 0");
    assert_eq!(after.json()["chunks"], serde_json::json!({"written": 2, "embedded": 2, "removed": 1}));
    assert_eq!(world.chunk_ids(), "docs/a.md#0 docs/b.md#0 docs/c/d.txt#0");

    fs::rename(world.docs().join("a.md"), world.docs().join("z.md")).expect("it can be renamed");
    world.write("b.md", "# B\n\nBeta.\n");
    let moved = world.ingest(&["docs"]).exits(0);
    assert_eq!(moved.documents(), "3 1 1 1 1");
    assert_eq!(moved.json()["chunks"]["embedded"], 0, "the texts were embedded before");
    assert_eq!(world.chunk_ids(), "docs/b.md#0 docs/c/d.txt#0 docs/z.md#0");
}

#[test]
fn sources_are_told_apart() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.write_beside("chunks/x.md", "Other.\n");
    assert_eq!(world.ingest(&["docs/.", "./chunks/"]).exits(0).documents(), "2 2 0 0 0");
    assert_eq!(world.chunk_ids(), "chunks/x.md#0 docs/a.md#0");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "1 0 0 1 0", "other sources stay");
    world.write("b.md", "Beta.\n");
    world.remove("a.md");
    let file = world.ingest(&["docs/b.md"]).exits(0);
    assert_eq!(file.documents(), "1 1 0 0 0", "a file removes nothing");
    world.ingest(&["--source", "team", "docs"]).exits(0);
    assert_eq!(world.chunk_ids(), "chunks/x.md#0 docs/a.md#0 docs/b.md#0 team/b.md#0");

    world.write("docs/c.md", "Gamma.\n");
    for wrong in [
        &["docs", "docs/docs"][..],
        &["docs/a.md", "docs"],
        &["--source", "x", "docs", "chunks"],
        &["--source", "a/b", "docs"],
        &["none"],
        &[],
    ] {
        let run = world.ingest(wrong).exits(2);
        assert!(run.json()["error"].is_string(), "{}", run.stdout);
    }
    let here = world
        .command(&["--kb", "../kb", "--embedder", "hashed", "--json", "."])
        .current_dir(world.docs())
        .output();
    assert_eq!(Run::of(here.expect("it starts")).exits(0).documents(), "2 1 0 1 1");
}

#[test]
fn usage_and_configuration_mistakes_exit_with_2() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    world.run(&["docs"]).exits(2);
    world.run(&["--kb", "kb", "--kind", "novel", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--wait", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "nonsense", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "hashed", "--access", "", "docs"]).exits(2);
    world.run(&["--kb", "kb", "--embedder", "hashed", "--language", "!", "docs"]).exits(2);
    assert!(!world.kb().exists(), "nothing was made");
    let missing = world.run(&["--kb", "kb", "--embedder", "local", "--model-dir", "none", "docs"]).exits(2);
    assert!(missing.stderr.contains("RUNBOOKD_MODEL_DIR"), "{}", missing.stderr);
    world.run(&["--help"]).exits(0);
}

#[test]
fn mass_deletion_needs_force() {
    let world = World::new();
    world.write_numbered(10);
    world.ingest(&["docs"]).exits(0);
    for i in 0..2 {
        world.remove(&format!("page-00{i}.md"));
    }
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "8 0 0 8 2");
    for i in 2..6 {
        world.remove(&format!("page-00{i}.md"));
    }
    world.write("new.md", "New.\n");
    let refused = world.ingest(&["docs"]).exits(3);
    assert!(refused.json()["error"].as_str().expect("a text").contains("4 of 8 documents of source `docs`"));
    assert_eq!(refused.documents(), "5 1 0 4 4");
    assert_eq!(world.chunks().len(), 8, "nothing was committed");
    world.ingest(&["--dry-run", "docs"]).exits(3);
    assert_eq!(world.ingest(&["--force", "docs"]).exits(0).documents(), "5 1 0 4 4");
    assert_eq!(world.chunks().len(), 5);

    fs::remove_dir_all(world.docs()).expect("it can be removed");
    world.ingest(&["docs"]).exits(2);
    fs::create_dir(world.docs()).expect("it can be made");
    world.ingest(&["docs"]).exits(3);
    assert_eq!(world.chunks().len(), 5);
}

#[test]
fn dry_runs_change_nothing() {
    let world = World::new();
    world.write("a.md", "Alpha.\n");
    let run = world.run(&["--kb", "kb", "--model-dir", "none", "--dry-run", "--json", "docs"]).exits(0);
    assert_eq!(run.documents(), "1 1 0 0 0");
    assert_eq!(
        (run.json()["generation"].clone(), run.json()["dry_run"].clone()),
        (Value::Null, Value::Bool(true))
    );
    assert!(!world.kb().exists());
    world.ingest(&["docs"]).exits(0);
    world.write("a.md", "Other.\n");
    world.write("b.md", "Beta.\n");
    assert_eq!(world.ingest(&["--dry-run", "docs"]).exits(0).documents(), "2 1 1 0 0");
    assert_eq!(world.texts(), ["Alpha."]);
}

#[test]
fn a_run_that_indexes_nothing_says_so_last() {
    let world = World::new();
    let plain = |paths: &[&str]| {
        let run = world.run(&[&["--kb", "kb", "--embedder", "hashed"], paths].concat()).exits(0);
        run.stdout.lines().last().expect("a line").to_owned()
    };
    assert_eq!(plain(&["docs"]), "nothing was indexed: no file was found");
    world.write("page.docx", "x");
    let last = plain(&["docs"]);
    assert!(last.starts_with("nothing was indexed: 1 entries were left out, the first for this: "), "{last}");
    assert!(
        last.ends_with("docs/page.docx: no Word document: it is no package of an office program"),
        "{last}"
    );
    assert_eq!(plain(&["--dry-run", "docs"]), last);
    let json = world.ingest(&["docs"]).exits(0);
    assert_eq!(json.json()["note"], last.as_str());
    assert!(json.stderr.contains(&last), "{}", json.stderr);
    world.write("page.md", "Text.\n");
    assert!(plain(&["docs"]).starts_with("knowledge base version: "));
    assert!(plain(&["docs"]).starts_with("knowledge base version: "), "nothing changed, which is no fault");
}

#[test]
fn flags_fill_in_what_documents_do_not_say() {
    let world = World::new();
    world.write("a.md", "---\naccess: [sre]\nkind: wiki\n---\nAlpha.\n");
    world.write("b.md", "Beta.\n");
    world.ingest(&["--kind", "runbook", "--access", "team", "docs"]).exits(0);
    let kinds: Vec<Value> = world.chunks().iter().map(|chunk| chunk["kind"].clone()).collect();
    assert_eq!(kinds, ["runbook", "runbook"]);
    assert_eq!(
        world.ingest(&["--kind", "runbook", "docs"]).exits(0).documents(),
        "2 0 1 1 0",
        "only b had the tag"
    );
}

/// The versions that a run stores: by path, by front matter, and by titles that differ only by one.
#[test]
fn editions_of_a_page_get_their_versions() {
    let world = World::new();
    world.write("1.11/a.md", "# A\n\nOld.\n");
    world.write("one-1.11.md", "# One\n\nOld.\n");
    world.write("one-1.13.md", "# One\n\nNew.\n");
    world.write("two.md", "# Relay 1.11: limits\n\nOld.\n");
    world.write("three.md", "# Relay v1.13: limits\n\nNew.\n");
    world.write("alone-1.11.md", "# Alone\n\nThe only one.\n");
    world.write("said.md", "---\nproduct_version: 1.20\n---\n# Said\n\nIt.\n");
    world.ingest(&["docs"]).exits(0);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "7 0 0 7 0", "the hashes know the versions");
    // Its sibling gone, a title only mentions a version.
    world.remove("two.md");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "6 0 1 5 1");
}
