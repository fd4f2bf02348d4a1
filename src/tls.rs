//! TLS to others: whose certificates are trusted.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::Context as _;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Has libraries that ask for the process's cryptography find ring.
pub fn provide() {
    // An error says that it is there already.
    let _ = ring::default_provider().install_default();
}

/// Trust in the certificates that this system trusts, read once.
pub fn of_the_system() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!("this system trusts no certificate, so nothing is fetched over https");
        }
        trusting(roots)
    });
    config.clone()
}

/// Trust in the certificates of a file (PEM), and in no other.
///
/// # Errors
/// The file cannot be read, or has none.
pub fn of_file(file: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let cannot = || format!("cannot read the certificates in {}", file.display());
    for certificate in CertificateDer::pem_file_iter(file).with_context(cannot)? {
        roots.add(certificate.with_context(cannot)?).with_context(cannot)?;
    }
    anyhow::ensure!(!roots.is_empty(), "there is no certificate in {}", file.display());
    Ok(trusting(roots))
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring speaks TLS 1.2 and 1.3");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}
