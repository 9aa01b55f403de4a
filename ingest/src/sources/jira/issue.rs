//! An issue of Jira, as its REST API and its exports say it, as an [`Issue`].

use super::{adf, wiki};
use crate::{
    formats::{
        Parsed,
        front_matter::is_web_address,
        redaction::{self, Secrets},
        written::{Writer, one_line},
    },
    sources::tracker::{
        Comment, Issue, Normaliser, Origin, Outcome, bounded, day, instant, left_out, redacted, words_of,
    },
};
use jiff::Timestamp;
use kb::{
    document::Link,
    lists::{WordSet, words},
    mapped::MappedText,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

const DROPPING_FILE: &str = include_str!("dropping.txt");

/// The fields that a document is made of.
pub(super) const FIELDS: [&str; 20] = [
    "summary",
    "description",
    "environment",
    "issuetype",
    "priority",
    "status",
    "resolution",
    "resolutiondate",
    "labels",
    "components",
    "versions",
    "fixVersions",
    "reporter",
    "assignee",
    "created",
    "updated",
    "security",
    "parent",
    "issuelinks",
    "comment",
];

/// Resolutions that solve nothing, in lower case.
static DROPPING: LazyLock<WordSet> = LazyLock::new(|| words(DROPPING_FILE));

/// More linked issues are left out.
const MAX_RELATED: usize = 50;

/// Comments that may not be all: Jira caps those that it sends with an issue.
const EMBEDDED_CAP: u64 = 20;

/// The settings for reading issues of Jira.
#[derive(Debug, Default)]
pub(super) struct JiraNormaliser {
    /// The beginning of the address where a person reads issues: `browse/KEY` follows. Without it, the address that an
    /// issue itself gives.
    pub(super) browse_url: Option<String>,
    /// Access tags of issues with a security level, by its name.
    pub(super) security_levels: BTreeMap<String, Vec<String>>,
    /// Access tags of comments that not everybody may read; they are left out without.
    pub(super) restricted_comments: Option<Vec<String>>,
}

impl Normaliser for JiraNormaliser {
    fn key(&self, record: &Value) -> Option<String> {
        let key = record["key"].as_str()?.trim();
        (is_key(key) && record["fields"].is_object()).then(|| key.to_owned())
    }

    fn updated_at(&self, record: &Value) -> Option<Timestamp> {
        instant(&record["fields"]["updated"])
    }

    fn parsed(&self, record: &Value, origin: &Origin) -> Parsed {
        let key = record["key"].as_str().unwrap_or_default().trim();
        let access = match self.access(&record["fields"]["security"]) {
            Ok(access) => access,
            Err(reason) => return left_out(origin, key, reason),
        };
        let mut parsed = self.issue(key, record, access.clone(), origin).parsed(origin, None);
        if let Some(tags) = &self.restricted_comments
            && let Some(issue) = self.restricted(key, record, tags, access.as_deref(), origin)
        {
            let more = issue.parsed(origin, Some("restricted"));
            parsed.documents.extend(more.documents);
            parsed.warnings.extend(more.warnings);
            redaction::add(&mut parsed.redacted, more.redacted);
        }
        parsed
    }
}

impl JiraNormaliser {
    /// The access tags of a security level; why an issue with it is left out.
    fn access(&self, level: &Value) -> Result<Option<Vec<String>>, String> {
        if level.is_null() {
            return Ok(None);
        }
        let name = level["name"].as_str().or(level.as_str()).unwrap_or_default();
        match self.security_levels.get(name) {
            Some(tags) => Ok(Some(tags.clone())),
            None => Err(format!(
                "its security level `{}` has no access tags in `security_levels`",
                name.chars().filter(|c| !c.is_control()).take(60).collect::<String>()
            )),
        }
    }

    fn issue(&self, key: &str, record: &Value, access: Option<Vec<String>>, origin: &Origin) -> Issue {
        let fields = &record["fields"];
        let mut secrets = Secrets::new();
        let mut warnings = Vec::new();
        let outcome = outcome_of(fields);
        let (mut description, mut is_cut) = markdown(&fields["description"], 2, &mut secrets);
        let (environment, is_environment_cut) = markdown(&fields["environment"], 2, &mut secrets);
        if !environment.trim().is_empty() {
            description.push_str(&format!("\n**Environment:**\n\n{environment}"));
        }
        is_cut |= is_environment_cut;
        let comments: Vec<Comment> = comments_of(fields)
            .iter()
            .filter(|comment| !is_restricted(comment))
            .map(|comment| comment_of(comment, fields, &mut secrets, &mut is_cut))
            .collect();
        if is_cut {
            warnings.push("a text of it is very long; its end is left out".to_owned());
        }
        let (related, links) = related_of(fields, origin);
        let summary = redacted(fields["summary"].as_str().unwrap_or_default(), &mut secrets);
        Issue {
            key: key.to_owned(),
            title: format!("{key}: {}", one_line(&summary)),
            url: self.url_of(key, record),
            labels: labels_of(fields),
            author: name_of(&fields["reporter"]),
            created_at: instant(&fields["created"]),
            updated_at: instant(&fields["updated"]),
            closed_at: instant(&fields["resolutiondate"]).filter(|_| outcome != Outcome::Open),
            access,
            facts: facts_of(fields),
            outcome,
            description,
            related,
            links,
            comments,
            secrets,
            warnings,
        }
    }

    /// The parts of an issue that only some may read: its restricted comments.
    fn restricted(
        &self,
        key: &str,
        record: &Value,
        tags: &[String],
        access: Option<&[String]>,
        origin: &Origin,
    ) -> Option<Issue> {
        let fields = &record["fields"];
        // Readers of either would read it; only those of both may.
        if access.is_some() || !comments_of(fields).iter().any(is_restricted) {
            return None;
        }
        let whole = self.issue(key, record, None, origin);
        let (mut secrets, mut is_cut) = (Secrets::new(), false);
        let restricted = comments_of(fields).iter().filter(|comment| is_restricted(comment));
        let comments =
            restricted.map(|comment| comment_of(comment, fields, &mut secrets, &mut is_cut)).collect();
        Some(Issue {
            access: Some(tags.to_vec()),
            description: String::new(),
            related: Vec::new(),
            links: Vec::new(),
            warnings: Vec::new(),
            comments,
            secrets,
            ..whole
        })
    }

    fn url_of(&self, key: &str, record: &Value) -> Option<String> {
        let base = self.browse_url.as_deref().or_else(|| {
            let (base, _) = record["self"].as_str()?.split_once("/rest/")?;
            // The gateway for apps shows no pages.
            (is_web_address(base) && !base.contains("api.atlassian.com")).then_some(base)
        })?;
        Some(format!("{}/browse/{key}", base.trim_end_matches('/')))
    }
}

/// Whether a text is an issue's key, such as `OPS-7`.
pub(super) fn is_key(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(project, number)| {
        let is_project = project.chars().all(|c| c.is_alphanumeric() || c == '_');
        !project.is_empty() && text.len() <= 80 && is_project && number.parse::<u64>().is_ok()
    })
}

