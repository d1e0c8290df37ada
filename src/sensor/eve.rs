//! One line of EVE JSON: the fields that are used, bounded, and nothing else of it.
//!
//! Only what concerns the intake door is kept. Of a file only its hash and length are believed, and
//! only where the sensor saw all of it; of headers only the id that our own door answered with,
//! which a client cannot choose.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::Interest;
use crate::domain::sensor::RuleId;
use crate::domain::sighting::{Seen, Sighting, Transaction, signature};
use crate::domain::state::Sha256Hex;
use crate::domain::{Timestamp, community};

/// What a line says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Read {
    /// At least one.
    Sightings(Vec<Sighting>),
    /// The sensor lives: its counters, or the end of some connection.
    SignOfLife(Timestamp),
    /// Of another kind, of another service, or of no weight.
    Other,
    Malformed,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow, rename = "event_type")]
    kind: Cow<'a, str>,
    flow_id: Option<u64>,
    tx_id: Option<u64>,
    #[serde(default)]
    tx_guessed: bool,
    src_ip: Option<IpAddr>,
    src_port: Option<u16>,
    dest_ip: Option<IpAddr>,
    dest_port: Option<u16>,
    #[serde(borrow)]
    community_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    flow: Option<FlowPart<'a>>,
    #[serde(borrow)]
    alert: Option<AlertPart<'a>>,
    #[serde(borrow, default)]
    files: Vec<FilePart<'a>>,
    #[serde(borrow)]
    fileinfo: Option<FilePart<'a>>,
    #[serde(borrow)]
    http: Option<HttpPart<'a>>,
    payload: Option<IgnoredAny>,
    payload_printable: Option<IgnoredAny>,
    packet: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct FlowPart<'a> {
    #[serde(borrow)]
    start: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct AlertPart<'a> {
    #[serde(default = "usual_generator")]
    gid: u32,
    signature_id: u32,
    #[serde(borrow, default)]
    signature: Cow<'a, str>,
    #[serde(default)]
    severity: u32,
}

#[derive(Deserialize)]
struct FilePart<'a> {
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
    size: Option<u64>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(default)]
    gaps: bool,
    tx_id: Option<u64>,
}

#[derive(Deserialize)]
struct HttpPart<'a> {
    #[serde(borrow, default)]
    response_headers: Vec<Header<'a>>,
    http_request_body: Option<IgnoredAny>,
    http_request_body_printable: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
}

/// Most files of one line; a request of ours carries fewer.
const MOST_FILES: usize = 64;
/// Kinds of events that are used: of any other, how it is written makes no difference.
const KINDS: [&str; 5] = ["alert", "fileinfo", "http", "stats", "flow"];
/// What our doors answer with.
const REQUEST_ID: &str = "x-request-id";
/// Hexadecimal digits of a request id.
const REQUEST_ID_DIGITS: usize = 24;
/// `2026-11-23T05:42:18.345263+0000`: without the colon that RFC 3339 asks for.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

const fn usual_generator() -> u32 {
    1
}

/// Reads one line; tells also whether it carries what was sent, which a sensor is not to write down.
pub(super) fn read(untrusted_line: &[u8], interest: &Interest) -> (Read, bool) {
    let once;
    let event = match serde_json::from_slice::<Event<'_>>(untrusted_line) {
        Ok(event) => event,
        Err(_) => {
            let Ok(object) = serde_json::from_slice::<Map<String, Value>>(untrusted_line) else {
                return (Read::Malformed, false);
            };
            let kind = object.get("event_type").and_then(Value::as_str);
            if kind.is_some_and(|kind| !KINDS.contains(&kind)) {
                return (Read::Other, false);
            }
            once = with_each_key_once(&object);
            match once.as_deref().map(serde_json::from_str::<Event<'_>>) {
                Some(Ok(event)) => event,
                Some(Err(_)) | None => return (Read::Malformed, false),
            }
        }
    };
    (event.read(interest), event.prints_payload())
}

/// The same object, where a key that stands twice has its last value: a sensor that overwrites
/// addresses with those of `X-Forwarded-For` writes both.
fn with_each_key_once(untrusted_object: &Map<String, Value>) -> Option<String> {
    serde_json::to_string(untrusted_object).ok()
}

fn time(untrusted_text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::strtime::parse(TIME, untrusted_text).ok()?;
    Some(Timestamp::from_millis(parsed.to_timestamp().ok()?.as_millisecond()))
}

/// Where and when something was seen.
struct Place {
    at: Timestamp,
    opened_at: Option<Timestamp>,
    client: SocketAddr,
    service: SocketAddr,
    /// The line is about what the client sent, not about the answer.
    is_from_client: bool,
    community: Option<String>,
}

