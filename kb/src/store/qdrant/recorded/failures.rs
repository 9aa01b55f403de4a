//! The engine's errors and tries after a server's refusals. The replies are written by hand.

use super::{
    super::{client::Mode, manifest},
    API_KEY, Place,
    script::{Call, Reply},
    server::Server,
};
use crate::store::StoreError;
use qdrant_client::qdrant::{
    GetPoints, GetResponse, ListAliasesRequest, ListAliasesResponse, PointId, WithPayloadSelector,
    point_id::PointIdOptions, with_payload_selector::SelectorOptions,
};
use tonic::Code;

/// The question for the manifest of `kb`, and a reply.
fn manifest_asked(reply: Reply) -> Call {
    let request = GetPoints {
        collection_name: "kb".to_owned(),
        ids: vec![PointId { point_id_options: Some(PointIdOptions::Num(1 << 40)) }],
        with_payload: Some(WithPayloadSelector { selector_options: Some(SelectorOptions::Enable(true)) }),
        ..GetPoints::default()
    };
    Call::new("/qdrant.Points/Get", &request, reply)
}

fn refused(code: Code, message: &str) -> Reply {
    Reply::Status(code, message.to_owned())
}

/// A server that replies to these calls, and a knowledge base on it.
async fn replying(calls: Vec<Call>) -> (Server, Place) {
    let server = Server::replaying(calls, Some(API_KEY)).await;
    let place = Place::on(&[&server], "kb");
    (server, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again() {
    let unavailable = || manifest_asked(refused(Code::Unavailable, "the consensus has no leader"));
    let found_nothing = manifest_asked(Reply::message(&GetResponse::default()));
    // The client itself asks once more over a new connection.
    let (server, place) = replying(vec![unavailable(), unavailable(), found_nothing.clone()]).await;
    let found = manifest::read(&place.cluster(), "kb").await.expect("the last try has a reply");
    assert_eq!(found, None);
    assert_eq!(server.finish().map(drop), Ok(()));

    let away = Server::replaying(vec![unavailable(), unavailable()], Some(API_KEY)).await;
    let well = Server::replaying(vec![found_nothing.clone(), found_nothing], Some(API_KEY)).await;
    let cluster = Place::on(&[&away, &well], "kb").cluster();
    for _ in 0..2 {
        // The server that replied is asked first from then on.
        assert_eq!(manifest::read(&cluster, "kb").await.expect("the other server replies"), None);
    }
    assert_eq!(away.finish().map(drop), Ok(()));
    assert_eq!(well.finish().map(drop), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_passes_is_an_error() {
    // Four tries, each made twice by the client.
    let unavailable = vec![manifest_asked(refused(Code::Unavailable, "shutting\ndown")); 8];
    let (server, place) = replying(unavailable).await;
    let error = place.reader(None).await.map(drop).expect_err("no reply");
    let StoreError::Unreachable { detail, .. } = &error else { panic!("{error:?}") };
    assert_eq!(detail, "shutting down");
    assert_eq!(server.finish().map(drop), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_and_not_repeated() {
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        let reply = refused(code, &format!("Invalid api-key {API_KEY}"));
        let (server, place) = replying(vec![manifest_asked(reply)]).await;
        let error = place.reader(None).await.map(drop).expect_err("the key is refused");
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let told = format!("{error} {error:?}");
        assert!(told.contains("RUNBOOKD_QDRANT_API_KEY_FILE"), "{told}");
        assert!(!told.contains(API_KEY), "{told}");
        assert_eq!(server.finish().map(drop), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_collections_are_no_empty_answers() {
    let absent = || refused(Code::NotFound, "Not found: Collection `kb` doesn't exist!");
    let (server, place) = replying(vec![manifest_asked(absent())]).await;
    let missing = place.reader(None).await.map(drop);
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    assert_eq!(server.finish().map(drop), Ok(()));

    let (server, place) =
        replying(vec![Call::new("/qdrant.Collections/ListAliases", &ListAliasesRequest {}, absent())]).await;
    let gone = super::super::collection::current(&place.cluster()).await;
    assert!(matches!(gone, Err(StoreError::Refused { .. })), "{gone:?}");
    assert_eq!(server.finish().map(drop), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_part_of_what_is_compared() {
    let listed = || {
        let reply = Reply::message(&ListAliasesResponse::default());
        Call::new("/qdrant.Collections/ListAliases", &ListAliasesRequest {}, reply)
    };
    for (expected, sent) in [(Some(API_KEY), None), (Some(API_KEY), Some("another")), (None, Some(API_KEY))] {
        let server = Server::replaying(vec![listed()], expected).await;
        let cluster = Place::on(&[&server], "kb").cluster_with(sent);
        let listed =
            cluster.call(Mode::Read, "list", |server| async move { server.list_aliases().await }).await;
        assert!(matches!(listed, Err(StoreError::Refused { .. })), "{listed:?}");
        let deviation = server.finish().map(drop).expect_err("the keys differ");
        assert!(deviation.contains("carries the key"), "{deviation}");
    }
    let server = Server::replaying(vec![listed()], None).await;
    let cluster = Place::on(&[&server], "kb").cluster_with(None);
    cluster
        .call(Mode::Read, "list", |server| async move { server.list_aliases().await })
        .await
        .expect("no key is fine");
    assert_eq!(server.finish().map(drop), Ok(()));
}
