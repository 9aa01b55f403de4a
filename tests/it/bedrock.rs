//! Amazon Bedrock: requests are signed as AWS reads them, with keys or with a pod's role.

use crate::{
    harness::{Script, ScriptedLlm, Setup, sample_kb},
    process::runbookd,
    providers::{OOM, SAYS, request_of},
};
use answer::llm::{
    aws::{ContainerToken, Keys, RoleSource},
    bedrock::{BedrockAccess, BedrockSettings},
    settings::{ProviderSettings, Sampling},
};
use net::Secret;
use serde_json::json;

const REGION: &str = "eu-west-1";
const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// A scripted model behind Bedrock's interface, asked with signed requests.
pub fn bedrock(base_url: &str) -> ProviderSettings {
    let keys = Keys {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: secret(SECRET_ACCESS_KEY),
        session_token: None,
    };
    bedrock_with(base_url, BedrockAccess::Keys(keys))
}

pub fn bedrock_with(base_url: &str, access: BedrockAccess) -> ProviderSettings {
    ProviderSettings::Bedrock(BedrockSettings {
        region: REGION.to_owned(),
        base_url: Some(base_url.trim_end_matches("/v1").to_owned()),
        model: "scripted.model-v1:0".to_owned(),
        access,
        max_output_tokens: Some(700),
        sampling: Sampling::default(),
    })
}

/// Signature Version 4, worked out again from the request as it arrived and from AWS's description of it.
mod signature {
    use sha2::{Digest, Sha256};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 2104.
    fn hmac(key: &[u8], message: &str) -> Vec<u8> {
        let mut padded = [0u8; 64];
        padded[..key.len()].copy_from_slice(key);
        let with = |pad: u8| padded.map(|byte| byte ^ pad);
        let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().to_vec()
    }

