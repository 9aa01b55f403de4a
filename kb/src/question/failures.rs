//! Splits what k8sgpt joined: the failures of one object arrive as one line, with a single space between them.
//!
//! There is no delimiter, so a new failure is seen only where one of the sentences starts that k8sgpt's analyzers, the
//! kubelet or the scheduler write. A sentence that follows a colon, an equals sign, a comma or an opening quote is part
//! of the one before. What people write is left whole.
//!
//! Entry point: [`split`].

use regex::Regex;
use std::sync::LazyLock;

/// How the failures begin that are known to be joined. Each pattern is anchored at a word by [`STARTS`].
static SENTENCES: &[&str] = &[
    // Pods.
    r"[0-9]+/[0-9]+ nodes are available:",
    r"Pod \S+ (?:is in a SchedulingGated state|has been evicted|does not have a security context)",
    r"[Bb]ack-?off (?:pulling image|[0-9][0-9hms.]* restarting failed|restarting failed)",
    r"the (?:last )?termination reason is ",
    r"(?:Liveness|Readiness|Startup) probe (?:failed|errored)",
    r"MountVolume\.(?:SetUp|MountDevice) failed ",
    r"AttachVolume\.Attach failed ",
    r"Unable to (?:attach or )?mount volumes",
    r"Failed to (?:create pod sandbox|pull image|apply default image tag)",
    r"failed to pull and unpack image ",
    r"rpc error: code = ",
    r"container has runAsNonRoot ",
    r"couldn't find key ",
    r#"(?:secret|configmap) "[^"]+" not found"#,
    r"Error container ",
    r"previous container logs: ",
    r"The node was low on resource",
    // Workloads.
    r"Deployment \S+/\S+ has (?:[0-9]+ replicas|condition )",
    r"DaemonSet \S+/\S+ (?:has [0-9]+ ready replicas|references non-existent)",
    r"StatefulSet uses the (?:service|storage class) ",
    r"Statefulset pod \S+ in the namespace ",
    r#"pods "[^"]+" is forbidden"#,
    r"Job (?:\S+ (?:has failed|is suspended)|has reached the specified backoff limit|was active longer)",
    r"CronJob \S+ (?:is suspended|has a negative starting|has an invalid schedule)",
    r"(?:HorizontalPodAutoscaler|ScaledObject) uses ",
    r"the desired replica count is (?:more|less) than",
    r"(?:Deployment|StatefulSet|ReplicaSet|DaemonSet|ReplicationController) \S+/\S+ does not have resource configured",
    // Network.
    r"Service has (?:no|not ready) endpoints",
    r"Service \S+/\S+ has event ",
    r"Service \S+ not found as mapped to by ",
    r"Ingress uses the (?:ingress class|service|secret) ",
    r"Ingress \S+/\S+ does not specify ",
    r"Gateway (?:uses the GatewayClass|'\S+' has condition) ",
    r"HTTPRoute(?:'s backend service '| uses the | '\S+' )",
    r"Network policy (?:is not applied|allows traffic) to ",
    r"No active pods found within service ",
    // Storage and configuration.
    r"PersistentVolume(?:Claim)? \S+ (?:is in \S+ state|has (?:small capacity|no StorageClass))",
    r"(?:StorageClass \S+ uses deprecated|Multiple default StorageClasses found)",
    r"storageclass\.storage\.k8s\.io ",
    r"ConfigMap \S+ is (?:not used|empty|larger)",
    // Security, operators, integrations.
    r"RoleBinding \S+ references Role ",
    r"Container \S+ in pod \S+ is running as privileged",
    r"Default service account is being used",
    r"\S+ has condition of type ",
    r"(?:phase|state)=\x22",
    r"connectionState=",
    r"OLMv1 Cluster(?:Catalog|Extension): ",
    r"[0-9]+ OperatorGroups in namespace",
    r"(?:policy failure|critical Vulnerability found ID): ",
    r"error validating Prometheus ",
];

static STARTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!("(?:^| )((?:{}))", SENTENCES.join("|"))).expect("the patterns are fixed")
});

/// Most failures that are told apart; the last one holds the rest.
const MAX_FAILURES: usize = 64;

