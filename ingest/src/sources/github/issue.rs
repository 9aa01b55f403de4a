//! An issue of GitHub, as its REST API and its `gh` program say it, or of GitLab, as an [`Issue`].

use crate::{
    formats::{Parsed, front_matter::is_web_address, redaction::Secrets, written::one_line},
    sources::tracker::{
        Comment, Issue, Normaliser, Origin, Outcome, day, instant, left_out, markdown::fragment, redacted,
        words_of,
    },
};
use jiff::Timestamp;
use serde_json::Value;

/// Accounts that write by themselves, beside those that say so.
const BOTS: [&str; 14] = [
    "codecov-commenter",
    "dependabot",
    "fejta-bot",
    "ghost-bot",
    "github-actions",
    "gitlab-bot",
    "googlebot",
    "k8s-ci-robot",
    "k8s-triage-robot",
    "mergify",
    "openshift-bot",
    "renovate",
    "renovatebot",
    "stale",
];

/// Reactions that agree, as the API and as `gh` call them.
const AGREEING: [&str; 8] = ["+1", "heart", "hooray", "rocket", "THUMBS_UP", "HEART", "HOORAY", "ROCKET"];

/// The settings for reading issues of GitHub.
#[derive(Debug, Default)]
pub(super) struct GithubNormaliser {
    /// Whether pull requests are read as well.
    pub(super) pull_requests: bool,
}

impl Normaliser for GithubNormaliser {
    fn key(&self, record: &Value) -> Option<String> {
        (record["title"].is_string() && (self.pull_requests || !is_pull_request(record)))
            .then(|| number_of(record).map(key_of))
            .flatten()
    }

    fn updated_at(&self, record: &Value) -> Option<Timestamp> {
        instant(either(record, "updated_at", "updatedAt"))
    }

    fn parsed(&self, record: &Value, origin: &Origin) -> Parsed {
        let key = number_of(record).map(key_of).unwrap_or_default();
        if record["confidential"].as_bool() == Some(true) {
            return left_out(origin, &key, "it is confidential, and nothing says who may read it");
        }
        issue(key, record).parsed(origin, None)
    }
}

/// The key of the issue with a number.
pub(super) fn key_of(number: u64) -> String {
    format!("issues/{number}")
}

/// The number within its project.
pub(super) fn number_of(record: &Value) -> Option<u64> {
    either(record, "number", "iid").as_u64()
}

/// Whether it is a pull request, which the API lists among the issues.
pub(super) fn is_pull_request(record: &Value) -> bool {
    !record["pull_request"].is_null()
        || record["url"].as_str().is_some_and(|url| url.contains("/pull/"))
        || record["html_url"].as_str().is_some_and(|url| url.contains("/pull/"))
}

/// The value of the field `first`, or of `second` where `first` is missing, for systems with different names of a
/// field.
fn either<'v>(record: &'v Value, first: &str, second: &str) -> &'v Value {
    match &record[first] {
        Value::Null => &record[second],
        value => value,
    }
}

