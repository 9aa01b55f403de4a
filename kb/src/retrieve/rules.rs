//! Curated rules: does a document's `applies_to` hold for a question?
//!
//! Entry point: [`matches`]. Deterministic; similarity plays no part. The parts that were recognised in the question
//! come from [`crate::question`]; the retriever decides the effect of a match on the ranking.

use super::results::RuleStrength;
use crate::{
    document::Rule,
    question::{Failure, IdentifierKind, Label, Object, Question, stem},
};

/// Whether `rule` holds for `question`, and how surely.
///
/// The keys that a rule gives must all match within one of the question's failures: a kind from one and a name from
/// another do not combine. A key matches if any of its alternatives does; `*` stands for any characters, and ASCII case
/// does not matter. `kind`, `namespace` and `name` must match one and the same object, where
///
/// - an object without a stated kind may be of any kind, and without a stated namespace in any that the failure
///   names by itself;
/// - a pod or ReplicaSet also answers to the name of the workload it belongs to, which is its own name without the random
///   suffixes (a StatefulSet's pod: without the ordinal).
///
/// [`RuleStrength::BehindStandIn`]: everything fits except a name or namespace that is anonymised in the question; a
/// rule's kind must be stated, by the anonymised object or by its failure. An empty rule matches nothing.
pub fn matches(rule: &Rule, question: &Question) -> Option<RuleStrength> {
    if rule.is_empty() {
        return None;
    }
    let mut best = None;
    for failure in question.failures() {
        match fits(rule, failure) {
            Some(RuleStrength::Exact) => return Some(RuleStrength::Exact),
            Some(RuleStrength::BehindStandIn) => best = Some(RuleStrength::BehindStandIn),
            None => {}
        }
    }
    best
}

fn fits(rule: &Rule, failure: &Failure) -> Option<RuleStrength> {
    let any_named = |patterns: &[String], kind| {
        patterns.is_empty() || failure.named(kind).any(|text| matches_any(patterns, text))
    };
    if !any_named(&rule.alert, IdentifierKind::Alert) || !any_named(&rule.reason, IdentifierKind::Reason) {
        return None;
    }
    if rule.kind.is_empty() && rule.namespace.is_empty() && rule.name.is_empty() {
        return Some(RuleStrength::Exact);
    }
    let objects = failure.objects.iter().filter_map(|object| fits_object(rule, object, failure));
    let best = objects.fold(None, stronger);
    if best == Some(RuleStrength::Exact) || !rule.name.is_empty() {
        return best;
    }
    // Without a name in the rule, kind and namespace may also stand by themselves.
    if !any_named(&rule.kind, IdentifierKind::Kind) {
        return best;
    }
    let elsewhere = |object: &Object| object.namespace.is_some() && fits_kind(rule, object);
    if !rule.kind.is_empty() && !rule.namespace.is_empty() && failure.objects.iter().any(elsewhere) {
        // The object of that kind says its own namespace, which was looked at above.
        return best;
    }
    stronger(best, fits_namespace(rule, None, failure)?)
}

fn stronger(best: Option<RuleStrength>, new: RuleStrength) -> Option<RuleStrength> {
    match (best, new) {
        (Some(RuleStrength::Exact), _) | (_, RuleStrength::Exact) => Some(RuleStrength::Exact),
        _ => Some(RuleStrength::BehindStandIn),
    }
}

fn fits_object(rule: &Rule, object: &Object, failure: &Failure) -> Option<RuleStrength> {
    let name = match &object.name {
        _ if rule.name.is_empty() => fits_kind(rule, object).then_some(RuleStrength::Exact)?,
        Label::Anonymised => fits_anonymised(rule, object, failure).then_some(RuleStrength::BehindStandIn)?,
        Label::Known(name) => fits_name(rule, object, name).then_some(RuleStrength::Exact)?,
    };
    // A failure whose only object has an anonymised name may keep its namespace to itself.
    let namespace = match fits_namespace(rule, object.namespace.as_ref(), failure) {
        None if name == RuleStrength::BehindStandIn
            && object.namespace.is_none()
            && failure.namespaces.is_empty() =>
        {
            RuleStrength::BehindStandIn
        }
        other => other?,
    };
    match (name, namespace) {
        (RuleStrength::Exact, RuleStrength::Exact) => Some(RuleStrength::Exact),
        _ => Some(RuleStrength::BehindStandIn),
    }
}

