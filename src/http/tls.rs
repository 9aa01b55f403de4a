//! TLS of accepted connections: a certificate chain and its key from PEM files, which are read again when they change.

use super::follow::Followed;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::TlsAcceptor;

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The file of the certificate's private key.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}` names `{path}`, which cannot be read")]
    Read {
        /// The configuration's key.
        key: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("`{key}` names `{path}`, which {detail}")]
    Content {
        /// The configuration's key.
        key: &'static str,
        path: PathBuf,
        /// The error, without the file's content.
        detail: String,
    },
    /// The two files do not go together.
    #[error("the certificate in `{certificate}` and the key in `{key}` cannot be used: {detail}")]
    Pair { certificate: PathBuf, key: PathBuf, detail: String },
}

/// The largest file of a chain or a key, in bytes; a longer one is refused.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

const CERTIFICATE_KEY: &str = "server.tls_cert (RUNBOOKD_SERVER_TLS_CERT)";
const PRIVATE_KEY_KEY: &str = "server.tls_key (RUNBOOKD_SERVER_TLS_KEY)";

/// The certificate in use. Cheap to clone; the clones change together.
#[derive(Clone)]
pub struct Tls(Followed<ServerConfig>);

impl Tls {
    /// Reads the files, and checks that they go together. Blocks.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let paths = vec![files.certificate.clone(), files.key.clone()];
        Followed::load("certificate", paths, move || read(&files)).map(Self)
    }

    /// The acceptor for the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.current())
    }

    /// Takes over the certificate of `new`.
    pub fn become_as(&self, new: &Self) {
        self.0.become_as(&new.0);
    }

    /// Follows the files for ever. Files that cannot be used leave the certificate before in use.
    pub async fn follow(self) {
        self.0.follow().await;
    }
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let content = |key, path: &Path, detail: &str| TlsError::Content {
        key,
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let bytes = |key, path: &Path| {
        kb::files::read(path, MAX_FILE_BYTES).map_err(|source| TlsError::Read {
            key,
            path: path.to_owned(),
            source,
        })
    };
    let certificates = CertificateDer::pem_slice_iter(&bytes(CERTIFICATE_KEY, &files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| content(CERTIFICATE_KEY, &files.certificate, "is no PEM file"))?;
    if certificates.is_empty() {
        return Err(content(CERTIFICATE_KEY, &files.certificate, "holds no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes(PRIVATE_KEY_KEY, &files.key)?)
        .map_err(|_| content(PRIVATE_KEY_KEY, &files.key, "holds no private key in PEM"))?;
    let pair = |error: rustls::Error| TlsError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        detail: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write_pair(directory: &Path) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let files = TlsFiles { certificate: directory.join("tls.crt"), key: directory.join("tls.key") };
        fs::write(&files.certificate, made.cert.pem()).expect("written");
        fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
        files
    }

    #[test]
    fn errors_name_the_file_and_what_is_wrong() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = write_pair(directory.path());
        let error = |files: &TlsFiles| {
            kb::causes::with_causes(&Tls::load(files.clone()).err().expect("it cannot be used"))
        };
        let missing = TlsFiles { certificate: directory.path().join("none.crt"), ..files.clone() };
        assert!(
            error(&missing).contains("none.crt`, which cannot be read: No such file"),
            "{}",
            error(&missing)
        );
        let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
        assert!(error(&swapped).contains("holds no certificate"), "{}", error(&swapped));
        let keyless = TlsFiles { key: files.certificate.clone(), ..files.clone() };
        assert!(error(&keyless).contains("RUNBOOKD_SERVER_TLS_KEY"), "{}", error(&keyless));
        let other = tempfile::tempdir().expect("a directory");
        let strange = TlsFiles { key: write_pair(other.path()).key, ..files };
        assert!(error(&strange).contains("cannot be used"), "{}", error(&strange));
    }
}
