//! Suites as they are written, good and bad.

use super::*;
use crate::{datasets::Corpus, metrics::Metric};
use std::collections::BTreeMap;

fn read(text: &str, data: Option<&str>) -> Result<Suite, String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("suite.toml");
    std::fs::write(&path, text).expect("a file in it");
    Suite::read(&path, data.map(Path::new)).map_err(|error| error.to_string())
}

#[test]
fn paths_are_resolved_and_bounds_read() {
    let suite = read(
        r#"
        name = "s"
        root = "$RUNBOOKD_TEST_DATA"
        [[set]]
        name = "alerts"
        queries = "q/queries.jsonl"
        qrels = "q/qrels.tsv"
        corpus = ["corpora/runbooks"]
        floors = { "ndcg@10" = 0.9, evidence_recall = 0.8 }
        [[abstention]]
        name = "others"
        corpus = ["/elsewhere"]
        answerable = ["a.jsonl"]
        unanswerable = ["u.jsonl"]
        ceilings = { false_answers_at_95 = 0.01 }
        "#,
        Some("/data"),
    )
    .expect("a good suite");
    assert_eq!(suite.sets[0].queries, Path::new("/data/q/queries.jsonl"));
    assert_eq!(suite.sets[0].floors, BTreeMap::from([(Metric::Ndcg10, 0.9)]));
    assert_eq!(suite.sets[0].evidence_recall_floor, Some(0.8));
    assert_eq!(suite.abstention[0].corpus, Corpus::Directories(vec!["/elsewhere".into()]));
    assert_eq!(suite.abstention[0].ceilings.false_answers_at_95, Some(0.01));
    assert_eq!(suite.tolerance, 0.02);
}

#[test]
fn fidelity_asks_headings_or_sets() {
    let suite = read(
        r#"
        name = "s"
        [[fidelity]]
        name = "pages"
        corpus = ["/docs"]
        headings = { questions = 50 }
        floors = { lead = 0.9 }
        ceilings = { refused = 0.05 }
        [[fidelity]]
        name = "alerts"
        corpus = ["/docs"]
        sets = ["/sets/alerts"]
        floors = { "head@1" = 0.9 }
        "#,
        None,
    )
    .expect("a good suite");
    assert_eq!(suite.fidelity[0].asked, Asked::Headings(Sampling { questions: 50, ..Sampling::default() }));
    assert_eq!(suite.fidelity[0].ceilings, BTreeMap::from([("refused".to_owned(), 0.05)]));
    let Asked::Sets(sets) = &suite.fidelity[1].asked else { panic!("{:?}", suite.fidelity) };
    assert_eq!(
        (sets[0].name.as_str(), sets[0].queries.as_path()),
        ("alerts", Path::new("/sets/alerts/queries.jsonl"))
    );
}

#[test]
fn cases_hold_either_kind_of_question() {
    let suite = read(
        r#"
        name = "s"
        corpus = ["../runbooks"]
        [[case]]
        id = "plain"
        question = "why?"
        relevant = ["a.md", { id = "b/", grade = 2 }]
        [[case]]
        id = "k8sgpt"
        k8sgpt = { message = "Back-off pulling image" }
        answerable = false
        status = "unknown"
        "#,
        None,
    )
    .expect("a good suite");
    assert_eq!(suite.cases[0].judgements(), [("a.md".to_owned(), 1), ("b/".to_owned(), 2)]);
    assert_eq!(suite.cases[1].text(), "Back-off pulling image");
    assert!(suite.cases[0].answerable && !suite.cases[1].answerable);
}

#[test]
fn mistakes_are_named() {
    for (text, expected) in [
        ("name = 's'\n[[set]]\nname = 'a'", "set `a` needs either `beir`"),
        ("name = 's'\nroot = '$RUNBOOKD_TEST_DATA'", "set it, or give `--data DIRECTORY`"),
        ("name = 's'\ncorpus = ['x']\n[[case]]\nid = 'a'", "needs either `question` or `k8sgpt`"),
        ("name = 's'\n[[case]]\nid = 'a'\nquestion = 'x'", "need a `corpus`"),
        ("name = 's'\ncorpus = ['x']\n[[case]]\nid = 'a'\nquestion = ' '", "asks nothing"),
        ("name = 's'\nextra = 1", "unknown field `extra`"),
        ("name = 's'\n[[fidelity]]\nname='a'\ncorpus=['c']", "and either `headings` or `sets`"),
        (
            "name = 's'\n[[fidelity]]\nname='a'\ncorpus=['c']\nheadings={}\nfloors={mostly=1.0}",
            "no figure `mostly`; it has lead, whole",
        ),
        (
            "name = 's'\n[[replies]]\nname='a'\ncorpus=['c']\nhonest=['h']",
            "need `corpus`, `honest` and `hostile`",
        ),
        (
            "name = 's'\n[[replies]]\nname='a'\ncorpus=['c']\nhonest=['h']\nhostile=['l']\nceilings={lost=1.0}",
            "no figure `lost`; they have harm",
        ),
        (
            "name = 's'\n[[set]]\nname='a'\nqueries='q'\nqrels='r'\ncorpus=['c']\nfloors={ndcg=1.0}",
            "`ndcg` is not a metric",
        ),
    ] {
        let error = read(text, None).expect_err("a bad suite");
        assert!(error.contains(expected), "{text}: {error}");
    }
}
