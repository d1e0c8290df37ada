//! Stands where a Suricata in pcap mode would: its command socket and its log, with tshark to read the captures.
//!
//! It does on demand what the real one does not: hang, refuse, see half. What its documentation says of the socket is
//! spoken: a version first, then a command a line, captures worked off one by one, logs closed before the next begins.
//! It finds our canary's rule, and one rule more, which looks for [`StandIn::BAD`].

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What it does otherwise than it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Way {
    /// Nothing.
    #[default]
    Well,
    /// Its rules are gone.
    WithoutRules,
    /// It looks at the first bytes of a file only, as one does whose limits were not lifted.
    HalfTheFile,
    /// It takes captures and never works them off.
    Hangs,
    /// It refuses a capture while it has another.
    TakesOne,
    /// It refuses every capture.
    Refuses,
    /// What it writes is no log.
    WritesGarbage,
    /// It writes down what was sent.
    PrintsPayloads,
}

/// One connection as tshark reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Flow {
    pub(super) client: SocketAddr,
    pub(super) service: SocketAddr,
    pub(super) sent: Vec<u8>,
    pub(super) answered: Vec<u8>,
}

/// A capture that was worked off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) flows: Vec<Flow>,
    /// What tshark objects to: checksums, numbers, windows.
    pub(super) objections: String,
}

/// A stand-in that listens until it is dropped.
#[derive(Debug)]
pub(super) struct StandIn {
    shared: Arc<Shared>,
    socket: PathBuf,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    way: Way,
    waiting: VecDeque<(PathBuf, PathBuf)>,
    current: Option<PathBuf>,
    seen: Vec<Seen>,
}

const LOOK: Duration = Duration::from_millis(10);
/// Of our canary's rule, and of the other.
const CANARY: (u32, &[u8]) = (9_341_001, b"SEKISHO-SENSOR-CANARY-3d0be71f96a4");

impl StandIn {
    /// What its own rule looks for, and that rule's number.
    pub(super) const BAD: (u32, &[u8]) = (9_000_002, b"looked for by the stand-in");

    /// Listens at a socket that everybody may use.
    pub(super) fn listen(socket: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(socket, mode)?;
        let shared = Arc::new(Shared::default());
        let (doors, works) = (Arc::clone(&shared), Arc::clone(&shared));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if doors.ended.load(Ordering::Acquire) {
                    break;
                }
                let shared = Arc::clone(&doors);
                std::thread::spawn(move || talk(client, &shared));
            }
        });
        std::thread::spawn(move || {
            while !works.ended.load(Ordering::Acquire) {
                works.work_off();
                std::thread::sleep(LOOK);
            }
        });
        Ok(Self { shared, socket: socket.to_owned() })
    }

    /// From now on.
    pub(super) fn go(&self, way: Way) {
        let mut state = self.shared.state();
        state.way = way;
        state.waiting.clear();
    }

    /// Everything that was worked off so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }
}

