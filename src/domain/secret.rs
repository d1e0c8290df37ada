//! Secrets as types: made from given randomness, shown once, kept only as digests, compared in
//! constant time, and never printed by `Debug`.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use zeroize::Zeroizing;

/// The secret of an intake link: 160 random bits, 32 characters, carried in the URL fragment.
pub struct LinkSecret(Zeroizing<String>);

/// The short code typed by people without JavaScript: 50 random bits in 10 characters, grouped.
/// Useful only together with the second secret, for a day, with few tries.
pub struct ShortCode(Zeroizing<String>);

/// The value of a session cookie: 160 random bits.
pub struct SessionToken(Zeroizing<String>);

/// A SHA-256 digest under which a secret is looked up.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest(String);

/// A key for HMAC-SHA256, held by exactly the roles the key table names.
pub struct MacKey(hmac::Key);

/// Crockford's alphabet: no I, L, O, U, so that it can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 160 random bits in one spelling of 32 characters, kept as a digest of its own kind.
macro_rules! random_secret {
    ($name:ident, $purpose:literal) => {
        impl $name {
            /// From 20 random bytes.
            pub fn new(entropy: [u8; 20]) -> Self {
                Self(spell::<32>(&entropy))
            }

            /// Reads a secret in the one spelling it was written in.
            pub fn parse(untrusted_text: &str) -> Option<Self> {
                exact::<32>(untrusted_text).map(Self)
            }

            /// The text, for the link or the cookie alone.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored.
            pub fn digest(&self) -> SecretDigest {
                SecretDigest::of($purpose, self.0.as_bytes())
            }
        }
    };
}

random_secret!(LinkSecret, "link");
random_secret!(SessionToken, "session");

impl ShortCode {
    /// From 7 random bytes.
    pub fn new(entropy: [u8; 7]) -> Self {
        Self(spell::<10>(&entropy))
    }

    /// Reads what a person typed: lower case, spaces, hyphens and the look-alikes I, L, O are
    /// forgiven.
    pub fn parse(untrusted_text: &str) -> Option<Self> {
        let mut typed = Zeroizing::new(String::new());
        for c in untrusted_text.chars().take(40) {
            match c.to_ascii_uppercase() {
                ' ' | '-' | '\u{3000}' => {}
                'I' | 'L' => typed.push('1'),
                'O' => typed.push('0'),
                other => typed.push(other),
            }
        }
        exact::<10>(&typed).map(Self)
    }

    /// The code in two groups of five, as printed.
    pub fn expose(&self) -> String {
        let (head, tail) = self.0.split_at(5);
        format!("{head}-{tail}")
    }

    /// What is stored: keyed, as 50 bits alone could be searched.
    pub fn digest(&self, key: &MacKey) -> SecretDigest {
        SecretDigest(key.tag(&[b"short code", self.0.as_bytes()]))
    }
}

impl SecretDigest {
    fn of(purpose: &str, secret: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(purpose.as_bytes());
        context.update(b"\0");
        context.update(secret);
        Self(hex::encode(context.finish()))
    }

    /// The digest as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

impl MacKey {
    /// From 32 bytes of key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag over the fields, each preceded by its length so that no two lists read the same.
    /// 64 hexadecimal digits.
    pub fn tag(&self, fields: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for field in fields {
            context.update(&(field.len() as u64).to_le_bytes());
            context.update(field);
        }
        hex::encode(context.sign())
    }

    /// Whether `untrusted_tag` is the tag over these fields, compared in constant time.
    pub fn verify(&self, fields: &[&[u8]], untrusted_tag: &str) -> bool {
        same(self.tag(fields).as_bytes(), untrusted_tag.as_bytes())
    }
}

/// Compares in time that depends on the lengths only.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Spells bytes in the alphabet, five bits a character.
fn spell<const LENGTH: usize>(entropy: &[u8]) -> Zeroizing<String> {
    let mut bits = 0_u32;
    let mut held = 0_u32;
    let mut bytes = entropy.iter();
    let mut text = Zeroizing::new(String::with_capacity(LENGTH));
    while text.len() < LENGTH {
        if held < 5 {
            let Some(byte) = bytes.next() else { break };
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
        }
        held -= 5;
        let index = ((bits >> held) & 31) as usize;
        text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
    }
    text
}

fn exact<const LENGTH: usize>(text: &str) -> Option<Zeroizing<String>> {
    let known = text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b));
    known.then(|| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_secret_has_every_bit_it_was_given_and_one_spelling() {
        let all_ones = LinkSecret::new([0xff; 20]);
        assert_eq!(all_ones.expose(), "Z".repeat(32));
        let secret = LinkSecret::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let read = LinkSecret::parse(secret.expose()).expect("reads back");
        assert_eq!(read.digest(), secret.digest());
        assert!(LinkSecret::parse(&secret.expose().to_lowercase()).is_none());
        assert!(LinkSecret::parse(&secret.expose()[1..]).is_none());
    }

    #[test]
    fn a_short_code_is_read_as_people_type_it() {
        let key = MacKey::new(&[1; 32]);
        let code = ShortCode::new([0; 7]);
        assert_eq!(code.expose(), "00000-00000");
        let typed = ShortCode::parse("ooooo ooooo").expect("forgiven");
        assert_eq!(typed.digest(&key), code.digest(&key));
        assert!(ShortCode::parse("00000").is_none());
        assert!(ShortCode::parse(&"0".repeat(41)).is_none());
    }

    #[test]
    fn a_tag_binds_the_fields_and_their_bounds() {
        let key = MacKey::new(&[1; 32]);
        let tag = key.tag(&[b"ab", b"c"]);
        assert!(key.verify(&[b"ab", b"c"], &tag));
        assert!(!key.verify(&[b"a", b"bc"], &tag));
        assert!(!MacKey::new(&[2; 32]).verify(&[b"ab", b"c"], &tag));
        assert!(!key.verify(&[b"ab", b"c"], ""));
    }
}
