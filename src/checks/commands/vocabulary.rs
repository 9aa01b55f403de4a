//! The programs, verbs and words that the check of commands knows. Tables only, laid out by hand.

use std::{collections::HashSet, sync::LazyLock};

/// Short names under which programs are typed.
pub const ALIASES: &[(&str, &str)] = &[
    ("k", "kubectl"),
    ("docker-compose", "docker"),
    ("tofu", "terraform"),
    ("helm3", "helm"),
    ("mongo", "mongosh"),
    ("oc4", "oc"),
];

/// Programs that run what is written after them.
pub const WRAPPERS: &[&str] = &[
    "sudo", "doas", "env", "nohup", "timeout", "nice", "ionice", "exec", "command", "builtin", "time", "watch",
    "xargs", "setsid", "stdbuf", "strace", "chroot", "nsenter", "unshare", "parallel", "systemd-run", "chrt",
];

/// Programs that run a script.
pub const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ash", "ksh", "su", "busybox"];

/// Programs among whose arguments another command may stand.
pub const TAKES_COMMAND: &[&str] = &["kubectl", "oc", "docker", "podman", "nerdctl", "crictl", "ctr", "ssh", "eval", "find"];

/// Programs whose quoted arguments are text, not commands.
pub const SPEAKERS: &[&str] = &["echo", "printf", "grep", "egrep", "zgrep", "rg", "jq", "yq", "logger"];

/// Words of the shell itself.
pub const KEYWORDS: &[&str] = &["if", "then", "elif", "else", "do", "while", "until", "done", "fi"];

/// Flags whose value is the next word.
pub const VALUE_FLAGS: &[&str] = &[
    "-n", "--namespace", "--context", "--kubeconfig", "-s", "--server", "--cluster", "--user", "--as", "--token",
    "-H", "--host", "-f", "--file", "--profile", "--region", "--project", "-C", "-l", "--selector", "-o",
    "--output", "-c", "--container", "--endpoints", "--cacert", "--cert", "--key", "--kube-context",
];

/// Programs with verbs, and the verbs that end up in front of sentences: in running text a name without one is a name.
pub const VERBS: &[(&str, &[&str])] = &[
    (
        "kubectl",
        &[
            "annotate", "api-resources", "api-versions", "apply", "attach", "auth", "autoscale", "certificate",
            "cluster-info", "config", "cordon", "cp", "create", "debug", "delete", "describe", "diff", "drain",
            "edit", "events", "evict", "exec", "explain", "expose", "get", "kustomize", "label", "logs", "patch",
            "port-forward", "proxy", "replace", "rollout", "run", "scale", "set", "taint", "top", "uncordon",
            "version", "wait",
        ],
    ),
    (
        "oc",
        &[
            "adm", "apply", "create", "debug", "delete", "describe", "edit", "exec", "explain", "get", "login",
            "logs", "patch", "policy", "process", "project", "replace", "rollout", "rsh", "scale", "set", "start-build",
            "status", "tag", "whoami",
        ],
    ),
    (
        "helm",
        &[
            "create", "delete", "dependency", "get", "history", "install", "lint", "list", "ls", "package", "plugin",
            "pull", "push", "repo", "rollback", "search", "show", "status", "template", "test", "uninstall", "upgrade",
            "version",
        ],
    ),
    ("docker", CONTAINER_VERBS),
    ("podman", CONTAINER_VERBS),
    ("nerdctl", CONTAINER_VERBS),
    (
        "crictl",
        &[
            "exec", "images", "info", "inspect", "inspectp", "logs", "pods", "ps", "pull", "rm", "rmi", "rmp", "stats",
            "stop", "stopp",
        ],
    ),
    ("ctr", &["containers", "content", "images", "namespaces", "run", "snapshots", "tasks", "c", "i", "t"]),
    (
        "systemctl",
        &[
            "cat", "daemon-reload", "disable", "edit", "enable", "halt", "is-active", "is-enabled", "isolate", "kill",
            "list-units", "mask", "poweroff", "reboot", "reload", "reset-failed", "restart", "show", "start", "status",
            "stop", "unmask",
        ],
    ),
    (
        "etcdctl",
        &[
            "alarm", "auth", "check", "compact", "compaction", "defrag", "del", "endpoint", "get", "lease", "member",
            "move-leader", "put", "role", "snapshot", "user", "watch",
        ],
    ),
    ("kubeadm", &["certs", "config", "init", "join", "reset", "token", "upgrade", "version"]),
    ("argocd", &["account", "app", "cluster", "login", "proj", "repo", "version"]),
    (
        "terraform",
        &[
            "apply", "destroy", "fmt", "force-unlock", "get", "import", "init", "output", "plan", "refresh", "show",
            "state", "taint", "untaint", "validate", "workspace",
        ],
    ),
    ("istioctl", &["analyze", "install", "proxy-config", "proxy-status", "uninstall", "upgrade", "version"]),
    (
        "flux",
        &["bootstrap", "check", "create", "delete", "get", "install", "logs", "reconcile", "resume", "suspend", "uninstall"],
    ),
    (
        "vault",
        &[
            "auth", "delete", "kv", "lease", "list", "login", "operator", "policy", "read", "secrets", "status", "token",
            "unwrap", "write",
        ],
    ),
    (
        "git",
        &[
            "add", "branch", "checkout", "clean", "clone", "commit", "diff", "fetch", "log", "merge", "pull", "push",
            "rebase", "reset", "restore", "revert", "rm", "show", "stash", "status", "tag",
        ],
    ),
    ("eksctl", &["create", "delete", "drain", "get", "scale", "upgrade", "utils"]),
    ("velero", &["backup", "create", "delete", "describe", "get", "install", "restore", "schedule", "uninstall"]),
    ("cilium", &["config", "connectivity", "hubble", "install", "status", "sysdump", "uninstall", "upgrade"]),
    ("zpool", &["add", "clear", "create", "destroy", "export", "import", "list", "offline", "remove", "scrub", "status"]),
    ("npm", &["ci", "exec", "i", "install", "run", "uninstall", "update"]),
    ("pip", &["download", "freeze", "install", "uninstall"]),
];

