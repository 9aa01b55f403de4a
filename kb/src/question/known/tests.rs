use super::*;
use crate::{
    document::Rule,
    question::{Failure, IdentifierKind, MAX_QUESTION_BYTES, Question, QuestionError},
};
use std::collections::BTreeSet;

/// Parts from `alert=… name=… pod=… +namespace=…`: keys of the struct, else labels, as are those after a `+`. `_`
/// stands for a space in a value.
fn parts(text: &str, message: &str) -> FailureParts {
    let mut parts = FailureParts { message: message.to_owned(), ..FailureParts::default() };
    for pair in text.split_whitespace() {
        let (key, value) = pair.split_once('=').expect("key=value");
        let value = value.replace('_', " ");
        match key {
            "alert" => parts.alert = Some(value),
            "reason" => parts.reason = Some(value),
            "kind" => parts.kind = Some(value),
            "namespace" => parts.namespace = Some(value),
            "name" => parts.name = Some(value),
            "container" => parts.container = Some(value),
            label => {
                let label = label.trim_start_matches('+').replace('~', "_");
                parts.labels.insert(label, value);
            }
        }
    }
    parts
}

fn of(text: &str, message: &str) -> Question {
    Question::from_parts(&parts(text, message), None)
        .unwrap_or_else(|error| panic!("{error}: {text} {message}"))
}

fn parse(text: &str) -> Question {
    Question::parse(text, None).expect("a question")
}

/// The objects as `Kind namespace/name`, `?` for what is not known and `*` for what is anonymised.
fn objects(failure: &Failure) -> Vec<String> {
    let label = |label: &Label| match label {
        Label::Known(name) => name.clone(),
        Label::Anonymised => "*".to_owned(),
    };
    let object = |object: &Object| {
        let kind = object.kind.as_deref().unwrap_or("?");
        let namespace = object.namespace.as_ref().map_or("?".to_owned(), label);
        format!("{kind} {namespace}/{}", label(&object.name))
    };
    failure.objects.iter().map(object).collect()
}

fn check_objects(parts: &str, message: &str, expected: &[&str]) {
    let question = of(parts, message);
    assert_eq!(objects(&question.failures()[0]), expected, "{parts}: {message}");
}

fn named(question: &Question, kind: IdentifierKind) -> Vec<&str> {
    question.named(kind).collect()
}

#[test]
fn a_failure_in_parts_is_the_failure_as_text() {
    for (text, given, message) in [
        (
            "KubePodCrashLooping: Pod payments/ledger-7d9c5b6f4-x2x9k (api) is in waiting state (reason: CrashLoopBackOff)",
            "alert=KubePodCrashLooping kind=Pod namespace=payments name=ledger-7d9c5b6f4-x2x9k",
            "Pod payments/ledger-7d9c5b6f4-x2x9k (api) is in waiting state (reason: CrashLoopBackOff)",
        ),
        (
            "KubePodNotReady: Pod payments/web-0 has been in a non-ready state for longer than 15 minutes.",
            "alertname=KubePodNotReady namespace=payments pod=web-0 severity=warning",
            "Pod payments/web-0 has been in a non-ready state for longer than 15 minutes.",
        ),
        (
            "Deployment shop/storefront has 3 replicas but 1 are available with status running",
            "kind=Deployment name=shop/storefront",
            "Deployment shop/storefront has 3 replicas but 1 are available with status running",
        ),
        (
            "StatefulSet uses the service data/postgres-headless which does not exist. Service has no endpoints, expected label app=db",
            "kind=service namespace=data name=postgres-headless",
            "StatefulSet uses the service data/postgres-headless which does not exist. Service has no endpoints, expected label app=db",
        ),
        (
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available with status running",
            "kind=Deployment name=UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z",
            "Deployment UHRZOmdq/Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z has 1 replicas but 0 are available with status running",
        ),
    ] {
        let (as_text, as_parts) = (parse(text), of(given, message));
        assert_eq!(as_parts.text(), as_text.text());
        assert_eq!(as_parts.search_text(), as_text.search_text());
        assert_eq!(as_parts.subject(), as_text.subject());
        assert_eq!(as_parts.volatile(), as_text.volatile());
        assert_eq!(as_parts.anonymised(), as_text.anonymised());
        assert_eq!(objects(&as_parts.failures()[0]), objects(&as_text.failures()[0]), "{text}");
        let identifiers =
            |question: &Question| -> BTreeSet<_> { question.identifiers().iter().cloned().collect() };
        assert_eq!(identifiers(&as_parts), identifiers(&as_text), "{text}");
    }
}