impl Event<'_> {
    fn read(&self, interest: &Interest) -> Read {
        if !KINDS.contains(&&*self.kind) {
            return Read::Other;
        }
        let Some(at) = time(&self.timestamp) else {
            return Read::Malformed;
        };
        match &*self.kind {
            "stats" | "flow" => Read::SignOfLife(at),
            "alert" | "fileinfo" | "http" => match self.place(at, interest) {
                Some(place) => self.sightings(&place, interest),
                None => Read::Other,
            },
            _ => Read::Other,
        }
    }

    /// Whether it carries some of what was sent.
    fn prints_payload(&self) -> bool {
        let http = self.http.as_ref();
        let body = http.is_some_and(|http| {
            http.http_request_body.is_some() || http.http_request_body_printable.is_some()
        });
        body || self.payload.is_some() || self.payload_printable.is_some() || self.packet.is_some()
    }

    /// Where it was seen; `None` for what is not of our door.
    fn place(&self, at: Timestamp, interest: &Interest) -> Option<Place> {
        let source = SocketAddr::new(self.src_ip?, self.src_port?);
        let target = SocketAddr::new(self.dest_ip?, self.dest_port?);
        let ours = |end: SocketAddr| interest.services.iter().any(|it| is_at(*it, end));
        let is_from_client = ours(target);
        if !is_from_client && !ours(source) {
            return None;
        }
        let (client, service) = if is_from_client { (source, target) } else { (target, source) };
        let community = self.community_id.as_deref();
        let community = community.filter(|id| id.len() == community::LENGTH).map(str::to_owned);
        let opened_at = self.flow.as_ref().and_then(|flow| time(flow.start.as_deref()?));
        Some(Place { at, opened_at, client, service, is_from_client, community })
    }

    fn sightings(&self, place: &Place, interest: &Interest) -> Read {
        let mut found = Vec::new();
        match &*self.kind {
            "alert" => {
                let Some(alert) = &self.alert else { return Read::Malformed };
                let Some(seen) = alert.seen(interest) else { return Read::Other };
                // A rule about packets knows its connection only: where requests follow each other closely, the
                // one that the sensor guesses is another, and so are the files that it names.
                let known = !self.tx_guessed;
                let request = self.tx_id.filter(|_| known);
                found.push(place.sighting(self.transaction(request), seen));
                // A reply's file is ours, not the patient's.
                let is_theirs = known && place.is_from_client;
                let files = self.files.iter().filter(|_| is_theirs).take(MOST_FILES);
                found.extend(files.filter_map(|file| {
                    let request = file.tx_id.or(self.tx_id);
                    Some(place.sighting(self.transaction(request), file.seen()?))
                }));
            }
            "fileinfo" if place.is_from_client => {
                let Some(file) = &self.fileinfo else { return Read::Malformed };
                let request = file.tx_id.or(self.tx_id);
                let seen = file.seen();
                found.extend(seen.map(|it| place.sighting(self.transaction(request), it)));
            }
            "http" => {
                let seen = self.http.as_ref().and_then(HttpPart::seen);
                found.extend(seen.map(|it| place.sighting(self.transaction(self.tx_id), it)));
            }
            _ => {}
        }
        if found.is_empty() { Read::Other } else { Read::Sightings(found) }
    }

    fn transaction(&self, request: Option<u64>) -> Transaction {
        // Numbers that no column holds are of no sensor.
        let small = |number: Option<u64>| number.filter(|it| i64::try_from(*it).is_ok());
        Transaction { flow: small(self.flow_id), request: small(request) }
    }
}

impl Place {
    fn sighting(&self, transaction: Transaction, seen: Seen) -> Sighting {
        Sighting {
            at: self.at,
            opened_at: self.opened_at,
            transaction,
            client: self.client,
            service: self.service,
            community: self.community.clone(),
            seen,
        }
    }
}

impl AlertPart<'_> {
    /// `None` if the rule is of no weight.
    fn seen(&self, interest: &Interest) -> Option<Seen> {
        let rule = RuleId { generator: self.gid, signature: self.signature_id };
        let severity = interest.weights.weigh(rule, self.severity).severity()?;
        Some(Seen::Alert { rule, signature: signature(&self.signature), severity })
    }
}

impl FilePart<'_> {
    /// `None` if the sensor did not see all of it.
    fn seen(&self) -> Option<Seen> {
        let is_whole = self.state.as_deref() == Some("CLOSED") && !self.gaps;
        let sha256 = Sha256Hex::try_from(self.sha256.as_deref()?.to_owned()).ok()?;
        let size_bytes = self.size.filter(|size| i64::try_from(*size).is_ok())?;
        is_whole.then_some(Seen::File { sha256, size_bytes })
    }
}

impl HttpPart<'_> {
    fn seen(&self) -> Option<Seen> {
        let is_id = |header: &&Header<'_>| header.name.eq_ignore_ascii_case(REQUEST_ID);
        let id = &self.response_headers.iter().find(is_id)?.value;
        let is_ours = id.len() == REQUEST_ID_DIGITS && id.bytes().all(|b| b.is_ascii_hexdigit());
        is_ours.then(|| Seen::Request { id: id.to_ascii_lowercase() })
    }
}

/// Whether an address is that of a service; an unspecified one stands for any.
fn is_at(service: SocketAddr, end: SocketAddr) -> bool {
    let [ours, seen] = [service, end].map(|it| it.ip().to_canonical());
    service.port() == end.port() && (ours.is_unspecified() || ours == seen)
}
