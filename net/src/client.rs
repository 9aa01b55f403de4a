//! Calls of one configured system.

use crate::{
    CallError, Incoming, Policy, Reply, Secret,
    addresses::{Guarded, is_public, may_be_called},
    pinned,
    policy::asked_pause,
    secret::sensitive,
};
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{
    Certificate, Method, RequestBuilder, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for which a connection without a call is kept.
const POOL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most redirects that one call follows.
const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("runbookd/", env!("CARGO_PKG_VERSION"));

/// A system, its credentials and the way to it.
#[derive(Clone)]
pub struct Settings {
    /// The address that all addresses of the system begin with, with or without a path. The path of a call is below it.
    pub base: Url,
    /// The credentials of all calls.
    pub authorization: Authorization,
    /// Further headers of all calls.
    pub headers: HeaderMap,
    /// Certificates in PEM that are trusted beside the system's own.
    pub roots: Option<Vec<u8>>,
    /// The chain in PEM whose first certificate the system shows, whatever names it has. No other is trusted then.
    pub certificate: Option<Vec<u8>>,
    /// Whether it is called without any proxy, as a server of this machine is.
    pub directly: bool,
    /// The bounds of calls that have none of their own.
    pub policy: Policy,
}

impl Settings {
    /// A system at `{base}`, an address of the web, without any credentials but those that the address has.
    pub fn new(base: &str, policy: Policy) -> Result<Self, SetupError> {
        let base =
            Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        Ok(Self {
            base: base.ok_or(SetupError::Url)?,
            authorization: Authorization::None,
            headers: HeaderMap::new(),
            roots: None,
            certificate: None,
            directly: false,
            policy,
        })
    }

    /// The same with credentials.
    pub fn with(self, authorization: Authorization) -> Self {
        Self { authorization, ..self }
    }
}

/// The credentials that go with every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Calls go without credentials.
    None,
    /// A bearer token, sent as `Authorization: Bearer TOKEN`.
    Bearer(Secret),
    /// `Authorization: Basic`, of a user and a password or token.
    Basic {
        /// The user's name, in plain text.
        user: String,
        /// The password or token.
        password: Secret,
    },
    /// A header of the system's own, such as `PRIVATE-TOKEN`.
    Header(HeaderName, Secret),
}

/// The causes of settings that make no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address is not an http or https URL with a host. The error does not show it, because it may hold a password.
    #[error("an endpoint's address is no http or https URL")]
    Url,
    /// The credentials fit no header.
    #[error("the credentials hold a character that no header may hold")]
    Credentials,
    /// The certificates of [`Settings::roots`] cannot be read.
    #[error("the certificates to trust are not PEM")]
    Roots(#[source] reqwest::Error),
    /// The certificate of [`Settings::certificate`] cannot be read.
    #[error("the certificate to expect is not PEM")]
    Certificate,
    /// TLS cannot be set up with the certificate of [`Settings::certificate`].
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be built.
    #[error("failed to set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Calls one system. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    /// The client that calls only public addresses; made when the first call is handed on.
    public_http: OnceLock<reqwest::Client>,
    base: Url,
    headers: HeaderMap,
    roots: Option<Vec<u8>>,
    policy: Policy,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        // A second installation in one process is refused, and the first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = http_builder(settings.roots.as_deref(), false)?;
        if let Some(pem) = &settings.certificate {
            let tls = pinned::config(pem).ok_or(SetupError::Certificate)?.map_err(SetupError::Tls)?;
            builder = builder.tls_backend_preconfigured(tls);
        }
        if settings.directly {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(SetupError::Client)?;
        let mut headers = settings.headers;
        if let Some((name, value)) = header_of(&settings.authorization, &http, &settings.base)? {
            headers.insert(name, value);
        }
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let inner = Inner {
            http,
            public_http: OnceLock::new(),
            base: settings.base,
            headers,
            roots: settings.roots,
            policy: settings.policy,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The address that all addresses of the system begin with.
    pub fn base(&self) -> &Url {
        &self.inner.base
    }

    /// An address of the system, of a path below the base; of a path below the host, if it begins with `/`; or of a
    /// whole address, such as that of a next page. An empty path gives the base. An address of another system is
    /// refused.
    pub fn url(&self, path: &str) -> Result<Url, CallError> {
        let base = &self.inner.base;
        if path.is_empty() {
            return Ok(base.clone());
        }
        let mut folder = base.clone();
        if !folder.path().ends_with('/') {
            folder.set_path(&format!("{}/", base.path()));
        }
        self.of_system(folder.join(path).map_err(|_| CallError::Address)?)
    }

    /// The address with the user of the base and without a fragment; an error if it belongs to another system.
    fn of_system(&self, mut url: Url) -> Result<Url, CallError> {
        let base = &self.inner.base;
        if url.origin() != base.origin() {
            return Err(CallError::Address);
        }
        url.set_username(base.username()).map_err(|()| CallError::Address)?;
        url.set_password(base.password()).map_err(|()| CallError::Address)?;
        url.set_fragment(None);
        Ok(url)
    }

    /// A call that is not sent yet; `path` is as for [`Client::url`].
    pub fn call(&self, method: Method, path: &str) -> Result<Call<'_>, CallError> {
        let is_repeatable = matches!(method, Method::GET | Method::HEAD);
        Ok(Call {
            client: self,
            url: self.url(path)?,
            method,
            headers: self.inner.headers.clone(),
            body: Bytes::new(),
            policy: self.inner.policy,
            is_repeatable,
            may_be_handed_on: false,
        })
    }

    /// Gets a path with a query.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, CallError> {
        self.call(Method::GET, path)?.query(query).send().await
    }

    /// Gets JSON. A body that ends early is asked for again.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, CallError> {
        self.call(Method::GET, path)?.query(query).send_for_json().await
    }

    /// Posts JSON in a single try, since a second one could act twice. For a call that only asks, see
    /// [`Call::repeatable`].
    pub async fn post_json(&self, path: &str, body: &impl Serialize) -> Result<Reply, CallError> {
        self.call(Method::POST, path)?.json(body)?.send().await
    }
}