fn fits_kind(rule: &Rule, object: &Object) -> bool {
    rule.kind.is_empty()
        || match &object.kind {
            Some(kind) => matches_any(&rule.kind, kind),
            None => !rule.name.is_empty(),
        }
}

/// Whether the stand-in may hide the object that the rule is about. If the object states no kind, another name in the
/// failure must give one: an unknown stand-in would fit every rule.
fn fits_anonymised(rule: &Rule, object: &Object, failure: &Failure) -> bool {
    let fits = |kind: &str| {
        matches_any(&rule.kind, kind) || owners(kind).iter().any(|owner| matches_any(&rule.kind, owner))
    };
    rule.kind.is_empty()
        || match &object.kind {
            Some(kind) => fits(kind),
            None => failure.named(IdentifierKind::Kind).any(fits),
        }
}

/// The kinds that make objects of this one.
fn owners(kind: &str) -> &'static [&'static str] {
    match kind {
        "Pod" => &[
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
            "DaemonSet",
            "Job",
            "CronJob",
            "ReplicationController",
        ],
        "ReplicaSet" => &["Deployment"],
        "Job" => &["CronJob"],
        _ => &[],
    }
}

fn fits_name(rule: &Rule, object: &Object, name: &str) -> bool {
    if fits_kind(rule, object) && matches_any(&rule.name, name) {
        return true;
    }
    // The owner's kind: named without a kind, `web-7d9c5b6f4-x2x9k` can only be a pod or a ReplicaSet.
    let kind = object.kind.as_deref().unwrap_or("Pod");
    let workload = stem(name);
    let is_workload = |owner: &str| rule.kind.is_empty() || matches_any(&rule.kind, owner);
    owners(kind).iter().any(|owner| {
        let owner_name = match *owner {
            "StatefulSet" => {
                name.rsplit_once('-').filter(|(_, ordinal)| is_ordinal(ordinal)).map(|(stem, _)| stem)
            }
            _ => Some(workload),
        };
        is_workload(owner) && owner_name.is_some_and(|owner_name| matches_any(&rule.name, owner_name))
    })
}

fn is_ordinal(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn fits_namespace(rule: &Rule, namespace: Option<&Label>, failure: &Failure) -> Option<RuleStrength> {
    if rule.namespace.is_empty() {
        return Some(RuleStrength::Exact);
    }
    let strength = |label: &Label| match label {
        Label::Known(namespace) => matches_any(&rule.namespace, namespace).then_some(RuleStrength::Exact),
        Label::Anonymised => Some(RuleStrength::BehindStandIn),
    };
    match namespace {
        Some(namespace) => strength(namespace),
        None => failure.namespaces.iter().filter_map(strength).fold(None, stronger),
    }
}

fn matches_any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| matches_glob(pattern.trim().as_bytes(), text.as_bytes()))
}

