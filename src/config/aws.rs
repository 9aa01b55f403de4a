//! Region and credentials from AWS's own variables, in the order in which AWS's tools look. Profiles
//! (`~/.aws`), single sign-on and the instance metadata service are not looked at.

use super::{ConfigError, environment::Environment, error::wrong};
use answer::llm::{
    aws::{ContainerToken, Keys, RoleSource},
    bedrock::BedrockAccess,
};
use net::Secret;
use std::path::PathBuf;

/// The endpoint of the container's task on ECS.
const ECS_HOST: &str = "http://169.254.170.2";
/// The hosts of a container's endpoint that need no TLS: this machine, and the addresses of ECS and EKS.
const PLAIN_HOSTS: [&str; 6] =
    ["127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// The region: as stated, else `AWS_REGION`, else `AWS_DEFAULT_REGION`.
pub(super) fn region(
    key: &str,
    stated: Option<String>,
    environment: &Environment,
) -> Result<String, ConfigError> {
    let variable = |name| environment.get(name).map(str::to_owned);
    let Some(region) = stated.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"))
    else {
        return Err(wrong(key, "it is missing, and AWS_REGION is not set"));
    };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match !region.is_empty() && region.chars().all(is_name) {
        true => Ok(region),
        false => Err(wrong(key, format!("`{region}` is no region such as eu-west-1"))),
    }
}

/// How requests to Bedrock show who we are.
pub(super) fn access(
    key: &str,
    region: &str,
    environment: &Environment,
) -> Result<BedrockAccess, ConfigError> {
    let variable = |name| environment.get(name).map(str::to_owned);
    let secret = |name| environment.get(name).map(|text| Secret::new(text.trim().to_owned()));
    if let Some(api_key) = secret("AWS_BEARER_TOKEN_BEDROCK") {
        return Ok(BedrockAccess::ApiKey(api_key));
    }
    Ok(match (variable("AWS_ACCESS_KEY_ID"), secret("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key_id), Some(secret_access_key)) => BedrockAccess::Keys(Keys {
            access_key_id,
            secret_access_key,
            session_token: secret("AWS_SESSION_TOKEN"),
        }),
        (Some(_), None) => {
            return Err(wrong("AWS_SECRET_ACCESS_KEY", "it is missing, but AWS_ACCESS_KEY_ID is set"));
        }
        (None, Some(_)) => {
            return Err(wrong("AWS_ACCESS_KEY_ID", "it is missing, but AWS_SECRET_ACCESS_KEY is set"));
        }
        (None, None) => match (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN")) {
            (Some(token_file), Some(role_arn)) => BedrockAccess::Role(RoleSource::WebIdentity {
                sts_url: variable("AWS_ENDPOINT_URL_STS")
                    .unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com")),
                role_arn,
                session_name: variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "runbookd".to_owned()),
                token_file: PathBuf::from(token_file),
            }),
            (Some(_), None) => {
                return Err(wrong("AWS_ROLE_ARN", "it is missing, but AWS_WEB_IDENTITY_TOKEN_FILE is set"));
            }
            (None, _) => match container(environment)? {
                Some(source) => BedrockAccess::Role(source),
                None => {
                    let detail = "no AWS credentials were found: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID \
                                  and AWS_SECRET_ACCESS_KEY, or give the pod a role (IRSA, EKS Pod Identity)";
                    return Err(wrong(key, detail));
                }
            },
        },
    })
}

/// The endpoint that ECS or EKS Pod Identity names.
fn container(environment: &Environment) -> Result<Option<RoleSource>, ConfigError> {
    let url = match (
        environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ) {
        (Some(path), _) => format!("{ECS_HOST}{path}"),
        (None, Some(url)) if is_trusted(url) => url.to_owned(),
        (None, Some(_)) => {
            let detail = "it is neither https nor an address of ECS, EKS or this machine";
            return Err(wrong("AWS_CONTAINER_CREDENTIALS_FULL_URI", detail));
        }
        (None, None) => return Ok(None),
    };
    let token = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(ContainerToken::File(PathBuf::from(path))),
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(|token| ContainerToken::Fixed(Secret::new(token.to_owned()))),
    };
    Ok(Some(RoleSource::Container { url, token }))
}

/// Whether keys may be taken from an address: only where no other machine can answer.
fn is_trusted(url: &str) -> bool {
    let Ok(url) = net::Url::parse(url) else { return false };
    match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(|host| PLAIN_HOSTS.contains(&host)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Result<BedrockAccess, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        access("llm.provider", "eu-west-1", &pairs.collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn credentials_are_found_where_aws_puts_them() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let fixed = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
        let keys = Keys {
            access_key_id: "A".to_owned(),
            secret_access_key: secret("S"),
            session_token: Some(secret("T")),
        };
        assert_eq!(found(&fixed), Ok(BedrockAccess::Keys(keys)));
        let with_key = [&fixed[..], &[("AWS_BEARER_TOKEN_BEDROCK", "b")]].concat();
        assert_eq!(found(&with_key), Ok(BedrockAccess::ApiKey(secret("b"))));

        let irsa = [("AWS_ROLE_ARN", "arn:r"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token")];
        let expected = RoleSource::WebIdentity {
            sts_url: "https://sts.eu-west-1.amazonaws.com".to_owned(),
            role_arn: "arn:r".to_owned(),
            session_name: "runbookd".to_owned(),
            token_file: PathBuf::from("/var/run/token"),
        };
        assert_eq!(found(&irsa), Ok(BedrockAccess::Role(expected)));

        let url = "http://169.254.170.23/v1/credentials";
        let pod = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/pod-token"),
        ];
        let token = Some(ContainerToken::File(PathBuf::from("/var/run/pod-token")));
        let expected = RoleSource::Container { url: url.to_owned(), token };
        assert_eq!(found(&pod), Ok(BedrockAccess::Role(expected)));
        let task = [
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"),
        ];
        let token = Some(ContainerToken::Fixed(secret("t")));
        let expected =
            RoleSource::Container { url: "http://169.254.170.2/v2/credentials/1".to_owned(), token };
        assert_eq!(found(&task), Ok(BedrockAccess::Role(expected)));
    }

    #[test]
    fn half_a_credential_is_an_error() {
        for (pairs, expected) in [
            (&[][..], "`llm.provider (RUNBOOKD_LLM_PROVIDER)` is wrong: no AWS credentials were found"),
            (&[("AWS_ACCESS_KEY_ID", "A")], "`AWS_SECRET_ACCESS_KEY` is wrong"),
            (&[("AWS_SECRET_ACCESS_KEY", "S")], "`AWS_ACCESS_KEY_ID` is wrong"),
            (&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], "`AWS_ROLE_ARN` is wrong"),
            (
                &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/keys")],
                "`AWS_CONTAINER_CREDENTIALS_FULL_URI` is wrong",
            ),
        ] {
            let error = found(pairs).expect_err(expected);
            assert!(error.contains(expected), "{expected}: {error}");
        }
        let none = Environment::default();
        assert!(region("llm.region", Some("eu west".to_owned()), &none).is_err());
        assert!(region("llm.region", None, &none).is_err());
        let environment = [("AWS_DEFAULT_REGION".to_owned(), "us-east-2".to_owned())].into_iter().collect();
        assert_eq!(region("llm.region", None, &environment).expect("a region"), "us-east-2");
    }
}