/// Whether the comments that an issue came with may not be all of its comments.
pub(super) fn lacks_comments(record: &Value) -> bool {
    let comments = &record["fields"]["comment"];
    let num_embedded = comments["comments"].as_array().map_or(0, Vec::len) as u64;
    match comments["total"].as_u64() {
        Some(total) => total > num_embedded || num_embedded >= EMBEDDED_CAP,
        None => true,
    }
}

fn comments_of(fields: &Value) -> &[Value] {
    let comments = &fields["comment"];
    comments["comments"].as_array().or(comments.as_array()).map(Vec::as_slice).unwrap_or_default()
}

/// Whether not everybody who reads the issue may read a comment.
fn is_restricted(comment: &Value) -> bool {
    !comment["visibility"].is_null() || comment["jsdPublic"].as_bool() == Some(false)
}

fn comment_of(comment: &Value, fields: &Value, secrets: &mut Secrets, is_cut: &mut bool) -> Comment {
    let (text, cut) = markdown(&comment["body"], 3, secrets);
    *is_cut |= cut;
    let author = name_of(&comment["author"]).unwrap_or_default();
    let is_assignee = name_of(&fields["assignee"]).is_some_and(|assignee| assignee == author);
    let id = comment["id"].as_str().map(str::to_owned).or_else(|| Some(comment["id"].as_u64()?.to_string()));
    Comment {
        anchor: id.map(|id| format!("comment-{id}")).unwrap_or_default(),
        author,
        role: is_assignee.then_some("assignee"),
        created_at: instant(&comment["created"]),
        agreeing: 0,
        text,
    }
}

