//! `ingest lint` and the findings in the report of a run.

use crate::world::World;

#[test]
fn lint_says_what_is_wrong_and_exits_by_how_bad_it_is() {
    let world = World::new();
    world.write(
        "a.md",
        "---\ntitle: A\nupdated: 2020-01-02\n---\n# A\n\nSee [the limits of the relay](b.md#part).\n",
    );
    world.write("b.md", "# B\n\n## Part\n\nx\n");
    let clean = world.run(&["lint", "docs"]).exits(0);
    assert!(
        clean.stdout.contains("docs/a.md: note[stale]: not touched since 2020-01-02"),
        "{}",
        clean.stdout
    );
    assert!(clean.stdout.ends_with("2 documents: 0 errors, 0 warnings, 1 notes\n"), "{}", clean.stdout);
    world.run(&["lint", "--fail-on", "note", "docs"]).exits(5);
    world.run(&["lint", "--fail-on", "note", "--stale", "36500", "docs"]).exits(0);

    world.remove("b.md");
    world.run(&["lint", "docs"]).exits(5);
    world.run(&["lint", "--fail-on", "never", "docs"]).exits(0);
    world.run(&["lint", "--ignore", "dead-link", "docs"]).exits(0);
    let json = world.run(&["lint", "--json", "--only", "dead-link", "docs"]).exits(5).json();
    assert_eq!((&json["documents"], &json["counts"]["dead-link"]), (&1.into(), &1.into()));
    let finding = &json["findings"][0];
    assert_eq!((&finding["path"], &finding["line"]), (&"docs/a.md".into(), &7.into()), "{finding}");
    assert_eq!(
        (&finding["check"], &finding["severity"]),
        (&"dead-link".into(), &"error".into()),
        "{finding}"
    );
    let log = world.run(&["lint", "--format", "sarif", "docs"]).exits(5).json();
    let result = &log["runs"][0]["results"][1];
    assert_eq!((&result["ruleId"], &result["level"]), (&"dead-link".into(), &"error".into()), "{result}");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "docs/a.md");
    assert_eq!(place["region"]["startLine"], 7);

    // Of one file the links are not looked at, for its neighbours are not read.
    world.run(&["lint", "docs/a.md"]).exits(0);
    for wrong in [
        &["lint"][..],
        &["lint", "--only", "nothing", "docs"],
        &["lint", "--kb", "kb", "docs"],
        &["lint", "--config", "ingest.toml", "docs"],
        &["lint", "--config", "absent.toml"],
        &["lint", "--source", "docs", "docs"],
    ] {
        world.run(wrong).exits(2);
    }
    world.run(&["lint", "absent"]).exits(2);
    world.run(&["lint", "--kb", "absent"]).exits(1);

    let report = world.ingest(&["docs"]).exits(0).json();
    assert_eq!(report["lint"], serde_json::json!({ "dead-link": 1, "stale": 1 }));
    let stored = world.run(&["lint", "--kb", "kb", "--json"]).exits(0).json();
    assert_eq!(stored["counts"], serde_json::json!({ "stale": 1 }), "links to nowhere are not stored");
    assert_eq!(stored["findings"][0]["path"], "docs/a.md");

    // A page that links lead to, and that was not indexed, is known to be absent.
    world.write("b.md", "---\naccess: []\n---\n# B\n\nx\n");
    world.ingest(&["docs"]).exits(0);
    let stored = world.run(&["lint", "--kb", "kb", "--json"]).exits(5).json();
    assert_eq!(
        stored["counts"],
        serde_json::json!({ "dead-link": 1, "not-indexed": 1, "stale": 1 }),
        "{stored}"
    );
}
