//! Wrapped keys: an object's own identity and what it belongs to, sealed to the recipient of its area.
//!
//! The identity exists in the clear only while its object is sealed or opened. Whoever destroys a
//! wrap destroys the content. Whoever has the recipient alone cannot make another wrap of the same
//! identity, so what is sealed beside it stands as it was written.

use std::fmt;
use std::io::{Read, Write};

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::VaultError;
use crate::domain::content::{Area, Label, Wrap};
use crate::domain::id::ObjectId;

/// Longest identity with its label inside a wrap, in bytes; both together have about 500.
const WRAPPED_BYTES: usize = 1024;

/// The private key of one area. Only the role that may open the area holds one.
pub struct AreaIdentity {
    area: Area,
    identity: Identity,
}

impl AreaIdentity {
    /// The key of this area, as a role's key file holds it.
    pub const fn new(area: Area, identity: Identity) -> Self {
        Self { area, identity }
    }

    /// Reads `AGE-SECRET-KEY-1…`, the key of this area.
    ///
    /// # Errors
    /// [`VaultError::Key`] if it is something else.
    pub fn parse(area: Area, text: &str) -> Result<Self, VaultError> {
        let identity = text.trim().parse().map_err(|_| VaultError::Key)?;
        Ok(Self { area, identity })
    }

    pub const fn area(&self) -> Area {
        self.area
    }

    /// The public half, `age1…`, to which the area's objects are wrapped.
    pub fn recipient(&self) -> String {
        self.identity.to_public().to_string()
    }

    /// The identity of the object this wrap is said to belong to, and what was sealed with it.
    pub(super) fn unwrap(
        &self,
        wrap: &Wrap,
        object: ObjectId,
    ) -> Result<(Identity, Label), VaultError> {
        if wrap.area != self.area || wrap.object != object {
            return Err(VaultError::Wrap);
        }
        let sealed = BASE64.decode(&wrap.sealed).map_err(|_| VaultError::Wrap)?;
        let decryptor = Decryptor::new_buffered(&*sealed).map_err(|_| VaultError::Wrap)?;
        let opened = decryptor.decrypt(std::iter::once(&self.identity as &dyn age::Identity));
        let mut text = Zeroizing::new(String::with_capacity(WRAPPED_BYTES));
        opened
            .map_err(|_| VaultError::Wrap)?
            .take(WRAPPED_BYTES as u64)
            .read_to_string(&mut text)
            .map_err(|_| VaultError::Wrap)?;
        let (identity, label) = text.split_once('\n').ok_or(VaultError::Wrap)?;
        let identity = identity.parse().map_err(|_| VaultError::Wrap)?;
        let label: Label = serde_json::from_str(label).map_err(|_| VaultError::Wrap)?;
        if label.object == object { Ok((identity, label)) } else { Err(VaultError::Wrap) }
    }
}

impl fmt::Debug for AreaIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AreaIdentity({})", self.area.as_str())
    }
}

/// Seals an object's identity and label to the recipient of its area.
pub(super) fn wrap(
    identity: &Identity,
    recipient: &Recipient,
    area: Area,
    label: &Label,
) -> Result<Wrap, VaultError> {
    let text = serde_json::to_string(label).map_err(|_| VaultError::Wrap)?;
    let mut sealed = vec![];
    // Fails only without recipients, or with recipients that exclude each other.
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient as &dyn age::Recipient))
        .map_err(|_| VaultError::Key)?;
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(identity.to_string().expose_secret().as_bytes())?;
    writer.write_all(b"\n")?;
    writer.write_all(text.as_bytes())?;
    writer.finish()?;
    let (object, artifact) = (label.object, label.artifact);
    Ok(Wrap { object, artifact, area, sealed: BASE64.encode(sealed) })
}
