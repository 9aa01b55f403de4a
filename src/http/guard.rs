//! Keeps web pages of other hosts out of a server without tokens. A page that somebody opens can have their browser ask
//! a server on the same machine or network, and, when a name of its own leads there, read the replies.
//!
//! Browsers say with each POST which page asks (`Origin`), and with every request under which name they reach the
//! server (`Host`). So pages of other hosts are refused, and a server on loopback, which has no public name, answers
//! only under an address, as `localhost`, or under the names in `server.allowed_hosts`. A server that was told to
//! answer everybody on a public address does so under any name: behind a Service, an ingress or a tunnel it cannot know
//! its own. A server with tokens needs no such check, for a page has no token.

use super::{error::ApiError, state::AppState};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use std::{collections::BTreeSet, net::IpAddr};

/// Refuses web pages of other hosts where the server has no tokens.
pub async fn pages(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let settings = state.settings();
    if settings.tokens.current().is_empty() {
        let headers = request.headers();
        let allowed = &settings.allowed_hosts;
        if !headers.get_all(header::ORIGIN).iter().all(|origin| is_own_page(origin, allowed)) {
            return Err(ApiError::forbidden("pages of other hosts may not ask a server without tokens"));
        }
        // A request line with a whole URL names the host as well.
        let in_line = request.uri().authority().is_none_or(|authority| is_own_name(authority, allowed));
        let is_here = |host: &HeaderValue| {
            host.to_str().is_ok_and(|host| host.parse().is_ok_and(|host| is_own_name(&host, allowed)))
        };
        let is_own = in_line && headers.get_all(header::HOST).iter().all(is_here);
        if settings.listen.ip().is_loopback() && !is_own {
            return Err(ApiError::forbidden(
                "this server is not known under the name in `Host`; use 127.0.0.1 or localhost, add the name to \
                 server.allowed_hosts (RUNBOOKD_SERVER_ALLOWED_HOSTS), or set a token",
            ));
        }
    }
    Ok(next.run(request).await)
}

/// Whether a page is one of this machine, or of a host that was named.
fn is_own_page(origin: &HeaderValue, allowed: &BTreeSet<String>) -> bool {
    let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()) else {
        return false;
    };
    let is_web = matches!(origin.scheme_str(), Some("http" | "https"));
    let host = origin.authority().map(host);
    is_web && host.is_some_and(|host| is_localhost(&host) || allowed.contains(&host))
}

/// Whether a name is the server's own, so that no other owner of a name can have made it lead here.
fn is_own_name(authority: &Authority, allowed: &BTreeSet<String>) -> bool {
    let host = host(authority);
    is_localhost(&host) || address(&host).is_some() || allowed.contains(&host)
}

/// The host, without the dot that may end a name.
fn host(authority: &Authority) -> String {
    let host = authority.host().to_ascii_lowercase();
    host.strip_suffix('.').unwrap_or(&host).to_owned()
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || address(host).is_some_and(|it| it.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> BTreeSet<String> {
        BTreeSet::from(["runbooks.corp".to_owned()])
    }

    #[test]
    fn pages_of_this_machine_are_let_in() {
        let check = |origin: &'static str, own: bool| {
            assert_eq!(is_own_page(&HeaderValue::from_static(origin), &allowed()), own, "{origin}");
        };
        for origin in
            ["http://localhost:6274", "https://app.localhost", "http://127.0.0.1", "http://[::1]:80"]
        {
            check(origin, true);
        }
        check("https://runbooks.corp", true);
        for origin in
            ["https://evil.example", "http://localhost.evil.example", "http://192.168.0.7", "null", ""]
        {
            check(origin, false);
        }
        for origin in
            ["file://localhost", "localhost", "http://notlocalhost", "http://evil.example/?localhost"]
        {
            check(origin, false);
        }
    }

    #[test]
    fn a_name_of_somebody_else_is_not_ours() {
        let check = |host: &str, own: bool| {
            let authority = host.parse().expect("an authority");
            assert_eq!(is_own_name(&authority, &allowed()), own, "{host}");
        };
        for host in ["127.0.0.1:8000", "[::1]:8000", "10.0.0.7", "localhost:80", "LOCALHOST.", "a.localhost"]
        {
            check(host, true);
        }
        check("Runbooks.corp:8000", true);
        for host in
            ["evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "runbookd", "corp"]
        {
            check(host, false);
        }
    }
}
