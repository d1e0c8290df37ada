//! Lines like those of a real sensor, at documentation addresses.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::*;
use crate::domain::Severity;
use crate::domain::sensor::RuleId;
use crate::domain::sighting::{Seen, Transaction};

/// The intake door of these tests.
pub(crate) const SERVICE: &str = "198.51.100.1:443";

pub(crate) fn interest() -> Interest {
    Interest {
        services: vec![SERVICE.parse().unwrap()],
        weights: Weights {
            rules: vec![Weights::PACKETS, Weights::PROTOCOLS],
            severities: Weights::SEVERITIES,
        },
    }
}

/// What every line of a connection begins with.
pub(crate) fn event(kind: &str, flow: u64) -> Value {
    json!({
        "timestamp": "2026-11-23T05:42:18.345263+0000",
        "flow_id": flow,
        "event_type": kind,
        "src_ip": "192.0.2.7",
        "src_port": 50_000,
        "dest_ip": "198.51.100.1",
        "dest_port": 443,
        "proto": "TCP",
        "pkt_src": "wire/pcap",
        "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
    })
}

pub(crate) fn alert(flow: u64, signature_id: u32, severity: u32) -> Value {
    let mut event = event("alert", flow);
    event["alert"] = json!({
        "action": "allowed", "gid": 1, "signature_id": signature_id, "rev": 1,
        "signature": "TEST something in a form", "category": "Misc", "severity": severity,
        "metadata": { "created_at": ["2026_01_01"] },
    });
    event["flow"] = json!({ "pkts_toserver": 5, "start": "2026-11-23T05:42:11.000000+0000" });
    event["payload_printable"] = json!("never kept");
    event
}

fn file(sha256: &str) -> Value {
    json!({
        "filename": "../../etc/x", "magic": "data", "gaps": false, "state": "CLOSED",
        "sha256": sha256, "stored": false, "size": 1000, "tx_id": 2,
    })
}

fn read(event: &Value) -> Reading {
    let mut reading = Reading::of("test");
    let line = event.to_string();
    take(&mut reading, &Line::Whole { bytes: line.as_bytes(), torn: None }, &interest());
    reading
}

fn kinds(event: &Value) -> Vec<&'static str> {
    read(event).sightings.iter().map(|it| it.seen.kind()).collect()
}

#[test]
fn an_alert_is_kept_by_its_numbers_and_never_by_its_payload() {
    let read = read(&alert(7, 9, 1));
    let [sighting] = read.sightings.as_slice() else { panic!("{read:?}") };
    assert_eq!(sighting.at.to_rfc3339(), "2026-11-23T05:42:18.345Z");
    assert_eq!(sighting.opened_at.unwrap().to_rfc3339(), "2026-11-23T05:42:11.000Z");
    assert_eq!(sighting.client.to_string(), "192.0.2.7:50000");
    assert_eq!(sighting.service.to_string(), SERVICE);
    assert_eq!(sighting.transaction, Transaction { flow: Some(7), request: None });
    let rule = RuleId { generator: 1, signature: 9 };
    let (signature, severity) = ("TEST something in a form".to_owned(), Severity::Suspicious);
    assert_eq!(sighting.seen, Seen::Alert { rule, signature, severity });
    assert!(!format!("{read:?}").contains("never kept"));
    assert_eq!(read.counts.payloads, 1, "told as a sensor that prints them");
}

#[test]
fn a_request_that_the_sensor_only_guesses_is_not_taken_for_the_one() {
    let of = |is_guessed: bool| {
        let mut event = alert(7, 9, 1);
        event["tx_id"] = json!(0);
        event["files"] = json!([file(&"a".repeat(64))]);
        if is_guessed {
            event["tx_guessed"] = json!(true);
        }
        read(&event).sightings
    };
    let [alert, file] = &of(false)[..] else { panic!("both") };
    assert_eq!((alert.transaction.request, file.transaction.request), (Some(0), Some(2)));
    let [alert] = &of(true)[..] else { panic!("the alert alone") };
    assert_eq!(alert.transaction, Transaction { flow: Some(7), request: None });
}

