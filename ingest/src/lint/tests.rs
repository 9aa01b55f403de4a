//! Tests of the lint over small folders: files go in, findings come out.

use super::{Linter, Settings};
use crate::{
    findings::{Check, Finding, counts},
    formats::{Defaults, Format, Place, links::Pages, parse, site::Site},
};
use kb::growth::assert_follows_size;

/// The findings of the linter in the files of the source `kb` on 2026-11-27; each file is given as its path and its
/// text.
fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    let now = "2026-11-27T00:00:00Z".parse().expect("it is a time");
    let mut linter = Linter::new(Settings { now, stale_days: 365 });
    let pages = Pages::new("kb", files.iter().map(|(path, _)| *path));
    let site = Site::of(files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64)), |_| None);
    let defaults = Defaults::default();
    for (path, text) in files {
        let Ok(format) = Format::of(path) else { continue };
        let place = Place {
            source: "kb",
            relative: path,
            shown: path,
            pages: &pages,
            site: &site,
            defaults: &defaults,
        };
        linter.add_parsed(path, &parse(format, text.as_bytes().to_vec(), &place), false);
    }
    linter.findings()
}

/// The findings as `path:line check: message`.
fn told(files: &[(&str, &str)]) -> String {
    let lines =
        findings(files).into_iter().map(|Finding { check, path, line, message, severity, .. }| {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{path}{line} {severity} {check}: {message}\n")
        });
    lines.collect()
}

/// Words that no two texts share.
fn words(seed: usize, count: usize) -> String {
    (0..count).map(|at| format!("word{} ", (at * 7_919 + seed * 104_729) % 1_000_003)).collect()
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let page = "# A\n\n[b](b.md) [part](b.md#part-one) [given](b.md#own) [here](#c-d) [file](x/y.yaml) [folder](x/)\n\
                [web](https://example.com/x) [mail](mailto:a@b.example) [out](../../up.md) [t]({{ x }}) [e](b%20c.md)\n\n\
                ## C & D\n\n[gone](gone.md)\n[nowhere](b.md#part-two) [self](#e) <a id=\"html\"></a>[ok](#html)\n\n\
                ```\n[code](no.md)\n```\n";
    insta::assert_snapshot!(
        told(&[
            ("a.md", page),
            ("b.md", "# B\n\n## Part one\n\nx\n\n## Part 2 {#own}\n\nx\n\n## Part 3 {#own}\n\ny\n"),
            ("b c.md", "# C\n\nx\n"),
            ("x/y.yaml", "a: b\n"),
        ]),
        @r"
    a.md:8 error dead-link: the link `gone.md` leads to nothing in the folder
    a.md:9 warning dead-anchor: the link `#e` leads to no heading of this page
    a.md:9 warning dead-anchor: the link `b.md#part-two` leads to no heading of that page
    b.md:11 warning duplicate-anchor: the heading has the identifier `own` of another one, as on line 7
    "
    );
}

#[test]
fn identifiers_of_made_headings_are_not_known() {
    let next = "# A\n\n[x](#nowhere)\n\n## {{% heading \"whatsnext\" %}}\n\ny\n";
    let known = "# A\n\n[x](#nowhere)\n\n## {{< skew currentVersion >}} {#own}\n\n```\n# {{< a >}}\n```\n";
    insta::assert_snapshot!(
        told(&[
            ("a.md", next),
            ("zh.md", &format!("---\nlang: zh-CN\n---\n{next}")),
            ("vi.md", &format!("---\nlang: vi\n---\n{next}")),
            ("b.md", &known.replace("# A\n", "# B\n")),
            ("c.md", "# C\n\n[x](#v1-30) [y](a.md#whats-next) [z](zh.md#接下来)\n\n## {{< skew currentVersion >}}\n\ny\n"),
        ]),
        @r"
    a.md:3 warning dead-anchor: the link `#nowhere` leads to no heading of this page
    b.md:3 warning dead-anchor: the link `#nowhere` leads to no heading of this page
    zh.md:6 warning dead-anchor: the link `#nowhere` leads to no heading of this page
    "
    );
}

#[test]
fn addresses_from_the_root_are_judged_beside_others() {
    insta::assert_snapshot!(
        told(&[
            ("a.md", "# A\n\n[b](/docs/tasks/b/) [gone](/docs/tasks/gone/) [elsewhere](/blog/x/)\n"),
            ("tasks/b.md", "# B\n\nx\n"),
        ]),
        @"a.md:3 warning dead-link: the link `/docs/tasks/gone/` leads to nothing in the folder, though its neighbours do"
    );
}

