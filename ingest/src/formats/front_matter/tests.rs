//! Tests of front matter: texts go in, what they state or why they are refused comes out.

use super::*;
use kb::document::Kind;

fn read(text: &str) -> Stated {
    parse(text).expect(text).expect("there is front matter").0
}

/// The first few, and how many more there are.
const MAX_BOMB_WARNINGS: usize = 9;

fn check_error(text: &str, part: &str) {
    let error = parse(text).expect_err(text).to_string();
    assert!(error.contains(part), "{text:?} gave {error:?}, without {part:?}");
}

#[test]
fn the_three_formats_say_the_same() {
    let yaml = "---\ntitle: Node  down\nkind: runbook\ntags: [b, a]\nversion: 1.20\ndate: 2024-08-21\naccess: [sre]\n\
                applies_to:\n  kind: [Pod, ReplicaSet]\n  name: web-*\n---\nbody";
    let toml = "+++\ntitle = \"Node down\"\nkind = \"runbook\"\ntags = [\"b\", \"a\"]\nversion = 1.20\n\
                date = 2024-08-21\naccess = [\"sre\"]\n[applies_to]\nkind = [\"Pod\", \"ReplicaSet\"]\nname = \"web-*\"\n+++\nbody";
    let json = "{\n\"title\": \"Node down\",\n\"kind\": \"runbook\",\n\"tags\": [\"b\", \"a\"],\n\"version\": 1.20,\n\
                \"date\": \"2024-08-21\",\n\"access\": \"sre\",\n\"applies_to\": [{\"kind\": [\"Pod\", \"ReplicaSet\"], \"name\": \"web-*\"}]\n}\nbody";
    let expected = read(yaml);
    assert_eq!(expected.title.as_deref(), Some("Node down"));
    assert_eq!(expected.version.as_deref(), Some("1.20"));
    assert_eq!(expected.access, Some(vec!["sre".to_owned()]));
    assert_eq!(expected.created_at.map(|time| time.to_string()).as_deref(), Some("2024-08-21T00:00:00Z"));
    assert_eq!(expected.applies_to[0].kind, ["Pod", "ReplicaSet"]);
    assert_eq!(read(toml), expected);
    assert_eq!(read(json), expected);
    for text in [yaml, toml, json] {
        let (_, range) = parse(text).expect("it parses").expect("it is there");
        assert_eq!(text[range.end..].trim_start(), "body");
    }
}

#[test]
fn a_line_across_the_page_is_no_front_matter() {
    for text in [
        "",
        "text",
        "---\n\nText after a line\n",
        "---\nSome words\n---\n",
        "{{< note >}}",
        "{ not json }",
        "--- x",
    ] {
        assert_eq!(parse(text), Ok(None), "{text:?}");
    }
    assert_eq!(parse("---\n---\nbody").map(|found| found.map(|(_, range)| range)), Ok(Some(0..8)));
}

#[test]
fn what_would_lose_access_or_rules_is_refused() {
    check_error("---\naccess: [sre\n", "not closed");
    check_error("---\naccess: [sre\n---\n", "not valid YAML");
    check_error("+++\naccess = [\n+++\n", "not valid TOML");
    check_error("{\"access\": [\"sre\"", "not valid JSON");
    check_error("---\naccess: [1]\n---\n", "found a number");
    check_error("---\naccess: []\n---\n", "it is empty");
    check_error("---\naccess:\n---\n", "it is empty");
    check_error("---\naccess: {a: b}\n---\n", "found a map");
    check_error("---\nAccess: [a]\naccess: [b]\n---\n", "given twice");
    check_error("---\naccess: [a]\naccess: [b]\n---\n", "duplicate");
    check_error("---\napplies_to: x\n---\n", "found a text");
    check_error("---\napplies_to: [{}]\n---\n", "matches nothing");
    check_error("---\napplies_to: {nam: x}\n---\n", "applies_to.nam`: unknown; use alert, kind");
    check_error("---\napplies_to: {name: 5}\n---\n", "put it in quotes");
    check_error("---\naccess:sre\n---\n", "found a text");
    check_error("---\naccess sre\n---\n", "found a text");
    check_error("+++\ntitle = Relay\naccess = sre\n+++\n", "not valid TOML");
    check_error("+++\ntitle = Relay\n[[applies_to]]\nname = web\n+++\n", "not valid TOML");
    check_error("---\naccess: [\"s\\u200bre\"]\n---\n", "not seen");
}