fn issue(key: String, record: &Value) -> Issue {
    let mut secrets = Secrets::new();
    let mut warnings = Vec::new();
    let mut text_of = |value: &Value, shift: usize, secrets: &mut Secrets| match fragment(
        value.as_str().unwrap_or_default(),
        shift,
        secrets,
    ) {
        Ok((text, false)) => text,
        Ok((text, true)) => {
            warnings.push("a text of it is very long; its end is left out".to_owned());
            text
        }
        Err(reason) => {
            warnings.push(format!("a text of it is left out: {reason}"));
            String::new()
        }
    };
    let description = text_of(either(record, "body", "description"), 2, &mut secrets);
    let mut comments = Vec::new();
    for comment in record["comments"].as_array().into_iter().flatten() {
        let is_minimised = comment["isMinimized"].as_bool() == Some(true) || !comment["minimized"].is_null();
        if is_minimised || is_bot(&comment["user"]) || is_bot(&comment["author"]) {
            continue;
        }
        comments.push(Comment {
            anchor: anchor_of(comment),
            author: login_of(either(comment, "user", "author")).unwrap_or_else(|| "ghost".to_owned()),
            role: match either(comment, "author_association", "authorAssociation").as_str() {
                Some("OWNER") => Some("owner"),
                Some("MEMBER") => Some("member"),
                Some("COLLABORATOR") => Some("collaborator"),
                _ => None,
            },
            created_at: instant(either(comment, "created_at", "createdAt")),
            agreeing: agreeing(comment),
            text: text_of(&comment["body"], 3, &mut secrets),
        });
    }
    warnings.dedup();
    let title = one_line(&redacted(record["title"].as_str().unwrap_or_default(), &mut secrets));
    let author = login_of(either(record, "user", "author"));
    let created_at = instant(either(record, "created_at", "createdAt"));
    let closed_at = instant(either(record, "closed_at", "closedAt"));
    let labels = labels_of(record);
    let mut facts = String::new();
    if let (Some(author), Some(at)) = (&author, created_at) {
        facts.push_str(&format!("Opened by {} on {}.", words_of(author), day(at)));
    }
    if !labels.is_empty() {
        facts.push_str(&format!(" Labels: {}.", words_of(&labels.join(", "))));
    }
    Issue {
        key,
        title,
        url: url_of(record),
        outcome: outcome_of(record),
        labels,
        author,
        created_at,
        updated_at: instant(either(record, "updated_at", "updatedAt")),
        closed_at,
        access: None,
        facts,
        description,
        related: Vec::new(),
        links: Vec::new(),
        comments,
        secrets,
        warnings,
    }
}

/// How an issue stands. GitLab closes without a reason.
fn outcome_of(record: &Value) -> Outcome {
    let lower = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase();
    let reason = lower(either(record, "state_reason", "stateReason"));
    match lower(&record["state"]).as_str() {
        "merged" => return Outcome::Resolved("merged".to_owned()),
        "closed" => {}
        _ => return Outcome::Open,
    }
    if is_pull_request(record) {
        return match either(&record["pull_request"], "merged_at", "mergedAt").is_null()
            && record["mergedAt"].is_null()
        {
            true => Outcome::Dropped("it was closed without being merged".to_owned()),
            false => Outcome::Resolved("merged".to_owned()),
        };
    }
    match reason.as_str() {
        "not_planned" => Outcome::Dropped("it was closed as not planned".to_owned()),
        "duplicate" => Outcome::Dropped("it was closed as a duplicate".to_owned()),
        "completed" => Outcome::Resolved("closed as completed".to_owned()),
        _ => Outcome::Resolved("closed".to_owned()),
    }
}

/// The address that people open.
fn url_of(record: &Value) -> Option<String> {
    let mut addresses = ["html_url", "web_url", "url"].iter().filter_map(|field| record[field].as_str());
    addresses
        .find(|address| is_web_address(address) && !address.contains("api.github.com"))
        .map(str::to_owned)
}

/// The fragment of a comment's address.
fn anchor_of(comment: &Value) -> String {
    let mut addresses = ["html_url", "url"].iter().filter_map(|field| comment[field].as_str());
    match addresses.find_map(|address| address.split_once('#')) {
        Some((_, fragment)) => fragment.to_owned(),
        None => comment["id"].as_u64().map(|id| format!("issuecomment-{id}")).unwrap_or_default(),
    }
}

fn login_of(user: &Value) -> Option<String> {
    let login = user["login"].as_str().or(user["username"].as_str())?;
    Some(one_line(&redacted(login, &mut Secrets::new()))).filter(|login| !login.is_empty())
}

/// Whether an account writes by itself: it says so, or is known.
fn is_bot(user: &Value) -> bool {
    let login = user["login"].as_str().unwrap_or_default().to_ascii_lowercase();
    let name = login.trim_start_matches("app/").trim_end_matches("[bot]");
    user["type"].as_str() == Some("Bot")
        || user["is_bot"].as_bool() == Some(true)
        || login.ends_with("[bot]")
        || name.ends_with("-bot")
        || name.ends_with("-robot")
        || BOTS.contains(&name)
}

