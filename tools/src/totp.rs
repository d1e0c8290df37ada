//! One-time codes of the people whom the demo and the tests make (RFC 6238).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use totp_rs::Builder;

/// How long a code is valid.
pub(crate) const TOTP_STEP_SECONDS: u64 = 30;
/// What a busy machine may need from a code that is read to one that is checked. Less of a step than that
/// is not begun with.
const ENOUGH_SECONDS: u64 = 15;

/// An authenticator app that gives each code once.
#[derive(Debug)]
pub struct Authenticator {
    secret: String,
    /// The step of the last code.
    last: AtomicU64,
}

impl Authenticator {
    /// By the address that it is set up with, `otpauth://…`. `None` if no secret is in it.
    pub fn new(uri: &str) -> Option<Self> {
        let secret = uri.split_once("secret=")?.1.split('&').next()?.to_owned();
        base32(&secret)?;
        Some(Self { secret, last: AtomicU64::new(0) })
    }

    /// A code that was not used before. As a door takes one that is a step early or late there are two
    /// or three at any time; who needs more waits for the next. `None` if the clock goes backwards.
    pub async fn code(&self) -> Option<String> {
        for _ in 0..3 * TOTP_STEP_SECONDS {
            let (now, last) = (now_seconds(), self.last.load(Ordering::Relaxed));
            let step = now / TOTP_STEP_SECONDS;
            let is_ending = TOTP_STEP_SECONDS - now % TOTP_STEP_SECONDS < ENOUGH_SECONDS;
            let next = (if is_ending { step } else { step - 1 }).max(last + 1);
            if next <= step + 1 {
                self.last.store(next, Ordering::Relaxed);
                return code(&self.secret, next * TOTP_STEP_SECONDS);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        None
    }
}

/// Since 1970, as an authenticator reads the machine's clock.
#[expect(clippy::disallowed_methods, reason = "an authenticator reads the machine's clock")]
pub(crate) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

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

    #[tokio::test]
    async fn an_authenticator_gives_no_code_twice() {
        let uri = "otpauth://totp/it?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=it";
        let authenticator = Authenticator::new(uri).expect("a secret");
        let first = authenticator.code().await.expect("a code");
        assert_ne!(authenticator.code().await.expect("another"), first);
    }

    #[test]
    fn base32_reads_the_examples_of_its_standard() {
        for (text, bytes) in [("", ""), ("MY", "f"), ("MZXQ", "fo"), ("MZXW6YTBOI", "foobar")] {
            assert_eq!(base32(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base32("MZ=="), None);
    }
}
