//! The service as a child: started, awaited, stopped.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::command::Sekisho;
use super::settings::Settings;
use super::{DemoError, show};

/// `sekisho serve`, with its log in a file.
#[derive(Debug)]
pub(super) struct Service {
    child: Child,
    log: PathBuf,
}

/// The engines compile their rules and prove their jail first.
const READY_DEADLINE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The service itself gives its roles 30 seconds.
const STOP_DEADLINE: Duration = Duration::from_secs(40);
const READY_FILE: &str = "run/ready";
const LOG_FILE: &str = "serve.log";
const LOG_LINES: usize = 15;

impl Service {
    /// Starts the service; see [`ready`].
    pub(super) fn start(
        sekisho: &Sekisho,
        settings: &Settings,
        data: &Path,
    ) -> Result<Self, DemoError> {
        for door in settings.all() {
            // Closed again at once: it only shows that the port is free.
            TcpListener::bind(door.listen)
                .map_err(|_| DemoError::Port { port: door.listen.port() })?;
        }
        remove_stale(&data.join(READY_FILE))?;
        let log = data.join(LOG_FILE);
        show::step(&format!("starting the service; its log is {}", log.display()));
        Ok(Self { child: spawn(sekisho, &log)?, log })
    }

    /// Completes only if the service ends by itself.
    pub(super) async fn gone(&mut self) -> DemoError {
        match self.child.wait().await {
            Ok(status) => self.ended(status),
            Err(error) => error.into(),
        }
    }

    /// Asks the service to stop and waits until it and its roles have.
    pub(super) async fn stop(mut self) -> Result<(), DemoError> {
        show::step("stopping");
        // Its id is ours until it was waited for, so the signal cannot reach a stranger.
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // It may have ended meanwhile: then there is nobody to tell.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            show::step("the service did not stop when asked; it is killed");
            self.child.kill().await?;
        }
        Ok(())
    }

    fn ended(&self, status: ExitStatus) -> DemoError {
        let log = self.log.clone();
        DemoError::ServiceEnded { how: status.to_string(), said: last_lines(&log), log }
    }
}

/// Waits until every role is ready, which the service tells by a file.
pub(super) async fn ready(data: &Path) -> Result<(), DemoError> {
    let (ready, log) = (data.join(READY_FILE), data.join(LOG_FILE));
    let begun = Instant::now();
    while !ready.exists() {
        if begun.elapsed() >= READY_DEADLINE {
            let (seconds, said) = (READY_DEADLINE.as_secs(), last_lines(&log));
            return Err(DemoError::NotReady { seconds, log, said });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    show::step(&format!("every role is ready after {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}

/// `setpriv` asks the kernel to end the service should this program be killed; it then becomes the
/// service itself, so the child's id is the service's.
fn spawn(sekisho: &Sekisho, log: &Path) -> Result<Child, DemoError> {
    let file = File::create(log).map_err(DemoError::at(log))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(&sekisho.program);
    command.arg("--config").arg(&sekisho.config).arg("serve");
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
    // Of its own group: Ctrl-C reaches the demo alone, which then stops it in order.
    command.process_group(0);
    Ok(command.spawn()?)
}

fn remove_stale(ready: &Path) -> Result<(), DemoError> {
    match std::fs::remove_file(ready) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DemoError::at(ready)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
