//! A clamd of our own: written configuration, private socket, wiped temporary folder, supervision.
//!
//! It is a child of the service and ends with it. When it dies it is started again, later and later
//! while it keeps dying; until it answers, scans find no engine and their artifacts wait. This
//! module knows nothing of files or answers beyond `PONG`.

use std::fs::{self, DirBuilder};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::conf::{self, Values};
use super::{ClamdLimits, ping};
use crate::domain::signatures::SetId;

/// What a managed clamd is started with.
#[derive(Clone, Debug)]
pub struct ManagedConfig {
    /// The `clamd` program.
    pub program: PathBuf,
    /// The jail program that closes clamd in, if there is one to use.
    pub jail: Option<PathBuf>,
    /// Its signature set. clamd only reads here.
    pub database: PathBuf,
    /// What the set's files are by their content, where that is known: a clamd that died is started
    /// again with these and no others.
    pub set: Option<SetId>,
    /// A folder for socket, configuration and temporary files; best on a tmpfs. Made if missing,
    /// for the service alone. The path of a socket can have 107 bytes at most.
    pub run: PathBuf,
    /// Scans at the same time.
    pub threads: usize,
}

/// Why a managed clamd could not be put into service.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    #[error("the run folder of clamd cannot be prepared")]
    Folder(#[source] io::Error),
    #[error("a path of clamd's configuration is relative or has spaces")]
    BadPath,
    #[error("{0} holds no signatures yet: run freshclam, or name another folder")]
    NoSignatures(PathBuf),
    #[error("clamd could not be started")]
    Start(#[source] io::Error),
    #[error(
        "clamd ended at its start ({status}); its signature set may be missing or malformed: {said}"
    )]
    Ended {
        status: ExitStatus,
        /// The first thing it complained of, cleaned.
        said: String,
    },
    #[error("{0} is not the signature set any more that clamd was started with")]
    Altered(PathBuf),
    #[error("clamd did not answer in time after its start")]
    NotReady,
}

/// A started clamd. In the jail its keeper ends it when the lifeline closes, so it cannot outlive
/// a service that was killed.
pub(super) struct Running {
    child: Child,
    _lifeline: Option<ChildStdin>,
}

/// A supervised clamd.
#[derive(Debug)]
pub(super) struct Managed {
    socket: PathBuf,
    /// The running process, or 0 between two.
    pid: Arc<AtomicU32>,
    /// How often it was started.
    starts: Arc<AtomicU32>,
    stop: Option<oneshot::Sender<()>>,
    supervisor: JoinHandle<()>,
}

