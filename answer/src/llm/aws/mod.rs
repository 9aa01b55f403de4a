//! The signature of a request to AWS: Signature Version 4, and the keys for it. The signature itself is the work of
//! `aws-sigv4`; requests go through our own transport, so that deadlines and failures are those of every provider.

mod role;

pub(super) use role::Role;
pub use role::{ContainerToken, RoleSource};

use super::LlmError;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign as sigv4},
    sign::v4::SigningParams,
};
use net::{HeaderName, HeaderValue, Secret, Url, secret::sensitive};
use sha2::{Digest, Sha256};
use std::time::SystemTime;

/// The keys that requests are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key's id; no secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session's token, for temporary keys only.
    pub session_token: Option<Secret>,
}

/// The credential scope of a signature: region, service and time.
pub(super) struct Scope<'a> {
    pub region: &'a str,
    pub service: &'a str,
    pub at: SystemTime,
}

/// The headers that sign a POST of `body` with exactly these `headers` (the host's is added).
pub(super) fn sign(
    url: &Url,
    headers: &[(&str, &str)],
    body: &[u8],
    keys: &Keys,
    scope: &Scope<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, LlmError> {
    let failed = || LlmError::Credentials { detail: "the request cannot be signed with them".to_owned() };
    let identity = aws_credential_types::Credentials::new(
        &keys.access_key_id,
        keys.secret_access_key.expose(),
        keys.session_token.as_ref().map(|token| token.expose().to_owned()),
        None,
        "runbookd",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.at)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed())?
        .into();
    // The hash, not the body: the crate's trace logs show what it is given.
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let body = SignableBody::Precomputed(hash);
    let request =
        SignableRequest::new("POST", url.as_str(), headers.iter().copied(), body).map_err(|_| failed())?;
    let (instructions, _) = sigv4(request, &params).map_err(|_| failed())?.into_parts();
    let (signed, _) = instructions.into_parts();
    let header = |(name, value): (&str, &str)| Ok((name.parse().map_err(|_| failed())?, sensitive(value)?));
    signed.iter().map(|signed| header((signed.name(), signed.value()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// `post-vanilla` and `post-sts-header-before` of AWS's Signature Version 4 test suite.
    #[test]
    fn signatures_are_aws_own() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        for (token, expected) in [
            (
                None,
                "SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                Some(token),
                "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ] {
            let keys = Keys {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
                session_token: token.map(|token| Secret::new(token.to_owned())),
            };
            let url = Url::parse("https://example.amazonaws.com/").expect("a URL");
            let scope = Scope { region: "us-east-1", service: "service", at };
            let signed = sign(&url, &[], b"", &keys, &scope).expect("a signature");
            let of = |name: &str| {
                let found = signed.iter().find(|(found, _)| *found == name);
                found.map(|(_, value)| value.to_str().expect("ASCII"))
            };
            assert_eq!(of("x-amz-date"), Some("20150830T123600Z"));
            assert_eq!(of("x-amz-security-token"), token);
            let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
            assert_eq!(of("authorization"), Some(format!("{scope}{expected}").as_str()));
        }
    }
}
