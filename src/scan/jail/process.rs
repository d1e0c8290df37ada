//! One run of the jail program, from exec to its end.
//!
//! It starts with an empty environment and two descriptors, must announce itself in time, and must have proven in its
//! own attack suite that nothing gets out. It ends when its control socket closes.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use sekisho_protocol::{
    CONTROL_FD, Ended, Layer, MAX_PACKET_BYTES, Ready, Request, SETUP_FD, Ticket, VERSION,
    WholeMessage,
};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use super::fault::{JailError, JailFault};
use super::socket::PacketSocket;
use crate::memory::SealedMemory;

/// The program, as the supervisor holds it.
pub(super) struct Process {
    child: Child,
    pub(super) link: Arc<Link>,
    pub(super) ready: Ready,
}

impl Process {
    pub(super) async fn start(program: &Path, setup: &SealedMemory) -> Result<Self, JailError> {
        let (socket, theirs) = PacketSocket::pair().map_err(JailError::Start)?;
        let setup = setup.reopen_read_only().map_err(JailError::Start)?;
        let mut command = Command::new(program);
        command.arg("serve").env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mappings = vec![
            FdMapping { parent_fd: theirs, child_fd: CONTROL_FD },
            FdMapping { parent_fd: setup, child_fd: SETUP_FD },
        ];
        command
            .as_std_mut()
            .fd_mappings(mappings)
            .map_err(|error| JailError::Start(std::io::Error::other(error)))?;
        let child = command.spawn().map_err(JailError::Start)?;
        // The command still holds our copy of the jail's end; while it lives we would never see the jail close it.
        drop(command);
        let ready = tokio::time::timeout(START_DEADLINE, receive_ready(&socket))
            .await
            .map_err(|_| JailError::NotReady)??;
        prove(&ready)?;
        let link = Link { socket, waiting: Mutex::default(), gone: Notify::new() };
        Ok(Self { child, link: Arc::new(link), ready })
    }

    /// Hands out what the jail says until it is gone or must go.
    pub(super) async fn run(mut self) {
        let listen = async {
            while let Ok(Some(packet)) = self.link.socket.receive(MAX_PACKET_BYTES).await {
                let Ok(ended) = Ended::decode(&packet) else {
                    return;
                };
                self.link.answer(ended);
            }
        };
        tokio::select! {
            () = listen => {}
            () = self.link.gone.notified() => {}
        }
        self.link.abandon();
        // Whether it could be killed or already was dead is the same to us; waiting reaps it.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }
}

impl Drop for Process {
    /// However it comes to its end, nobody waits for answers any more.
    fn drop(&mut self) {
        self.link.abandon();
    }
}

/// The way to a running jail, shared by all requests.
#[derive(Debug)]
pub(super) struct Link {
    socket: PacketSocket,
    /// `None` once the jail is gone, so that no request can begin to wait for it.
    waiting: Mutex<Waiting>,
    gone: Notify,
}

#[derive(Debug)]
enum Waiting {
    Open(HashMap<Ticket, oneshot::Sender<Ended>>),
    Closed,
}

impl Default for Waiting {
    fn default() -> Self {
        Self::Open(HashMap::new())
    }
}

impl Link {
    /// Sends a request and waits for its child's end. Answers with the child's processor time.
    pub(super) async fn request(
        &self,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Duration, JailFault> {
        let answer = self.expect(request.ticket()).ok_or(JailFault::Absent)?;
        self.socket.send(&request.encode(), descriptors).await.map_err(|_| JailFault::Absent)?;
        match tokio::time::timeout(request.deadline() + GRACE, answer).await {
            Ok(Ok(ended)) => {
                let processor = Duration::from_micros(ended.processor_us);
                JailFault::check(ended.end).map(|()| processor)
            }
            Ok(Err(_gone)) => Err(JailFault::Absent),
            Err(_elapsed) => {
                // The jail's parent itself no longer keeps time, whatever the file is: it must go,
                // and everything in it.
                self.gone.notify_one();
                Err(JailFault::Absent)
            }
        }
    }

    fn expect(&self, ticket: Ticket) -> Option<oneshot::Receiver<Ended>> {
        let (sender, receiver) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            Waiting::Open(waiting) => waiting.insert(ticket, sender).is_none().then_some(receiver),
            Waiting::Closed => None,
        }
    }

    /// An end nobody waits for belongs to a request that was given up; it is dropped.
    fn answer(&self, ended: Ended) {
        if let Waiting::Open(waiting) =
            &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
            && let Some(sender) = waiting.remove(&ended.ticket)
        {
            let _ = sender.send(ended);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(&*waiting, Waiting::Open(_))
    }

    fn abandon(&self) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::Closed;
    }
}

async fn receive_ready(socket: &PacketSocket) -> Result<Ready, JailError> {
    let mut whole = WholeMessage::default();
    loop {
        let packet = socket
            .receive(MAX_PACKET_BYTES)
            .await
            .map_err(JailError::Start)?
            .ok_or(JailError::NotReady)?;
        if let Some(message) = whole.push(&packet).map_err(|_| JailError::BadAnnouncement)? {
            return Ready::decode(&message).map_err(|_| JailError::BadAnnouncement);
        }
    }
}

/// The jail is proven, not hoped for. One of another version may look for less, whatever it says: its program was
/// replaced below a worker that runs on, or was left behind.
fn prove(ready: &Ready) -> Result<(), JailError> {
    if ready.version != VERSION {
        return Err(JailError::OtherVersion { theirs: ready.version.clone() });
    }
    if let Some(name) = ready.breach() {
        return Err(JailError::AttackSucceeded { name: name.to_owned() });
    }
    if ready.attacks.is_empty() {
        return Err(JailError::Unproven);
    }
    match REQUIRED.iter().find(|layer| !ready.layers.has(**layer)) {
        Some(layer) => Err(JailError::LayerMissing { layer: *layer }),
        None => Ok(()),
    }
}

/// Without these the others do not hold either; every kernel we support gives them to everybody.
const REQUIRED: &[Layer] =
    &[Layer::NoNewPrivileges, Layer::Seccomp, Layer::ResourceLimits, Layer::MemoryLimit];
/// Seven thousand rules compile in half a minute on two busy cores; more than this is a hang.
const START_DEADLINE: Duration = Duration::from_mins(3);
/// How long after a child's deadline its parent may take to say so, on a machine that is busy.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use sekisho_protocol::{AttackOutcome, AttackResult, Layers};

    use super::*;

    #[test]
    fn a_jail_of_another_version_is_not_put_into_service() {
        let held = AttackResult { name: "open".into(), outcome: AttackOutcome::Held };
        let layers = Layers { active: Layer::ALL.to_vec(), landlock_abi: 2 };
        let own =
            Ready { version: VERSION.into(), layers, attacks: vec![held], ..Ready::default() };
        prove(&own).unwrap();
        let theirs = "0.0.9".to_owned();
        let refused = prove(&Ready { version: theirs.clone(), ..own });
        assert!(matches!(refused, Err(JailError::OtherVersion { theirs: said }) if said == theirs));
    }
}