#[test]
fn the_message_need_not_say_what_is_known() {
    let question = of(
        "alertname=KubePodCrashLooping namespace=payments pod=ledger-7d9c5b6f4-x2x9k container=api reason=OOMKilled team=core",
        "It restarts all the time.",
    );
    assert_eq!(
        question.text(),
        "KubePodCrashLooping: Pod payments/ledger-7d9c5b6f4-x2x9k, container api, OOMKilled: It restarts all the time."
    );
    assert_eq!(
        question.search_text(),
        "KubePodCrashLooping: Pod payments/ledger, container api, OOMKilled: It restarts all the time."
    );
    assert_eq!(objects(&question.failures()[0]), ["Pod payments/ledger-7d9c5b6f4-x2x9k"]);
    assert_eq!(named(&question, IdentifierKind::Alert), ["KubePodCrashLooping"]);
    assert_eq!(named(&question, IdentifierKind::Reason), ["OOMKilled"]);
    assert_eq!(named(&question, IdentifierKind::Name), ["ledger", "api"]);
    assert_eq!(of("alert=Watchdog", "").text(), "Watchdog");
    assert_eq!(of("kind=Node name=worker-1 reason=NotReady", "").text(), "Node worker-1, NotReady");
    assert_eq!(of("namespace=payments", "Quota is used up.").text(), "namespace payments: Quota is used up.");
}

#[test]
fn messages_in_four_languages_are_understood_beside_what_is_known() {
    let given = "alertname=KubeDeploymentReplicasMismatch namespace=payments deployment=ledger";
    for (message, language) in [
        ("Deployment payments/ledger has not matched the expected number of replicas.", "en"),
        ("部署 ledger 的副本數與預期不符，因為節點 worker-2 記憶體不足。", "zh"),
        ("Deployment ledger không đủ bản sao vì nút worker-2 đã hết bộ nhớ.", "vi"),
        (
            "Deployment ledger tidak memiliki jumlah replika yang diharapkan karena node worker-2 kehabisan memori.",
            "id",
        ),
    ] {
        let question = of(given, message);
        let objects = objects(&question.failures()[0]);
        assert_eq!(objects[0], "Deployment payments/ledger", "{message}");
        assert_eq!(objects.iter().filter(|object| object.ends_with("/ledger")).count(), 1, "{objects:?}");
        assert!(question.language().0.starts_with(language), "{:?}: {message}", question.language());
        assert_eq!(named(&question, IdentifierKind::Alert), ["KubeDeploymentReplicasMismatch"]);
        assert_eq!(named(&question, IdentifierKind::Namespace), ["payments"]);
        assert!(
            question.text().ends_with(message)
                && question.search_text().contains("KubeDeploymentReplicasMismatch")
        );
        if language != "en" {
            assert!(objects.iter().any(|object| object.ends_with("/worker-2")), "{objects:?}");
        }
    }
}

