//! Connections that come through a proxy begin with whose they are: the PROXY protocol, version 1
//! or 2.
//!
//! The proxy passes TLS on unopened, so it sees no photo; what it says is believed because the
//! configuration names its address. A connection of its own (a health check) says nothing of others.

use std::io;
use std::net::{IpAddr, SocketAddr};

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The proxies of a door.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpAddr>);

/// Longest header: version 2 with what proxies usually add takes some hundred bytes.
const MAX_HEADER_BYTES: usize = 1024;
const PARSE: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };

impl Proxies {
    /// By their addresses.
    pub const fn at(addresses: Vec<IpAddr>) -> Self {
        Self(addresses)
    }

    /// Whether connections from here must begin with a header.
    pub(super) fn include(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        self.0.iter().any(|proxy| proxy.to_canonical() == address)
    }
}

/// Reads the header and not one byte more: its two ends, `None` if the proxy speaks for itself.
///
/// # Errors
/// `InvalidData` if there is none, or the connection's.
pub(super) async fn ends<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<Option<(SocketAddr, SocketAddr)>> {
    let mut untrusted_header = Vec::with_capacity(128);
    loop {
        // From a buffer, so that a byte at a time costs nothing.
        untrusted_header.push(stream.read_u8().await?);
        match ProxyHeader::parse(&untrusted_header, PARSE) {
            Ok((header, _)) => {
                let ends = header.proxied_address();
                return Ok(ends.map(|ends| (ends.source, ends.destination)));
            }
            Err(Error::BufferTooShort) if untrusted_header.len() < MAX_HEADER_BYTES => {}
            Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (io::Result<Option<(SocketAddr, SocketAddr)>>, usize) {
        let mut stream = bytes;
        let ends = ends(&mut stream).await;
        (ends, stream.len())
    }

    fn version_2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([0x20 | command, family]);
        header.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        header.extend(payload);
        header
    }

    #[tokio::test]
    async fn both_versions_say_whose_a_connection_is_and_nothing_behind_is_eaten() {
        let expected =
            Some(("192.0.2.7:4711".parse().unwrap(), "203.0.113.1:443".parse().unwrap()));
        let text = b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\r\n".to_vec();
        let four = [192, 0, 2, 7, 203, 0, 113, 1, 0x12, 0x67, 0x01, 0xbb];
        // With something that a proxy adds.
        let more = [four.as_slice(), &[4, 0, 3, 1, 2, 3]].concat();
        for header in [text, version_2(1, 0x11, &four), version_2(1, 0x11, &more)] {
            let (ends, left) = read(&[header.as_slice(), b"\x16\x03\x01"].concat()).await;
            assert_eq!(ends.unwrap(), expected);
            assert_eq!(left, 3);
        }
        let six = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n";
        let expected =
            Some(("[2001:db8::7]:4711".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap()));
        assert_eq!(read(six).await.0.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_proxy_that_speaks_for_itself_names_nobody() {
        for header in [b"PROXY UNKNOWN\r\n".to_vec(), version_2(0, 0, &[])] {
            assert_eq!(read(&header).await.0.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 2000]].concat();
        let much = version_2(1, 0x11, &[0; 2000]);
        let cases: [&[u8]; 6] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET / HTTP/1.1\r\n",
            b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 99999\r\n",
            b"PROXY TCP4 192.0.2.7",
            &long,
            &much,
        ];
        for bytes in cases {
            assert!(read(bytes).await.0.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_proxy_is_known_by_its_address_however_it_is_written() {
        let proxies = Proxies::at(vec!["192.0.2.1".parse().unwrap()]);
        assert!(proxies.include("192.0.2.1:1".parse().unwrap()));
        assert!(proxies.include("[::ffff:192.0.2.1]:1".parse().unwrap()));
        assert!(!proxies.include("192.0.2.2:1".parse().unwrap()));
        assert!(!Proxies::default().include("192.0.2.1:1".parse().unwrap()));
    }
}
