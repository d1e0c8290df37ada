//! The service's own detections as EVE-shaped JSON lines, for whoever reads those of the sensor.
//!
//! A line has ids, codes, numbers and the two ends of a connection: never content, a file name, a
//! person or a secret.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::domain::submission::Connection;
use crate::domain::{Action, Event, Outcome, community};

/// One place where detections are told: one that is away keeps no other from being told, nor is
/// another told again for it.
#[derive(Debug)]
pub struct Eve {
    outlet: Outlet,
    /// Of community ids, as the sensor has it.
    seed: u16,
}

#[derive(Debug)]
enum Outlet {
    File(PathBuf),
    Socket { path: PathBuf, stream: Option<UnixStream> },
}

/// An event of the access log that others are told of, and what it came over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detection {
    pub event: Event,
    pub connection: Option<Connection>,
}

/// Longest that a listener may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(1);
/// The generator of all our lines, which no rule of a sensor has.
const GENERATOR: u32 = 9_341;
/// Facts of an event that are told: codes and numbers.
const FACTS: [&str; 13] = [
    "code", "count", "counted", "door", "fault", "from", "network", "reason", "rule", "until",
    "verdict", "what", "why",
];

impl Eve {
    /// Appends to a file. Nothing is opened before there is something to tell.
    pub const fn to_file(path: PathBuf, seed: u16) -> Self {
        Self { outlet: Outlet::File(path), seed }
    }

    /// Writes to whoever listens at a socket.
    pub const fn to_socket(path: PathBuf, seed: u16) -> Self {
        Self { outlet: Outlet::Socket { path, stream: None }, seed }
    }

    /// Under which name it follows the log.
    pub const fn follower(&self) -> &'static str {
        match self.outlet {
            Outlet::File(_) => "eve_file",
            Outlet::Socket { .. } => "eve_socket",
        }
    }

    /// Writes a line for each that is a detection. After an error some may have been told already.
    ///
    /// # Errors
    /// The system's error.
    pub fn tell(&mut self, detections: &[Detection]) -> io::Result<()> {
        let lines: String = detections.iter().filter_map(|it| self.line(it)).collect();
        if lines.is_empty() {
            return Ok(());
        }
        match &mut self.outlet {
            Outlet::File(path) => {
                // Opened each time: who rotates it need not tell us.
                let mut options = OpenOptions::new();
                let mut file = options.create(true).append(true).mode(0o640).open(path)?;
                file.write_all(lines.as_bytes())
            }
            Outlet::Socket { path, stream } => {
                let mut open = match stream.take() {
                    Some(open) => open,
                    None => UnixStream::connect(path)?,
                };
                open.set_write_timeout(Some(PATIENCE))?;
                open.write_all(lines.as_bytes())?;
                // Kept only while it takes what it is given.
                *stream = Some(open);
                Ok(())
            }
        }
    }

    fn line(&self, detection: &Detection) -> Option<String> {
        let Detection { event, connection } = detection;
        let (id, signature, severity) = kind(event)?;
        let blocked = event.outcome != Outcome::Done || event.action != Action::ScanFault;
        let time = event.at.to_rfc3339();
        let mut line = json!({
            "timestamp": format!("{}000+0000", time.trim_end_matches('Z')),
            "event_type": "alert",
            "alert": {
                "action": if blocked { "blocked" } else { "allowed" },
                "gid": GENERATOR,
                "signature_id": id,
                "rev": 1,
                "signature": signature,
                "category": "Sekisho",
                "severity": severity,
            },
            "sekisho": self.details(event),
        });
        if let (Some(Connection { peer, local, request, .. }), Some(line)) =
            (connection, line.as_object_mut())
        {
            line.insert("src_ip".into(), peer.ip().to_canonical().to_string().into());
            line.insert("src_port".into(), peer.port().into());
            line.insert("dest_ip".into(), local.ip().to_canonical().to_string().into());
            line.insert("dest_port".into(), local.port().into());
            line.insert("proto".into(), "TCP".into());
            let community = community::id(self.seed, *peer, *local);
            line.insert("community_id".into(), community.into());
            line.insert("request".into(), request.as_str().into());
        }
        Some(format!("{line}\n"))
    }

    #[expect(clippy::unused_self, reason = "reads beside `line`")]
    fn details(&self, event: &Event) -> Value {
        let mut details = json!({
            "event": event.id,
            "action": event.action,
            "outcome": event.outcome.as_str(),
            "artifact": event.artifact,
            "submission": event.submission,
        });
        if let Some(details) = details.as_object_mut() {
            for name in FACTS {
                if let Some(value) = event.facts.get(name) {
                    details.insert(name.to_owned(), value.as_str().into());
                }
            }
        }
        details
    }
}