/// The failures of a text, in order and without the spaces between them; one if nothing can be told apart.
pub(super) fn split(text: &str) -> Vec<&str> {
    if reads_like_a_person(text) {
        return vec![text];
    }
    let mut failures = Vec::new();
    let (mut from, mut counted, mut num_quotes) = (0, 0, 0usize);
    for found in STARTS.captures_iter(text).filter_map(|captures| captures.get(1)) {
        num_quotes += text[counted..found.start()].bytes().filter(|b| *b == b'"').count();
        counted = found.start();
        let before = text[from..found.start()].trim_end_matches(' ');
        // Quotes of a failure come in pairs: after an odd one this is within a quotation.
        if before.is_empty() || num_quotes % 2 == 1 || continues(before) || failures.len() + 1 == MAX_FAILURES
        {
            continue;
        }
        failures.push(before);
        (from, num_quotes) = (found.start(), 0);
    }
    failures.push(&text[from..]);
    failures
}

/// Whether the text cannot have ended here: what follows belongs to it.
fn continues(before: &str) -> bool {
    if before.ends_with([':', ',', '=', '(', '[', '{', ';', '-', '>', '|', '：', '，']) {
        return true;
    }
    let word = before.rsplit(' ').next().unwrap_or(before);
    matches!(
        word,
        "because"
            | "that"
            | "and"
            | "or"
            | "with"
            | "the"
            | "a"
            | "an"
            | "of"
            | "for"
            | "from"
            | "says"
            | "say"
            | "by"
            | "as"
            | "when"
            | "if"
            | "but"
            | "error"
            | "message"
            | "see"
            | "get"
            | "getting"
            | "reports"
            | "is"
            | "in"
            | "my"
            | "this"
            | "last"
            | "failed"
            | "while"
            | "to"
            | "has"
            | "validating"
            | "preemption"
    )
}

/// A question, or an alert with its name in front: nobody joined those.
fn reads_like_a_person(text: &str) -> bool {
    static ALERT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[A-Za-z][A-Za-z0-9]{5,80}(?:\([^)]{0,40}\))?: [A-Z]").expect("the pattern is fixed")
    });
    // Log lines end in `?` as well; a person's question mark stands at the end or before a new sentence.
    text.ends_with(['?', '？']) || text.contains("? ") || text.contains('？') || ALERT.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split(text), expected);
    }

    #[test]
    fn joined_failures_are_told_apart() {
        check(
            "Ingress uses the service shop/storefront-v2 which does not exist. Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist.",
            &[
                "Ingress uses the service shop/storefront-v2 which does not exist.",
                "Ingress uses the secret shop/storefront-tls as a TLS certificate which does not exist.",
            ],
        );
        check(
            "back-off 5m0s restarting failed container=api pod=web-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f) the last termination reason is OOMKilled container=api pod=web-7c9d8b6f5-x2x7k Back-off pulling image \"a/b:1\"",
            &[
                "back-off 5m0s restarting failed container=api pod=web-7c9d8b6f5-x2x7k_payments(1c0f6e0a-5c2a-4d2e-9a0e-3b1f4c6d7e8f)",
                "the last termination reason is OOMKilled container=api pod=web-7c9d8b6f5-x2x7k",
                "Back-off pulling image \"a/b:1\"",
            ],
        );
        check(
            "Service has no endpoints, expected label app=web Service has no endpoints, expected label tier=front",
            &[
                "Service has no endpoints, expected label app=web",
                "Service has no endpoints, expected label tier=front",
            ],
        );
        check(
            "Deployment a/b has 3 replicas but 1 are available with status running Deployment a/b has condition Available=False, reason MinimumReplicasUnavailable: Deployment does not have minimum availability.",
            &[
                "Deployment a/b has 3 replicas but 1 are available with status running",
                "Deployment a/b has condition Available=False, reason MinimumReplicasUnavailable: Deployment does not have minimum availability.",
            ],
        );
        check(
            "worker-2 has condition of type MemoryPressure, reason X: low worker-2 has condition of type Ready, reason KubeletNotReady: container runtime network not ready",
            &[
                "worker-2 has condition of type MemoryPressure, reason X: low",
                "worker-2 has condition of type Ready, reason KubeletNotReady: container runtime network not ready",
            ],
        );
    }

    #[test]
    fn one_failure_stays_whole() {
        for text in [
            "0/3 nodes are available: 2 Insufficient memory. preemption: 0/3 nodes are available: 1 Preemption is not helpful.",
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox",
            "rpc error: code = Unknown desc = failed to pull and unpack image \"a/b:1\": failed to resolve reference",
            "HTTPRoute 'a/b' is deployed in a different namespace from Gateway 'c/d' which only allows HTTPRoutes from its namespace.",
            "Why do I get \"0/3 nodes are available: 3 Insufficient cpu\"?",
            "KubePodNotReady: Pod prod/web has been in a non-ready state. Pod prod/web has been evicted",
            "ConfigMap old-flags is not used by any pods in the namespace",
            "plain words",
        ] {
            check(text, &[text]);
        }
    }
}
