//! The wake-up between the doors and the worker: a pipe the parent made. A lost ring is no loss,
//! as the worker also looks by itself now and then.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One end of the pipe.
#[derive(Clone, Debug)]
pub struct Bell(End);

#[derive(Clone, Debug)]
enum End {
    Ring(Arc<OwnedFd>),
    Wait(Arc<AsyncFd<OwnedFd>>),
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
        non_blocking(&end)?;
        Ok(Self(End::Wait(Arc::new(AsyncFd::register_with_interest(end, Interest::READABLE)?))))
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

async fn drain(end: &AsyncFd<OwnedFd>) {
    let Ok(mut ready) = end.readable().await else {
        return;
    };
    let mut rings = [0; 256];
    // One read empties it for our purpose: a ring left over wakes us once more for nothing.
    let _ = rustix::io::read(end.get_ref(), &mut rings);
    ready.clear_ready();
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