#[test]
fn runbooks_say_how_to_look_and_what_to_do() {
    let long = words(1, 60);
    for (name, text, expected) in [
        ("full", "## Symptoms\n\nx\n\n## Diagnosis\n\nx\n\n## Mitigation\n\nx\n", ""),
        ("empty", "## Diagnosis\n\nTODO\n\n## Mitigation\n\n", "missing-diagnosis missing-mitigation"),
        ("nested", "## Diagnosis\n\n### Logs\n\nx\n\n## What to do\n\nx\n", ""),
        ("bold", "**Symptoms**\n\nx\n\n**Chẩn đoán:**\n\nx\n\n**Cách xử lý**\n\nx\n", ""),
        ("commands", "## Meaning\n\n`kubectl describe pod x`\n\n1. a\n2. b\n", ""),
        ("zh", "## 現象\n\nx\n\n## 診斷\n\nx\n\n## 處理方式\n\nx\n", ""),
        ("id", "## Gejala\n\nx\n\n## Pemeriksaan\n\nx\n\n## Penanganan\n\nx\n", ""),
        ("prose", &format!("x\n\n{long}\n"), "missing-diagnosis missing-mitigation"),
        ("pointer", "Moved to another page.\n", ""),
        ("table", "## Codes\n\nx\n\n```sh\nls\n```\n", ""),
        ("README", "## Symptoms\n\nx\n", ""),
        ("half", "## Symptoms\n\nx\n\n## Mitigation\n\nx\n", "missing-diagnosis"),
        ("ignored", "", "missing-mitigation"),
    ] {
        let text = match name {
            "ignored" => "---\nlint_ignore: missing-diagnosis\n---\n# A\n\n## Symptoms\n\nx\n".to_owned(),
            _ => format!("# Alert\n\n{text}"),
        };
        let path = format!("runbooks/{name}.md");
        let found: Vec<&str> =
            findings(&[(&path, &text)]).iter().map(|finding| finding.check.name()).collect();
        assert_eq!(found.join(" "), expected, "{name}");
    }
}

#[test]
fn duplicates_are_told_from_editions_and_patterns() {
    let (text, pattern) = (words(1, 400), words(2, 300));
    let long = |own: usize| format!("# Page {own}\n\n{pattern}\n\n{}\n", words(own, 100));
    let near = format!("# Other\n\n{text} and a few words more at the end\n");
    let page = format!("# A\n\n{text}\n");
    let versions = format!("---\nversion: \"1.2\"\n---\n# C\n\n{text}\n");
    let patterned: Vec<(String, String)> = (10..18).map(|own| (format!("p/{own}.md"), long(own))).collect();
    let mut files: Vec<(&str, &str)> = vec![("a.md", &page), ("b.md", &near), ("c.md", &versions)];
    files.push(("a.vi.md", &page));
    files.extend(patterned.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let told = told(&files);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("b.md warning near-duplicate: says the same as `a.md` (9"), "{told}");
}

