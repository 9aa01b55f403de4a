//! Which part of a page answers, where several could.

use crate::harness::{Setup, with_pages};
use serde_json::json;

const RELAY: &str = "\
# Relay alerts

## RelayHpaReplicasMismatch

The autoscaler wants a number of replicas beyond its maximum for longer than 15 minutes. Raise the autoscaler's maximum.

## RelayDeploymentReplicasMismatch

A number of replicas has been missing for longer than 15 minutes. Look at the events with `kubectl describe` and undo the last change.
";

const CHARTS: &str = "\
# Installing the relay

## Chart error when pulling the relay chart

The relay chart cannot be pulled. Log in to the registry before you pull it.

## Chart error when installing the relay chart

The relay chart cannot be installed. Remove the definitions of an earlier release before you install it.
";

const LINKING: &str = "\
# Relay queue is full

Follow the [failover procedure](failover.md) before the queue is emptied by hand.
";

const FAILOVER: &str = "\
# Failover of the relay

Move the traffic to the standby region first.
";

#[tokio::test]
async fn an_alert_about_another_kind_of_object_stands_back() {
    let (app, _kb) = with_pages(&[("relay.md", RELAY)]).await;
    let question =
        "Deployment shop/relay has not matched the expected number of replicas for longer than 15 minutes.";
    let reply = app.post("/v1/ask", json!({ "question": question }).to_string()).await.json();
    let text = reply["answer"].as_str().expect("a string");
    assert!(text.contains("undo the last change") && !text.contains("Raise the autoscaler"), "{text}");
}

#[tokio::test]
async fn a_section_that_fits_as_well_is_named_with_its_source() {
    let (app, _kb) = with_pages(&[("charts.md", CHARTS)]).await;
    let reply = app.post("/v1/ask", json!({ "question": "Relay chart error" }).to_string()).await.json();
    let text = reply["answer"].as_str().expect("a string");
    assert!(text.contains("Another section fits about as well:\n- **Chart error when "), "{text}");
    assert!(text.contains("cannot be pulled.") && text.contains("cannot be installed."), "{text}");
    assert_eq!(reply["citations"].as_array().map(Vec::len), Some(2), "{reply}");

    let question = "How do I fix the chart error when installing the relay chart? It cannot be installed.";
    let reply = app.post("/v1/ask", json!({ "question": question }).to_string()).await.json();
    let text = reply["answer"].as_str().expect("a string");
    assert!(text.starts_with("The relay chart cannot be installed."), "{text}");
}

#[tokio::test]
async fn a_link_to_a_known_document_is_cited() {
    let (app, _kb) = with_pages(&[("queue.md", LINKING), ("failover.md", FAILOVER)]).await;
    let reply =
        app.post("/v1/ask", json!({ "question": "The relay queue is full" }).to_string()).await.json();
    let text = reply["answer"].as_str().expect("a string");
    assert!(
        text.contains("Follow the failover procedure [2] before the queue is emptied by hand. [1]"),
        "{text}"
    );
    assert_eq!(reply["citations"][0]["document"], "kb/queue.md", "{reply}");
    assert_eq!(reply["citations"][1]["document"], "kb/failover.md", "{reply}");
}

const COMMANDS: &str = "\
# Relay commands

## Show the queue of the relay

```bash
relayctl queue show
```
";

#[tokio::test]
async fn code_that_nothing_introduces_stands_below_its_heading() {
    let (app, _kb) = with_pages(&[("commands.md", COMMANDS)]).await;
    let question = "How do I show the queue of the relay?";
    let reply = app.post("/v1/ask", json!({ "question": question }).to_string()).await.json();
    let text = reply["answer"].as_str().expect("a string");
    assert!(
        text.starts_with("Show the queue of the relay [1]:\n```bash\nrelayctl queue show\n```"),
        "{text}"
    );
}

#[tokio::test]
async fn a_rule_about_the_event_gives_way_to_the_page_about_the_failure() {
    let app = Setup::default().start().await;
    for (failure, document) in [
        (
            "MountVolume.SetUp failed for volume \"config\" : configmap \"payments-config\" not found",
            "runbooks/runbooks/config-or-secret-missing.md",
        ),
        (
            "MountVolume.SetUp failed for volume \"pvc-1\" : rpc error: mount failed: exit status 32, wrong fs type",
            "runbooks/runbooks/storage-pvc-and-mounts.md",
        ),
    ] {
        let reply = app.post("/v1/ask", json!({ "question": failure }).to_string()).await.json();
        assert_eq!(reply["citations"][0]["document"], document, "{failure}: {reply}");
    }
}
