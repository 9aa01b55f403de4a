//! The keys of a pod's role: of a Kubernetes service account (IRSA), or from the endpoint that ECS and EKS Pod Identity
//! give a container. They are kept until shortly before they expire.

use super::{super::transport, Keys};
use crate::llm::LlmError;
use jiff::{SignedDuration, Timestamp};
use net::{Client, Method, Secret, SetupError, header::AUTHORIZATION};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// The version of the Security Token Service's interface.
const STS_VERSION: &str = "2011-06-15";
/// Fetched keys are replaced so long before they expire.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// The source of a role's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSource {
    /// A role that a service account may take, as EKS sets it up (IRSA).
    WebIdentity {
        /// The Security Token Service.
        sts_url: String,
        role_arn: String,
        /// Names this program in AWS's own logs.
        session_name: String,
        /// The service account's token; it is renewed in place.
        token_file: PathBuf,
    },
    /// The endpoint beside the container, of ECS or of EKS Pod Identity.
    Container {
        /// The URL that gives the credentials.
        url: String,
        /// The token that it asks for.
        token: Option<ContainerToken>,
    },
}

/// The token that a container's endpoint asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerToken {
    /// The token as it is configured.
    Fixed(Secret),
    /// In a file that is renewed in place.
    File(PathBuf),
}

/// A role, and its keys as far as they were fetched.
pub(in crate::llm) struct Role {
    source: RoleSource,
    client: Client,
    /// Held while new ones are fetched, so that they are fetched once.
    fetched: Mutex<Option<Fetched>>,
}

#[derive(Clone)]
struct Fetched {
    keys: Keys,
    expires_at: Timestamp,
}

/// The reply of a container's endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerReply {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: Timestamp,
}

impl Role {
    /// A role; nothing is fetched yet.
    pub fn new(source: RoleSource) -> Result<Self, SetupError> {
        let client = match &source {
            RoleSource::WebIdentity { sts_url, .. } => {
                transport::client(&format!("{}/", sts_url.trim_end_matches('/')))?
            }
            RoleSource::Container { url, .. } => transport::client(url)?,
        };
        Ok(Self { source, client, fetched: Mutex::new(None) })
    }

    /// Keys that are valid now.
    pub async fn keys(&self, deadline: Instant) -> Result<Keys, LlmError> {
        timeout_at(deadline, self.kept_or_fetched(deadline)).await.map_err(|_| LlmError::Timeout)?
    }

    /// Makes the next call fetch new keys.
    pub async fn forget(&self) {
        *self.fetched.lock().await = None;
    }

    async fn kept_or_fetched(&self, deadline: Instant) -> Result<Keys, LlmError> {
        let mut fetched = self.fetched.lock().await;
        let now = Timestamp::now();
        if let Some(kept) = fetched.as_ref().filter(|kept| now + RENEW_BEFORE < kept.expires_at) {
            return Ok(kept.keys.clone());
        }
        match self.fetch(deadline).await {
            Ok(new) => Ok(fetched.insert(new).keys.clone()),
            // The last minutes of the old ones are better than nothing.
            Err(error) => match fetched.as_ref().filter(|kept| now < kept.expires_at) {
                Some(kept) => {
                    tracing::warn!(target: "runbookd::llm::aws::role", %error, "AWS credentials cannot be renewed; they are still valid");
                    Ok(kept.keys.clone())
                }
                None => Err(error),
            },
        }
    }

    async fn fetch(&self, deadline: Instant) -> Result<Fetched, LlmError> {
        let call = match &self.source {
            RoleSource::WebIdentity { role_arn, session_name, token_file, .. } => {
                let token = read_file(token_file).await?;
                let form = [
                    ("Action", "AssumeRoleWithWebIdentity"),
                    ("Version", STS_VERSION),
                    ("RoleArn", role_arn),
                    ("RoleSessionName", session_name),
                    ("WebIdentityToken", token.expose()),
                ];
                self.client.call(Method::POST, "")?.form(&form)
            }
            RoleSource::Container { token, .. } => {
                let token = match token {
                    Some(ContainerToken::Fixed(token)) => Some(token.clone()),
                    Some(ContainerToken::File(path)) => Some(read_file(path).await?),
                    None => None,
                };
                let call = self.client.call(Method::GET, "")?;
                match token {
                    Some(token) => call.header(AUTHORIZATION, token.header()?),
                    None => call,
                }
            }
        };
        let body = transport::exchange(call, deadline).await.map_err(|error| match error {
            LlmError::Status { status: status @ 400..=499, .. } if status != 429 => {
                refused(&format!("their endpoint answered with status {status}"))
            }
            other => other,
        })?;
        let fetched = match &self.source {
            RoleSource::WebIdentity { .. } => of_sts(&body),
            RoleSource::Container { .. } => of_container(&body),
        };
        fetched.ok_or_else(|| refused("their endpoint's answer holds none"))
    }
}

