//! TLS to the broker: rustls with ring, and whose certificates to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificate authorities cannot be read as PEM.
    #[error("cannot read certificates from {}: {source}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate authority to trust.
    #[error(
        "no certificate authority found in {place}; name the PEM file of the authority that signed the broker's certificate"
    )]
    NoAuthority {
        /// Where was looked.
        place: String,
    },
    /// The TLS library refuses its settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A TLS client that trusts the authorities of `ca_file`, or those of the system.
///
/// # Errors
/// When the file cannot be read or there is nobody to trust.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    let place = if let Some(path) = ca_file {
        let fault = |source| TlsError::CaFile { path: path.to_path_buf(), source };
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(fault)?.collect::<Result<Vec<_>, _>>().map_err(fault)?;
        roots.add_parsable_certificates(certificates);
        path.display().to_string()
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        "the system's store".to_owned()
    };
    if roots.is_empty() {
        return Err(TlsError::NoAuthority { place });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        assert!(matches!(client(Some(&file)), Err(TlsError::NoAuthority { .. })));
        assert!(matches!(client(Some(&dir.path().join("none.pem"))), Err(TlsError::CaFile { .. })));
    }
}
