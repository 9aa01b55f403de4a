//! Front matter with mistakes, restricted pages, and secrets.

use crate::world::World;
use std::{fs, path::Path};

#[test]
fn front_matter_that_is_not_quite_yaml_is_reported_and_read() {
    let world = World::new();
    world.write("a.md", "---\ntitle: Relay: queue is stuck\ntags: [relay, @oncall]\n---\n\nDrain it.\n");
    world.write("b.md", "---\ntitle: Relay: secret\naccess: [sre\n---\n\nClosed.\n");
    let run = world.ingest(&["docs"]).exits(0);
    assert_eq!(run.documents(), "1 1 0 0 0");
    assert_eq!(world.chunks()[0]["title"], "Relay: queue is stuck");
    let json = run.json();
    let warnings: Vec<&str> = json["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|w| w["message"].as_str().expect("one"))
        .collect();
    assert_eq!(
        warnings,
        [
            "front matter line 2: key `title` is not valid YAML; read as the text that stands there",
            "front matter line 3: key `tags` is not valid YAML; read as a list",
        ]
    );
    assert!(
        run.rejected(Path::new("docs"))[0].starts_with(
            "b.md: front matter key `access`: line 3 cannot be read; front matter is not valid YAML"
        ),
        "{}",
        run.stdout
    );
}

#[test]
fn a_page_whose_restriction_cannot_be_read_stays_out() {
    let world = World::new();
    world.write("a.md", "# A\n\nOpen text.\n");
    world.write("b.md", "# B\n\nText that was open.\n");
    assert_eq!(world.ingest(&["docs"]).exits(0).documents(), "2 2 0 0 0");
    world.write("b.md", "---\ntitle: B\naccess:[ops]\n---\nText that was open.\n");
    world.write("c.md", "\n---\naccess: [ops]\n---\nClosed text.\n");
    world.write("d.txt", "---\naccess: [ops]\n---\nClosed text.\n");
    world.write("e.md", "---\ntitle: E\nlables: [x]\n---\nOpen text.\n");
    let run = world.ingest(&["--strict", "docs"]).exits(5);
    assert_eq!(run.documents(), "2 1 0 1 1");
    let rejected = run.rejected(&world.docs());
    for (at, part) in ["line", "(line 3)", "line 2: it is read in Markdown only"].iter().enumerate() {
        assert!(rejected[at].contains(part) && rejected[at].contains("access"), "{}", rejected[at]);
    }
    let warnings = run.json()["warnings"].to_string();
    assert!(warnings.contains("was `labels` meant?"), "{warnings}");
    assert_eq!(world.texts(), ["Open text.", "Open text."]);
}

#[test]
fn secrets_do_not_reach_the_knowledge_base() {
    let world = World::new();
    let key = format!("AKIA{}", "Q7RLMXVTN2ZPWK4D");
    world.write("a.md", format!("---\ntitle: Key {key}\n---\nUse `{key}` for the bucket.\n"));
    world.write("b.txt", format!("The key is {key}.\n"));
    world.write("c.csv", format!("question,answer\nWhich key?,{key}\n"));
    world.write(&format!("{key}.md"), "Text.\n");
    world.write("d.md", format!("See AK[{}](a.md), the key.\n", &key[2..]));
    let run = world.ingest(&["docs"]).exits(0);
    let report = run.json();
    assert_eq!(report["redacted"], 5);
    assert_eq!(report["secrets"][0]["rule"], "aws-access-key");
    assert_eq!(report["secrets"].as_array().map(Vec::len), Some(4));
    assert!(run.rejected(&world.docs())[0].contains("its name holds a secret (aws-access-key); rename it"));
    assert!(!run.stdout.contains(&key) && !run.stderr.contains(&key));
    assert!(!world.printed("kb").contains(&key));
    for entry in
        walkdir::WalkDir::new(world.kb()).into_iter().flatten().filter(|entry| entry.file_type().is_file())
    {
        let bytes = fs::read(entry.path()).expect("it can be read");
        assert!(
            !bytes.windows(key.len()).any(|window| window == key.as_bytes()),
            "{}",
            entry.path().display()
        );
    }
}
