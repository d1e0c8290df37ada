//! Signed notes in the C2SP signed-note form: a text, a blank line, and signature lines of
//! `— name base64(key id ‖ signature)`. Certificates and checkpoints are both written this way, so
//! that an auditor's own tools can check them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::authority::{NotGranted, Signer, Verifier};

/// The algorithm byte of Ed25519 in a signed note's key id.
const ED25519: u8 = 0x01;

/// Longest note that is read, in bytes.
pub const NOTE_LIMIT: usize = 16 * 1024;

/// Signs a text that ends in a newline, under a key name without spaces or plus signs.
pub fn sign(text: &str, name: &str, signer: &Signer) -> String {
    let mut blob = key_id(name, &signer.verifier()).to_vec();
    blob.extend(signer.sign(text.as_bytes()));
    format!("{text}\n\u{2014} {name} {}\n", BASE64.encode(blob))
}

/// The text of a note that this key signed under this name.
///
/// # Errors
/// [`NotGranted`] if the note is malformed, too long, or not signed by the key.
pub fn verify<'n>(
    untrusted_note: &'n str,
    name: &str,
    verifier: &Verifier,
) -> Result<&'n str, NotGranted> {
    if untrusted_note.len() > NOTE_LIMIT {
        return Err(NotGranted);
    }
    let (text, signatures) = untrusted_note.rsplit_once("\n\n").ok_or(NotGranted)?;
    // The text's own last newline is part of what was signed.
    let text = untrusted_note.get(..=text.len()).ok_or(NotGranted)?;
    let prefix = format!("\u{2014} {name} ");
    let id = key_id(name, verifier);
    let ours = |line: &str| {
        let blob = BASE64.decode(line.strip_prefix(&prefix)?).ok()?;
        let (claimed_id, signature) = blob.split_at_checked(4)?;
        (claimed_id == id).then(|| verifier.verify(text.as_bytes(), signature).is_ok())
    };
    match signatures.lines().find_map(ours) {
        Some(true) => Ok(text),
        Some(false) | None => Err(NotGranted),
    }
}

/// The key in the form verifiers are handed around: `name+hex(id)+base64(alg ‖ key)`.
pub fn verifier_key(name: &str, verifier: &Verifier) -> String {
    let mut key = vec![ED25519];
    key.extend(verifier.as_bytes());
    format!("{name}+{}+{}", hex::encode(key_id(name, verifier)), BASE64.encode(key))
}

fn key_id(name: &str, verifier: &Verifier) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', ED25519]);
    hash.update(verifier.as_bytes());
    let digest = hash.finalize();
    let mut id = [0; 4];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_gives_its_text_only_to_the_right_key_and_name() {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let note = sign("a line\nanother\n", "clinic", &signer);
        assert_eq!(verify(&note, "clinic", &signer.verifier()), Ok("a line\nanother\n"));
        assert!(verify(&note, "other", &signer.verifier()).is_err());
        let stranger = Signer::from_seed(&[2; 32]).unwrap();
        assert!(verify(&note, "clinic", &stranger.verifier()).is_err());
        assert!(verify(&note.replace("another", "anothen"), "clinic", &signer.verifier()).is_err());
        assert!(verify("", "clinic", &signer.verifier()).is_err());
        assert!(verify(&"x".repeat(NOTE_LIMIT + 1), "clinic", &signer.verifier()).is_err());
    }
}