impl Inner {
    /// The HTTP client for addresses that are not configured: with `only_public`, the one that calls public addresses
    /// only.
    fn http_of_others(&self, only_public: bool) -> Result<&reqwest::Client, CallError> {
        if !only_public {
            return Ok(&self.http);
        }
        if let Some(http) = self.public_http.get() {
            return Ok(http);
        }
        let made = http_builder(self.roots.as_deref(), true)
            .and_then(|builder| builder.build().map_err(SetupError::Client));
        let http = made.map_err(|error| CallError::Request { detail: error.to_string() })?;
        Ok(self.public_http.get_or_init(|| http))
    }
}

/// A builder of HTTP clients that follow no redirects and keep no cookies.
fn http_builder(roots: Option<&[u8]>, only_public: bool) -> Result<reqwest::ClientBuilder, SetupError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .pool_idle_timeout(POOL_TIMEOUT)
        .dns_resolver(Guarded { only_public })
        .user_agent(USER_AGENT);
    if let Some(pem) = roots {
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(pem).map_err(SetupError::Roots)?);
    }
    Ok(builder)
}

/// The header that carries the credentials; `None` without credentials.
fn header_of(
    authorization: &Authorization,
    http: &reqwest::Client,
    base: &Url,
) -> Result<Option<(HeaderName, HeaderValue)>, SetupError> {
    let fits = |value: Result<HeaderValue, CallError>| value.map_err(|_| SetupError::Credentials);
    Ok(match authorization {
        Authorization::None => None,
        Authorization::Bearer(token) => Some((AUTHORIZATION, fits(token.bearer())?)),
        Authorization::Header(name, secret) => Some((name.clone(), fits(sensitive(secret.expose()))?)),
        // The part of a user's name behind a colon would be read as the password.
        Authorization::Basic { user, .. } if user.contains(':') => return Err(SetupError::Credentials),
        Authorization::Basic { user, password } => {
            let request = http.get(base.clone()).basic_auth(user, Some(password.expose())).build();
            let request = request.map_err(|_| SetupError::Credentials)?;
            request.headers().get(AUTHORIZATION).map(|value| (AUTHORIZATION, value.clone()))
        }
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.inner.base.origin().ascii_serialization()).finish()
    }
}

/// A call before it is sent.
pub struct Call<'c> {
    client: &'c Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    policy: Policy,
    is_repeatable: bool,
    may_be_handed_on: bool,
}