/// A text in Jira's document format or its wiki markup as Markdown, and whether it was cut.
fn markdown(text: &Value, shift: usize, secrets: &mut Secrets) -> (String, bool) {
    let source = MappedText::new(String::new());
    let mut writer = Writer::new(&source);
    let mut is_cut = false;
    match text {
        Value::String(text) => {
            let (text, cut) = bounded(text);
            is_cut = cut;
            wiki::write(&mut writer, &redacted(text, secrets), shift);
        }
        document => adf::write(&mut writer, document, shift, secrets),
    }
    let (written, _) = writer.finish();
    let (text, cut) = bounded(written.as_str());
    (text.to_owned(), is_cut || cut)
}

fn name_of(user: &Value) -> Option<String> {
    let name = user["displayName"].as_str().or(user["name"].as_str())?;
    let name = one_line(&redacted(name, &mut Secrets::new()));
    Some(name).filter(|name| !name.is_empty())
}

/// The names of a list, such as components.
fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let names = list.filter_map(|entry| entry.as_str().or(entry["name"].as_str()));
    names.map(one_line).filter(|name| !name.is_empty()).collect()
}

fn labels_of(fields: &Value) -> Vec<String> {
    let mut labels = names(&fields["labels"]);
    labels.extend(names(&fields["components"]));
    labels.extend(
        ["status", "resolution"].iter().filter_map(|field| fields[field]["name"].as_str()).map(one_line),
    );
    labels.extend(names(&fields["fixVersions"]).into_iter().map(|version| format!("fix-version:{version}")));
    labels.into_iter().map(|label| redacted(&label, &mut Secrets::new())).collect()
}

/// How an issue stands: by its resolution, and without one by its status.
fn outcome_of(fields: &Value) -> Outcome {
    let status = fields["status"]["name"].as_str().unwrap_or_default();
    match fields["resolution"]["name"].as_str() {
        Some("Unresolved") => Outcome::Open,
        Some(resolution) => match DROPPING.contains(resolution.trim().to_lowercase().as_str()) {
            true => Outcome::Dropped(format!("it was closed as {resolution}")),
            false => Outcome::Resolved(resolution.to_owned()),
        },
        None if fields["status"]["statusCategory"]["key"].as_str() == Some("done") => {
            match DROPPING.contains(status.trim().to_lowercase().as_str()) {
                true => Outcome::Dropped(format!("it was closed as {status}")),
                false => Outcome::Resolved(status.to_owned()),
            }
        }
        None => Outcome::Open,
    }
}

/// Sentences of the fields that a reader asks for first.
fn facts_of(fields: &Value) -> String {
    let name = |field: &str| fields[field]["name"].as_str().map(words_of);
    let list = |field: &str| {
        Some(names(&fields[field])).filter(|names| !names.is_empty()).map(|names| words_of(&names.join(", ")))
    };
    let reported = || {
        let (name, at) = (name_of(&fields["reporter"])?, instant(&fields["created"])?);
        Some(format!("{} on {}", words_of(&name), day(at)))
    };
    let facts = [
        ("Type", name("issuetype")),
        ("Status", name("status")),
        ("Resolution", name("resolution")),
        ("Priority", name("priority")),
        ("Components", list("components")),
        ("Affected versions", list("versions")),
        ("Fix versions", list("fixVersions")),
        ("Reported by", reported()),
    ];
    let sentences = facts.into_iter().filter_map(|(label, fact)| Some(format!("{label}: {}.", fact?)));
    sentences.collect::<Vec<_>>().join(" ").replace("Reported by: ", "Reported by ")
}

