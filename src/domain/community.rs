//! The community id of a connection (version 1): the same short text from every sensor that saw
//! it, whichever end it saw first. Its one public setting is a seed that all who compare must share.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// IANA's number of TCP.
const TCP: u8 = 6;
/// `1:` and base64 of the 20 bytes of SHA-1, which names here and protects nothing.
pub const LENGTH: usize = 30;

/// The community id of a TCP connection between two ends.
pub fn id(seed: u16, one: SocketAddr, other: SocketAddr) -> String {
    let key = |end: &SocketAddr| (bytes(end.ip()), end.port());
    let (low, high) = if key(&one) <= key(&other) { (one, other) } else { (other, one) };
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(&seed.to_be_bytes());
    hash.update(&bytes(low.ip()));
    hash.update(&bytes(high.ip()));
    hash.update(&[TCP, 0]);
    hash.update(&low.port().to_be_bytes());
    hash.update(&high.port().to_be_bytes());
    format!("1:{}", BASE64.encode(hash.finish()))
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the specification's own examples, and of a real sensor.
    #[test]
    fn ids_are_those_that_others_compute() {
        for (seed, one, other, expected) in [
            (0, "128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (1, "128.232.110.120:34855", "66.35.250.204:80", "1:3V71V58M3Ksw/yuFALMcW0LAHvc="),
            (0, "127.0.0.1:43024", "127.0.0.1:18090", "1:3Y9yO8lAMvv9cnZg51rjleKY2iQ="),
            (0, "[::ffff:127.0.0.1]:43024", "127.0.0.1:18090", "1:3Y9yO8lAMvv9cnZg51rjleKY2iQ="),
        ] {
            let [one, other] = [one, other].map(|end| end.parse().unwrap());
            assert_eq!(id(seed, one, other), expected);
            assert_eq!(id(seed, other, one), expected, "whichever end comes first");
            assert_eq!(expected.len(), LENGTH);
        }
    }
}