/// A line's number, words and severity; `None` for what is no detection.
fn kind(event: &Event) -> Option<(u32, &'static str, u32)> {
    let refused = event.outcome != Outcome::Done;
    match event.action {
        Action::Receive if refused => Some((1, "SEKISHO upload refused", 3)),
        Action::RefusedRequests => Some((2, "SEKISHO requests of strangers refused", 3)),
        Action::SendToReview => Some((3, "SEKISHO file sent to review", 2)),
        Action::Reject => Some((4, "SEKISHO file rejected", 1)),
        Action::Recall if !refused => Some((5, "SEKISHO released file recalled", 1)),
        Action::ScanFault => Some((6, "SEKISHO file not scanned", 3)),
        Action::Release if refused => Some((7, "SEKISHO release without grounds refused", 1)),
        Action::LinkOpen if refused => Some((8, "SEKISHO link not opened", 3)),
        Action::Suspend => Some((9, "SEKISHO source suspended", 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::domain::event::Role;
    use crate::domain::{Actor, ArtifactId, Code, EventId, LinkId, Timestamp};

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_123);

    fn detection(action: Action) -> Detection {
        let actor = Actor::Service { role: Role::Worker };
        let event = Event::new(EventId::new(NOW, [1; 10]), NOW, actor, action)
            .about_artifact(ArtifactId::new(NOW, [2; 10]))
            .about_link(LinkId::new(NOW, [3; 10]))
            .fact("reason", "clamav.signature_match")
            .fact("sha256", "a digest")
            .fact("request", "r");
        let [peer, local] = ["192.0.2.7:50000", "198.51.100.1:443"].map(|it| it.parse().unwrap());
        let connection = Connection::new(peer, local, "r".into());
        Detection { event, connection: Some(connection) }
    }

    #[test]
    fn a_detection_is_a_line_as_sensors_write_them_without_what_is_nobodys_business() {
        let eve = Eve::to_file(PathBuf::new(), 0);
        let text = eve.line(&detection(Action::Reject)).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["timestamp"], "2026-11-18T11:06:40.123000+0000");
        assert_eq!((&line["src_ip"], &line["dest_port"]), (&"192.0.2.7".into(), &443.into()));
        assert_eq!(line["alert"]["signature"], "SEKISHO file rejected");
        assert_eq!(line["sekisho"]["reason"], "clamav.signature_match");
        assert!(text.ends_with("}\n") && !text.trim_end().contains('\n'));
        let link = LinkId::new(NOW, [3; 10]).to_string();
        for private in ["a digest", link.as_str()] {
            assert!(!text.contains(private), "{private}: {text}");
        }
    }

    #[test]
    fn what_was_done_as_it_should_is_not_told() {
        let eve = Eve::to_file(PathBuf::new(), 0);
        for action in [Action::Receive, Action::Release, Action::View, Action::LinkOpen] {
            assert_eq!(eve.line(&detection(action)), None, "{action:?}");
        }
        let mut refused = detection(Action::Receive);
        refused.event = refused.event.refused(Code::fixed("file_too_large"));
        assert!(eve.line(&refused).unwrap().contains("\"file_too_large\""));
    }

    #[test]
    fn a_suspended_address_is_told_and_a_suspended_link_is_not_named() {
        let eve = Eve::to_file(PathBuf::new(), 0);
        let mut suspended = detection(Action::Suspend);
        suspended.connection = None;
        suspended.event = suspended.event.fact("what", "link").fact("counted", "alerts");
        let text = eve.line(&suspended).unwrap();
        assert!(text.contains("SEKISHO source suspended") && text.contains("\"alerts\""));
        assert!(!text.contains(&LinkId::new(NOW, [3; 10]).to_string()), "{text}");
        suspended.event = suspended.event.fact("network", "192.0.2.7/32");
        assert!(eve.line(&suspended).unwrap().contains("192.0.2.7/32"));
        assert_eq!(eve.line(&detection(Action::Unsuspend)), None);
    }

    #[test]
    fn lines_go_to_a_file_and_to_whoever_listens_and_again_after_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let [file, socket] = ["eve.json", "eve.sock"].map(|name| folder.path().join(name));
        let told = [detection(Action::Reject), detection(Action::View)];
        let mut eve = Eve::to_socket(socket.clone(), 0);
        assert!(eve.tell(&told).is_err(), "nobody listens");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut kept = Eve::to_file(file.clone(), 0);
        for eve in [&mut eve, &mut kept] {
            eve.tell(&told).unwrap();
            eve.tell(&told).unwrap();
        }
        drop(eve);
        let mut heard = String::new();
        listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard.lines().count(), 2);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    }
}