#[test]
fn what_is_of_another_service_or_of_no_weight_is_not_kept() {
    let with = |name: &str, value: Value| {
        let mut event = alert(7, 9, 1);
        event[name] = value;
        event
    };
    for other in [
        with("dest_port", json!(8443)),
        with("dest_ip", json!("198.51.100.2")),
        with("event_type", json!("anomaly")),
        with("event_type", json!("tls")),
        alert(7, 2_200_074, 1),
    ] {
        let read = read(&other);
        assert_eq!((read.sightings.len(), read.counts.others), (0, 1), "{other}");
    }
    // The answer's direction is the same connection.
    let mut back = with("src_port", json!(443));
    back["src_ip"] = json!("198.51.100.1");
    back["dest_ip"] = json!("192.0.2.7");
    back["dest_port"] = json!(50_000);
    assert_eq!(read(&back).sightings[0].client.to_string(), "192.0.2.7:50000");
    let mut any = interest();
    any.services = vec!["[::]:443".parse().unwrap()];
    let line = alert(7, 9, 1).to_string();
    assert!(matches!(eve::read(line.as_bytes(), &any), (Read::Sightings(_), _)), "any address");
}

#[test]
fn an_address_that_was_overwritten_and_stands_twice_is_read() {
    let line = alert(7, 9, 1).to_string();
    let twice = line.replacen("\"src_ip\":", "\"src_ip\":\"203.0.113.9\",\"src_ip\":", 1);
    let (Read::Sightings(read), _) = eve::read(twice.as_bytes(), &interest()) else {
        panic!("{twice}")
    };
    assert_eq!(read[0].client.to_string(), "192.0.2.7:50000");
}

#[test]
fn a_file_counts_only_if_all_of_it_went_to_the_service() {
    let sha256 = "a".repeat(64);
    let with = |name: &str, value: Value| {
        let mut event = event("fileinfo", 7);
        event["fileinfo"] = file(&sha256);
        event["fileinfo"][name] = value;
        event
    };
    assert_eq!(kinds(&with("state", json!("CLOSED"))), ["file"]);
    assert_eq!(read(&with("gaps", json!(false))).sightings[0].transaction.request, Some(2));
    for partial in [
        with("state", json!("TRUNCATED")),
        with("gaps", json!(true)),
        with("sha256", Value::Null),
        with("sha256", json!("A".repeat(64))),
        with("size", json!(u64::MAX)),
    ] {
        assert_eq!(kinds(&partial), [""; 0], "{partial}");
    }
    let mut answer = with("state", json!("CLOSED"));
    answer["src_ip"] = json!("198.51.100.1");
    answer["src_port"] = json!(443);
    answer["dest_ip"] = json!("192.0.2.7");
    answer["dest_port"] = json!(50_000);
    assert_eq!(kinds(&answer), [""; 0], "what the service sent");
    let mut alert = alert(7, 9, 1);
    alert["files"] = json!([file(&sha256), file(&"b".repeat(64))]);
    assert_eq!(kinds(&alert), ["alert", "file", "file"], "an alert tells its request's files");
}

#[test]
fn a_request_is_known_by_what_our_door_answered_alone() {
    let id = "00112233445566778899aabb";
    let with = |headers: &str, value: &str| {
        let mut event = event("http", 7);
        event["tx_id"] = json!(1);
        event["http"] =
            json!({ "status": 200, headers: [{ "name": "X-Request-Id", "value": value }] });
        event
    };
    assert_eq!(kinds(&with("response_headers", id)), ["request"]);
    assert_eq!(kinds(&with("request_headers", id)), [""; 0], "the client chose it");
    assert_eq!(kinds(&with("response_headers", "x y")), [""; 0]);
}

#[test]
fn counters_and_ended_connections_are_signs_of_life() {
    for kind in ["stats", "flow"] {
        let read = read(&event(kind, 7));
        assert_eq!(read.sign_at.unwrap().to_rfc3339(), "2026-11-23T05:42:18.345Z");
        assert!(read.sightings.is_empty());
    }
    assert_eq!(read(&alert(7, 9, 1)).sign_at, None);
}

