//! The duties of every storage engine: one function for each property, and [`contract_tests`] to run them all against
//! an engine.
//!
//! Rankings are compared with a plain implementation over the documents in memory ([`Oracle`]), so that engines rank
//! alike because each ranks as written down. Vectors are compared by cosine.

mod commits;
mod filters;
mod fixtures;
mod links;
mod opening;
mod oracle;
mod records;
mod sources;
mod vectors;
mod words;

pub(super) use commits::*;
pub(super) use filters::*;
pub(super) use fixtures::*;
pub(super) use links::*;
pub(super) use opening::*;
pub(super) use records::*;
pub(super) use sources::*;
pub(super) use vectors::*;
pub(super) use words::*;

use super::*;
use crate::{
    analyzer,
    document::{Chunk, ContentHash, DocumentMeta, Kind, Link, Rule, Trust},
};
use async_trait::async_trait;
use oracle::Oracle;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// An engine that can be opened at places that exist only for the test.
#[async_trait]
pub(super) trait EngineUnderTest: Sync {
    /// Opens the place called `name` for writing. Places are empty at first.
    async fn writer(&self, name: &str, identity: &Identity) -> Result<Box<dyn Writer>, StoreError>;

    /// Opens the place called `name` for reading.
    async fn reader(
        &self,
        name: &str,
        identity: Option<&Identity>,
    ) -> Result<Arc<dyn KnowledgeBase>, StoreError>;

    /// Removes what the test has left where it would stay.
    async fn clean(&self) {}
}

/// Makes a test of each property. `$engine` is an expression that makes an [`EngineUnderTest`]; after `@when`, one that
/// makes one or none.
macro_rules! contract_tests {
    ($engine:expr) => {
        crate::store::contract::contract_tests!(@when Some($engine));
    };
    (@when $engine:expr) => {
        crate::store::contract::contract_tests!(@each $engine;
            changes_are_seen_after_their_commit_only
            a_document_is_replaced_and_removed_as_a_whole
            views_keep_their_state
            a_commit_without_changes_changes_nothing
            filters_show_what_they_say
            access_tags_deny_by_default
            filters_agree_with_documents
            narrowing_never_widens
            passages_and_fields_are_found_by_their_words
            rankings_are_as_written_down
            rankings_follow_every_change
            scores_depend_on_what_there_is
            a_source_is_renamed_as_a_whole
            commonness_is_that_of_everything
            vectors_rank_by_cosine
            documents_are_as_near_as_their_passages
            links_follow_every_change
            links_count_by_how_much_is_linked
            ties_fall_by_key
            documents_have_the_terms_of_their_passages
            chunks_come_in_order
            foreign_chunks_are_refused
            rules_are_found
            fingerprints_are_those_of_the_sources
            a_mismatch_is_refused_with_advice
            a_second_writer_is_refused_at_once
            absent_knowledge_bases_are_missing
            an_empty_knowledge_base_answers
            what_does_not_fit_is_refused
            calibration_is_kept
            states_of_sources_go_with_their_documents
            the_run_log_is_kept
            readers_never_see_a_mixture
        );
    };
    (@each $engine:expr; $($property:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $property() {
            if let Some(engine) = $engine {
                crate::store::contract::$property(&engine).await;
                engine.clean().await;
            }
        }
    )*};
}
pub(super) use contract_tests;
