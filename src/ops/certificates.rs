//! Certificates made here: a local authority for machines without a public one, and the authority
//! that names the clinic's pulling machines.
//!
//! Both are for the operator's commands. No role holds either authority's key.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
#[error("no certificate could be made")]
pub struct NotIssued(#[from] rcgen::Error);

/// A certificate and its key, PEM.
pub struct Issued {
    pub certificate: String,
    pub key: Zeroizing<String>,
    /// SHA-256 of the certificate in DER, lower-case hexadecimal.
    pub sha256: String,
}

/// An authority that can sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// Which authority; each has its own name, so that neither's certificates pass for the other's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthorityKind {
    /// Signs the doors' certificates.
    Doors,
    /// Signs the certificates of machines that pull.
    Machines,
}

impl Authority {
    /// Makes an authority; its key is in the second value, to be kept by the operator.
    ///
    /// # Errors
    /// [`NotIssued`] if the cryptographic library refuses.
    pub fn make(kind: AuthorityKind) -> Result<(Self, Issued), NotIssued> {
        let key = KeyPair::generate()?;
        let params = Self::params(kind);
        let certificate = params.self_signed(&key)?;
        let issued = Issued::new(&certificate, &key);
        Ok((Self { issuer: Issuer::new(params, key) }, issued))
    }

    /// The authority again, from its stored key.
    ///
    /// # Errors
    /// [`NotIssued`] if this is not a private key.
    pub fn load(kind: AuthorityKind, key_pem: &str) -> Result<Self, NotIssued> {
        let key = KeyPair::from_pem(key_pem)?;
        Ok(Self { issuer: Issuer::new(Self::params(kind), key) })
    }

    /// A certificate for a door's host name.
    ///
    /// # Errors
    /// [`NotIssued`] if the name cannot stand in a certificate.
    pub fn issue_server(&self, host: &str) -> Result<Issued, NotIssued> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = common_name(host);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a machine that pulls.
    ///
    /// # Errors
    /// [`NotIssued`] if the name cannot stand in a certificate.
    pub fn issue_client(&self, machine: &str) -> Result<Issued, NotIssued> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(machine);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<Issued, NotIssued> {
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        // A registered certificate is believed by its fingerprint and disabled by its row, so its
        // end is a backstop and not the control.
        params.not_after = rcgen::date_time_ymd(2036, 1, 1);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued::new(&certificate, &key))
    }

    fn params(kind: AuthorityKind) -> CertificateParams {
        let name = match kind {
            AuthorityKind::Doors => "Sekisho local authority",
            AuthorityKind::Machines => "Sekisho machine authority",
        };
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2036, 1, 1);
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }
}

impl Issued {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.pem(),
            key: Zeroizing::new(key.serialize_pem()),
            sha256: fingerprint(certificate.der()),
        }
    }
}

/// SHA-256 of a certificate in DER, lower-case hexadecimal: the name a machine is registered by.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    hex::encode(Sha256::digest(certificate))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