fn refused(detail: &str) -> LlmError {
    LlmError::Credentials { detail: detail.to_owned() }
}

/// The largest token, in bytes; a longer file is refused.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

async fn read_file(path: &Path) -> Result<Secret, LlmError> {
    let file = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || kb::files::read_text(&file, MAX_TOKEN_BYTES));
    let text = reading.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let text =
        text.map_err(|error| refused(&format!("cannot read `{}`: {}", path.display(), error.kind())))?;
    Ok(Secret::new(text.trim().to_owned()))
}

fn of_container(body: &[u8]) -> Option<Fetched> {
    let reply: ContainerReply = serde_json::from_slice(body).ok()?;
    let keys = Keys {
        access_key_id: reply.access_key_id,
        secret_access_key: Secret::new(reply.secret_access_key),
        session_token: Some(Secret::new(reply.token)),
    };
    Some(Fetched { keys, expires_at: reply.expiration })
}

/// The Security Token Service answers in XML. The four values are base64 and a time, which hold no markup and no
/// entities, so they are taken out by their elements' names.
fn of_sts(body: &[u8]) -> Option<Fetched> {
    let text = std::str::from_utf8(body).ok()?;
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        let value = value.trim();
        (!value.is_empty() && !value.contains(['<', '&'])).then(|| value.to_owned())
    };
    let keys = Keys {
        access_key_id: element("AccessKeyId")?,
        secret_access_key: Secret::new(element("SecretAccessKey")?),
        session_token: Some(Secret::new(element("SessionToken")?)),
    };
    Some(Fetched { keys, expires_at: element("Expiration")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's API reference.
    #[test]
    fn answers_of_both_endpoints_are_read() {
        let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
            <AssumeRoleWithWebIdentityResult>\n    <Credentials>\n      \
            <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE</SessionToken>\n      \
            <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>\n      \
            <Expiration>2014-10-24T23:00:23Z</Expiration>\n      \
            <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>\n    </Credentials>";
        let found = of_sts(xml.as_bytes()).expect("credentials");
        assert_eq!(found.keys.access_key_id, "ASgeIAIOSFODNN7EXAMPLE");
        assert_eq!(found.keys.secret_access_key.expose(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
        assert_eq!(found.expires_at.to_string(), "2014-10-24T23:00:23Z");
        assert!(of_sts(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>").is_none());

        let json = r#"{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","AccountId":"1","Expiration":"2026-08-17T10:00:00Z"}"#;
        let found = of_container(json.as_bytes()).expect("credentials");
        assert_eq!(found.keys.session_token, Some(Secret::new("T".to_owned())));
        assert!(of_container(b"<html>").is_none());
    }

    /// Nobody listens where the keys come from.
    #[tokio::test]
    async fn keys_that_cannot_be_renewed_serve_until_they_expire() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        drop(listener);
        let source = RoleSource::Container { url, token: None };
        let role = Role::new(source).expect("a role");
        let keys = Keys {
            access_key_id: "A".to_owned(),
            secret_access_key: Secret::new("S".to_owned()),
            session_token: None,
        };
        for (left_s, is_good) in [(3_600, true), (60, true), (-1, false)] {
            let expires_at = Timestamp::now() + SignedDuration::from_secs(left_s);
            *role.fetched.lock().await = Some(Fetched { keys: keys.clone(), expires_at });
            let found = role.keys(Instant::now() + std::time::Duration::from_secs(5)).await;
            assert_eq!(found.as_ref().ok(), is_good.then_some(&keys), "{left_s}");
            assert_eq!(matches!(found, Err(LlmError::Unreachable { .. })), !is_good, "{left_s}");
        }
    }
}
