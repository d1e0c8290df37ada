//! The wake-up between the doors and the worker: a pipe the parent made. A lost ring is no loss,
//! as the worker also looks by itself now and then.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tokio::net::unix::pipe::Receiver;

/// One end of the pipe.
#[derive(Clone, Debug)]
pub struct Bell(End);

#[derive(Clone, Debug)]
enum End {
    Ring(Arc<OwnedFd>),
    Wait(Arc<Receiver>),
    /// A process that was given none: command line tools, tests that step by hand.
    None,
}

impl Bell {
    /// No bell: the worker finds out by looking.
    pub const fn none() -> Self {
        Self(End::None)
    }

    /// The end that rings.
    ///
    /// # Errors
    /// If the descriptor cannot be made non-blocking.
    pub fn ringing(end: OwnedFd) -> io::Result<Self> {
        non_blocking(&end)?;
        Ok(Self(End::Ring(Arc::new(end))))
    }

    /// The end that waits. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the descriptor cannot be watched.
    pub fn waiting(end: OwnedFd) -> io::Result<Self> {
        Ok(Self(End::Wait(Arc::new(Receiver::from_owned_fd(end)?))))
    }

    /// Wakes the worker. A full pipe means that it is already being woken.
    pub fn ring(&self) {
        if let End::Ring(end) = &self.0 {
            let _ = rustix::io::write(end, &[1]);
        }
    }

    /// Returns when rung, or after `longest`.
    pub async fn wait(&self, longest: Duration) {
        let rung = async {
            match &self.0 {
                End::Wait(end) => drain(end).await,
                End::Ring(_) | End::None => std::future::pending().await,
            }
        };
        let _ = tokio::time::timeout(longest, rung).await;
    }
}

/// One read empties the pipe for our purpose: a ring left over wakes us once more for nothing.
async fn drain(end: &Receiver) {
    let mut rings = [0; 256];
    while end.readable().await.is_ok() {
        match end.try_read(&mut rings) {
            // Only a false alarm waits on.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

fn non_blocking(end: &OwnedFd) -> io::Result<()> {
    let flags = fcntl_getfl(end.as_fd())?;
    Ok(fcntl_setfl(end.as_fd(), flags | OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_before_the_wait_is_not_lost() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let ring = Bell::ringing(writer).unwrap();
        let wait = Bell::waiting(reader).unwrap();
        ring.ring();
        let hour = Duration::from_hours(1);
        tokio::time::timeout(Duration::from_secs(10), wait.wait(hour)).await.expect("rung");
    }

    #[tokio::test]
    async fn a_wait_ends_by_itself() {
        Bell::none().wait(Duration::from_millis(1)).await;
    }
}