/// An entry that was meant to restrict a page and that cannot be read keeps the page out; the error names the line.
#[test]
fn attempts_to_restrict_are_refused() {
    for (text, line) in [
        ("---\ntitle: A\naccess:[ops]\n---\n", ""),
        ("---\naccess:[ops]\ntitle: A\n---\n", ""),
        ("---\naccess:\u{a0}[ops]\n---\n", ""),
        ("---\ntitle: A\naccess:\u{a0}[ops]\n---\n", ""),
        ("---\ntitle: A\naccess：[ops]\n---\n", ""),
        ("---\ntitle: A\naccess： [ops]\nkind: sop\n---\n", ""),
        ("---\ntitle: A\n\u{430}ccess: [ops]\n---\n", "(line 3)"),
        ("---\ntitle: A\n\u{ff41}ccess: [ops]\n---\n", "(line 3)"),
        ("---\ntitle: A\na\u{441}\u{441}ess: [ops]\n---\n", "(line 3)"),
        ("---\nacces: [ops]\n---\n", "(line 2)"),
        ("---\nacess: ops\n---\n", "(line 2)"),
        ("---\naccess_tags: [ops]\n---\n", "(line 2)"),
        ("---\nAccess-Tag: ops\n---\n", "(line 2)"),
        ("---\naccesss: ops\n---\n", "(line 2)"),
        ("---\n'access ': [ops]\n---\n", "(line 2)"),
        ("---\nrestricted_to: [ops]\n---\n", "(line 2)"),
        ("---\nvisibility: internal\n---\n", "(line 2)"),
        ("---\nprivate: true\n---\n", "(line 2)"),
        ("---\ntitle: A\ndescription: on relays\n  access: [ops]\n---\n", "line 4"),
        ("---\ntitle: A\nparams:\n  access: [ops]\n---\n", "(line 4)"),
        ("---\nparams:\n  a:\n  - {acces: ops}\n---\n", "within `params`"),
        ("+++\ntitle = 'A'\n[params]\naccess = ['ops']\n+++\n", "(line 4)"),
        ("+++\n[extra.a]\naccess = ['ops']\n+++\n", "(line 3)"),
        ("+++\naccess_tags = ['ops']\n+++\n", "(line 2)"),
        ("{\"params\": {\"access\": [\"ops\"]}}\nbody", "within `params`"),
        ("{\"acces\": \"ops\"}\nbody", "(line 1)"),
        ("\n---\naccess: [ops]\n---\n# A\n", "(line 3)"),
        ("\u{a0}\n\n---\ntitle: A\naccess: [ops]\n---\n", "(line 5)"),
        (" ---\naccess: [ops]\n---\n", "(line 2)"),
        ("----\naccess: [ops]\n----\n", "(line 2)"),
        ("———\naccess: [ops]\n———\n", "(line 2)"),
        ("--- # meta\naccess: [ops]\n---\n", "(line 2)"),
        ("---yaml\naccess: [ops]\n---\n", "(line 2)"),
        ("```yaml\naccess: [ops]\n```\n# A\n", "(line 2)"),
        ("<!--\naccess: [ops]\n-->\n# A\n", "(line 2)"),
        ("<!-- access: [ops] -->\n# A\n", "(line 1)"),
        ("access: [ops]\n\n# A\n", "(line 1)"),
        ("title: A\naccess: [ops]\n---\n# A\n", "(line 2)"),
        ("# A\n\n---\ntitle: A\naccess: [ops]\n---\n", "(line 5)"),
        ("\n{\"access\": [\"ops\"]}\nbody", "(line 2)"),
        ("---\raccess: [ops]\r---\rbody", "(line 2)"),
        ("---\ntitle: A\n---\n---\naccess: [ops]\n---\n", "(line 5)"),
        ("---\n---\naccess: [ops]\n---\n", "(line 3)"),
        ("---\napplies-to: {name: web}\n---\n", "applies_to"),
        ("---\nappliesTo: {name: web}\n---\n", "applies_to"),
    ] {
        check_error(text, line);
    }
    for text in [
        "---\ntitle: A\nprivate: false\nvisibility: public\n---\n",
        "---\ntitle: A\naccess: [ops]\ndescription: |\n  access: read only\n---\n",
        "---\ndescription: |\n  access: read only\n---\n",
        "---\ntitle: Access to relays\n---\n# Access\n\nAccess: by VPN\n",
        "# Relay\n\nAccess: by VPN only. Ask in #ops.\n",
        "Relay is stuck\n---\naccess: [a] is a key\n",
        "---\nsuccess: 5\nweight: 3\nmenu: {main: {weight: 5}}\n---\n",
        "---\ntitle: A\n---\n\nText.\n\n---\n\naccess: x\n",
        "---\nlayout: page\nslug: access\nprocess: a\n---\n",
    ] {
        let parsed = parse(text);
        assert!(parsed.is_ok(), "{text:?} gave {parsed:?}");
    }
    assert!(
        refuse_in_text("---\naccess: [ops]\n---\nx")
            .is_err_and(|error| { error.to_string().contains("line 2: it is read in Markdown only") })
    );
    assert_eq!(refuse_in_text("Relay is stuck.\nAccess: by VPN\n"), Ok(()));
}