/// Linked issues as lines and as links.
fn related_of(fields: &Value, origin: &Origin) -> (Vec<String>, Vec<Link>) {
    let (mut lines, mut links) = (Vec::new(), Vec::new());
    let parent = (!fields["parent"].is_null()).then_some(("is part of", &fields["parent"]));
    let linked = fields["issuelinks"].as_array().into_iter().flatten().filter_map(|link| {
        let (direction, issue) = match link["outwardIssue"].is_object() {
            true => ("outward", &link["outwardIssue"]),
            false => ("inward", &link["inwardIssue"]),
        };
        Some((link["type"][direction].as_str()?, issue))
    });
    for (relation, issue) in parent.into_iter().chain(linked).take(MAX_RELATED) {
        let Some(key) = issue["key"].as_str().filter(|key| is_key(key)) else { continue };
        let summary = redacted(issue["fields"]["summary"].as_str().unwrap_or_default(), &mut Secrets::new());
        let title = one_line(&format!("{key}: {summary}"));
        let title = title.trim_end_matches(':');
        let state = issue["fields"]["status"]["name"].as_str();
        let state = state.map(|state| format!(" ({})", words_of(state))).unwrap_or_default();
        lines.push(format!("- {} {}{state}", words_of(relation), words_of(title)));
        links.push(Link {
            target: format!("{}/{key}", origin.name),
            text: title.to_owned(),
            sentence: format!("{} {title}", one_line(relation)),
        });
    }
    (lines, links)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_unique() {
        assert_eq!(kb::lists::unsorted(DROPPING_FILE), None, "sort dropping.txt");
    }
    use crate::formats::{Defaults, Document};
    use serde_json::json;

    fn origin() -> Origin {
        Origin {
            name: "ops".to_owned(),
            shown: "https://acme.example".to_owned(),
            defaults: Defaults::default(),
        }
    }

    fn document(record: &Value) -> Document {
        let mut parsed = JiraNormaliser::default().parsed(record, &origin());
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        parsed.documents.remove(0)
    }

    /// An issue of Jira Cloud.
    pub(in crate::sources::jira) fn record() -> Value {
        serde_json::from_str(include_str!("testdata/cloud_issue.json")).expect("it is JSON")
    }

    #[test]
    fn an_issue_becomes_a_problem_and_a_resolution() {
        let document = document(&record());
        insta::assert_snapshot!(document.body.as_str(), @r"
        ## Problem

        Type: Bug. Status: Done. Resolution: Fixed. Priority: High. Components: storage. Affected versions: 1.4.1. Fix versions: 1.4.2. Reported by Nguyễn Lan on 2026-01-01. This issue is resolved (Fixed): see Resolution below.

        Related issues:

        - is caused by OPS-3: Log rotation off (Done)

        #### 現象

        節點 worker-3 變成 NotReady，磁碟已滿。

        ```bash
        kubectl describe node worker-3
        # DiskPressure True
        ```

        ## Resolution {#comment-2}

        This resolves the problem above, “OPS-7: Node worker-3 NotReady: đĩa đầy”: closed on 2026-01-03.

        Written by Bo Chen (assignee) on 2026-01-01:

        Root cause: images were never collected. Run

        ```
        crictl rmi --prune
        ```

        ## Discussion

        ### Comment by Mia {#comment-1}

        I see it on worker-4 too, since the upgrade.

        ### Comment by Nguyễn Lan {#comment-3}

        Chạy được rồi, cảm ơn!
        ");
        let meta = &document.meta;
        assert_eq!((meta.id.as_str(), meta.kind.as_str()), ("ops/OPS-7", "issue"));
        assert_eq!(meta.title, "OPS-7: Node worker-3 NotReady: đĩa đầy");
        assert_eq!(meta.url.as_deref(), Some("https://acme.example/browse/OPS-7"));
        assert_eq!(
            meta.labels,
            ["Done", "Fixed", "disk", "fix-version:1.4.2", "kubelet", "resolved", "storage"]
        );
        assert_eq!(meta.author.as_deref(), Some("Nguyễn Lan"));
        assert_eq!(meta.created_at.map(|at| at.to_string()).as_deref(), Some("2026-01-01T20:04:05Z"));
        assert_eq!(meta.links[0].target, "ops/OPS-3");
        assert_eq!(meta.links[0].sentence, "is caused by OPS-3: Log rotation off");
    }

    #[test]
    fn an_issue_of_data_center_is_wiki_markup() {
        let record = json!({"key": "OPS-8", "self": "https://jira.example/rest/api/2/issue/8", "fields": {
            "summary": "ImagePullBackOff trên cụm staging",
            "description": "h2. Triệu chứng\nPod *web* báo {{ImagePullBackOff}}.\n{code:bash}\nkubectl get pods\n{code}\npassword=hunter2hunter2",
            "status": {"name": "Open", "statusCategory": {"key": "new"}}, "resolution": null,
            "comment": {"total": 1, "comments": [{"id": "5", "author": {"name": "bo"}, "body": "+1"}]}}});
        let document = document(&record);
        insta::assert_snapshot!(document.body.as_str(), @r"
        ## Problem

        Status: Open. This issue is unresolved: it is still open.

        #### Triệu chứng

        Pod **web** báo `ImagePullBackOff`.

        ```bash
        kubectl get pods
        ```

        password=[redacted:password]
        ");
        assert_eq!(document.meta.labels, ["Open", "unresolved"]);
    }

    #[test]
    fn secrets_are_redacted_wherever_they_stand() {
        let key = "AKIAQ7RLMXVTN2ZPWK4D";
        let text = |words: &str, marks: Value| json!({"type": "text", "text": words, "marks": marks});
        let strong = json!([{"type": "strong"}]);
        let mut record = record();
        let fields = &mut record["fields"];
        fields["summary"] = json!(format!("Key {key} leaked"));
        fields["labels"] = json!([key]);
        fields["description"] = json!({"type": "doc", "content": [
            {"type": "paragraph", "content": [text(key, json!([]))]},
            {"type": "paragraph", "content": [text(&key[..9], json!([])), text(&key[9..], strong)]},
            {"type": "codeBlock", "content": [text(&format!("export AWS={key}"), json!([]))]}]});
        let document = document(&record);
        let all = format!("{} {:?}", document.body.as_str(), document.meta);
        assert!(!all.contains(&key[9..]), "{all}");
        assert!(
            document.body.as_str().contains("`")
                && document.body.as_str().matches("[redacted:aws-access-key]").count() >= 3,
            "{all}"
        );
    }

    #[test]
    fn resolutions_say_whether_the_problem_is_solved() {
        let fields = |resolution: Value, status: &str, category: &str| {
            outcome_of(
                &json!({"resolution": resolution, "status": {"name": status, "statusCategory": {"key": category}}}),
            )
        };
        for (found, expected) in [
            (fields(json!({"name": "Done"}), "Closed", "done"), Outcome::Resolved("Done".to_owned())),
            (
                fields(json!({"name": "Won't Do"}), "Closed", "done"),
                Outcome::Dropped("it was closed as Won't Do".to_owned()),
            ),
            (
                fields(json!({"name": "重复"}), "关闭", "done"),
                Outcome::Dropped("it was closed as 重复".to_owned()),
            ),
            (fields(json!(null), "已完成", "done"), Outcome::Resolved("已完成".to_owned())),
            (fields(json!(null), "In Progress", "indeterminate"), Outcome::Open),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn restricted_issues_and_comments_stay_restricted() {
        let mut record = record();
        assert!(!document(&record).body.as_str().contains("internal words"));
        let open = JiraNormaliser {
            restricted_comments: Some(vec!["staff".to_owned()]),
            ..JiraNormaliser::default()
        };
        let parsed = open.parsed(&record, &origin());
        let [public, restricted] = parsed.documents.as_slice() else { panic!("two documents: {parsed:?}") };
        assert!(!public.body.as_str().contains("internal words") && public.meta.access.is_empty());
        assert!(restricted.body.as_str().contains("internal words"));
        assert_eq!(
            (restricted.meta.id.as_str(), restricted.meta.access.as_slice()),
            ("ops/OPS-7#restricted", &["staff".to_owned()][..])
        );

        record["fields"]["security"] = json!({"id": "1", "name": "Board"});
        let parsed = JiraNormaliser::default().parsed(&record, &origin());
        assert!(parsed.documents.is_empty());
        assert_eq!(parsed.rejected[0].path, "https://acme.example/OPS-7");
        assert!(parsed.rejected[0].reason.contains("security level `Board`"), "{:?}", parsed.rejected);
        let levels = BTreeMap::from([("Board".to_owned(), vec!["board".to_owned()])]);
        let mapped = JiraNormaliser {
            security_levels: levels,
            restricted_comments: Some(vec!["staff".to_owned()]),
            ..JiraNormaliser::default()
        };
        let parsed = mapped.parsed(&record, &origin());
        assert_eq!(parsed.documents.len(), 1, "who may read the one may not read the other");
        assert_eq!(parsed.documents[0].meta.access, ["board"]);
    }
}
