//! `ingest rename`, and the runs that offer it.

use crate::world::{Run, World};
use std::{fs, process::Command};

/// A folder under another name is recognised, and its source renamed without embedding anything.
#[test]
fn a_renamed_folder_offers_to_rename_its_source() {
    let world = World::new();
    world.write_numbered(12);
    world.write("links.md", "# Links\n\nSee [page 3](page-003.md) about the relay.\n");
    world.write_beside("other/a.md", "# Other\n\nSomething else.\n");
    world.ingest(&["docs", "other"]).exits(0);
    let chunks_before = world.chunks();
    fs::rename(world.docs(), world.dir.path().join("new docs")).expect("it can be renamed");
    world.write_beside("new docs/page-000.md", "# Page 0\n\nAnother text.\n");
    fs::remove_file(world.dir.path().join("new docs/page-001.md")).expect("it is there");

    let offered = "run `ingest rename docs 'new docs'` with the same `--kb`";
    let warnings = |run: &Run| run.json()["warnings"].to_string();
    let dry = world.ingest(&["--dry-run", "new docs"]).exits(0);
    assert!(warnings(&dry).contains(offered), "{}", warnings(&dry));
    let other = world.ingest(&["--dry-run", "new docs", "docs"]).code;
    assert_ne!(other, Some(0), "there is no folder of the old name");

    // Renamed before the folder is read under its new name, or after: the same.
    for reads_first in [false, true] {
        let kb = format!("kb-{reads_first}");
        let copied = Command::new("cp").args(["-r", "kb", &kb]).current_dir(world.dir.path()).status();
        assert!(copied.expect("it runs").success());
        let ingest = || world.run(&["--kb", &kb, "--embedder", "hashed", "--json", "new docs"]).exits(0);
        if reads_first {
            let run = ingest();
            assert!(warnings(&run).contains(offered), "{}", warnings(&run));
            assert!(!warnings(&ingest()).contains("rename"), "it is known by then");
        }
        let run = world.run(&["rename", "--kb", &kb, "docs", "new docs"]).exits(0);
        assert!(run.stdout.contains("source `docs` is `new docs` now: 13 documents"), "{}", run.stdout);
        let run = ingest();
        let expected = if reads_first { "12 0 0 12 1" } else { "12 0 1 11 1" };
        assert_eq!(run.documents(), expected);
        assert_eq!(run.json()["chunks"]["embedded"], if reads_first { 0 } else { 1 });
        let stored = world.printed(&kb);
        assert!(!stored.contains("\"docs/") && stored.contains("\"new docs/links.md\""), "{stored}");
        assert!(stored.contains("\"other/a.md\""));
    }

    // What cannot be renamed stays as it is.
    for (arguments, code, says) in [
        (&["rename", "--kb", "kb", "none", "x"][..], 2, "there is no source `none`"),
        (&["rename", "--kb", "kb", "docs", "other"], 3, "has other documents"),
        (&["rename", "--kb", "kb", "docs", "docs"], 2, "is named `docs` already"),
        (&["rename", "--kb", "kb", "docs", "a/b"], 2, "cannot name a source"),
        (&["rename", "--kb", "absent", "docs", "x"], 1, "there is no knowledge base"),
    ] {
        let run = world.run(arguments).exits(code);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    assert_eq!(world.chunks(), chunks_before);
    world.run(&["rename", "--kb", "kb", "--force", "docs", "other"]).exits(0);
    let stored = world.printed("kb");
    assert!(stored.contains("\"other/a.md\"") && stored.contains("\"other/page-003.md\""), "{stored}");
}