impl State {
    fn refuses(&self) -> bool {
        let is_busy = self.current.is_some() || !self.waiting.is_empty();
        self.way == Way::Refuses || self.way == Way::TakesOne && is_busy
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes the one that waits for clients.
        let _ = UnixStream::connect(&self.socket);
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work_off(&self) {
        let (capture, out, way) = {
            let mut state = self.state();
            if state.way == Way::Hangs {
                return;
            }
            let Some((capture, out)) = state.waiting.pop_front() else { return };
            state.current = Some(capture.clone());
            (capture, out, state.way)
        };
        // One whose capture is gone meanwhile is done as well.
        let seen = read(&capture).ok();
        if let Some(seen) = &seen {
            let _ = log(&out, seen, way);
        }
        let mut state = self.state();
        state.current = None;
        state.seen.extend(seen);
    }

    fn answer(&self, command: &Value) -> Value {
        let mut state = self.state();
        let message = match command["command"].as_str().unwrap_or_default() {
            "pcap-file" if state.refuses() => {
                return json!({ "return": "NOK", "message": "Unable to add file to list" });
            }
            "pcap-file" => {
                let path = |name: &str| command["arguments"][name].as_str().map(PathBuf::from);
                let (Some(capture), Some(out)) = (path("filename"), path("output-dir")) else {
                    return json!({ "return": "NOK", "message": "output-dir param is mandatory" });
                };
                if !capture.exists() {
                    return json!({ "return": "NOK", "message": "filename does not exist" });
                }
                state.waiting.push_back((capture, out));
                json!("Successfully added file to list")
            }
            "pcap-file-list" => {
                let files: Vec<_> = state.waiting.iter().map(|(capture, _)| capture).collect();
                json!({ "count": files.len(), "files": files })
            }
            "pcap-current" => {
                state.current.as_ref().map_or_else(|| json!("None"), |path| json!(path))
            }
            _ => return json!({ "return": "NOK", "message": "Unknown command" }),
        };
        json!({ "return": "OK", "message": message })
    }
}

/// One client: its version, then its commands.
fn talk(mut client: UnixStream, shared: &Shared) {
    let mut buffer = [0; 4096];
    let mut greeted = false;
    // A message is what one read brings, as in the original.
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let Ok(message) = serde_json::from_slice::<Value>(buffer.get(..read).unwrap_or_default())
        else {
            break;
        };
        let answer = if greeted {
            shared.answer(&message)
        } else if message["version"] == "0.2" {
            greeted = true;
            json!({ "return": "OK" })
        } else {
            break;
        };
        // In pieces, as the original sends it.
        let text = format!("{answer}\n");
        let (head, tail) = text.as_bytes().split_at(text.len() / 2);
        if client.write_all(head).and_then(|()| client.write_all(tail)).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// Reads a capture's connections with tshark.
fn read(capture: &Path) -> io::Result<Seen> {
    let tshark = |words: &[&str]| -> io::Result<String> {
        let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
        let ran =
            Command::new("tshark").arg("-r").arg(capture).args(checks).args(words).output()?;
        if !ran.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&ran.stderr).into_owned()));
        }
        String::from_utf8(ran.stdout).map_err(io::Error::other)
    };
    // Warnings and errors: openings and ends of connections are noted below that.
    let objections = tshark(&[
        "-Y",
        "_ws.expert.severity >= 0x00600000",
        "-T",
        "fields",
        "-e",
        "_ws.expert.message",
    ])?;
    let streams = tshark(&["-T", "fields", "-e", "tcp.stream"])?;
    let count = streams.lines().filter_map(|line| line.parse::<usize>().ok()).max();
    let mut flows = Vec::new();
    for number in 0..=count.ok_or(io::ErrorKind::InvalidData)? {
        let text = tshark(&["-q", "-z", &format!("follow,tcp,raw,{number}")])?;
        flows.push(flow(&text).ok_or(io::ErrorKind::InvalidData)?);
    }
    Ok(Seen { flows, objections })
}

/// Hexadecimal lines; those of the answer stand one place to the right.
fn flow(text: &str) -> Option<Flow> {
    let node = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.parse().ok());
    let (client, service) = (node("Node 0: ")?, node("Node 1: ")?);
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let (to, digits) = match line.strip_prefix('\t') {
            Some(digits) => (&mut answered, digits),
            None => (&mut sent, line),
        };
        to.extend(hex::decode(digits).unwrap_or_default());
    }
    Some(Flow { client, service, sent, answered })
}

/// Writes what the rules find, and which files were seen.
fn log(out: &Path, seen: &Seen, way: Way) -> io::Result<()> {
    let mut log = OpenOptions::new().append(true).create(true).open(out.join("eve.json"))?;
    if way == Way::WritesGarbage {
        return log.write_all(b"{\"timestamp\":\n");
    }
    for (number, flow) in seen.flows.iter().enumerate() {
        let event = |kind: &str| {
            json!({
                "timestamp": "2026-11-23T05:42:18.345263+0000", "flow_id": number + 1,
                "pcap_cnt": 4, "event_type": kind, "proto": "TCP", "tx_id": 0,
                "src_ip": flow.client.ip(), "src_port": flow.client.port(),
                "dest_ip": flow.service.ip(), "dest_port": flow.service.port(),
            })
        };
        let end = flow.sent.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_default();
        let body = flow.sent.get(end + 4..).unwrap_or_default();
        for (rule, looked_for) in [CANARY, StandIn::BAD] {
            let found = body.windows(looked_for.len()).any(|bytes| bytes == looked_for);
            if found && way != Way::WithoutRules {
                let mut alert = event("alert");
                alert["alert"] = json!({
                    "gid": 1, "signature_id": rule, "rev": 1, "severity": 1, "signature": "TEST of a body",
                });
                if way == Way::PrintsPayloads {
                    alert["payload_printable"] = json!(String::from_utf8_lossy(body));
                }
                line(&mut log, &alert)?;
            }
        }
        if !body.is_empty() {
            let whole = way != Way::HalfTheFile;
            let mut file = event("fileinfo");
            file["fileinfo"] = json!({
                "filename": "x", "gaps": false, "tx_id": 0, "size": body.len(), "stored": false,
                "state": if whole { "CLOSED" } else { "TRUNCATED" },
            });
            if whole {
                file["fileinfo"]["sha256"] = json!(hex::encode(Sha256::digest(body)));
            }
            line(&mut log, &file)?;
        }
        line(&mut log, &event("flow"))?;
    }
    Ok(())
}

fn line(log: &mut File, event: &Value) -> io::Result<()> {
    log.write_all(format!("{event}\n").as_bytes())
}