/// Whether a pattern with `*` matches the whole text, ASCII case ignored.
fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            last_star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p].eq_ignore_ascii_case(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = last_star {
            p = star + 1;
            t = from + 1;
            last_star = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use RuleStrength::{BehindStandIn, Exact};

    /// `kind=Deployment name=a|b*` as a rule.
    fn rule(text: &str) -> Rule {
        let mut rule = Rule::default();
        for key in text.split_whitespace() {
            let (key, values) = key.split_once('=').expect("key=value");
            let values = values.split('|').map(str::to_owned).collect();
            match key {
                "alert" => rule.alert = values,
                "kind" => rule.kind = values,
                "reason" => rule.reason = values,
                "namespace" => rule.namespace = values,
                "name" => rule.name = values,
                other => panic!("unknown key {other}"),
            }
        }
        rule
    }

    fn check(rule_text: &str, question: &str, expected: Option<RuleStrength>) {
        let parsed = Question::parse(question, None).expect("the question is not empty");
        assert_eq!(
            matches(&rule(rule_text), &parsed),
            expected,
            "{rule_text}: {question}\n{:#?}",
            parsed.failures()
        );
    }

    const UNTOUCHABLE: &str = "kind=Deployment name=dont-do-anything-deployment";

    #[test]
    fn the_untouchable_deployment_is_recognised_however_it_is_asked_for() {
        for question in [
            "Deployment default/dont-do-anything-deployment has 1 replicas but 0 are available with status running",
            "can I restart dont-do-anything-deployment?",
            "Can I scale deployment/dont-do-anything-deployment to 3?",
            "May I delete the deployment \"dont-do-anything-deployment\"?",
            "kubectl -n default rollout restart deploy/dont-do-anything-deployment",
            "is the dont-do-anything-deployment deployment safe to restart",
            "可以重啟 dont-do-anything-deployment 嗎？",
            "可以重启dont-do-anything-deployment吗",
            "部署 dont-do-anything-deployment 出錯了",
            "dont-do-anything-deployment 這個部署可以刪除嗎",
            "Tôi có thể khởi động lại deployment dont-do-anything-deployment không?",
            "Apakah saya boleh menghapus dont-do-anything-deployment?",
            "DONT: restart Deployment.apps \"dont-do-anything-deployment\"",
            "the last termination reason is Error container=web pod=dont-do-anything-deployment-7c9d8b6f5-x2x7k",
            "pods \"dont-do-anything-deployment-6f7b9c4d5-\" is forbidden: exceeded quota: compute-quota",
            "HorizontalPodAutoscaler uses Deployment/dont-do-anything-deployment as ScaleTargetRef which does not exist.",
        ] {
            check(UNTOUCHABLE, question, Some(Exact));
        }
    }

    #[test]
    fn another_object_is_another_object() {
        for question in [
            "can I restart dont-do-anything-deployment-two?",
            "can I restart do-anything-deployment?",
            "Service default/dont-do-anything-deployment has event something",
            "HorizontalPodAutoscaler uses StatefulSet/dont-do-anything-deployment as ScaleTargetRef which does not exist.",
            "ConfigMap dont-do-anything-deployment is not used by any pods in the namespace",
            "Deployment default/payments-api has 1 replicas but 0 are available with status running",
            "how do I restart a deployment?",
        ] {
            check(UNTOUCHABLE, question, None);
        }
    }

    #[test]
    fn anonymised_names_may_hide_the_object() {
        let anonymised = "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available with status running";
        check(UNTOUCHABLE, anonymised, Some(BehindStandIn));
        check("kind=Deployment|StatefulSet namespace=payments", anonymised, Some(BehindStandIn));
        check("kind=Deployment", anonymised, Some(Exact));
        check("kind=StatefulSet name=db", anonymised, None);
        check("kind=Pod|ReplicaSet name=dont-do-anything-deployment-*", anonymised, None);
        check("reason=OOMKilled name=web", anonymised, None);
        let target = "HorizontalPodAutoscaler uses StatefulSet/TikveG49Xzt5Vm0oaS1o as ScaleTargetRef which does not exist.";
        check("kind=StatefulSet name=db", target, Some(BehindStandIn));
        check("kind=StatefulSet namespace=payments name=db", target, Some(BehindStandIn));
        check(UNTOUCHABLE, target, None);
    }

    #[test]
    fn a_stand_in_hides_only_an_object_of_a_stated_kind() {
        let label = "Service has no endpoints, expected label VXtj=KzJaQzg=";
        check(UNTOUCHABLE, label, None);
        check("kind=Service name=web", label, None);
        check("name=web", label, None);
        check("kind=Service", label, Some(Exact));
        let budget = "InsufficientPods, expected pdb pod label VXtj=KzJaQzg=";
        check(UNTOUCHABLE, budget, None);
        let webhook =
            "Service TikveG49Xzt5Vm0oaS1o not found as mapped to by Validating Webhook UHRZOmdqJm1VPWgj";
        check(UNTOUCHABLE, webhook, None);
        check("kind=Service name=web", webhook, Some(BehindStandIn));
        let policy = "Network policy is not applied to any pods: TikveG49Xzt5Vm0oaS1o";
        check(UNTOUCHABLE, policy, None);
        check("kind=NetworkPolicy name=deny-egress", policy, Some(BehindStandIn));
        check("kind=Pod name=web", policy, None);
        let node = "MHYiTTRlYUQ= has condition of type Ready, reason KubeletNotReady: no network";
        check(UNTOUCHABLE, node, None);
        check("kind=Node name=worker-7", node, Some(BehindStandIn));
        check("kind=Deployment name=web", "can I restart TikveG49Xzt5Vm0oaS1o?", None);
        check(
            "kind=Deployment name=web",
            "can I restart the deployment TikveG49Xzt5Vm0oaS1o?",
            Some(BehindStandIn),
        );
        check("name=web", "can I restart TikveG49Xzt5Vm0oaS1o?", Some(BehindStandIn));
        let pod = "the last termination reason is Error container=web pod=TikveG49Xzt5Vm0oaS1o";
        check(UNTOUCHABLE, pod, Some(BehindStandIn));
        check("kind=Service name=web", pod, None);
    }

    #[test]
    fn keys_are_anded_and_alternatives_ored() {
        let oom = "the termination reason is Error exitCode=137 container=api pod=search-api-6b7f9d5c4-zz8rt";
        check("reason=OOMKilled", oom, Some(Exact));
        check("reason=oomkilled", oom, Some(Exact));
        check("reason=Evicted|OOM*", oom, Some(Exact));
        check("reason=OOMKilled kind=Pod name=search-api*", oom, Some(Exact));
        check("reason=OOMKilled name=search-api", oom, Some(Exact));
        check("reason=OOMKilled name=other", oom, None);
        check("reason=Evicted", oom, None);
        check("alert=KubePod*", "KubePodCrashLooping: Pod prod/web is restarting", Some(Exact));
        check("alert=KubePod", "KubePodCrashLooping: Pod prod/web is restarting", None);
        check("", oom, None);
    }

    #[test]
    fn namespaces_belong_to_their_object() {
        let rule = "kind=Deployment|StatefulSet namespace=payments";
        check(
            rule,
            "Deployment payments/api has 3 replicas but 1 are available with status running",
            Some(Exact),
        );
        check(rule, "Deployment shop/api has 3 replicas but 1 are available with status running", None);
        check(rule, "Deployment shop/api needs the namespace payments", None);
        check(rule, "can I restart deployment ledger in namespace payments?", Some(Exact));
        check(rule, "can I restart the deployments in the payments namespace?", Some(Exact));
        check(rule, "payments 命名空間裡的 deployment 可以重啟嗎", Some(Exact));
        check(rule, "can I restart pod web-0 in namespace payments?", None);
        check("namespace=payments", "what runs in namespace payments?", Some(Exact));
    }

    #[test]
    fn keys_do_not_combine_across_failures() {
        let joined = "Deployment a/web has 3 replicas but 1 are available with status running Service b/legacy-db has event FailedToUpdateEndpoint";
        check("kind=Deployment name=legacy-db", joined, None);
        check("kind=Deployment name=web", joined, Some(Exact));
        check("kind=Service name=legacy-db namespace=b", joined, Some(Exact));
        check("kind=Service namespace=a", joined, None);
        check("kind=Deployment reason=FailedToUpdateEndpoint", joined, None);
    }

    #[test]
    fn globs_match_whole_texts() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*b*b*", "abab", true),
            ("a**", "A", true),
            ("", "", true),
            ("", "a", false),
            ("a?c", "abc", false),
        ] {
            assert_eq!(matches_glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
