//! `ingest backup`, `ingest restore` and `--rebuild`: damage to a knowledge base and the ways back.

use crate::world::World;
use std::{fs, path::Path};

/// Flips a bit in the middle of each stored file with such a name.
fn damage(folder: &Path, end: &str) -> usize {
    let mut damaged = 0;
    for entry in fs::read_dir(folder).expect("it lists").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("embedding-cache") {
            damaged += damage(&path, end);
        } else if path.to_string_lossy().ends_with(end) {
            let mut bytes = fs::read(&path).expect("it is ours");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 2;
            fs::write(&path, bytes).expect("it is ours");
            damaged += 1;
        }
    }
    damaged
}

#[test]
fn backups_come_back() {
    let world = World::new();
    world.write_numbered(5);
    world.ingest(&["docs"]).exits(0);
    let before = world.texts();
    let kept = world.run(&["backup", "--kb", "kb", "--to", "kept", "--json"]).exits(0).json();
    assert_eq!(
        (&kept["version"], &kept["chunks"], &kept["was_covered"]),
        (&"g1.1".into(), &5.into(), &true.into())
    );
    world.run(&["backup", "--kb", "kb", "--to", "kept"]).exits(2);
    world.run(&["restore", "--kb", "kb", "--from", "docs"]).exits(2);
    world.run(&["restore", "--kb", "kb", "--from", "kb"]).exits(2);
    world.run(&["backup", "--kb", "absent", "--to", "new"]).exits(1);
    world.write("page-000.md", "# Page 0\n\nOther text.\n");
    world.ingest(&["docs"]).exits(0);
    assert_ne!(world.texts(), before);
    let said = world.run(&["restore", "--kb", "kb", "--from", "kept"]).exits(0).stdout;
    assert!(said.contains("restored to kb: version g2.1, 5 chunks"), "{said}");
    assert_eq!(world.texts(), before);
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "5 0 1 4 0", "runs go on from there");
    assert!(damage(&world.dir.path().join("kept"), ".store") > 0);
    let refused = world.run(&["restore", "--kb", "kb", "--from", "kept"]).exits(1);
    assert!(refused.stderr.contains(".store"), "{}", refused.stderr);
}

#[test]
fn damage_is_refused_and_built_again() {
    let world = World::new();
    world.write_numbered(6);
    world.write_beside("wiki/a.md", "# A\n\nOne page.\n");
    world.ingest(&["docs", "wiki"]).exits(0);
    let before = world.texts();
    world.ingest(&["--rebuild", "docs/page-000.md"]).exits(2);
    world.ingest(&["--rebuild", "--dry-run", "docs"]).exits(2);

    assert_eq!(damage(&world.kb(), "vectors.f32"), 1);
    let refused = world.ingest(&["docs", "wiki"]).exits(1);
    assert!(
        refused.stderr.contains("g1/vectors.f32") && refused.stderr.contains("--rebuild"),
        "{}",
        refused.stderr
    );
    let refused = world.ingest(&["--rebuild", "docs"]).exits(3);
    assert!(refused.stderr.contains("`wiki`"), "{}", refused.stderr);
    let report = world.ingest(&["--rebuild", "docs", "wiki"]).exits(0).json();
    assert_eq!((&report["documents"]["added"], &report["chunks"]["written"]), (&7.into(), &7.into()));
    assert_eq!(report["chunks"]["embedded"], 0, "the cache knows all of them");
    assert_eq!(world.texts(), before);
    assert_eq!(world.ingest(&["docs", "wiki"]).exits(0).documents(), "7 0 0 7 0");

    // Where the records themselves are damaged, nothing can be compared with, and the report says so.
    fs::write(world.kb().join("CURRENT"), "g?\n").expect("it is ours");
    world.ingest(&["docs"]).exits(1);
    let report = world.ingest(&["--rebuild", "docs"]).exits(0).json();
    assert!(report["note"].as_str().expect("it has one").contains("could not be read"), "{report}");
    assert_eq!(world.texts().len(), 6);

    for i in 0..5 {
        world.remove(&format!("page-{i:03}.md"));
    }
    assert_eq!(damage(&world.kb(), "vectors.i8"), 1);
    world.ingest(&["--rebuild", "docs"]).exits(3);
    world.ingest(&["--rebuild", "--force", "docs"]).exits(0);
    assert_eq!(world.texts().len(), 1);
}

#[test]
fn a_missing_file_says_what_to_do() {
    let world = World::new();
    world.write_numbered(2);
    world.ingest(&["docs"]).exits(0);
    for file in ["manifest.json", "vectors.f32", "vectors.sums", "tantivy/meta.json"] {
        let path = world.kb().join("g1").join(file);
        let bytes = fs::read(&path).expect("it is there");
        fs::remove_file(&path).expect("it is ours");
        let refused = world.ingest(&["docs"]).exits(1);
        for part in [file, "it is missing", "ingest restore", "ingest --rebuild"] {
            assert!(refused.stderr.contains(part), "{file}: {}", refused.stderr);
        }
        fs::write(&path, bytes).expect("it is ours");
    }
    world.ingest(&["docs"]).exits(0);
}
