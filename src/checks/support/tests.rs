use super::*;
use crate::phrases;
use kb::question::Language;
use std::collections::BTreeMap;

#[test]
fn figures() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut tally: BTreeMap<(String, bool), (usize, usize)> = BTreeMap::new();
    for (file, is_faithful) in [("faithful", true), ("unfaithful", false)] {
        let rows = std::fs::read_to_string(root.join(format!("eval/suites/support/{file}.tsv"))).unwrap();
        for row in rows.lines().filter(|row| !row.starts_with('#')) {
            let columns: Vec<&str> = row.split('\t').collect();
            let [half, document, language, kind, sentence] = columns[..] else { panic!("{row}") };
            let (path, heading) = document.split_once('#').map_or((document, None), |(a, b)| (a, Some(b)));
            let (title, text) = texts
                .entry(document.to_owned())
                .or_insert_with(|| {
                    let raw = std::fs::read_to_string(root.join(path)).unwrap();
                    let at = raw.find("\n# ").unwrap() + 1;
                    let body = &raw[at..];
                    let title = body.lines().next().unwrap().trim_start_matches("# ").to_owned();
                    let body = match heading {
                        None => body.to_owned(),
                        Some(heading) => {
                            let start = body.find(&format!("## {heading}")).unwrap();
                            let end = body[start + 3..].find("\n## ").map_or(body.len(), |e| start + 3 + e);
                            body[start..end].to_owned()
                        }
                    };
                    (title, body)
                })
                .clone();
            let prohibitions = kb::prohibition::of_passage(&[], &text);
            let evidence = [Evidence { title, text, prohibitions, url: None, ..Evidence::sample(1) }];
            let question = Question::parse("What now?", Some(language)).unwrap();
            let phrases = phrases::phrases(&Language(language.to_owned()));
            let support = Support::new(&evidence, &question, phrases);
            let found = support.judge(sentence, &BTreeSet::from([1]));
            let is_marked = found.fault.is_some();
            for key in [half.to_owned(), format!("{half} {language}"), format!("{half} {kind}")] {
                let entry = tally.entry((key, is_faithful)).or_default();
                entry.0 += 1;
                entry.1 += usize::from(is_marked);
            }
            if is_marked == is_faithful {
                println!("{} {half} {language} {kind} {document}\n   {sentence}\n   {:?} {}", if is_faithful { "FALSE" } else { "MISSED" }, found.fault, found.detail);
            } else if is_faithful {
                println!("fine {half} {language} {kind} {}", found.detail);
            } else {
                println!("caught {half} {language} {kind} {:?} {}", found.fault, found.detail);
            }
        }
    }
    for ((key, is_faithful), (all, marked)) in tally {
        println!("{key} {} {marked}/{all} {:.3}", if is_faithful { "false marks" } else { "caught" }, marked as f32 / all as f32);
    }
}

#[test]
fn specials() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string("/tmp/support/special.txt").unwrap();
    let documents = ["runbooks/runbooks/pod-oom-killed.md", "runbooks/sops/drain-a-node.md", "runbooks/runbooks/etcd-latency-no-leader.md", "runbooks/runbooks/dns-coredns.md", "runbooks/sops/restart-policy-payments.md", "runbooks/runbooks/storage-pvc-and-mounts.md", "runbooks/wiki/how-oncall-works.zh-TW.md"];
    for line in list.lines() {
        let (language, sentence) = line.split_once('|').unwrap();
        let mut unmarked = Vec::new();
        for document in documents {
            let raw = std::fs::read_to_string(root.join(document)).unwrap();
            let text = raw[raw.find("\n# ").unwrap() + 1..].to_owned();
            let prohibitions = kb::prohibition::of_passage(&[], &text);
            let evidence = [Evidence { text, prohibitions, url: None, ..Evidence::sample(1) }];
            let question = Question::parse("What now?", Some(language)).unwrap();
            let phrases = phrases::phrases(&Language(language.to_owned()));
            let support = Support::new(&evidence, &question, phrases);
            let found = support.judge(sentence, &BTreeSet::from([1]));
            if found.fault.is_none() { unmarked.push(format!("{document} {}", found.detail)); }
        }
        println!("{} {sentence}", unmarked.len());
        for line in unmarked { println!("      {line}"); }
    }
}
