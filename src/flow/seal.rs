//! Sealing small things to a recipient as text, and running blocking work off the event loop.

use age::x25519::{Identity, Recipient};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::FlowError;

/// Seals a short plaintext to every recipient; age, base64.
pub(super) fn seal_text(plaintext: &[u8], recipients: &[&Recipient]) -> Result<String, FlowError> {
    let failed = |_| FlowError::Internal("sealing failed");
    let recipients = recipients.iter().map(|recipient| *recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients)
        .map_err(|_| FlowError::Internal("sealing failed"))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(failed)?;
    std::io::Write::write_all(&mut writer, plaintext).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(BASE64.encode(sealed))
}

/// Opens what [`seal_text`] sealed; at most `limit` bytes.
pub(super) fn open_text(
    sealed: &str,
    identity: &Identity,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>, FlowError> {
    let failed = || FlowError::Internal("a sealed text does not open");
    let sealed = BASE64.decode(sealed).map_err(|_| failed())?;
    let decryptor = age::Decryptor::new(sealed.as_slice()).map_err(|_| failed())?;
    let identities = std::iter::once(identity as &dyn age::Identity);
    let reader = decryptor.decrypt(identities).map_err(|_| failed())?;
    let mut plaintext = Zeroizing::new(Vec::new());
    let mut bounded = std::io::Read::take(reader, limit);
    std::io::Read::read_to_end(&mut bounded, &mut plaintext).map_err(|_| failed())?;
    Ok(plaintext)
}

/// Runs blocking work (sealing, hashing passwords, the vault) on a thread of its own.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, FlowError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let task = tokio::task::spawn_blocking(work);
    task.await.map_err(|_| FlowError::Internal("a blocking task was lost"))
}
