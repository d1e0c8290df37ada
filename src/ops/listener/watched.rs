//! A connection that does not outlast its use. It ends when nothing was asked on it for a time, however
//! alive its peer says it is; when a request on it takes longer than any may; and when its peer takes
//! nothing of what is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a connection is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// While nothing is asked on it.
    pub idle: Duration,
    /// While the same requests are under way.
    pub longest: Duration,
    /// While its peer takes nothing of what is written.
    pub stall: Duration,
}

/// The requests under way on one connection; an `Extension` of each of them.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<UnderWay>>);

struct UnderWay {
    count: usize,
    /// When one of them began or ended.
    since: Instant,
}

/// One of them, until its answer was given away or is given up.
struct Answering(Requests);

/// The body of an answer.
struct Counted {
    body: Body,
    /// Goes with it.
    _answering: Option<Answering>,
}

/// The stream of a connection.
pub(super) struct Watched<S> {
    stream: S,
    requests: Requests,
    patience: Patience,
    looks: Pin<Box<Sleep>>,
    /// Runs while a write waits for the peer.
    stalls: Option<Pin<Box<Sleep>>>,
}

/// Counts a request from its beginning to the end of its answer.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let answering = request.extensions().get::<Requests>().map(Requests::begin);
    let response = next.run(request).await;
    response.map(|body| Body::new(Counted { body, _answering: answering }))
}

impl Requests {
    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(UnderWay { count: 0, since: Instant::now() })))
    }

    fn begin(&self) -> Answering {
        let mut under_way = self.under_way();
        under_way.count += 1;
        under_way.since = Instant::now();
        Answering(self.clone())
    }

    /// When the connection ends if nothing changes.
    fn end(&self, patience: Patience) -> Instant {
        let under_way = self.under_way();
        let most = if under_way.count == 0 { patience.idle } else { patience.longest };
        under_way.since + most
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut under_way = self.0.under_way();
        under_way.count = under_way.count.saturating_sub(1);
        under_way.since = Instant::now();
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, requests: Requests, patience: Patience) -> Self {
        let looks = Box::pin(tokio::time::sleep(patience.idle));
        Self { stream, requests, patience, looks, stalls: None }
    }

    /// Whether the connection has been held for long enough; looks again by itself.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while self.looks.as_mut().poll(context).is_ready() {
            let (now, end) = (Instant::now(), self.requests.end(self.patience));
            if end <= now {
                return true;
            }
            // What is under way may end soon, and then nothing is.
            self.looks.as_mut().reset(end.min(now + self.patience.idle));
        }
        false
    }

    /// A write, which may wait for the peer for so long.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalls = None;
            return written;
        }
        let stall = self.patience.stall;
        let stalls = self.stalls.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(stalls.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(context) {
            // As if the peer had ended it.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const SHORT: Duration = Duration::from_millis(20);

    fn patience(idle: Duration, longest: Duration, stall: Duration) -> Patience {
        Patience { idle, longest, stall }
    }

    #[tokio::test]
    async fn a_peer_that_speaks_for_ever_and_asks_nothing_is_ended() {
        let (mut peer, stream) = duplex(64);
        let patience = patience(SHORT, LONG, LONG);
        let mut watched = Watched::new(stream, Requests::none(), patience);
        let speaks = async { while peer.write_all(b"ping").await.is_ok() {} };
        let listens = async {
            let mut heard = [0; 16];
            while watched.read(&mut heard).await.unwrap() > 0 {}
        };
        tokio::select! {
            () = speaks => panic!("the connection is still there"),
            () = listens => {}
        }
    }

    #[tokio::test]
    async fn a_request_under_way_holds_its_connection_for_as_long_as_one_may_take() {
        for (longest, ends) in [(SHORT, true), (LONG, false)] {
            let (_peer, stream) = duplex(64);
            let requests = Requests::none();
            let answering = requests.begin();
            let mut watched = Watched::new(stream, requests, patience(SHORT, longest, LONG));
            let mut heard = [0; 16];
            let ended = tokio::time::timeout(SHORT * 5, watched.read(&mut heard)).await;
            assert_eq!(ended.is_ok(), ends);
            drop(answering);
            assert_eq!(watched.read(&mut heard).await.unwrap(), 0, "idle from then on");
        }
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_of_its_answer_is_ended_and_a_slow_one_is_not() {
        let (mut peer, stream) = duplex(4);
        let mut watched = Watched::new(stream, Requests::none(), patience(LONG, LONG, SHORT));
        watched.write_all(b"four").await.unwrap();
        let stalled = watched.write_all(b"more").await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
        let mut taken = [0; 4];
        peer.read_exact(&mut taken).await.unwrap();
        watched.write_all(b"more").await.unwrap();
    }
}