#[test]
fn what_does_not_read_is_counted_and_stops_nothing() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let mut lines = Lines::new(LINE_BYTES);
    let mut reading = Reading::of("test");
    let with = |name: &str, value: Value| {
        let mut event = alert(7, 9, 1);
        event[name] = value;
        event.to_string()
    };
    let malformed = [
        "rubbish".to_owned(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        deep,
        with("timestamp", json!("yesterday")),
        with("timestamp", json!("2026-11-23T05:42:18.345263Z")),
        with("src_port", json!(70_000)),
        with("flow_id", json!(-1)),
        with("alert", json!({ "signature": "no number" })),
        with("alert", Value::Null),
    ];
    let huge = with("payload_printable", json!("x".repeat(LINE_BYTES)));
    let mut text = malformed.join("\n");
    text.extend(["\n", &huge, "\n\n", &alert(8, 9, 1).to_string(), "\n\u{0}\u{7f}\n"]);
    take_all(&mut reading, &mut lines, text.as_bytes(), &interest());
    take_all(&mut reading, &mut lines, b"\xff\xfe\n", &interest());
    assert_eq!(reading.sightings.len(), 1, "{:?}", reading.counts);
    let malformed = malformed.len() as u64 + 2;
    assert_eq!((reading.counts.malformed, reading.counts.oversized), (malformed, 1));
    assert!(reading.loses(), "an oversized line said something that is lost");
}

#[test]
fn a_line_that_does_not_read_is_a_loss_and_one_of_another_kind_is_none_however_written() {
    let of = |line: &str| {
        let mut reading = Reading::of("test");
        take_all(&mut reading, &mut Lines::new(LINE_BYTES), line.as_bytes(), &interest());
        (reading.loses(), reading.counts.others)
    };
    let mut other = event("anomaly", 7);
    other["src_port"] = json!("none");
    other["timestamp"] = json!("yesterday");
    assert_eq!(of(&format!("{other}\n")), (false, 1));
    other["src_port"] = json!(1);
    assert_eq!(of(&format!("{other}\n")), (false, 1));
    other["event_type"] = json!("alert");
    assert_eq!(of(&format!("{other}\n")), (true, 0));
    assert_eq!(of("rubbish\n"), (true, 0));
}

#[tokio::test]
async fn the_last_line_of_a_stream_is_read_without_its_end_and_half_of_one_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    let listener = StreamListener::bind(&path).unwrap();
    let whole = alert(7, 9, 1).to_string();
    let half = whole.split_at(whole.len() / 2).0;
    let stats = event("stats", 7).to_string();
    for (last, sightings, loses) in [("", 0, false), (&*whole, 1, false), (half, 0, true)] {
        let mut sensor = UnixStream::connect(&path).unwrap();
        sensor.write_all(format!("{stats}\n{last}").as_bytes()).unwrap();
        drop(sensor);
        let mut stream = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while let Some(reading) = stream.next(&interest()).await {
            read.push(reading);
        }
        assert!(read[0].sign_at.is_some());
        let found: usize = read.iter().map(|it| it.sightings.len()).sum();
        assert_eq!((found, read.iter().any(Reading::loses)), (sightings, loses), "{last}");
    }
}

mod any {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_give_bounded_sightings_and_no_panic(
            bytes in vec(any::<u8>(), 0..400),
            at in 0..600_usize,
        ) {
            let mut reading = Reading::of("test");
            take_all(&mut reading, &mut Lines::new(LINE_BYTES), &bytes, &interest());
            // A real line with foreign bytes in its middle.
            let line = alert(7, 9, 1).to_string().into_bytes();
            let at = at.min(line.len());
            let mixed = [&line[..at], &bytes, &line[at..], b"\n"].concat();
            take_all(&mut reading, &mut Lines::new(LINE_BYTES), &mixed, &interest());
            let lines = reading.counts.lines;
            let known = reading.counts.others + reading.counts.malformed;
            prop_assert!(known <= lines && reading.sightings.len() as u64 <= lines);
        }
    }
}
