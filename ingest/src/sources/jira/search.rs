//! A search of issues in the order of their last change: Cloud's goes on by a token; Data Center's by windows of time,
//! for offsets over an order that moves skip rows.

use super::Settings;
use crate::sources::{
    confluence::Flavor,
    tracker::{
        instant,
        live::{Extent, MAX_PAGES},
    },
};
use jiff::Timestamp;
use net::{Call, CallError, Client, Method, Policy};
use serde_json::{Value, json};

/// Rows that a page of an offset repeats: a row that moved away draws those after it forward.
const REPEATED: usize = 10;

/// Tries of a page that was made smaller.
const RETRIES: u32 = 3;

/// How a search ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Why it broke off; the rows before are there.
    pub(super) error: Option<CallError>,
    /// Whether it ended in a way that leaves open whether there is more.
    pub(super) is_unsure: bool,
}

/// A search, with its windows of time and its pages.
pub(super) struct Search<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a Settings,
    pub(super) fields: &'a [&'a str],
    /// The bounds of each call.
    pub(super) policy: Policy,
}

impl Search<'_> {
    /// Gives each issue of the extent to `take`, those that change meanwhile more than once. An error is of the first
    /// page.
    pub(super) async fn each(
        &self,
        extent: Extent,
        take: &mut (dyn FnMut(Value) -> Result<(), CallError> + Send),
    ) -> Result<Ended, CallError> {
        let since = match extent {
            Extent::All => None,
            Extent::Since(at) => Some(at.as_millisecond()),
        };
        match self.settings.flavor() {
            Flavor::Cloud => self.by_token(since, take).await,
            _ => self.by_windows(since, take).await,
        }
    }

    /// Milliseconds since 1970 mean the same in every time zone; a date would be read in that of the account.
    fn jql(&self, since: Option<i64>) -> String {
        let projects = &self.settings.projects;
        let quoted: Vec<String> = projects.iter().map(|project| format!("\"{project}\"")).collect();
        let mut conditions = Vec::new();
        match quoted.as_slice() {
            [] => {}
            [project] => conditions.push(format!("project = {project}")),
            projects => conditions.push(format!("project in ({})", projects.join(", "))),
        }
        if let Some(condition) = &self.settings.jql {
            conditions.push(format!("({condition})"));
        }
        if let Some(since) = since {
            conditions.push(format!("updated >= {since}"));
        }
        format!("{} ORDER BY updated ASC", conditions.join(" AND "))
    }

    async fn by_token(
        &self,
        since: Option<i64>,
        take: &mut (dyn FnMut(Value) -> Result<(), CallError> + Send),
    ) -> Result<Ended, CallError> {
        let jql = self.jql(since);
        let mut token: Option<String> = None;
        let mut size = self.settings.page_size;
        for number in 0..MAX_PAGES {
            let page = self.page(&mut size, &jql, &Position::Token(token.clone())).await;
            let mut page: Value = match page {
                Ok(page) => page,
                Err(error) if number == 0 => return Err(error),
                Err(error) => return Ok(Ended { error: Some(error), is_unsure: true }),
            };
            let issues = rows(&mut page)?;
            let is_empty = issues.is_empty();
            for issue in issues {
                take(issue)?;
            }
            let next = page["nextPageToken"].as_str().filter(|token| !token.is_empty());
            let is_last = page["isLast"].as_bool();
            match next {
                Some(_) if is_last == Some(true) => return Ok(Ended::default()),
                // A token without rows, or the same again, leads nowhere.
                Some(next) if is_empty || token.as_deref() == Some(next) => {
                    return Ok(Ended { error: None, is_unsure: true });
                }
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(Ended { error: None, is_unsure: is_last == Some(false) }),
            }
        }
        Ok(Ended { error: None, is_unsure: true })
    }

    async fn by_windows(
        &self,
        since: Option<i64>,
        take: &mut (dyn FnMut(Value) -> Result<(), CallError> + Send),
    ) -> Result<Ended, CallError> {
        let mut since = since;
        let mut offset = 0;
        let mut size = self.settings.page_size;
        for number in 0..MAX_PAGES {
            let page = self.page(&mut size, &self.jql(since), &Position::Offset(offset)).await;
            let mut page: Value = match page {
                Ok(page) => page,
                Err(error) if number == 0 => return Err(error),
                Err(error) => return Ok(Ended { error: Some(error), is_unsure: true }),
            };
            let total = page["total"].as_u64().map(|total| total as usize);
            // The system may start elsewhere than it was asked to.
            let start = page["startAt"].as_u64().map_or(offset, |start| start as usize);
            let issues = rows(&mut page)?;
            let num_rows = issues.len();
            let newest = issues.iter().filter_map(|issue| instant(&issue["fields"]["updated"])).max();
            for issue in issues {
                take(issue)?;
            }
            let end = start + num_rows;
            if num_rows == 0 {
                return Ok(Ended { error: None, is_unsure: total.is_some_and(|total| end < total) });
            }
            if total.is_some_and(|total| end >= total) {
                return Ok(Ended::default());
            }
            // Some versions compare minutes, so each window begins with a full minute.
            match newest.map(minute).filter(|newest| since.is_none_or(|since| *newest > since)) {
                Some(newest) => (since, offset) = (Some(newest), 0),
                None => offset = end - REPEATED.min(num_rows.saturating_sub(1)),
            }
        }
        Ok(Ended { error: None, is_unsure: true })
    }

    /// A page, which is made smaller as long as the system fails on its size.
    async fn page(&self, size: &mut u32, jql: &str, position: &Position) -> Result<Value, CallError> {
        let mut policy = self.policy;
        loop {
            let error = match self.call(*size, jql, position)?.policy(policy).send_for_json().await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let is_of_size = match &error {
                CallError::Status { status, .. } => (500..600).contains(status),
                CallError::TooLarge { .. } | CallError::Cut { .. } | CallError::NotJson { .. } => true,
                _ => false,
            };
            if *size == 1 || !is_of_size {
                return Err(error);
            }
            *size /= 2;
            policy.attempts = policy.attempts.min(RETRIES);
        }
    }

    fn call(&self, size: u32, jql: &str, position: &Position) -> Result<Call<'_>, CallError> {
        match position {
            Position::Token(token) => {
                let mut body = json!({"jql": jql, "fields": self.fields, "maxResults": size});
                if let Some(token) = token {
                    body["nextPageToken"] = json!(token);
                }
                Ok(self.client.call(Method::POST, "rest/api/3/search/jql")?.json(&body)?.repeatable())
            }
            Position::Offset(start) => {
                let (start, size, fields) = (start.to_string(), size.to_string(), self.fields.join(","));
                let query = [("jql", jql), ("startAt", &start), ("maxResults", &size), ("fields", &fields)];
                Ok(self.client.call(Method::GET, "rest/api/2/search")?.query(&query))
            }
        }
    }
}

/// The start of a page.
enum Position {
    /// After the page that gave the token.
    Token(Option<String>),
    /// The number of rows before it.
    Offset(usize),
}

/// The issues of a page.
fn rows(page: &mut Value) -> Result<Vec<Value>, CallError> {
    match page["issues"].take() {
        Value::Array(issues) => Ok(issues),
        _ => Err(CallError::NotJson { detail: "it has no list of `issues`".to_owned() }),
    }
}

/// The beginning of an instant's minute, in milliseconds.
fn minute(instant: Timestamp) -> i64 {
    let milliseconds = instant.as_millisecond();
    milliseconds - milliseconds.rem_euclid(60_000)
}
