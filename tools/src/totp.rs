//! One-time codes of the people whom the demo and the tests make (RFC 6238).

use totp_rs::Builder;

/// How long a code is valid.
pub(crate) const TOTP_STEP_SECONDS: u64 = 30;

/// The code that an authenticator app shows at a time, in seconds since 1970. `None` if the secret is
/// none.
pub(crate) fn code(secret: &str, at: u64) -> Option<String> {
    let totp = Builder::new()
        .with_secret(base32(secret)?)
        .with_digits(6)
        .with_step_duration(TOTP_STEP_SECONDS)
        .build()
        .ok()?;
    Some(totp.generate(at).to_string())
}

/// RFC 4648 without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        held = (held << 5 | u32::from(value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_reads_the_examples_of_its_standard() {
        for (text, bytes) in [("", ""), ("MY", "f"), ("MZXQ", "fo"), ("MZXW6YTBOI", "foobar")] {
            assert_eq!(base32(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base32("MZ=="), None);
    }
}
