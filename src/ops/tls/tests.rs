use rustls::ServerConnection;

use super::*;
use crate::ops::certificates::{Authority, AuthorityKind};

fn door() -> Arc<ServerConfig> {
    let (authority, _) = Authority::make(AuthorityKind::Doors).unwrap();
    let issued = authority.issue_server("intake.localhost").unwrap();
    for_people(issued.certificate.as_bytes(), issued.key.as_bytes()).unwrap()
}

/// A `ClientHello` of the given version with one suite, P-256 and ECDSA with SHA-256.
fn client_hello(version: u16, suite: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2]);
    body.extend(suite.to_be_bytes());
    body.extend([1, 0]);
    let extensions = [
        [0, 10, 0, 4, 0, 2, 0, 23].as_slice(),
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 4, 0, 2, 4, 3],
        // Extended master secret, which rustls asks for.
        &[0, 23, 0, 0],
    ]
    .concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

/// The first byte of the server's answer: 22 is a handshake, 21 an alert.
fn answer(hello: &[u8]) -> u8 {
    let mut connection = ServerConnection::new(door()).unwrap();
    let mut wire = hello;
    connection.read_tls(&mut wire).unwrap();
    let _ = connection.process_new_packets();
    let mut out = Vec::new();
    connection.write_tls(&mut out).unwrap();
    out[0]
}

const ECDHE_ECDSA_AES_128_GCM: u16 = 0xc02b;
const ECDHE_ECDSA_CHACHA20: u16 = 0xcca9;

#[test]
fn old_versions_and_unauthenticated_or_static_ciphers_are_refused() {
    const ALERT: u8 = 21;
    for version in [0x0300, 0x0301, 0x0302] {
        assert_eq!(answer(&client_hello(version, ECDHE_ECDSA_AES_128_GCM)), ALERT);
    }
    for (suite, name) in [
        (0xc009, "ECDHE_ECDSA_AES_128_CBC_SHA"),
        (0xc023, "ECDHE_ECDSA_AES_128_CBC_SHA256"),
        (0xc013, "ECDHE_RSA_AES_128_CBC_SHA"),
        (0x002f, "RSA_AES_128_CBC_SHA"),
        (0x009c, "RSA_AES_128_GCM_SHA256"),
        (0x009e, "DHE_RSA_AES_128_GCM_SHA256"),
        (0x0005, "RSA_RC4_128_SHA"),
        (0x0000, "NULL"),
    ] {
        assert_eq!(answer(&client_hello(0x0303, suite)), ALERT, "{name}");
    }
}

#[test]
fn version_1_2_with_an_authenticated_cipher_is_answered() {
    const HANDSHAKE: u8 = 22;
    for suite in [ECDHE_ECDSA_AES_128_GCM, ECDHE_ECDSA_CHACHA20] {
        assert_eq!(answer(&client_hello(0x0303, suite)), HANDSHAKE);
    }
}

#[test]
fn a_certificate_without_its_key_or_an_empty_authority_is_refused() {
    let (authority, _) = Authority::make(AuthorityKind::Doors).unwrap();
    let one = authority.issue_server("intake.localhost").unwrap();
    let two = authority.issue_server("intake.localhost").unwrap();
    let (chain, key) = (one.certificate.as_bytes(), one.key.as_bytes());
    assert!(matches!(for_people(b"", key), Err(TlsError::Certificate)));
    assert!(matches!(for_people(chain, b""), Err(TlsError::Key)));
    assert!(for_people(chain, two.key.as_bytes()).is_err());
    assert!(matches!(for_machines(chain, key, b""), Err(TlsError::MachineAuthority)));
}