const CONTAINER_VERBS: &[&str] = &[
    "build", "compose", "container", "cp", "create", "exec", "image", "images", "info", "inspect", "kill", "load",
    "login", "logs", "network", "pause", "ps", "pull", "push", "restart", "rm", "rmi", "run", "save", "start", "stats",
    "stop", "swarm", "system", "tag", "top", "unpause", "update", "version", "volume",
];

/// Verbs that say little without the word after them.
pub const GROUPS: &[&str] = &[
    "rollout", "config", "auth", "member", "alarm", "endpoint", "snapshot", "compose", "system", "container", "image",
    "volume", "network", "app", "state", "workspace", "certs", "cluster", "adm", "policy", "backup", "restore",
    "schedule", "operator", "secrets", "kv", "repo", "plugin", "set", "tasks",
];

/// Programs whose first two words are always one verb.
pub const TWO_WORD_VERBS: &[&str] = &["aws", "gcloud", "az", "ceph", "openstack"];

/// Programs other than those with verbs.
const OTHER_TOOLS: &[&str] = &[
    "aws", "gcloud", "az", "gsutil", "ceph", "openstack", "rbd", "zfs", "lvremove", "vgremove", "pvremove", "wipefs",
    "mkfs", "mkswap", "blkdiscard", "shred", "truncate", "dd", "fdisk", "parted", "sgdisk", "cryptsetup", "rm", "rmdir",
    "unlink", "mv", "cp", "ln", "chmod", "chown", "tee", "sed", "kill", "pkill", "killall", "reboot", "shutdown",
    "poweroff", "halt", "init", "telinit", "iptables", "ip6tables", "nft", "ufw", "ip", "ipvsadm", "tc", "crontab",
    "userdel", "useradd", "usermod", "groupdel", "passwd", "mount", "umount", "swapoff", "sysctl", "modprobe", "insmod",
    "rmmod", "service", "find", "rsync", "scp", "ssh", "sftp", "curl", "wget", "nc", "socat", "openssl", "psql",
    "mysql", "mysqldump", "pg_restore", "pg_dump", "redis-cli", "mongosh", "cqlsh", "sqlite3", "influx", "kafka-topics",
    "rabbitmqctl", "nomad", "consul", "calicoctl", "linkerd", "kustomize", "skaffold", "minikube", "k3s", "rke",
    "kops", "talosctl", "etcdutl", "ansible", "ansible-playbook", "pulumi", "apt", "apt-get", "yum", "dnf", "apk", "rpm",
    "dpkg", "brew", "pip3", "yarn", "npx", "python", "python2", "python3", "perl", "ruby", "php",
    "cargo", "make", "java", "eval", "source", "tar", "unzip", "gzip",
];

