//! Which machine asks: the registered one behind the connection's client certificate.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::{PeerIdentity, Portal};
use crate::domain::staff::Machine;
use crate::flow::pull;
use crate::http::Failure;

/// A registered machine; an extractor that refuses everyone else.
pub(super) struct Puller(pub(super) Machine);

impl FromRequestParts<Portal> for Puller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Failure> {
        let peer = parts.extensions.get::<PeerIdentity>();
        let certificate = peer.and_then(|peer| peer.certificate_sha256.clone());
        Ok(Self(pull::machine(portal, certificate.as_deref()).await?))
    }
}