#[test]
fn keys_near_a_known_one_are_reported() {
    for (key, known) in [
        ("titel", Some("title")),
        ("lables", Some("labels")),
        ("tag", Some("tags")),
        ("descripton", Some("description")),
        ("langauge", Some("language")),
        ("verison", Some("version")),
        ("weight", None),
        ("toc", None),
        ("menu", None),
        ("draft", None),
        ("type", None),
        ("date", None),
    ] {
        let warnings = read(&format!("---\n{key}: a\n---\n")).warnings.join("; ");
        let expected = known.map(|known| format!("was `{known}` meant?")).unwrap_or_default();
        assert!(
            warnings.contains(&expected) && (known.is_some() || !warnings.contains("meant")),
            "{key}: {warnings}"
        );
    }
}

#[test]
fn names_that_restrict_are_sorted() {
    assert!(attempts::restricting().is_sorted_by(|a, b| a < b));
}

/// An entry that is not correct YAML loses only its own key, unless the key may have been one that restricts.
#[test]
fn broken_keys_cost_no_page_and_open_none() {
    for broken in ["title: Relay: queue is stuck", "tags: [relay, @oncall]", "title: \"Relay", "kind: *k"] {
        for strict in [
            "access: [sre",
            "access: [@sre]",
            "access:\n\t- sre",
            "access:sre",
            "access：[sre]",
            " access: [sre]",
            "\taccess: [sre]",
            "- access: [sre]",
            "? access",
            "access",
            "\"access: [sre]",
            "Access = sre",
            "{access: [sre]",
            "access: [a]\nAccess: [b]",
            "applies_to: {name: web: 1}",
            "applies_to:\n\t- name: web",
        ] {
            for text in
                [format!("---\n{broken}\n{strict}\n---\nx"), format!("---\n{strict}\n{broken}\n---\nx")]
            {
                assert!(parse(&text).is_err(), "{text}");
            }
        }
        let matter = read(&format!("---\naccess: [sre]\n{broken}\napplies_to:\n  name: web\n---\nx"));
        assert_eq!(matter.access, Some(vec!["sre".to_owned()]), "{broken}");
        assert_eq!(matter.applies_to.len(), 1, "{broken}");
    }
}

#[test]
fn what_can_be_read_is_read() {
    let check = |front: &str, title: Option<&str>, labels: &[&str], warnings: &[&str]| {
        let text = format!("---\n{front}\nkind: sop\n---\nbody");
        let (matter, range) = parse(&text).expect(&text).expect(&text);
        assert_eq!((matter.title.as_deref(), matter.kind), (title, Some(Kind::Sop)), "{front}");
        assert_eq!(matter.labels, labels, "{front}");
        assert_eq!(&text[range.end..], "body", "{front}");
        assert_eq!(matter.warnings.len(), warnings.len(), "{front}: {:?}", matter.warnings);
        for (warning, part) in matter.warnings.iter().zip(warnings) {
            assert!(warning.contains(part), "{front}: {warning:?}, without {part:?}");
        }
    };
    check("title: Relay: queue is stuck", Some("Relay: queue is stuck"), &[], &["line 2: key `title`"]);
    check("title: 队列: 卡住了", Some("队列: 卡住了"), &[], &["line 2: key `title`"]);
    check("title：队列卡住了", Some("队列卡住了"), &[], &["line 2: key `title`"]);
    check("title:Relay", Some("Relay"), &[], &["line 2: key `title`"]);
    check("title: *Relay* is stuck", Some("*Relay* is stuck"), &[], &["line 2: key `title`"]);
    check("title: `relay` is stuck", Some("`relay` is stuck"), &[], &["line 2: key `title`"]);
    check("title: %d messages", Some("%d messages"), &[], &["line 2: key `title`"]);
    check("title: @oncall: relay", Some("@oncall: relay"), &[], &["line 2: key `title`"]);
    check("title: \"Relay is \"stuck\"\"", Some("Relay is \"stuck\""), &[], &["line 2: key `title`"]);
    check("title: 'Relay", Some("Relay"), &[], &["line 2: key `title`"]);
    check("title: \"Relay", Some("Relay"), &[], &["line 2: key `title`"]);
    check("title: [Relay] queue", Some("[Relay] queue"), &[], &["line 2: key `title`"]);
    check("title: A\ntags: [relay, @oncall]", Some("A"), &["relay", "@oncall"], &["line 3: key `tags`"]);
    check("tags:\n\t- relay\n\t- queue\ntitle: A", Some("A"), &["relay", "queue"], &["line 2: key `tags`"]);
    check("tags: [relay,\n  @oncall", None, &["relay", "@oncall"], &["line 2: key `tags`"]);
    check("title: A\ntitle: B", Some("A"), &[], &["line 3: key `title` is a duplicate; the first counts"]);
    check("Title: A\ntitle: B", Some("A"), &[], &["duplicate"]);
    check("\ttitle: B\ntitle: A", Some("A"), &[], &["line 2 holds no key"]);
    check("title: A\nmenu: {a: b: c}", Some("A"), &[], &["line 3: key `menu` is not valid YAML; ignored"]);
    check("# note\n\ntitle: A\nsummary: a: b # c", Some("A"), &[], &["line 5: key `summary`"]);
    let toml = read("+++\ntitle = Relay is stuck\ntags = [\"a\", b]\nkind = \"sop\"\n[extra]\nx = y\n+++\n");
    assert_eq!((toml.title.as_deref(), toml.kind), (Some("Relay is stuck"), Some(Kind::Sop)));
    assert_eq!((toml.labels.as_slice(), toml.warnings.len()), (&["a".to_owned(), "b".to_owned()][..], 3));
}