#[test]
fn the_known_part_holds_where_the_message_says_something_else() {
    // The namespace and the kind hold for the same object.
    check_objects(
        "kind=Pod namespace=payments name=web-0",
        "Pod shop/web-0 is restarting",
        &["Pod payments/web-0"],
    );
    check_objects(
        "namespace=payments pod=web-0",
        "pod=web-0 namespace=shop is restarting",
        &["Pod payments/web-0"],
    );
    // Another object stays beside it.
    check_objects(
        "namespace=payments pod=web-0",
        "HTTPRoute uses the Gateway 'edge/public' which does not exist",
        &["Pod payments/web-0", "Gateway edge/public"],
    );
    check_objects(
        "kind=Deployment namespace=payments name=web",
        "Service payments/web has no endpoints",
        &["Deployment payments/web", "Service payments/web"],
    );
    // A part of the object that is not among the known parts is taken from the message.
    check_objects("name=web-0", "Pod shop/web-0 is restarting", &["Pod shop/web-0"]);
    // An alert and a namespace are one each.
    let question =
        of("alert=KubePodNotReady namespace=payments", "The KubeNodeNotReady alert fires in namespace shop");
    assert_eq!(named(&question, IdentifierKind::Alert), ["KubePodNotReady"]);
    assert_eq!(named(&question, IdentifierKind::Namespace), ["payments"]);
    // A failure has several reasons.
    let question = of("reason=BackOff", "Back-off pulling image \"a/b:1\"");
    assert_eq!(named(&question, IdentifierKind::Reason), ["BackOff", "ImagePullBackOff"]);
    // A field goes before the label that says the same.
    check_objects("kind=Pod name=web-0 namespace=payments pod=web-1", "", &["Pod payments/web-0"]);
    assert_eq!(named(&of("alert=A alertname=B", ""), IdentifierKind::Alert), ["A"]);
}

#[test]
fn a_part_is_nothing_else_than_what_it_is_given_as() {
    let question =
        of("alertname=PodsPending namespace=node container=deployment pod=service-0 env=production", "x");
    assert_eq!(named(&question, IdentifierKind::Alert), ["PodsPending"]);
    assert_eq!(named(&question, IdentifierKind::Kind), ["Pod"]);
    assert_eq!(named(&question, IdentifierKind::Namespace), ["node"]);
    assert_eq!(objects(&question.failures()[0]), ["Pod node/service-0"]);
    let question = of("alert=Deployment namespace=kube-apiserver reason=KubeletDown name=my-deployment", "x");
    assert_eq!(named(&question, IdentifierKind::Alert), ["Deployment"]);
    assert_eq!(named(&question, IdentifierKind::Kind), Vec::<&str>::new());
    assert_eq!(named(&question, IdentifierKind::Component), Vec::<&str>::new());
    assert_eq!(named(&question, IdentifierKind::Reason), ["KubeletDown"]);
    assert_eq!(objects(&question.failures()[0]), ["? kube-apiserver/my-deployment"]);
    let question =
        of("severity=critical env=production team=KubePodNotReady app=web-0 job=node", "It is slow");
    assert_eq!(question.identifiers(), parse("It is slow").identifiers());
    assert_eq!(question.known_parts(), None);
    // A name that Kubernetes allows is no anonymised one, although it could be the encoding of another.
    let could_be = "billbill";
    assert_eq!(parse(&format!("Pod {could_be} is restarting")).anonymised(), [could_be]);
    let question = of(&format!("pod={could_be}"), "It restarts");
    assert_eq!((question.anonymised().len(), question.search_text()), (0, "Pod billbill: It restarts"));
    // Names of alerts may have spaces, and questions are asked in messages only.
    let question = of("alert=Is_it_up?", "The target is down");
    assert_eq!((named(&question, IdentifierKind::Alert), question.asks()), (vec!["Is it up?"], false));
}