impl Managed {
    pub(super) async fn start(
        config: ManagedConfig,
        limits: ClamdLimits,
    ) -> Result<Self, ManagedError> {
        let is_file = |entry: fs::DirEntry| entry.path().is_file();
        let entries = fs::read_dir(&config.database).map(Iterator::flatten);
        if !entries.is_ok_and(|mut entries| entries.any(is_file)) {
            return Err(ManagedError::NoSignatures(config.database));
        }
        let first = launch(&config, limits).await?;
        let socket = socket_of(&config);
        let pid = Arc::new(AtomicU32::new(first.child.id().unwrap_or(0)));
        let starts = Arc::new(AtomicU32::new(1));
        let (stop, stopped) = oneshot::channel();
        let told = (Arc::clone(&pid), Arc::clone(&starts));
        let supervisor = tokio::spawn(supervise(config, limits, first, told, stopped));
        Ok(Self { socket, pid, starts, stop: Some(stop), supervisor })
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    pub(super) fn starts(&self) -> u32 {
        self.starts.load(Ordering::Acquire)
    }

    /// Asks it to end and waits until it has.
    pub(super) async fn stop(mut self) {
        self.stop.take();
        // A supervisor that panicked has dropped its child, which ends it too.
        let _ = (&mut self.supervisor).await;
    }
}

impl Drop for Managed {
    /// The child is killed where the supervisor drops it.
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// Runs clamd again and again until told to stop. The sender dropped means the same as a message.
async fn supervise(
    config: ManagedConfig,
    limits: ClamdLimits,
    first: Running,
    (pid, starts): (Arc<AtomicU32>, Arc<AtomicU32>),
    mut stopped: oneshot::Receiver<()>,
) {
    let mut running = first;
    let mut pause = FIRST_PAUSE;
    loop {
        pid.store(running.child.id().unwrap_or(0), Ordering::Relaxed);
        let since = Instant::now();
        let ended = tokio::select! {
            _ = &mut stopped => return end(running, &pid).await,
            ended = running.child.wait() => ended,
        };
        pid.store(0, Ordering::Relaxed);
        let status = ended.map(|status| status.to_string());
        tracing::error!(status = status.as_deref().unwrap_or("unknown"), "clamd ended");
        if since.elapsed() >= STEADY {
            pause = FIRST_PAUSE;
        }
        // Before it can be asked: what the one before was proven to find says nothing about it.
        starts.fetch_add(1, Ordering::Release);
        running = loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            let next = tokio::select! {
                _ = &mut stopped => return,
                next = launch_again(&config, limits) => next,
            };
            match next {
                Ok(next) => break next,
                Err(error) => tracing::error!(%error, "clamd could not be started again"),
            }
        };
        tracing::warn!("clamd was started again");
    }
}

/// SIGTERM lets it finish what it is at; what is not done by then is cut off.
async fn end(mut running: Running, pid: &AtomicU32) {
    let child = &mut running.child;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(Pid::from_raw) {
        // It may be gone already; the wait below sees that.
        let _ = rustix::process::kill_process(id, Signal::TERM);
    }
    if tokio::time::timeout(DRAIN, child.wait()).await.is_err() {
        tracing::warn!("clamd did not end in time and is killed");
        let _ = child.kill().await;
    }
    pid.store(0, Ordering::Relaxed);
}

/// Prepares the folder, starts clamd, and waits for its first `PONG`.
async fn launch(config: &ManagedConfig, limits: ClamdLimits) -> Result<Running, ManagedError> {
    let conf = prepare(config, limits)?;
    let mut child = command(config, &conf).spawn().map_err(ManagedError::Start)?;
    // Taken out, as waiting for the child would close it.
    let lifeline = child.stdin.take();
    let complaint = child.stderr.take().map(|stderr| tokio::spawn(listen(stderr)));
    let socket = socket_of(config);
    let answers = async {
        while ping(&socket).await.is_err() {
            tokio::time::sleep(PING_PAUSE).await;
        }
    };
    tokio::select! {
        ended = child.wait() => {
            let status = ended.map_err(ManagedError::Start)?;
            Err(ManagedError::Ended { status, said: last_words(complaint).await })
        }
        answered = tokio::time::timeout(START_DEADLINE, answers) => {
            // Without an answer the child is killed where it is dropped.
            answered.map_err(|_| ManagedError::NotReady)?;
            Ok(Running {
                child,
                _lifeline: lifeline,
            })
        }
    }
}

/// The same for one that died: it may have been its set that changed.
pub(super) async fn launch_again(
    config: &ManagedConfig,
    limits: ClamdLimits,
) -> Result<Running, ManagedError> {
    if let Some(set) = config.set.clone() {
        let folder = config.database.clone();
        let found = tokio::task::spawn_blocking(move || set_in(&folder)).await;
        if !matches!(found, Ok(Ok(found)) if found == set) {
            return Err(ManagedError::Altered(config.database.clone()));
        }
    }
    launch(config, limits).await
}

/// The name of the set that a folder holds.
fn set_in(folder: &Path) -> io::Result<SetId> {
    let mut digests = Vec::new();
    let mut block = vec![0; 64 * 1024];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut file = fs::File::open(entry.path())?;
        let mut hash = Sha256::new();
        loop {
            let read = file.read(&mut block)?;
            let Some(read) = block.get(..read).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        digests.push((name, hash.finalize().into()));
    }
    Ok(SetId::of_digests(digests))
}

/// Reads all that clamd says, so that it never waits for a reader, and keeps the beginning: what it
/// says later may be about files.
async fn listen(mut stderr: ChildStderr) -> String {
    let (mut kept, mut block) = (Vec::new(), vec![0; 4096]);
    while let Ok(read @ 1..) = stderr.read(&mut block).await {
        let room = COMPLAINT_LIMIT.saturating_sub(kept.len());
        kept.extend(block.iter().take(read.min(room)));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What a clamd that has ended complained of: the line that names a file, else the first.
async fn last_words(complaint: Option<JoinHandle<String>>) -> String {
    let Some(complaint) = complaint else { return String::new() };
    let Ok(Ok(untrusted)) = tokio::time::timeout(DRAIN, complaint).await else {
        return String::new();
    };
    let named = untrusted.lines().find(|line| line.contains("Can't load"));
    let line = named.or(untrusted.lines().next()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The one place that decides how clamd is started. It gets no variable but its time zone (in which
/// its version writes dates), no terminal, and in the jail no path but its own.
fn command(config: &ManagedConfig, conf: &Path) -> Command {
    let mut command;
    if let Some(jail) = &config.jail {
        command = Command::new(jail);
        command.args(["clamd", "--lifeline", "--read"]);
        command.arg(&config.database);
        command.arg("--write").arg(&config.run);
        command.arg("--tmp").arg(temporary_of(config));
        command.arg("--").arg(&config.program);
        command.stdin(Stdio::piped());
    } else {
        command = Command::new(&config.program);
        command.stdin(Stdio::null());
    }
    command.arg("--config-file").arg(conf);
    command.env_clear().env("TZ", "UTC").current_dir("/");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A run folder for the service alone, a temporary folder with nothing in it, and the configuration.
fn prepare(config: &ManagedConfig, limits: ClamdLimits) -> Result<PathBuf, ManagedError> {
    let temporary = temporary_of(config);
    let folders = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&config.run)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&temporary)?;
        // Emptied, not made anew: it may be the mount point of a tmpfs.
        for stale in fs::read_dir(&temporary)? {
            remove(&stale?.path())?;
        }
        remove(&socket_of(config))
    };
    folders().map_err(ManagedError::Folder)?;
    let values = Values {
        socket: &socket_of(config),
        database: &config.database,
        temporary: &temporary,
        file_bytes: limits.file_bytes,
        scan_ms: limits.deadline.as_millis(),
        threads: config.threads,
    };
    let text = conf::text(&values).ok_or(ManagedError::BadPath)?;
    let path = config.run.join("clamd.conf");
    fs::write(&path, text).map_err(ManagedError::Folder)?;
    Ok(path)
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn temporary_of(config: &ManagedConfig) -> PathBuf {
    config.run.join("tmp")
}

fn socket_of(config: &ManagedConfig) -> PathBuf {
    config.run.join("clamd.sock")
}

/// A vendor's whole set takes about twenty seconds to load on a slow disk.
const START_DEADLINE: Duration = Duration::from_mins(3);
const PING_PAUSE: Duration = Duration::from_millis(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A clamd that ran this long did not die of its start.
const STEADY: Duration = Duration::from_mins(1);
/// Most bytes kept of what clamd says.
const COMPLAINT_LIMIT: usize = 4096;
/// How long a clamd that was told to end may take.
const DRAIN: Duration = Duration::from_secs(5);
