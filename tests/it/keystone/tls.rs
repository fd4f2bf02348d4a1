//! Keystone behind TLS.

use std::{path::Path, sync::Arc};

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use super::{Effigy, Fake, status};

/// A server whose certificate is in this file.
fn server(file: &Path) -> TlsAcceptor {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "keystone").unwrap();
    let name = name.build();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    certificate.set_subject_name(&name).unwrap();
    certificate.set_issuer_name(&name).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    certificate.set_pubkey(&key).unwrap();
    let address = SubjectAlternativeName::new().ip("127.0.0.1").build(&certificate.x509v3_context(None, None)).unwrap();
    certificate.append_extension(address).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = certificate.build();
    std::fs::write(file, certificate.to_pem().unwrap()).unwrap();
    let chain = vec![certificate.to_der().unwrap().into()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.private_key_to_pkcs8().unwrap()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_keystone_of_the_named_certificate_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("keystone.pem"), folder.path().join("other.pem"));
    let fake = Fake::start_with(Some(server(&file))).await;
    server(&other);
    let token = fake.token("alice", "web", "member");
    let mut effigy = Effigy::with(&fake.settings(&format!("cafile = {file:?}"))).await;
    assert_eq!(status(&effigy, &[("X-Auth-Token", &token)]).await, 200);
    for distrusting in [format!("cafile = {other:?}"), String::new()] {
        effigy.restart_with(&fake.settings(&distrusting)).await;
        assert_eq!(status(&effigy, &[("X-Auth-Token", &token)]).await, 503, "{distrusting}");
    }
    assert_eq!(fake.asked_about(&token), 1, "a token was shown to somebody unknown");
}
