//! Suricata's command socket in pcap mode: a line of JSON each way.
//!
//! Captures are worked off one by one. One that is neither waiting nor being read is done, and what it led to is
//! written: logs are closed before the next begins.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::ReplayFault;

/// The protocol's version: since 0.2 each message ends a line.
const VERSION: &str = "0.2";
/// Longest answer, in bytes: a list of all captures that wait.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// A connection to the command socket.
pub(super) struct Commands {
    socket: UnixStream,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "return")]
    outcome: String,
    #[serde(default)]
    message: Value,
}

impl Commands {
    pub(super) async fn connect(socket: &Path) -> Result<Self, ReplayFault> {
        let socket = UnixStream::connect(socket).await.map_err(|_| ReplayFault::Absent)?;
        let mut commands = Self { socket };
        // The version is one message by itself: it ends no line, and nothing may follow before its answer.
        commands.ask(&json!({ "version": VERSION }).to_string()).await?;
        Ok(commands)
    }

    /// Has a capture worked off; what it leads to is written into a folder.
    pub(super) async fn submit(&mut self, capture: &Path, out: &Path) -> Result<(), ReplayFault> {
        let arguments = json!({ "filename": capture, "output-dir": out });
        self.command(&json!({ "command": "pcap-file", "arguments": arguments })).await.map(drop)
    }

    /// Whether a capture is neither waiting nor being read.
    pub(super) async fn is_done(&mut self, capture: &Path) -> Result<bool, ReplayFault> {
        // It may move from the list to its turn between the two questions, never back.
        let waiting = self.command(&json!({ "command": "pcap-file-list" })).await?;
        let waiting = waiting.get("files").and_then(Value::as_array);
        let waiting = waiting.ok_or(ReplayFault::Garbage)?;
        if waiting.iter().any(|path| Path::new(path.as_str().unwrap_or_default()) == capture) {
            return Ok(false);
        }
        let current = self.command(&json!({ "command": "pcap-current" })).await?;
        Ok(Path::new(current.as_str().ok_or(ReplayFault::Garbage)?) != capture)
    }

    async fn command(&mut self, command: &Value) -> Result<Value, ReplayFault> {
        self.ask(&format!("{command}\n")).await
    }

    /// The message of an answer that agrees. It may come in pieces.
    async fn ask(&mut self, message: &str) -> Result<Value, ReplayFault> {
        let lost = |_| ReplayFault::ConnectionLost;
        self.socket.write_all(message.as_bytes()).await.map_err(lost)?;
        let mut untrusted = Vec::new();
        loop {
            if self.socket.read_buf(&mut untrusted).await.map_err(lost)? == 0 {
                return Err(ReplayFault::ConnectionLost);
            }
            match serde_json::from_slice::<Answer>(&untrusted) {
                Ok(answer) if answer.outcome == "OK" => return Ok(answer.message),
                Ok(_) => return Err(ReplayFault::EngineError),
                Err(error) if error.is_eof() && untrusted.len() < ANSWER_LIMIT => {}
                Err(_) => return Err(ReplayFault::Garbage),
            }
        }
    }
}