#[test]
fn versions_stay_as_they_are_written() {
    for (front, version) in [
        ("version: 1.20", Some("1.20")),
        ("version: \"v1.20\"", Some("v1.20")),
        ("product_version: 1.20 # old", Some("1.20")),
        ("versions: [1.20, 1.21]", Some("1.20, 1.21")),
        ("versions:\n  - 1.20\n  - \"1.21\"\ntitle: x", Some("1.20, 1.21")),
        ("versions: ['1.20', '1.21']", Some("1.20, 1.21")),
        ("release: 2.x", Some("2.x")),
        ("version:", None),
    ] {
        assert_eq!(read(&format!("---\n{front}\n---\n")).version.as_deref(), version, "{front}");
    }
}

#[test]
fn other_mistakes_are_warnings() {
    let matter = read(
        "---\nkind: Deployment\ndate: yesterday\ntrust: high\ntitle: [a]\nweight: 5\nurl: /docs/x/\n---\n",
    );
    assert_eq!(
        (matter.kind, matter.created_at, matter.trust, matter.title, matter.url),
        (None, None, None, None, None)
    );
    assert_eq!(matter.warnings.len(), 4, "{:?}", matter.warnings);
}

#[test]
fn nothing_unseen_and_no_secret_is_kept() {
    let key = "AKIAQ7RLMXVTN2ZPWK4D";
    let matter = read(&format!(
        "---\ntitle: \"A\\u202e\\u200bB\\e[31m{key}\\e[0m\"\nauthor: [{{name: \"x\\u202e{key}\"}}]\n\
         tags: [\"\\u202ea\", \"\\x41{}\"]\nversion: \"1\\u0007\"\n---\n",
        &key[1..]
    ));
    assert_eq!(matter.title.as_deref(), Some("AB[redacted:aws-access-key]"));
    assert_eq!(matter.author.as_deref(), Some("x[redacted:aws-access-key]"));
    assert_eq!(matter.labels, ["a", "[redacted:aws-access-key]"]);
    assert_eq!(matter.version.as_deref(), Some("1"));
}

#[test]
fn bombs_do_no_harm() {
    let mut aliases = "---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let before = format!("*a{}", i - 1);
        aliases.push_str(&format!("a{i}: &a{i} [{}]\n", [before.as_str(); 9].join(", ")));
    }
    aliases.push_str("---\n");
    let matter = read(&aliases);
    assert_eq!((matter.title, matter.warnings.len()), (None, MAX_BOMB_WARNINGS));
    aliases.insert_str(4, "access: [x]\n");
    assert_eq!(read(&aliases).access, Some(vec!["x".to_owned()]));
    check_error(&aliases.replace("access: [x]", "access: *a1"), "not valid YAML");
    read(&format!("---\na: {}{}\n---\n", "[".repeat(20_000), "]".repeat(20_000)));
    let lines = format!("---\n{}---\n", "a: b: c\n".repeat(7_000));
    assert_eq!(read(&lines).warnings.len(), MAX_BOMB_WARNINGS);
    check_error(&format!("{{\"a\": {}{}}}", "[".repeat(20_000), "]".repeat(20_000)), "recursion");
    check_error(&format!("---\na: {}\n---\n", "x".repeat(MAX_BYTES)), "larger than");
}
