//! The calls of a live site. Replies are taken in pages whose size falls when the site fails under them; contents that
//! cannot be had many at once are asked for one by one.

use super::{
    attachments::{Attachment, id_in},
    settings::{Flavor, Settings},
    wire::{Content, Results},
};
use crate::sources::{SourceError, files::MAX_FILE_BYTES};
use net::{Authorization, CallError, Client, HeaderValue, Method, Policy, header::ACCEPT};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A listing of more pages than this leads nowhere.
const MAX_REPLIES: usize = 100_000;

/// A call with another way out is tried so often.
const QUICK_ATTEMPTS: u32 = 3;

/// A listing that the site has no time for is asked for so often in a row, each time with the tries of one call.
const MAX_BUSY: u32 = 5;

/// Larger files of certificates are refused.
const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;

/// A client of a live site.
pub(super) struct Api {
    client: Client,
    flavor: Flavor,
    /// The bounds of calls that have another way out.
    quick: Policy,
    /// The bounds of a file.
    of_files: Policy,
}

impl Api {
    /// The site of these settings. The credentials are read anew each time.
    pub(super) fn new(name: &str, settings: &Settings, policy: Policy) -> Result<Self, SourceError> {
        let failed = |reason: String| SourceError::failed(name, reason);
        let url = settings.url.as_deref().unwrap_or_default();
        let authorization = match &settings.token {
            None => Authorization::None,
            Some(reference) => {
                let refused = |reason: String| SourceError::Credentials {
                    name: name.to_owned(),
                    reason,
                    reference: reference.to_string(),
                };
                let token = reference.read().map_err(|error| refused(error.to_string()))?;
                match &settings.email {
                    Some(email) => Authorization::Basic { user: email.clone(), password: token },
                    None => Authorization::Bearer(token),
                }
            }
        };
        let mut of_site =
            net::Settings::new(url, policy).map_err(|error| failed(error.to_string()))?.with(authorization);
        if let Some(path) = &settings.ca_file {
            let read = kb::files::read_text(path, MAX_CERTIFICATE_BYTES);
            let pem = read.map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))?;
            of_site.roots = Some(pem.into_bytes());
        }
        let client = Client::new(of_site).map_err(|error| failed(error.to_string()))?;
        let quick = Policy { attempts: policy.attempts.min(QUICK_ATTEMPTS), ..policy };
        let of_files = Policy { max_body: usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX), ..policy };
        Ok(Self { client, flavor: settings.flavor(), quick, of_files })
    }

    /// Searches for contents; `visit` gets each page of the results. `limit` is how many are asked for at once, fewer
    /// where the site fails at that.
    pub(super) async fn search(
        &self,
        cql: &str,
        expand: &str,
        limit: usize,
        visit: &mut (dyn FnMut(Vec<Content>) + Send),
    ) -> Result<(), CallError> {
        let query = [("cql", cql), ("expand", expand)];
        self.pages("rest/api/content/search", &query, limit, 1, visit).await
    }

    /// Searches for contents by their ids. If the site fails at that, the caller may ask for fewer.
    pub(super) async fn search_ids(
        &self,
        ids: &[String],
        expand: &str,
    ) -> Result<HashMap<String, Content>, CallError> {
        let cql = format!("id in ({})", ids.join(","));
        let mut found = HashMap::new();
        let mut visit = |contents: Vec<Content>| {
            for content in contents {
                if let Some(id) = content.id().filter(|id| ids.contains(id)) {
                    found.insert(id, content);
                }
            }
        };
        let query = [("cql", cql.as_str()), ("expand", expand)];
        self.pages("rest/api/content/search", &query, ids.len(), ids.len(), &mut visit).await?;
        Ok(found)
    }

    /// The comments or the files of one page.
    pub(super) async fn children(
        &self,
        id: &str,
        sort: &str,
        expand: &str,
    ) -> Result<Vec<Content>, CallError> {
        const LIMIT: usize = 100;
        let mut children = Vec::new();
        let query = [("expand", expand), ("depth", "all")];
        let path = format!("rest/api/content/{id}/child/{sort}");
        self.pages(&path, &query, LIMIT, 1, &mut |contents| children.extend(contents)).await?;
        Ok(children)
    }

    /// Fetches one page, blog post or attachment by its id.
    pub(super) async fn content(&self, id: &str, expand: &str) -> Result<Content, CallError> {
        self.content_within(id, expand, None).await
    }

    /// The same, given up sooner.
    pub(super) async fn content_at_once(&self, id: &str, expand: &str) -> Result<Content, CallError> {
        self.content_within(id, expand, Some(self.quick)).await
    }

    async fn content_within(
        &self,
        id: &str,
        expand: &str,
        policy: Option<Policy>,
    ) -> Result<Content, CallError> {
        let path = format!("rest/api/content/{id}");
        let call = self.client.call(Method::GET, &path)?.query(&[("expand", expand)]);
        let call = match policy {
            Some(policy) => call.policy(policy),
            None => call,
        };
        let content = Content(call.send_for_json().await?);
        match content.id().is_some_and(|found| id_in(&found) == id_in(id)) {
            true => Ok(content),
            false => Err(unexpected("another content than was asked for")),
        }
    }

    /// The bytes of an attached file. A site may keep them elsewhere.
    pub(super) async fn download(&self, file: &Attachment) -> Result<Vec<u8>, CallError> {
        let Attachment { page, id, name, version, download, .. } = file;
        let path = match (self.flavor, download) {
            // The address that people download from wants a session there.
            (Flavor::Cloud, _) => format!("rest/api/content/{page}/child/attachment/att{id}/download"),
            (_, Some(address)) => self.within_site(address),
            (_, None) => {
                let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
                format!("download/attachments/{page}/{name}?version={version}")
            }
        };
        let call = self.client.call(Method::GET, &path)?.policy(self.of_files).handed_on();
        Ok(call.header(ACCEPT, HeaderValue::from_static("*/*")).send().await?.body.into())
    }

    /// Reads all pages of a listing, each of at most `page_size` results, and of fewer, down to `least`, where the site
    /// fails.
    async fn pages(
        &self,
        path: &str,
        query: &[(&str, &str)],
        page_size: usize,
        least: usize,
        visit: &mut (dyn FnMut(Vec<Content>) + Send),
    ) -> Result<(), CallError> {
        let (mut limit, mut start, mut next) = (page_size, 0, None::<String>);
        let mut followed = HashSet::new();
        let mut num_busy = 0;
        for _ in 0..MAX_REPLIES {
            let reply = match &next {
                Some(address) => self.page(&self.within_site(&with_limit(address, limit)), &[]).await,
                None => {
                    let (limit, start) = (limit.to_string(), start.to_string());
                    let mut query = [query, &[("limit", limit.as_str())]].concat();
                    if start != "0" {
                        query.push(("start", &start));
                    }
                    self.page(path, &query).await
                }
            };
            let results = match reply {
                Ok(results) => results,
                Err(error) if limit > least && may_be_its_size(&error) => {
                    limit = (limit / 2).max(least);
                    continue;
                }
                Err(error) if error.is_passing() && !may_be_its_size(&error) && num_busy < MAX_BUSY => {
                    num_busy += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            num_busy = 0;
            let (num_results, following) = (results.len, results.next);
            visit(results.contents);
            let Some(following) = following.filter(|_| num_results > 0) else { return Ok(()) };
            start += num_results;
            limit = (limit * 2).min(page_size);
            // A Data Center counts on from what was asked for, not from what it gave.
            if self.flavor == Flavor::Cloud || following.contains("cursor=") {
                if !followed.insert(following.clone()) {
                    break;
                }
                next = Some(following);
            }
        }
        Err(unexpected("a listing that has no end"))
    }

    async fn page(&self, path: &str, query: &[(&str, &str)]) -> Result<Results, CallError> {
        let call = self.client.call(Method::GET, path)?.query(query).policy(self.quick);
        Results::of(call.send_for_json().await?).ok_or_else(|| unexpected("no list of results"))
    }

    /// The address of a next page, which is told without the path that the site is at.
    fn within_site(&self, address: &str) -> String {
        let base = self.client.base().path().trim_end_matches('/');
        let is_below = address.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        match address.strip_prefix('/') {
            Some(rest) if !is_below && !rest.starts_with('/') => rest.to_owned(),
            _ => address.to_owned(),
        }
    }
}

fn unexpected(what: &str) -> CallError {
    CallError::NotJson { detail: what.to_owned() }
}

/// The address of a next page, with this number of results.
fn with_limit(address: &str, limit: usize) -> String {
    let Some((path, query)) = address.split_once('?') else { return address.to_owned() };
    let parameters = query.split('&').map(|parameter| match parameter.strip_prefix("limit=") {
        Some(_) => format!("limit={limit}"),
        None => parameter.to_owned(),
    });
    format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// Whether fewer at once may go where this failed.
pub(super) fn may_be_its_size(error: &CallError) -> bool {
    match error {
        CallError::Timeout
        | CallError::Cut { .. }
        | CallError::TooLarge { .. }
        | CallError::Empty
        | CallError::NotJson { .. } => true,
        CallError::Status { status, .. } => *status == 414 || *status >= 500,
        _ => false,
    }
}

/// The bounds of a source's calls.
pub(super) fn policy(settings: &Settings) -> Policy {
    let per_try = Duration::from_secs(settings.timeout_s.clamp(1, 3_600));
    Policy { per_try, idle: per_try.min(Policy::CONNECTOR.idle), ..Policy::CONNECTOR }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_pages_are_found_below_the_site() {
        let check = |base: &str, next: &str, url: &str| {
            let settings = Settings { url: Some(base.to_owned()), ..Settings::sample("") };
            let api = Api::new("wiki", &settings, policy(&settings)).expect("it can be set up");
            let found = api.client.url(&api.within_site(next));
            assert_eq!(found.map_or_else(|error| error.to_string(), String::from), url, "{base} {next}");
        };
        let site = "https://acme.atlassian.net/wiki";
        for base in [site, "https://acme.atlassian.net/wiki/"] {
            check(
                base,
                "/rest/api/content/search?cursor=a",
                &format!("{site}/rest/api/content/search?cursor=a"),
            );
            check(base, "/wiki/rest/api/x?cursor=a", &format!("{site}/rest/api/x?cursor=a"));
            check(base, &format!("{site}/rest/x"), &format!("{site}/rest/x"));
        }
        check("https://wiki.acme.example", "/rest/api/x", "https://wiki.acme.example/rest/api/x");
        let refused = "the address is not one of the configured system";
        for next in ["https://evil.example/rest", "//evil.example/rest", "http://acme.atlassian.net/wiki/x"] {
            check(site, next, refused);
        }
    }

    #[test]
    fn next_pages_are_asked_for_in_the_size_that_goes() {
        assert_eq!(with_limit("/a?cql=x&limit=50&cursor=b", 25), "/a?cql=x&limit=25&cursor=b");
        assert_eq!(with_limit("/a?cursor=b", 25), "/a?cursor=b");
    }
}