#[test]
fn labels_name_objects_with_their_kinds() {
    check_objects("namespace=data persistentvolumeclaim=db-0", "x", &["PersistentVolumeClaim data/db-0"]);
    check_objects("namespace=data node=worker-1 pod=db-0", "x", &["Node ?/worker-1", "Pod data/db-0"]);
    check_objects("namespace=data job~name=backup-29 job=kube-state-metrics", "x", &["Job data/backup-29"]);
    // A service is a scraped target's, unless nothing else is named.
    check_objects("namespace=data service=kube-state-metrics statefulset=db", "x", &["StatefulSet data/db"]);
    check_objects("namespace=data service=db", "x", &["Service data/db"]);
    // Where labels are exported, those of the same names are the exporter's.
    check_objects(
        "+namespace=monitoring pod=exporter-0 +container=exporter service=exporter exported~namespace=data exported~pod=db-0",
        "x",
        &["Pod data/db-0"],
    );
    let question = of(
        "+namespace=monitoring pod=exporter-0 +container=exporter exported~namespace=data deployment=db",
        "x",
    );
    assert_eq!(objects(&question.failures()[0]), ["Deployment data/db"]);
    assert_eq!(named(&question, IdentifierKind::Name), ["db"]);
    // The known object belongs to each failure of a message that reports several failures.
    let question = of(
        "kind=Ingress name=shop/front",
        "Ingress uses the service shop/front-v2 which does not exist. Ingress uses the secret shop/front-tls as a TLS certificate which does not exist.",
    );
    assert_eq!(question.failures().len(), 2);
    assert!(question.failures().iter().all(|failure| objects(failure)[0] == "Ingress shop/front"));
}

#[test]
fn anonymised_parts_are_stood_in_for() {
    let (namespace, name) = ("UHRZOmdq", "Jm1VPWgjQmVsMzFpRWwoMmgtcEN8fD1oXz1Z");
    let question =
        of(&format!("kind=Deployment namespace={namespace} name={name}"), "There are not enough replicas.");
    assert_eq!(objects(&question.failures()[0]), ["Deployment */*"]);
    assert_eq!(question.anonymised(), [namespace, name]);
    assert!(question.name_is_anonymised() && question.anonymised_kinds().contains("Deployment"));
    assert_eq!(question.text(), format!("Deployment {namespace}/{name}: There are not enough replicas."));
    assert_eq!(question.search_text(), "Deployment : There are not enough replicas.");
    assert_eq!(question.named(IdentifierKind::Name).count(), 0);
    // Kinds of which no sentence of k8sgpt is known, short names, and names that are anonymised in part.
    check_objects("kind=Widget name=TikveG49Xzt5Vm0oaS1o", "x", &["Widget ?/*"]);
    check_objects("kind=Pod name=payments-TikveG49Xzt5Vm0oaS1o", "x", &["Pod ?/*"]);
    check_objects("kind=Pod name=orders/TikveG49Xzt5Vm0oaS1o", "x", &["Pod orders/*"]);
    check_objects("kind=Pod name=ZVFSTA==", "x", &["Pod ?/*"]);
    // An anonymised name of another kind is another object.
    check_objects(
        &format!("kind=HTTPRoute name={namespace}/{name}"),
        "HTTPRoute uses the Gateway 'UHRZOmdq/Jm1VPWgj' which does not exist in the same namespace.",
        &["HTTPRoute */*", "Gateway */*"],
    );
}