    /// The `Authorization` header that a request should have had.
    pub fn expected(request: &str, access_key_id: &str, secret_access_key: &str, region: &str) -> String {
        let (head, body) = request.split_once("\r\n\r\n").expect("a request");
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a path");
        let headers: Vec<(String, &str)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .collect();
        let of = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
        let mut signed = vec!["content-type", "host", "x-amz-date"];
        if of("x-amz-security-token").is_some() {
            signed.push("x-amz-security-token");
        }
        let canonical: String =
            signed.iter().map(|name| format!("{name}:{}\n", of(name).expect(name))).collect();
        let signed = signed.join(";");
        // Every service but S3 has the path encoded once more.
        let path = path.replace('%', "%25");
        let hash = hex(&Sha256::digest(body));
        let canonical = format!("POST\n{path}\n\n{canonical}\n{signed}\n{hash}");
        let at = of("x-amz-date").expect("a date");
        let day = &at[..8];
        let scope = format!("{day}/{region}/bedrock/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let start = format!("AWS4{secret_access_key}").into_bytes();
        let key = [day, region, "bedrock", "aws4_request"].iter().fold(start, |key, part| hmac(&key, part));
        let signature = hex(&hmac(&key, &to_sign));
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
    }
}

fn check_signature(request: &str, access_key_id: &str, secret_access_key: &str) {
    let expected = signature::expected(request, access_key_id, secret_access_key, REGION);
    assert!(request.contains(&expected), "{expected} is not in {request}");
}

#[tokio::test]
async fn requests_to_bedrock_are_signed() {
    let (request, _) = request_of(bedrock).await;
    check_signature(&request, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
    assert!(request.starts_with("POST /model/scripted.model-v1%3A0/converse HTTP/1.1"), "{request}");
    assert!(!request.contains(SECRET_ACCESS_KEY));
}

/// With everything logged nothing secret is.
#[tokio::test(flavor = "multi_thread")]
async fn aws_keys_are_not_logged() {
    let llm = ScriptedLlm::start(Script::says("ok")).await;
    let settings = [
        ("RUNBOOKD_LLM_PROVIDER", "bedrock"),
        ("RUNBOOKD_LLM_BASE_URL", llm.base_url.trim_end_matches("/v1")),
        ("RUNBOOKD_LLM_MODEL", "m"),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_SESSION_TOKEN", "session-canary"),
        ("RUNBOOKD_LOG", "trace"),
    ];
    let mut command = runbookd(&["doctor"]);
    command.arg("--kb").arg(sample_kb()).env_remove("AWS_BEARER_TOKEN_BEDROCK").envs(settings);
    let output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let log = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("bedrock, m replied in") && log.contains("TRACE"), "{log}");
    assert!(!log.contains(SECRET_ACCESS_KEY) && !log.contains("session-canary"), "{log}");
    assert!(!log.contains("You answer operations questions"), "the prompt was logged");
    let request = llm.last_request();
    assert!(request.contains("x-amz-security-token: session-canary"), "{request}");
    check_signature(&request, ACCESS_KEY_ID, SECRET_ACCESS_KEY);
}

const STS: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
    <SessionToken>session/1==</SessionToken><SecretAccessKey>role-secret</SecretAccessKey>\
    <Expiration>2126-01-01T00:00:00Z</Expiration><AccessKeyId>ASIAROLE</AccessKeyId>\
    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

/// A role's credentials are fetched once, with what the pod was given, and sign what follows.
#[tokio::test]
async fn a_pods_role_signs_requests_to_bedrock() {
    let directory = tempfile::tempdir().expect("a directory");
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, "pod+token\n").expect("a file");
    let container = json!({
        "AccessKeyId": "ASIAROLE", "SecretAccessKey": "role-secret", "Token": "session/1==",
        "Expiration": "2126-01-01T00:00:00Z",
    });
    let sts = ScriptedLlm::start(Script::Body(STS.to_owned())).await;
    let endpoint = ScriptedLlm::start(Script::Body(container.to_string())).await;
    let web_identity = RoleSource::WebIdentity {
        sts_url: sts.base_url.trim_end_matches("/v1").to_owned(),
        role_arn: "arn:aws:iam::1:role/runbookd".to_owned(),
        session_name: "runbookd".to_owned(),
        token_file: token_file.clone(),
    };
    let pod_identity = RoleSource::Container {
        url: format!("{}/credentials", endpoint.base_url),
        token: Some(ContainerToken::File(token_file)),
    };
    for source in [web_identity, pod_identity] {
        let llm = ScriptedLlm::start(Script::says(SAYS)).await;
        let provider = bedrock_with(&llm.base_url, BedrockAccess::Role(source));
        let app = Setup { llm: vec![provider], ..Setup::default() }.start().await;
        for language in ["english", "vietnamese"] {
            assert_eq!(app.k8sgpt(OOM, language).await["answered_by"], "llm");
            let request = llm.last_request();
            assert!(request.contains("x-amz-security-token: session/1=="), "{request}");
            check_signature(&request, "ASIAROLE", "role-secret");
        }
    }
    assert_eq!((sts.num_requests(), endpoint.num_requests()), (1, 1), "credentials are kept");
    let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Frunbookd\
                &RoleSessionName=runbookd&WebIdentityToken=pod%2Btoken";
    assert!(sts.last_request().ends_with(&format!("\r\n\r\n{form}")), "{}", sts.last_request());
    let asked = endpoint.last_request();
    assert!(
        asked.starts_with("GET /v1/credentials HTTP/1.1") && asked.contains("authorization: pod+token"),
        "{asked}"
    );

    // No credentials, no request.
    for script in [Script::Status(403), Script::Html, Script::Empty] {
        let refusing = ScriptedLlm::start(script).await;
        let source = RoleSource::Container { url: refusing.base_url.clone(), token: None };
        let llm = ScriptedLlm::start(Script::says(SAYS)).await;
        let provider = bedrock_with(&llm.base_url, BedrockAccess::Role(source));
        let reply =
            Setup { llm: vec![provider], ..Setup::default() }.start().await.k8sgpt(OOM, "english").await;
        assert_eq!(
            (reply["degraded"].as_str(), llm.num_requests()),
            (Some("llm_unauthorized"), 0),
            "{reply}"
        );
    }
}
