//! One file as a capture of packets: the upload as it would have been seen without TLS.
//!
//! A connection is opened, the file goes up in one plain HTTP request, it is answered, and the connection is closed.
//! The addresses and ports are those it came over; the request names ids only. Headers, cookies and the name on the
//! patient's device are not in it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};

use crate::domain::{ArtifactId, SubmissionId, Timestamp};

/// The upload that is shown.
#[derive(Clone, Debug)]
pub struct Upload {
    pub submission: SubmissionId,
    pub artifact: ArtifactId,
    /// The ending of the name on the sender's device, cleaned.
    pub extension: Option<String>,
    pub client: SocketAddr,
    pub service: SocketAddr,
    /// When its first byte came.
    pub begun: Timestamp,
}

/// Bytes of a segment: what fits a packet of an Ethernet whichever the family of addresses.
const SEGMENT: usize = 1440;
/// So many segments are confirmed at once; they fit the window.
const CONFIRMED: usize = 32;
/// The window, and by how many bits it is scaled.
const WINDOW: u16 = u16::MAX;
const SCALE: u8 = 7;
const HOPS: u8 = 64;
/// Locally administered: of no maker.
const CLIENT_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const SERVICE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
/// The `pcap` format with microseconds, its version, and Ethernet.
const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: [u16; 2] = [2, 4];
const LONGEST_PACKET: u32 = 65_535;
const ETHERNET: u32 = 1;

impl Upload {
    /// Begins a capture; any number of uploads may follow.
    pub(super) fn write_header(mut to: impl Write) -> io::Result<()> {
        to.write_all(&MAGIC.to_le_bytes())?;
        for number in VERSION {
            to.write_all(&number.to_le_bytes())?;
        }
        // The two zeros are a time zone and an accuracy that nobody uses.
        for number in [0, 0, LONGEST_PACKET, ETHERNET] {
            to.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    /// Writes the packets of a file of `length` bytes.
    ///
    /// # Errors
    /// The system's error, and one for a file that is not as long as it is said to be.
    pub(super) fn write(&self, file: impl Read, length: u64, to: impl Write) -> io::Result<()> {
        let mut exchange = Exchange::new(self, to);
        exchange.open()?;
        let head = self.request_head(length);
        exchange.send(&mut head.as_bytes().chain(file), head.len() as u64 + length)?;
        exchange.answer(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?;
        exchange.close()
    }

    fn request_head(&self, length: u64) -> String {
        let ending = self.extension.as_ref().map_or(String::new(), |ending| format!(".{ending}"));
        let Self { submission, artifact, service, .. } = self;
        format!(
            "POST /submissions/{submission}/{artifact}{ending} HTTP/1.1\r\n\
             Host: {service}\r\n\
             User-Agent: Sekisho\r\n\
             Content-Type: application/octet-stream\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    }
}

/// One end of the connection.
#[derive(Clone, Copy)]
struct End {
    address: SocketAddr,
    mac: [u8; 6],
    /// The number of its next byte.
    next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Service,
}

struct Exchange<W> {
    to: W,
    client: End,
    service: End,
    /// Microseconds since the epoch.
    at: u64,
    packet: Vec<u8>,
}

impl<W: Write> Exchange<W> {
    fn new(upload: &Upload, to: W) -> Self {
        let at = u64::try_from(upload.begun.as_millis()).unwrap_or_default() * 1000;
        let client = End { address: upload.client, mac: CLIENT_MAC, next: 0x1000_0000 };
        let service = End { address: upload.service, mac: SERVICE_MAC, next: 0x2000_0000 };
        Self { to, client, service, at, packet: Vec::new() }
    }

    fn open(&mut self) -> io::Result<()> {
        let greets = |header: &mut TcpHeader| {
            header.syn = true;
            let segment = u16::try_from(SEGMENT).unwrap_or(u16::MAX);
            let options = [
                TcpOptionElement::MaximumSegmentSize(segment),
                TcpOptionElement::WindowScale(SCALE),
            ];
            header.set_options(&options).map_err(io::Error::other)
        };
        self.packet(From::Client, &[], |header| {
            (header.ack, header.acknowledgment_number) = (false, 0);
            greets(header)
        })?;
        self.client.next += 1;
        self.packet(From::Service, &[], greets)?;
        self.service.next += 1;
        self.confirm(From::Client)
    }

    fn send(&mut self, bytes: &mut impl Read, mut left: u64) -> io::Result<()> {
        let mut segment = [0; SEGMENT];
        let mut sent = 0;
        while left > 0 {
            let length = SEGMENT.min(usize::try_from(left).unwrap_or(SEGMENT));
            let segment = segment.get_mut(..length).unwrap_or_default();
            bytes.read_exact(segment)?;
            self.data(From::Client, segment)?;
            left -= length as u64;
            sent += 1;
            if sent == CONFIRMED || left == 0 {
                self.confirm(From::Service)?;
                sent = 0;
            }
        }
        Ok(())
    }

    fn answer(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.data(From::Service, bytes)?;
        self.confirm(From::Client)
    }

    fn close(mut self) -> io::Result<()> {
        for from in [From::Client, From::Service] {
            self.packet(from, &[], |header| {
                header.fin = true;
                Ok(())
            })?;
            self.end(from).next = self.end(from).next.wrapping_add(1);
        }
        self.confirm(From::Client)
    }

    fn data(&mut self, from: From, bytes: &[u8]) -> io::Result<()> {
        self.packet(from, bytes, |header| {
            header.psh = true;
            Ok(())
        })?;
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        self.end(from).next = self.end(from).next.wrapping_add(length);
        Ok(())
    }

    fn confirm(&mut self, from: From) -> io::Result<()> {
        self.packet(from, &[], |_| Ok(()))
    }

    fn end(&mut self, from: From) -> &mut End {
        match from {
            From::Client => &mut self.client,
            From::Service => &mut self.service,
        }
    }

    fn packet(
        &mut self,
        from: From,
        payload: &[u8],
        shape: impl FnOnce(&mut TcpHeader) -> io::Result<()>,
    ) -> io::Result<()> {
        let (source, target) = match from {
            From::Client => (self.client, self.service),
            From::Service => (self.service, self.client),
        };
        let ports = (source.address.port(), target.address.port());
        let mut header = TcpHeader::new(ports.0, ports.1, source.next, WINDOW);
        header.ack = true;
        header.acknowledgment_number = target.next;
        shape(&mut header)?;
        let frame = PacketBuilder::ethernet2(source.mac, target.mac);
        let ends = [source, target].map(|end| end.address.ip().to_canonical());
        let packet = match ends {
            [IpAddr::V4(one), IpAddr::V4(other)] => frame.ipv4(one.octets(), other.octets(), HOPS),
            [one, other] => frame.ipv6(six(one).octets(), six(other).octets(), HOPS),
        };
        self.packet.clear();
        packet.tcp_header(header).write(&mut self.packet, payload).map_err(io::Error::other)?;
        let length = u32::try_from(self.packet.len()).unwrap_or(u32::MAX);
        let seconds = u32::try_from(self.at / 1_000_000).unwrap_or(u32::MAX);
        let micros = u32::try_from(self.at % 1_000_000).unwrap_or_default();
        self.at += 1;
        for number in [seconds, micros, length, length] {
            self.to.write_all(&number.to_le_bytes())?;
        }
        self.to.write_all(&self.packet)
    }
}

fn six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
}