#[test]
fn rules_hold_for_known_parts() {
    use crate::retrieve::{RuleStrength, matches};
    let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let rule = |kind: &[&str], namespace: &[&str], name: &[&str]| Rule {
        kind: list(kind),
        namespace: list(namespace),
        name: list(name),
        ..Rule::default()
    };
    let ledger = rule(&["Deployment"], &["payments"], &["ledger"]);
    for (given, message, expected) in [
        ("namespace=payments deployment=ledger", "It is slow", Some(RuleStrength::Exact)),
        ("namespace=payments pod=ledger-7d9c5b6f4-x2x9k", "It is slow", Some(RuleStrength::Exact)),
        ("namespace=shop deployment=ledger", "It is slow", None),
        ("namespace=shop deployment=ledger", "Deployment payments/ledger is slow", None),
        ("namespace=payments statefulset=ledger", "It is slow", None),
        ("namespace=payments container=ledger", "It is slow", None),
        ("namespace=payments app=ledger", "It is slow", None),
        (
            "namespace=payments deployment=TikveG49Xzt5Vm0oaS1o",
            "It is slow",
            Some(RuleStrength::BehindStandIn),
        ),
    ] {
        assert_eq!(matches(&ledger, &of(given, message)), expected, "{given}: {message}");
    }
    let payments = rule(&[], &["payments"], &[]);
    assert_eq!(matches(&payments, &of("namespace=payments", "It is slow")), Some(RuleStrength::Exact));
    assert_eq!(matches(&payments, &of("namespace=shop", "in namespace payments")), None);
    let alert = Rule { alert: list(&["High CPU usage"]), ..Rule::default() };
    assert_eq!(matches(&alert, &of("alertname=High_CPU_usage", "x")), Some(RuleStrength::Exact));
}

#[test]
fn hostile_parts_are_data() {
    let long = "a".repeat(MAX_NAME_BYTES + 1);
    for value in ["a\nb", "\u{1b}[31mred", "web\u{202e}0", "\u{e000}", "  ", long.as_str()] {
        let parts = FailureParts {
            alert: Some(value.to_owned()),
            name: Some(value.to_owned()),
            namespace: Some(value.to_owned()),
            labels: BTreeMap::from([("pod".to_owned(), value.to_owned())]),
            message: "It is slow".to_owned(),
            ..FailureParts::default()
        };
        let question = Question::from_parts(&parts, None).expect("a message");
        assert_eq!((question.text(), question.known_parts()), ("It is slow", None), "{value:?}");
        let without = FailureParts { message: String::new(), ..parts };
        assert_eq!(Question::from_parts(&without, None), Err(QuestionError::Empty), "{value:?}");
    }
    // Any number of labels is taken, and none makes the question longer than the names that are read.
    let mut many = parts("pod=web-0 namespace=shop", "It is slow");
    many.labels.extend((0..100_000).map(|number| (format!("a{number}"), "x".repeat(100))));
    let question = Question::from_parts(&many, None).expect("a message");
    assert_eq!(question.text(), "Pod shop/web-0: It is slow");
    // A name that looks like a sentence, a key or the end of a quotation names one object.
    check_objects("kind=Pod name=x\",namespace=\"payments", "x", &["Pod ?/x\",namespace=\"payments"]);
    let message = "a".repeat(MAX_QUESTION_BYTES);
    assert_eq!(of("pod=web-0", &message).text().len(), MAX_QUESTION_BYTES + "Pod web-0: ".len());
    let bytes = MAX_QUESTION_BYTES + 1;
    let error = Question::from_parts(&parts("pod=web-0", &format!("{message}a")), None);
    assert_eq!(error, Err(QuestionError::TooLong { bytes }));
}

#[test]
fn known_parts_outlast_the_second_search_in_english() {
    let question = of("alert=RelayDown namespace=payments deployment=relay", "磁碟空間不足，佇列已滿");
    let english = question.in_english().expect("terms that the glossary has");
    assert_eq!(english.language(), question.language());
    assert_eq!(objects(&english.failures()[0]), ["Deployment payments/relay"]);
    assert_eq!(named(&english, IdentifierKind::Alert), ["RelayDown"]);
    assert!(english.text().starts_with("RelayDown: Deployment payments/relay: "), "{}", english.text());
}

#[test]
fn equal_texts_with_other_parts_are_other_questions() {
    let (one, other) = (of("pod=web-0", "Pod web-0 is slow"), parse("Pod web-0 is slow"));
    assert_eq!(one.text(), other.text());
    assert_ne!(one.known_parts(), other.known_parts());
    assert_ne!(of("namespace=a", "a b").known_parts(), of("namespace=b", "a b").known_parts());
}
