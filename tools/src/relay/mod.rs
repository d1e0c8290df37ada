//! A relay between the service and a server of its own, which fails one call in a chosen way: for
//! tests that have to see every call fail once.
//!
//! It knows no protocol. A call begins with what a caller sends after the other side has spoken, so
//! that a request in many pieces is one call; a call that fails takes its connection with it, as
//! faults of a network and of a server do. Descriptors that travel with a message are passed on.

mod carry;
pub mod jail;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use carry::between;

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// The connection ends before the server has heard of it.
    Before,
    /// The server has done it and answered; the answer is lost.
    After,
    /// Nothing is heard any more, for as long as the fault lasts.
    Hang,
    /// Half of the answer's first piece comes, then the end.
    Half,
    /// `500`, and the server has not heard of it. For HTTP.
    Status,
    /// The connection is reset before the server has heard of it.
    Reset,
}

/// Which call fails, counted from 1, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    pub call: u64,
    pub how: How,
}

/// What a run met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Met {
    /// Calls while the fault was set.
    pub calls: u64,
    pub failed: bool,
}

/// A relay that ends with this value.
#[derive(Debug)]
pub struct Relay {
    plan: Arc<Plan>,
    ends: Arc<AtomicBool>,
    at: At,
}

/// The next fault, shared by all connections of a relay.
#[derive(Debug, Default)]
pub struct Plan {
    state: Mutex<State>,
    /// Told when a fault is over.
    over: Condvar,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Only connections on which these bytes were sent are counted; all, if there are none.
    marker: Vec<u8>,
    calls: u64,
    failed: bool,
}

/// Where a server is that is relayed to.
#[derive(Clone, Debug)]
pub enum Server {
    Port(u16),
    Socket(PathBuf),
}

#[derive(Debug)]
enum At {
    Port(u16),
    Socket(PathBuf),
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Relay {
    /// Listens on a port of this machine.
    ///
    /// # Errors
    /// If there is none.
    pub fn on_port(to: Server) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        Ok(Self::run(Listener::Tcp(listener), At::Port(port), to))
    }

    /// Listens on a socket, which everybody may come to.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn on_socket(path: &Path, to: Server) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
        Ok(Self::run(Listener::Unix(listener), At::Socket(path.to_owned()), to))
    }

    /// The port it listens on; 0 for a socket.
    pub fn port(&self) -> u16 {
        match self.at {
            At::Port(port) => port,
            At::Socket(_) => 0,
        }
    }

    /// Where faults are set.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    fn run(listener: Listener, at: At, to: Server) -> Self {
        let (plan, ends) = (Arc::<Plan>::default(), Arc::<AtomicBool>::default());
        let relay = Self { plan: Arc::clone(&plan), ends: Arc::clone(&ends), at };
        std::thread::spawn(move || {
            while let Ok(client) = listener.accept() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                // A server that is away is told to the caller by the end of its connection.
                if let Ok(server) = to.connect() {
                    between(client, server, &plan);
                }
            }
        });
        relay
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.plan.clear();
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for callers.
        match &self.at {
            At::Port(port) => drop(TcpStream::connect((Ipv4Addr::LOCALHOST, *port))),
            At::Socket(path) => {
                drop(UnixStream::connect(path));
                let _ = fs::remove_file(path);
            }
        }
    }
}

impl Plan {
    /// Has one call fail, of those on connections where `marker` was sent.
    pub fn set(&self, fault: Fault, marker: &[u8]) {
        *self.state() =
            State { fault: Some(fault), marker: marker.to_vec(), calls: 0, failed: false };
    }

    /// Ends the fault: what hung goes to its end, nothing fails any more. What was met since it was set.
    pub fn clear(&self) -> Met {
        let mut state = self.state();
        state.fault = None;
        self.over.notify_all();
        Met { calls: state.calls, failed: state.failed }
    }

    /// Whether a connection is one that counts, by what is sent on it.
    fn counts(&self, sent: &[u8]) -> bool {
        let state = self.state();
        state.marker.is_empty() || sent.windows(state.marker.len()).any(|at| *at == state.marker)
    }

    /// Counts a call; how it fails, if it does.
    fn call(&self) -> Option<How> {
        let mut state = self.state();
        let fault = state.fault?;
        state.calls += 1;
        let fails = state.calls == fault.call;
        state.failed |= fails;
        fails.then_some(fault.how)
    }

    /// Waits for the end of the fault.
    fn wait(&self) {
        let state = self.state();
        let over = self.over.wait_while(state, |state| state.fault.is_some());
        drop(over.unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    fn connect(&self) -> io::Result<OwnedFd> {
        Ok(match self {
            Self::Port(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?.into(),
            Self::Socket(path) => UnixStream::connect(path)?.into(),
        })
    }
}

impl Listener {
    fn accept(&self) -> io::Result<OwnedFd> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _): (TcpStream, SocketAddr) = listener.accept()?;
                stream.set_nodelay(true)?;
                stream.into()
            }
            Self::Unix(listener) => listener.accept()?.0.into(),
        })
    }
}

#[cfg(test)]
mod tests;