/// A hundred thousand copies would be five billion pairs.
#[test]
fn copies_cost_no_more_than_their_number() {
    let text = format!("# A\n\n{}\n", words(3, 80));
    let paths: Vec<String> = (0..3_000).map(|at| format!("{at}.md")).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), text.as_str())).collect();
    let started = std::time::Instant::now();
    let found = findings(&files);
    assert_eq!(counts(&found)["near-duplicate"], 2_999);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn rules_contradict_each_other_or_match_nothing() {
    let sop = |title: &str, rule: &str, text: &str| {
        format!("---\ntitle: {title}\nkind: sop\napplies_to:\n{rule}---\n# {title}\n\n{text}\n")
    };
    let ledger = "  kind: Deployment\n  name: ledger\n";
    let forbids = sop("Ledger", ledger, "Never restart the Deployment `ledger`.");
    let warned = sop("Warned", "  name: ledger\n", "Do not run `kubectl rollout restart deployment/ledger`.");
    let other = sop("Other", "  name: web\n", "```sh\nkubectl rollout restart deployment/web\n```");
    let commands = sop(
        "Restart",
        "  kind: [Deployment, Deploymnet]\n  name: ledger\n  namespace: a/b\n",
        "Look first.\n\n```sh\nkubectl get pods\nkubectl -n shop rollout restart deployment/ledger\n```",
    );
    let twin = sop("Twin", ledger, "Ask the owner.");
    let files = [
        ("commands.md", commands.as_str()),
        ("forbids.md", &forbids),
        ("other.md", &other),
        ("twin.md", &twin),
        ("twin.zh-TW.md", &twin),
        ("warned.md", &warned),
    ];
    insta::assert_snapshot!(told(&files), @r"
    commands.md warning dead-rule: `applies_to` has the kind `Deploymnet`, which no failure is understood to name; was `Deployment` meant?
    commands.md warning dead-rule: `applies_to` has the namespace `a/b`; no name in Kubernetes has `/` in it
    commands.md:13 error contradicting-rules: commands `kubectl -n shop rollout restart deployment/ledger`, which `forbids.md` forbids for the same object (kind: Deployment or Deploymnet, namespace: a/b, name: ledger): “Never restart the Deployment 'ledger'.”
    commands.md:13 error contradicting-rules: commands `kubectl -n shop rollout restart deployment/ledger`, which `warned.md` forbids for the same object (kind: Deployment or Deploymnet, namespace: a/b, name: ledger): “Do not run 'kubectl rollout restart deployment/ledger'.”
    twin.md error equal-rules: has the rule of `forbids.md` (kind: deployment, name: ledger): two procedures cannot both decide
    ");
}

#[test]
fn what_stands_in_a_file_is_told_with_its_line() {
    let key = format!("ghp_{}", "aB3dE5gH7jK9mN2pQ4rS6tU8vWxYz0aB3dE5");
    let page = format!(
        "---\ntitle: A\nlanguage: en\nupdated: 2025-01-02\nlint_ignore: [nothing]\nauthr: x\n---\n# A\n\nThe key is {key}.\n\n\
         ```yaml\napiVersion: batch/v1beta1\nkind: CronJob\n```\n\n`kubectl version --short`\n\n```sh\nls\n"
    );
    insta::assert_snapshot!(
        told(&[
            ("a.md", &page),
            ("b.md", "---\ntitle: A\nlanguage: en\n---\n# B\n\nx\n"),
            ("c.md", "---\naccess: []\n---\n# C\n\nx\n"),
            ("d.yaml", "x: 1\n---\napiVersion: apps/v1beta1\nkind: Deployment\n"),
            ("e.md", "# Only a heading\n"),
            ("f/_index.md", "# Only a heading\n"),
            ("g.csv", "question,answer\na,b\nc\n"),
        ]),
        @r"
    a.md warning reservation: front matter key `authr` is not read; was `author` meant?
    a.md note stale: not touched since 2025-01-02, 694 days ago
    a.md warning unknown-check: `lint_ignore` names `nothing`, and no check has the name
    a.md:10 error secret: a secret, found by the rule `github-token`
    a.md:12 warning removed-api: `batch/v1beta1` of CronJob is not served since Kubernetes 1.25; write `batch/v1`
    a.md:17 warning removed-command: `kubectl version` has no `--short` since Kubernetes 1.28; leave it out: the output is short
    a.md:19 error unclosed-fence: the block of code that begins here has no end
    b.md note duplicate-title: has the title of `a.md`: `A`
    c.md error not-indexed: front matter key `access`: it is empty; leave the key out for everyone
    d.yaml:3 warning removed-api: `apps/v1beta1` of Deployment is not served since Kubernetes 1.16; write `apps/v1`
    e.md note not-indexed: no text
    g.csv#2 error not-indexed: the row has 1 fields, the header 2
    "
    );
}

#[test]
fn every_check_can_be_left_out() {
    let stale = "---\ntitle: A\nupdated: 2020-01-02\n---\n# A\n\nx\n";
    assert_eq!(findings(&[("a.md", stale)])[0].check, Check::Stale);
    let ignored = stale.replace("updated", "lint_ignore: [stale, near-duplicate]\nupdated");
    assert_eq!(findings(&[("a.md", &ignored)]), []);
}

#[test]
fn hostile_pages_take_no_longer_than_their_size() {
    let head = "---\nkind: runbook\napplies_to:\n  name: x\n---\n";
    for unit in [
        "[a](b.md) ",
        "[a](#b) ",
        "[a](%",
        "# a\n",
        "# a {#b}\n",
        "**a**\n\n",
        "1. a\n",
        "> - ",
        "`kubectl delete pod x-1` ",
        "Never delete `x-1`. ",
        "```\napiVersion: v1\n",
        "    apiVersion: apps/v1beta1\n    kind: Deployment\n\n",
        "{\"apiVersion\": \"v1\", ",
        "kubectl get --export ",
        "節",
        "a ",
        "[[a]]",
        "id=\"a\" ",
        "```\n",
    ] {
        let text = |bytes: usize| format!("{head}word {}", unit.repeat(bytes / unit.len()));
        assert_follows_size(unit, 60_000, text, |text| drop(findings(&[("a.md", text), ("b.md", text)])));
    }
    let kinds = (0..10_000).map(|kind| format!("k{kind}")).collect::<Vec<_>>().join(", ");
    let text = |bytes: usize| format!("---\napplies_to:\n  kind: [{}]\n---\nx\n", &kinds[..bytes]);
    assert_follows_size("kinds", 60_000, text, |text| drop(findings(&[("a.md", text), ("b.md", text)])));
}
