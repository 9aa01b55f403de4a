//! The parts that live systems of issues share: when all issues are listed, how failures are told, the version of an
//! issue.

use super::Origin;
use crate::{
    credentials::Reference,
    report::Rejection,
    sources::{SourceError, SyncState},
};
use jiff::{SignedDuration, Timestamp};
use net::{CallError, Policy, Secret};
use serde_json::{Value, json};
use std::path::Path;

/// A larger file holds no certificates.
const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;

/// Pages of one listing that are read: more are a listing that does not end.
pub(in crate::sources) const MAX_PAGES: usize = 50_000;

/// The extent of a listing: everything, or the changes since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sources) enum Extent {
    /// All issues there are.
    All,
    /// The issues that changed since then.
    Since(Timestamp),
}

impl Extent {
    /// The extent of the run after `before`: everything at first and when the last complete listing is older than
    /// `hours`, for only that shows deletions; else the changes since the cursor, less `overlap`, for indexes lag and
    /// clocks differ.
    pub(in crate::sources) fn after(before: &SyncState, hours: u64, overlap: SignedDuration) -> Self {
        let hours = SignedDuration::from_hours(i64::from(u32::try_from(hours).unwrap_or(u32::MAX)));
        let is_due = before.listed_at.is_none_or(|listed| Timestamp::now().duration_since(listed) >= hours);
        let is_due = is_due && !is_partial(before);
        match cursor(before).filter(|_| !is_due) {
            Some(at) => Self::Since(at.checked_sub(overlap).unwrap_or(Timestamp::UNIX_EPOCH)),
            None => Self::All,
        }
    }
}

/// The newest change that the last committed run saw.
pub(in crate::sources) fn cursor(before: &SyncState) -> Option<Timestamp> {
    before.cursor.as_ref()?["updated"].as_str()?.parse().ok()
}

/// The same as the next run reads it. `is_partial` where it covers a listing of everything that broke off: the next run
/// goes on from it before it lists everything again.
pub(in crate::sources) fn cursor_at(newest: Timestamp, is_partial: bool) -> Value {
    match is_partial {
        true => json!({"updated": newest.to_string(), "partial": true}),
        false => json!({"updated": newest.to_string()}),
    }
}

/// Whether the last run's listing of everything broke off, or one that went on from there.
pub(in crate::sources) fn is_partial(before: &SyncState) -> bool {
    before.cursor.as_ref().is_some_and(|cursor| cursor["partial"].as_bool() == Some(true))
}

/// How a system is called: where, within which bounds, and with the certificates of a file beside the machine's own.
pub(in crate::sources) fn calls(
    origin: &Origin,
    url: &str,
    policy: Policy,
    ca_file: Option<&Path>,
) -> Result<net::Settings, SourceError> {
    let settings = net::Settings::new(url, policy).map_err(|error| origin.failed(error.to_string()))?;
    let read = |file: &Path| {
        let unreadable =
            |error| origin.failed(format!("`ca_file` {} cannot be read: {error}", file.display()));
        kb::files::read(file, MAX_CERTIFICATE_BYTES).map_err(unreadable)
    };
    let roots = ca_file.map(read).transpose()?;
    Ok(net::Settings { roots, ..settings })
}

/// Why a source could not be listed at all.
pub(in crate::sources) fn failure(
    origin: &Origin,
    token: Option<&Reference>,
    error: &CallError,
) -> SourceError {
    let name = origin.name.clone();
    let reason = format!("{}: {}", origin.shown, told(error));
    match (error.status(), token) {
        (Some(401 | 403), Some(token)) => {
            SourceError::Credentials { name, reason, reference: token.to_string() }
        }
        (Some(401 | 403), None) => {
            SourceError::Failed { name, reason: format!("{reason}; it has no `token` in its settings") }
        }
        _ => SourceError::Failed { name, reason },
    }
}

/// The secret that a reference leads to, as it is now: it may have been rotated.
pub(in crate::sources) fn secret(origin: &Origin, reference: &Reference) -> Result<Secret, SourceError> {
    reference.read().map_err(|error| SourceError::Credentials {
        name: origin.name.clone(),
        reason: error.to_string(),
        reference: reference.to_string(),
    })
}

/// The meaning of a failure, for a report.
pub(in crate::sources) fn told(error: &CallError) -> String {
    match error {
        CallError::Status { status: 401, .. } => "the credentials are refused (status 401)".to_owned(),
        CallError::Status { status: 403, retry_after: None } => "it may not be read (status 403)".to_owned(),
        CallError::Status { status: status @ (403 | 429), retry_after: Some(pause) } => {
            format!("its rate limit is used up for {} s (status {status})", pause.as_secs())
        }
        error => error.to_string(),
    }
}

/// The rejection that reports a listing that broke off.
pub(in crate::sources) fn broken_off(origin: &Origin, error: &CallError) -> Rejection {
    let reason = format!("the listing broke off: {}; the next run goes on from here", told(error));
    Rejection::new(origin.shown.clone(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_at_first_and_when_it_is_due() {
        let at = |text: &str| text.parse::<Timestamp>().expect(text);
        let overlap = SignedDuration::from_mins(10);
        let now = Timestamp::now();
        let state = |listed_at: Option<Timestamp>, cursor: Option<Value>| SyncState {
            cursor,
            listed_at,
            ..SyncState::default()
        };
        let newest = cursor_at(at("2026-01-02T03:04:05Z"), false);
        for (before, expected) in [
            (state(None, None), Extent::All),
            (state(None, Some(newest.clone())), Extent::All),
            (state(Some(now), None), Extent::All),
            (state(Some(now - SignedDuration::from_hours(25)), Some(newest.clone())), Extent::All),
            (
                state(None, Some(cursor_at(at("2026-01-02T03:04:05Z"), true))),
                Extent::Since(at("2026-01-02T02:54:05Z")),
            ),
            (state(Some(now), Some(newest)), Extent::Since(at("2026-01-02T02:54:05Z"))),
        ] {
            assert_eq!(Extent::after(&before, 24, overlap), expected, "{before:?}");
        }
    }
}
