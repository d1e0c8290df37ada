//! What a sender says the bytes of one request add up to.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// An algorithm and the digest it should give. It finds accidents on the way, and proves nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checksum {
    algorithm: Algorithm,
    expected: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Algorithm {
    /// What every client of the protocol knows; it is held against accidents only.
    Sha1,
    Sha256,
}

/// A checksum on its way through the bytes.
pub struct Checking {
    context: digest::Context,
    expected: Vec<u8>,
}

impl Checksum {
    /// The names of the algorithms, as the protocol lists them.
    pub const ALGORITHMS: &'static str = "sha1,sha256";

    /// Reads `sha256 <base64>`; `None` if it is malformed or of another algorithm.
    pub fn parse(untrusted_text: &str) -> Option<Self> {
        let (name, digest) = untrusted_text.split_once(' ')?;
        let (algorithm, length) = match name {
            "sha1" => (Algorithm::Sha1, SHA1_FOR_LEGACY_USE_ONLY.output_len()),
            "sha256" => (Algorithm::Sha256, SHA256.output_len()),
            _ => return None,
        };
        let expected = BASE64.decode(digest).ok().filter(|bytes| bytes.len() == length)?;
        Some(Self { algorithm, expected })
    }

    /// Begins to compare.
    pub fn begin(self) -> Checking {
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => &SHA256,
        };
        Checking { context: digest::Context::new(algorithm), expected: self.expected }
    }
}

impl Checking {
    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// Whether they were what was announced.
    pub fn is_right(self) -> bool {
        self.context.finish().as_ref() == self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests_are_right_and_changed_bytes_are_not() {
        // FIPS 180-2, "abc".
        for text in [
            "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
            "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        ] {
            let check = |bytes: [&[u8]; 2]| {
                let mut checking = Checksum::parse(text).expect(text).begin();
                for bytes in bytes {
                    checking.take(bytes);
                }
                checking.is_right()
            };
            assert!(check([b"a", b"bc"]), "{text}");
            assert!(!check([b"a", b"bd"]), "{text}");
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for text in [
            "",
            "sha256",
            "sha256 ",
            "md5 kAFQmDzST7DWlj99KOF/cg==",
            "SHA256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            "sha1 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
            "sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
            "sha1 ****************************",
        ] {
            assert_eq!(Checksum::parse(text), None, "{text}");
        }
    }
}