impl Call<'_> {
    /// Adds pairs to the query.
    pub fn query(mut self, query: &[(&str, &str)]) -> Self {
        if !query.is_empty() {
            self.url.query_pairs_mut().extend_pairs(query);
        }
        self
    }

    /// Sets a header, in place of the client's own.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a body and its `Content-Type`.
    pub fn body(self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.content(body).header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// Sets a body whose `Content-Type` is among the headers.
    pub fn content(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// The body that will be sent, for signatures over it.
    pub fn sent_body(&self) -> &[u8] {
        &self.body
    }

    /// Sets a body of JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Self, CallError> {
        let unwritable = |_| CallError::Request { detail: "it cannot be written as JSON".to_owned() };
        Ok(self.body("application/json", serde_json::to_vec(body).map_err(unwritable)?))
    }

    /// Sets a body of a form, as `application/x-www-form-urlencoded`.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = Url::parse("form:").expect("a constant that is a URL");
        form.query_pairs_mut().extend_pairs(fields);
        self.body("application/x-www-form-urlencoded", form.query().unwrap_or_default().to_owned())
    }

    /// Sets bounds in place of the client's.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Says that the call changes nothing, so that it may be sent again like a GET.
    pub fn repeatable(self) -> Self {
        Self { is_repeatable: true, ..self }
    }

    /// Says that the system may send this GET on to another one, once: to a store of files, whose address it signed.
    ///
    /// The call of the store has no credentials, no header, no cookie and no body of this one. It goes over HTTPS,
    /// unless the system itself is called without, and to a public address, unless the system's own is not public; the
    /// store may not send it on. Policy and bounds are those of the call, and each further try begins at the system.
    pub fn handed_on(self) -> Self {
        Self { may_be_handed_on: true, ..self }
    }

    /// Sends it for the whole reply.
    pub async fn send(self) -> Result<Reply, CallError> {
        self.tried(|| async { self.open_once().await?.whole().await }).await
    }

    /// Sends it for JSON. A body that ends early is asked for again.
    pub async fn send_for_json<T: DeserializeOwned>(self) -> Result<T, CallError> {
        self.tried(|| async { self.open_once().await?.whole().await?.json() }).await
    }

    /// Sends it for a reply whose body is read as it comes. Only the response's head is within the policy's times and
    /// tries; the reader of the body has its own.
    pub async fn open(self) -> Result<Incoming, CallError> {
        self.tried(|| self.open_once()).await
    }

    /// The loop of tries: until there is a reply, a failure that will not pass, or no time left.
    async fn tried<T, F>(&self, once: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let deadline = Instant::now() + self.policy.budget;
        let mut tries = 0;
        loop {
            tries += 1;
            let started = Instant::now();
            let by = deadline.min(started + self.policy.per_try);
            let error = match timeout_at(by, once()).await.unwrap_or(Err(CallError::Timeout)) {
                Ok(reply) => {
                    self.log(tries, started, "replied");
                    return Ok(reply);
                }
                Err(error) => error,
            };
            self.log(tries, started, &error);
            let may_pass = self.is_repeatable && error.is_passing() && tries < self.policy.attempts;
            let pause = self.policy.pause(tries, error.retry_after());
            if !may_pass || pause >= deadline.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// Logs the outcome of a call, without the query, the user and the body.
    fn log(&self, tries: u32, started: Instant, outcome: impl fmt::Display) {
        tracing::debug!(
            method = %self.method,
            host = self.url.host_str().unwrap_or_default(),
            path = self.url.path(),
            tries,
            took_ms = started.elapsed().as_millis() as u64,
            "call: {outcome}"
        );
    }

    /// Makes one try, with the redirects that stay within the system and the one that may lead to another system.
    async fn open_once(&self) -> Result<Incoming, CallError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.request(url.clone()).send().await;
            let response = response.map_err(|error| CallError::of_request(&error))?;
            let status = response.status().as_u16();
            // 303 asks for a GET of another address, and calls that may be handed on are GETs already.
            let is_followed =
                matches!(status, 301 | 302 | 307 | 308) || (status == 303 && self.may_be_handed_on);
            if !is_followed {
                return self.opened(response);
            }
            let target = self.target(&url, &response).ok_or(CallError::Redirect { status })?;
            match self.client.of_system(target.clone()) {
                Ok(within) => url = within,
                Err(_) => return self.open_elsewhere(target, &response).await,
            }
        }
        Err(CallError::Redirect { status: 302 })
    }

    /// The reply of a response, if its status is one of success.
    fn opened(&self, response: Response) -> Result<Incoming, CallError> {
        let status = response.status();
        if status.is_success() {
            return Ok(Incoming::new(response, &self.policy));
        }
        let retry_after = asked_pause(response.headers(), Timestamp::now());
        Err(CallError::Status { status: status.as_u16(), retry_after })
    }

    /// The address that a redirect leads to; `None` unless the call is a GET or HEAD and the address can be read.
    fn target(&self, from: &Url, response: &Response) -> Option<Url> {
        if !matches!(self.method, Method::GET | Method::HEAD) {
            return None;
        }
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        from.join(location).ok()
    }

    /// Gets the content from the other system that a redirect leads to, if this call may be handed on.
    async fn open_elsewhere(&self, mut target: Url, response: &Response) -> Result<Incoming, CallError> {
        let refused = CallError::Redirect { status: response.status().as_u16() };
        let is_as_safe = match target.scheme() {
            "https" => true,
            "http" => self.client.inner.base.scheme() == "http",
            _ => false,
        };
        let has_user = !target.username().is_empty() || target.password().is_some();
        if !self.may_be_handed_on || self.method != Method::GET || !is_as_safe || has_user {
            return Err(refused);
        }
        target.set_fragment(None);
        let only_public = response.remote_addr().is_none_or(|address| is_public(address.ip()));
        // A host that is a number does not pass through the resolver and its check of addresses.
        let number = target
            .host_str()
            .and_then(|host| host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok());
        if number.is_some_and(|address| !may_be_called(address, only_public)) {
            return Err(CallError::Forbidden);
        }
        let elsewhere = self.client.inner.http_of_others(only_public)?.get(target).send().await;
        let elsewhere = elsewhere.map_err(|error| CallError::of_request(&error))?;
        match elsewhere.status().as_u16() {
            status @ (301 | 302 | 303 | 307 | 308) => Err(CallError::Redirect { status }),
            _ => self.opened(elsewhere),
        }
    }

    fn request(&self, url: Url) -> RequestBuilder {
        let request = self.client.inner.http.request(self.method.clone(), url).headers(self.headers.clone());
        match self.body.is_empty() {
            true => request,
            false => request.body(self.body.clone()),
        }
    }
}