/// Programs that only read or shape what others say. Their plain words and flags are their own business.
pub const HARMLESS: &[&str] = &[
    "grep", "egrep", "zgrep", "rg", "jq", "yq", "awk", "sort", "uniq", "head", "tail", "wc", "less", "more", "cut", "tr",
    "column", "cat", "zcat", "ls", "echo", "printf", "sleep", "cd", "pwd", "df", "du", "free", "uptime", "ps", "date",
    "hostname", "whoami", "id", "uname", "ss", "netstat", "lsof", "dmesg", "nproc", "test", "[", "[[", "true", "false",
    "exit", "stat", "file", "which", "md5sum", "sha256sum", "vmstat", "iostat", "traceroute", "mtr", "lsblk", "base64",
    "export", "for", "case", "function", "return", "read", "local", "xxd", "seq",
];

/// Those of them whose arguments are not looked up.
pub const OWN_BUSINESS: &[&str] =
    &["echo", "printf", "grep", "egrep", "zgrep", "rg", "awk", "jq", "yq", "export", "for", "case", "test", "[", "[["];

/// Programs without verbs that only read, whatever their arguments; names among them are looked up.
pub const READERS: &[&str] = &["journalctl", "dig", "nslookup", "ping"];

/// Names that are ordinary words too, or names of products that people write about.
pub const ORDINARY_WORDS: &[&str] = &[
    "docker", "podman", "helm", "terraform", "vault", "flux", "git", "velero", "cilium", "service", "find", "make", "java",
    "source", "ip", "kill", "init", "mount", "shutdown", "halt", "reboot", "truncate", "passwd", "snap", "consul", "nomad", "cargo",
    "watch", "file", "test", "date", "read", "more", "cut", "free", "for", "case",
];

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let verbs = VERBS.iter().map(|(tool, _)| *tool);
    verbs.chain(OTHER_TOOLS.iter().copied())
        .chain(HARMLESS.iter().copied())
        .chain(READERS.iter().copied())
        .chain(SHELLS.iter().copied())
        .chain(WRAPPERS.iter().copied())
        .collect()
});

/// Whether this is the name of a program, as `name_of` gives it.
pub fn is_known(name: &str) -> bool {
    KNOWN.contains(name)
}

/// Whether a program does more than read or shape text.
pub fn is_tool(name: &str) -> bool {
    is_known(name) && !HARMLESS.contains(&name)
}

/// The verbs of a program that has some.
pub fn verbs_of(program: &str) -> Option<&'static [&'static str]> {
    VERBS.iter().find(|(tool, _)| *tool == program).map(|(_, verbs)| *verbs)
}

/// A flag, a number, a time or a variable between a wrapper and what it runs.
pub fn is_wrapper_argument(word: &str) -> bool {
    word.starts_with(['-', '+']) || word.contains('=') || word.starts_with(|c: char| c.is_ascii_digit())
}

/// Verbs that only read, with the word after them where the verb is a group.
pub const READ_ONLY: &[(&str, &[&str])] = &[
    (
        "kubectl",
        &[
            "get", "describe", "logs", "top", "events", "explain", "api-resources", "api-versions", "version",
            "cluster-info", "auth can-i", "auth whoami", "diff", "config view", "config get-contexts",
            "config current-context", "config get-clusters", "rollout status", "rollout history",
        ],
    ),
    ("oc", &["get", "describe", "logs", "status", "explain", "whoami", "rollout status", "rollout history"]),
    ("helm", &["list", "ls", "status", "history", "get", "show", "search", "version"]),
    ("docker", &["ps", "logs", "inspect", "images", "stats", "version", "info", "compose ps", "compose logs"]),
    ("podman", &["ps", "logs", "inspect", "images"]),
    ("nerdctl", &["ps", "logs", "inspect", "images"]),
    ("crictl", &["ps", "pods", "logs", "inspect", "inspectp", "images", "stats", "info"]),
    ("systemctl", &["status", "is-active", "is-enabled", "list-units", "show", "cat"]),
    ("etcdctl", &["get", "member list", "endpoint status", "endpoint health", "alarm list"]),
    ("istioctl", &["analyze", "proxy-status", "version"]),
    ("argocd", &["version", "app get", "app list", "app diff"]),
    ("flux", &["get", "logs", "check"]),
    ("cilium", &["status"]),
    ("git", &["status", "log", "diff", "show"]),
    ("terraform", &["plan", "show", "validate"]),
    ("vault", &["status"]),
    ("velero", &["get", "describe", "backup get", "backup describe", "backup logs"]),
    ("eksctl", &["get"]),
    ("zpool", &["status", "list"]),
];