fn labels_of(record: &Value) -> Vec<String> {
    let labels = record["labels"].as_array().into_iter().flatten();
    let names = labels.filter_map(|label| label.as_str().or(label["name"].as_str()));
    names.map(|name| one_line(&redacted(name, &mut Secrets::new()))).filter(|name| !name.is_empty()).collect()
}

/// How many readers agreed with a comment.
fn agreeing(comment: &Value) -> u64 {
    let counted = AGREEING.iter().filter_map(|name| comment["reactions"][name].as_u64());
    let groups = comment["reactionGroups"].as_array().into_iter().flatten();
    let grouped = groups
        .filter(|group| group["content"].as_str().is_some_and(|name| AGREEING.contains(&name)))
        .filter_map(|group| group["users"]["totalCount"].as_u64());
    counted.chain(grouped).fold(0, u64::saturating_add)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::formats::Defaults;
    use serde_json::json;

    fn parsed(record: &Value) -> Parsed {
        let origin =
            Origin { name: "ops".to_owned(), shown: "acme/ops".to_owned(), defaults: Defaults::default() };
        GithubNormaliser::default().parsed(record, &origin)
    }

    /// An issue as the REST API says it, with its comments, and as `gh` exports it.
    pub(in crate::sources::github) fn both() -> (Value, Value) {
        let body =
            "### What happened?\n\n升級到 1.12 之後 operator 一直重啟。\n\n```\nOOMKilled exit code 137\n";
        let comments = [
            (11, "mia", "CONTRIBUTOR", "2026-01-02T05:00:00Z", "+1", 0),
            (12, "stale[bot]", "NONE", "2026-01-02T06:00:00Z", "This issue is stale.", 0),
            (
                13,
                "bo",
                "MEMBER",
                "2026-01-03T07:00:00Z",
                "Tăng `limits.memory` lên 512Mi:\n\n```yaml\nresources:\n  limits: {memory: 512Mi}\n```\n\nFixed by https://github.com/acme/ops/pull/9",
                3,
            ),
            (14, "lan", "NONE", "2026-01-03T08:00:00Z", "That worked, thank you!", 0),
            (15, "mia", "CONTRIBUTOR", "2026-01-02T05:30:00Z", "Does it happen on 1.11 too?", 0),
        ];
        let rest = json!({"number": 7, "title": "Operator OOMKilled after upgrade", "body": body, "state": "closed",
            "state_reason": "completed", "url": "https://api.github.com/repos/acme/ops/issues/7",
            "html_url": "https://github.com/acme/ops/issues/7", "user": {"login": "lan", "type": "User"},
            "author_association": "NONE", "labels": [{"name": "bug"}], "milestone": null,
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-03T08:00:00Z", "closed_at": "2026-01-03T09:00:00Z",
            "comments": comments.iter().map(|(id, login, association, at, body, agreeing)| json!({"id": id,
                "html_url": format!("https://github.com/acme/ops/issues/7#issuecomment-{id}"),
                "issue_url": "https://api.github.com/repos/acme/ops/issues/7",
                "user": {"login": login, "type": if login.ends_with("[bot]") { "Bot" } else { "User" }},
                "author_association": association, "created_at": at, "updated_at": at, "body": body,
                "reactions": {"+1": agreeing, "-1": 1, "total_count": agreeing + 1}})).collect::<Vec<_>>()});
        let gh = json!({"number": 7, "title": "Operator OOMKilled after upgrade", "body": body, "state": "CLOSED",
            "stateReason": "COMPLETED", "url": "https://github.com/acme/ops/issues/7",
            "author": {"login": "lan", "is_bot": false}, "labels": [{"id": "x", "name": "bug", "color": "f00"}],
            "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-03T08:00:00Z", "closedAt": "2026-01-03T09:00:00Z",
            "comments": comments.iter().map(|(id, login, association, at, body, agreeing)| json!({"id": format!("IC_{id}"),
                "url": format!("https://github.com/acme/ops/issues/7#issuecomment-{id}"),
                "author": {"login": login.trim_end_matches("[bot]")}, "authorAssociation": association,
                "createdAt": at, "body": body, "isMinimized": false,
                "reactionGroups": [{"content": "THUMBS_UP", "users": {"totalCount": agreeing}}]})).collect::<Vec<_>>()});
        (rest, gh)
    }

    #[test]
    fn an_issue_becomes_a_problem_and_a_resolution() {
        let (rest, gh) = both();
        let document = parsed(&rest).documents.remove(0);
        insta::assert_snapshot!(document.body.as_str(), @r"
        ## Problem

        Opened by lan on 2026-01-02. Labels: bug. This issue is resolved (closed as completed): see Resolution below.

        ##### What happened?

        升級到 1.12 之後 operator 一直重啟。

        ```
        OOMKilled exit code 137
        ```

        ## Resolution {#issuecomment-13}

        This resolves the problem above, “Operator OOMKilled after upgrade”: closed on 2026-01-03.

        Written by bo (member) on 2026-01-03:

        Tăng `limits.memory` lên 512Mi:

        ```yaml
        resources:
          limits: {memory: 512Mi}
        ```

        Fixed by https://github.com/acme/ops/pull/9

        ## Discussion

        ### Comment by mia {#issuecomment-15}

        Does it happen on 1.11 too?

        ### Comment by lan {#issuecomment-14}

        That worked, thank you!
        ");
        let meta = &document.meta;
        assert_eq!(
            (meta.id.as_str(), meta.title.as_str()),
            ("ops/issues/7", "Operator OOMKilled after upgrade")
        );
        assert_eq!(meta.url.as_deref(), Some("https://github.com/acme/ops/issues/7"));
        assert_eq!(meta.labels, ["bug", "resolved"]);
        assert_eq!(document, parsed(&gh).documents[0], "an export says the same");
    }

    #[test]
    fn issues_say_how_they_stand() {
        for (state, reason, expected) in [
            ("open", json!(null), Outcome::Open),
            ("OPEN", json!("REOPENED"), Outcome::Open),
            ("opened", json!(null), Outcome::Open),
            ("closed", json!("not_planned"), Outcome::Dropped("it was closed as not planned".to_owned())),
            ("CLOSED", json!("DUPLICATE"), Outcome::Dropped("it was closed as a duplicate".to_owned())),
            ("closed", json!(null), Outcome::Resolved("closed".to_owned())),
        ] {
            assert_eq!(outcome_of(&json!({"state": state, "state_reason": reason})), expected, "{state}");
        }
        let pull =
            |merged: Value| json!({"state": "closed", "pull_request": {"url": "x", "merged_at": merged}});
        assert!(matches!(outcome_of(&pull(json!(null))), Outcome::Dropped(_)));
        assert!(matches!(outcome_of(&pull(json!("2026-01-02T03:04:05Z"))), Outcome::Resolved(_)));
    }

    #[test]
    fn issues_of_gitlab_are_read_too() {
        let record = json!({"iid": 4, "title": "Runner hangs", "description": "It *hangs*.", "state": "opened",
            "web_url": "https://gitlab.example/acme/ops/-/issues/4", "author": {"username": "lan"}, "labels": ["ci"],
            "created_at": "2026-01-02T03:04:05.678Z", "updated_at": "2026-01-02T03:04:05.678Z", "confidential": false});
        let document = parsed(&record).documents.remove(0);
        insta::assert_snapshot!(document.body.as_str(), @r"
        ## Problem

        Opened by lan on 2026-01-02. Labels: ci. This issue is unresolved: it is still open.

        It *hangs*.
        ");
        assert_eq!(document.meta.id, "ops/issues/4");
        assert_eq!(document.meta.labels, ["ci", "unresolved"]);
        let mut secret = record;
        secret["confidential"] = json!(true);
        assert!(parsed(&secret).documents.is_empty());
    }
}
