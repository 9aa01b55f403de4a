//! The changes that a command makes, by the names that prohibitions have for actions. Pure.

use super::{
    destruction,
    shell::{self, Invocation},
};

/// The actions of a command and the objects it acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The actions it comes to.
    pub actions: Vec<&'static str>,
    /// Its operands: kinds and names of objects.
    pub operands: Vec<String>,
}

/// The changes that a line of code makes; empty where it only reads.
pub fn changes(line: &str) -> Vec<Change> {
    shell::invocations(line).iter().filter_map(change).collect()
}

fn change(call: &Invocation) -> Option<Change> {
    let mut operands: Vec<String> = call.operands().collect();
    let verb = operands.first().cloned().unwrap_or_default();
    let second = operands.get(1).cloned().unwrap_or_default();
    let actions: &[&'static str] = match (call.program.as_str(), verb.as_str()) {
        ("kubectl" | "oc", "rollout") => match second.as_str() {
            "restart" => &["restart"],
            "undo" => &["rollback"],
            "pause" | "resume" => &["edit"],
            _ => return None,
        },
        ("kubectl" | "oc", "delete") => match operands[1..].iter().any(|word| is_pod(word)) {
            true => &["delete", "restart"],
            false => &["delete"],
        },
        ("kubectl" | "oc", "evict") => &["delete", "restart"],
        ("kubectl" | "oc", "drain" | "cordon" | "uncordon" | "taint") => &["drain"],
        ("kubectl" | "oc", "scale" | "autoscale") => &["scale"],
        (
            "kubectl" | "oc",
            "edit" | "patch" | "apply" | "replace" | "set" | "annotate" | "label" | "create" | "expose",
        ) => &["edit"],
        ("kubectl" | "oc", "exec" | "attach" | "cp" | "debug" | "rsh") => &["exec"],
        ("helm" | "helm3", "upgrade" | "install") => &["upgrade"],
        ("helm", "rollback") => &["rollback"],
        ("helm", "uninstall" | "delete") => &["delete"],
        ("argocd" | "flux", "app" | "reconcile") => match second.as_str() {
            "delete" => &["delete"],
            "get" | "list" | "diff" | "history" | "logs" | "manifests" | "wait" | "resources" => return None,
            _ => &["upgrade"],
        },
        ("systemctl" | "docker" | "podman" | "nerdctl" | "crictl", "restart" | "reload") => &["restart"],
        ("systemctl" | "docker" | "podman" | "nerdctl" | "crictl", "stop" | "kill" | "disable" | "stopp") => {
            &["stop"]
        }
        ("docker" | "podman" | "nerdctl" | "crictl", "rm" | "rmi" | "rmp") => &["delete"],
        ("service", _) => match second.as_str() {
            "restart" | "reload" => &["restart"],
            "stop" => &["stop"],
            _ => return None,
        },
        ("reboot" | "shutdown" | "poweroff" | "halt", _) => &["restart", "stop"],
        ("kill" | "pkill" | "killall", _) => &["stop", "restart"],
        ("terraform", "apply") => &["edit"],
        ("etcdctl", "put" | "member") => &["edit"],
        _ if destruction::act(call).is_some() => &["delete"],
        _ => return None,
    };
    operands.drain(..1.min(operands.len()));
    Some(Change { actions: actions.to_vec(), operands })
}

fn is_pod(word: &str) -> bool {
    let kind = word.split('/').next().unwrap_or(word);
    matches!(kind, "pod" | "pods" | "po")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_named_by_what_they_change() {
        for (line, actions) in [
            ("kubectl -n legacy rollout restart deployment/web", "restart"),
            ("kubectl delete pod web-0 --grace-period=0", "delete restart"),
            ("kubectl delete pvc data-web-0", "delete"),
            ("sudo systemctl restart kubelet", "restart"),
            ("kubectl scale deploy web --replicas=0", "scale"),
            ("kubectl get pods", ""),
            ("kubectl rollout status deployment/web", ""),
            ("kubectl get pods | xargs kubectl delete pod", "delete restart"),
            ("rm -rf /var/lib/x", "delete"),
        ] {
            let found: Vec<&str> = changes(line).into_iter().flat_map(|change| change.actions).collect();
            assert_eq!(found.join(" "), actions, "{line}");
        }
    }
}
