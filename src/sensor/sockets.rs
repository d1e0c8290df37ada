//! The sockets that a sensor connects to. It sends without waiting, and drops what is not taken at
//! once, so whoever reads must read on.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixDatagram, UnixListener, UnixStream};

use super::lines::Lines;
use super::{Interest, LINE_BYTES, take, take_all, take_last};
use crate::domain::sighting::Reading;
use crate::sensor::lines::Line;

/// Bytes taken from a stream at once.
const GULP: usize = 256 * 1024;
/// Datagrams in one reading.
const MOST_DATAGRAMS: usize = 256;

/// Where a `unix_stream` output connects to.
#[derive(Debug)]
pub struct StreamListener {
    listener: UnixListener,
    name: String,
}

/// One connection of a sensor.
#[derive(Debug)]
pub struct Stream {
    socket: UnixStream,
    lines: Lines,
    name: String,
}

/// Where a `unix_dgram` output sends to: one event a datagram.
#[derive(Debug)]
pub struct Datagrams {
    socket: UnixDatagram,
    name: String,
    buffer: Vec<u8>,
}

impl StreamListener {
    /// Listens; a socket that an earlier run left is replaced.
    ///
    /// # Errors
    /// The system's error, with the path; anything else at the path is left alone.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let listener = make(path, UnixListener::bind)?;
        Ok(Self { listener, name: name(path) })
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's error.
    pub async fn accept(&self) -> io::Result<Stream> {
        let (socket, _) = self.listener.accept().await?;
        Ok(Stream { socket, lines: Lines::new(LINE_BYTES), name: self.name.clone() })
    }
}

impl Stream {
    /// What came in; `None` once the sensor is gone, however it went, and its last line is taken.
    pub async fn next(&mut self, interest: &Interest) -> Option<Reading> {
        let mut chunk = vec![0; GULP];
        let read = self.socket.read(&mut chunk).await.unwrap_or(0);
        if read == 0 {
            return take_last(&self.name, &mut self.lines, interest);
        }
        let mut reading = Reading::of(&self.name);
        let chunk = chunk.get(..read).unwrap_or_default();
        take_all(&mut reading, &mut self.lines, chunk, interest);
        Some(reading)
    }
}

impl Datagrams {
    /// Listens; as [`StreamListener::bind`].
    ///
    /// # Errors
    /// The system's error, with the path.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let socket = make(path, UnixDatagram::bind)?;
        // One more than the limit shows that a datagram was cut.
        Ok(Self { socket, name: name(path), buffer: vec![0; LINE_BYTES + 2] })
    }

    /// What came in.
    ///
    /// # Errors
    /// The system's error.
    pub async fn next(&mut self, interest: &Interest) -> io::Result<Reading> {
        let mut reading = Reading::of(&self.name);
        let mut length = self.socket.recv(&mut self.buffer).await?;
        for _ in 0..MOST_DATAGRAMS {
            let datagram = self.buffer.get(..length).unwrap_or_default();
            for line in datagram.split(|byte| *byte == b'\n') {
                let line = if line.len() > LINE_BYTES {
                    Line::Oversized
                } else {
                    Line::Whole { bytes: line, torn: None }
                };
                take(&mut reading, &line, interest);
            }
            match self.socket.try_recv(&mut self.buffer) {
                Ok(more) => length = more,
                Err(_) => break,
            }
        }
        Ok(reading)
    }
}

/// Makes a socket that its owner and group may use.
fn make<S>(path: &Path, bind: fn(PathBuf) -> io::Result<S>) -> io::Result<S> {
    let at =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket()) {
        std::fs::remove_file(path).map_err(at)?;
    }
    let socket = bind(path.to_owned()).map_err(at)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(at)?;
    Ok(socket)
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