/// Flags and words of read-only commands that need no source.
pub const COMMON: &[&str] = &[
    "-n", "--namespace", "-o", "--output", "-A", "--all-namespaces", "-w", "--watch", "-l", "--selector", "-f",
    "--follow", "-p", "--previous", "-c", "--container", "--containers", "--all-containers", "--tail", "--since",
    "--sort-by", "--field-selector", "--show-labels", "--context", "-u", "--no-pager", "-xe", "-r", "-i", "-v", "-E",
    "wide", "yaml", "json", "name", "jsonpath", "pod", "pods", "po", "deployment", "deployments", "deploy",
    "replicaset", "replicasets", "rs", "statefulset", "statefulsets", "sts", "daemonset", "daemonsets", "ds",
    "service", "services", "svc", "endpoints", "endpointslices", "ingress", "ingresses", "configmap", "configmaps",
    "cm", "secret", "secrets", "node", "nodes", "namespace", "namespaces", "ns", "event", "events", "pvc", "pv", "job",
    "jobs", "all", "can-i", "pdb", "poddisruptionbudgets", "hpa", "horizontalpodautoscalers", "cronjob", "cronjobs", "sc", "storageclass",
    "storageclasses", "sa", "serviceaccount", "serviceaccounts", "netpol", "networkpolicy", "networkpolicies", "limitrange", "limitranges",
    "resourcequota", "resourcequotas", "quota", "crd", "crds", "role", "roles", "rolebinding", "rolebindings", "clusterrole", "clusterroles",
    "pvcs", "pvs", "persistentvolumeclaims", "persistentvolumes", "priorityclass", "priorityclasses", "leases", "replicationcontrollers",
];

/// Fields and labels by which objects are chosen in every cluster.
pub const SELECTORS: &[&str] = &[
    "spec.nodeName", "status.phase", "metadata.name", "metadata.namespace", "involvedObject.name", "involvedObject.kind", "type", "reason",
    "app", "k8s-app", "component", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
    "kubernetes.io/service-name", "kubernetes.io/hostname", "job-name", "name",
];

/// Parts that every cluster has, under these names.
pub const SYSTEM_NAMES: &[&str] = &[
    "kube-system", "kube-dns", "coredns", "kube-proxy", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    "Running", "Pending", "Failed", "Warning", "containerd",
];

/// Files that everybody has under these names.
pub const ORDINARY_FILES: &[&str] = &[
    "values.yaml", "values.yml", "kustomization.yaml", "kustomization.yml", "Chart.yaml", "Chart.lock", "docker-compose.yml",
    "docker-compose.yaml", "README.md", "~/.kube/config", "/dev/null", "/dev/stdout", "/dev/stderr",
];

/// What words begin with that stand after an object's kind and say how it is: `node not-ready`, `pod anti-affinity`.
pub const DESCRIBING_BEGINNINGS: &[&str] = &[
    "not-", "anti-", "non-", "pre-", "post-", "self-", "multi-", "cross-", "level-", "high-", "low-", "long-", "short-", "single-",
    "re-", "auto-", "read-", "write-", "built-", "out-of-", "in-cluster", "by-", "on-", "per-", "end-to-end", "zero-", "full-",
];

/// What such words end with: `service-level`, `template-based`.
pub const DESCRIBING_ENDINGS: &[&str] = &[
    "-based", "-level", "-ready", "-scoped", "-only", "-specific", "-aware", "-wide", "-side", "-affinity", "-related",
    "-managed", "-owned", "-facing", "-bound", "-like", "-driven", "-backed", "-independent", "-defined", "-dependent", "-objective",
    "-free", "-safe", "-friendly", "-enabled", "-disabled", "-in-time", "-up", "-off", "-down", "-by-step",
];

/// Services whose name follows `aws`, `gcloud` or `az` where these are typed, rather than the cloud's name.
pub const CLOUD_SERVICES: &[&str] = &[
    "acm", "aks", "autoscaling", "cloudformation", "cloudwatch", "compute", "configure", "container", "dynamodb", "ec2", "ecr", "ecs",
    "efs", "eks", "elasticache", "elb", "elbv2", "group", "iam", "keyvault", "kms", "lambda", "logs", "network", "projects", "rds",
    "role", "route53", "s3", "s3api", "secretsmanager", "sns", "sql", "sqs", "ssm", "storage", "sts", "vm", "vmss",
];

/// Flags that make a command only say what it would do.
pub const REHEARSALS: &[&str] = &["--dry-run", "--check", "--noop", "--whatif", "--simulate", "--just-print"];

/// Words at which a command within a sentence ends, and which no command begins with.
pub const CONNECTIVES: &[&str] = &[
    "and", "then", "or", "but", "to", "if", "when", "until", "because", "before", "after", "so", "which", "that",
    "where", "while", "since", "is", "are", "was", "were", "has", "have", "will",
];

/// Fences whose every line is for a shell.
pub const SHELL_LANGUAGES: &[&str] = &[
    "bash", "sh", "shell", "zsh", "console", "shell-session", "shellsession", "terminal", "ksh", "fish", "cmd", "bat",
    "powershell", "ps1",
];

/// Fences that say nothing about what they hold.
pub const PLAIN_LANGUAGES: &[&str] = &["", "text", "txt", "plain", "plaintext", "none"];

/// Programs that destroy by what they are.
pub const ALWAYS: &[&str] = &[
    "mkfs", "mkswap", "blkdiscard", "shred", "wipefs", "truncate", "lvremove", "vgremove", "pvremove", "userdel",
    "groupdel", "unlink", "rmdir", "pkill", "killall", "reboot", "poweroff",
];

/// Words of any program that destroy.
pub const WORDS: &[&str] = &[
    "delete", "del", "destroy", "remove", "rm", "rmi", "rmp", "rb", "erase", "purge", "prune", "autoremove", "drop", "wipe",
    "terminate", "kill", "uninstall", "drain", "evict", "flushall", "flushdb", "force-unlock", "unset", "disarm",
    "revoke", "reset", "rollback", "deallocate", "luksformat", "labelclear", "cordon", "restart", "stop", "dropdatabase",
];

/// How such words begin where they are joined with what they are done to: `delete-stack`, `terminate-instances`.
pub const BEGINNINGS: &[&str] = &[
    "delete-", "remove-", "terminate-", "destroy-", "purge-", "deregister-", "stop-", "reboot-", "detach-",
];

/// Words that destroy only with some programs.
pub const WORDS_OF: &[(&[&str], &[&str])] = &[
    (&["kubectl", "oc"], &["replace", "reconcile", "undo"]),
    (&["systemctl"], &["disable", "mask", "reboot", "poweroff", "halt", "isolate", "rescue", "emergency", "kexec"]),
    (&["docker", "podman", "nerdctl", "ip"], &["down", "flush"]),
    (&["crictl"], &["stopp"]),
    (&["helm"], &["un"]),
    (&["etcdctl", "etcdutl"], &["restore", "compact", "compaction"]),
    (&["flux"], &["suspend"]),
    (&["vault"], &["disable", "seal"]),
    (&["nft", "ufw"], &["flush", "disable"]),
    (&["redis-cli"], &["shutdown", "unlink"]),
];

/// Flags of any program that destroy, with or without a value.
pub const FLAGS: &[&str] = &[
    "--force", "--purge", "--prune", "--delete", "--hard", "--grace-period=0", "--disable-eviction", "--mirror", "--force-conflicts",
    "--delete-emptydir-data", "--delete-local-data", "--remove-extra-permissions", "--force-with-lease", "--flush", "-destroy",
];

/// Letters that destroy among the one-letter flags of a program.
pub const LETTERS_OF: &[(&[&str], &str)] = &[
    (&["rm"], "rRf"),
    (&["iptables", "ip6tables"], "FXD"),
    (&["ipvsadm"], "CD"),
    (&["chmod", "chown"], "R"),
    (&["crontab"], "r"),
    (&["sgdisk"], "Zoz"),
    (&["rpm"], "e"),
];

/// Folders whose files nobody writes over in passing.
pub const SYSTEM_FOLDERS: &[&str] = &["/etc/", "/dev/", "/boot/", "/usr/", "/lib", "/bin/", "/sbin/", "/proc/", "/sys/", "/root/"];
