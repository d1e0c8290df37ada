//! A door's listener: TLS, then HTTP within bounds, then the router.
//!
//! Everything a stranger can make us wait for has a deadline, and everything a stranger can make
//! us hold has a number. Requests carry a [`PeerIdentity`] that comes from the connection itself,
//! never from a header of HTTP.

mod proxied;
mod watched;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use axum_server::accept::Accept;
use hyper::body::{Buf, Frame, SizeHint};
use rustls::ServerConfig;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;
use tower_http::timeout::TimeoutBody;

use super::certificates::fingerprint;
use super::shares::{Share, Shares};
use crate::domain::network::Network;
use crate::domain::submission::Connection;
use crate::domain::{Code, Timestamp};
pub use proxied::Proxies;
pub use watched::Patience;
use watched::{Requests, Watched};

/// Stops a listener: `graceful_shutdown(Some(deadline))` lets requests in flight finish.
pub type Handle = axum_server::Handle<SocketAddr>;

/// Who is at the other end of the connection; an axum `Extension` of every request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerIdentity {
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// When the door took the connection.
    pub opened: Instant,
    /// SHA-256 of the client certificate in DER, lower-case hexadecimal; machines' door only.
    pub certificate_sha256: Option<String>,
}

impl PeerIdentity {
    /// A request over this connection, as what came with it is joined to what a sensor saw.
    pub fn connection(&self, request: &str, now: Timestamp) -> Connection {
        let connection = Connection::new(self.peer, self.local, request.to_owned());
        connection.open_since(now.minus(self.opened.elapsed()))
    }
}

/// Longest a TLS handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Longest the headers of a request may take, which is also the idle life of a connection.
const HEADER_DEADLINE: Duration = Duration::from_secs(20);
/// Longest that a connection is held on which nothing is asked, whatever its peer says of being there.
pub const IDLE: Duration = Duration::from_mins(1);
/// Most connections of one door of the service.
pub const CONNECTIONS: usize = 2048;
/// Bytes asked of the kernel at once: a few records of TLS. Every connection holds as many.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of a request's body after which its reader pauses for whoever else waits.
const TURN_BYTES: usize = READ_BYTES;
/// Most headers of one request.
const MAX_HEADERS: usize = 64;
/// Most bytes of one request's headers.
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Most requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 64;
/// HTTP/2 windows: enough for an upload at full speed, a bound on what one peer can park.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Streams a peer may reset before we stop listening to it (rapid reset, CVE-2023-44487).
const MAX_RESETS: usize = 20;

/// The door has as many connections as it takes.
const DOOR_FULL: Code = Code::fixed("door_full");
/// The client's network has its share of them.
const NETWORK_FULL: Code = Code::fixed("network_full");
/// A proxy's connection does not say whose it is.
const NO_PROXY_HEADER: Code = Code::fixed("no_proxy_header");

/// What one peer may make a door hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest pause within a request's body.
    pub body_stall: Duration,
    /// Most connections of the door.
    pub connections: usize,
    /// Most of them from one client network.
    pub network_connections: u16,
    /// How long each of them is held.
    pub patience: Patience,
}

/// Hears the code of each connection that a door does not take.
pub type TurnedAway = Arc<dyn Fn(Code) + Send + Sync>;

/// Takes the address; connections wait in the kernel until [`serve`].
///
/// # Errors
/// The system's error, with the address.
pub fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(listen)
        .map_err(|error| io::Error::new(error.kind(), format!("{listen}: {error}")))
}

/// Serves until the handle says to stop. Connections of `proxies` begin with whose they are.
///
/// # Errors
/// The system's error if the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    proxies: Proxies,
    router: Router,
    bounds: Bounds,
    turned_away: TurnedAway,
    handle: Handle,
) -> io::Result<()> {
    let bounded_body = axum::middleware::map_request(move |request: Request| async move {
        request.map(|body| Body::new(TimeoutBody::new(bounds.body_stall, InTurns::of(body))))
    });
    let router = router.layer(bounded_body).layer(axum::middleware::from_fn(watched::count));
    let mut server = axum_server::from_tcp(listener)?
        .acceptor(Acceptor::new(tls, proxies, bounds, turned_away))
        .first_request_timeout(HEADER_DEADLINE)
        .handle(handle);
    bound_http(server.http_builder());
    server.serve(router.into_make_service()).await
}

fn bound_http(http: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>) {
    http.http1()
        .header_read_timeout(HEADER_DEADLINE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    http.http2()
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .keep_alive_interval(HEADER_DEADLINE)
        .keep_alive_timeout(HEADER_DEADLINE);
}

/// Does the handshake, and tells each request who its connection belongs to.
#[derive(Clone)]
struct Acceptor {
    tls: TlsAcceptor,
    proxies: Arc<Proxies>,
    slots: Arc<Semaphore>,
    networks: Arc<Shares<Network>>,
    patience: Patience,
    turned_away: TurnedAway,
}

/// Held by every request of a connection, so that the connection is counted while it lives.
type Slot = Arc<(OwnedSemaphorePermit, Share<Network>)>;
type Identified<S> = AddExtension<AddExtension<AddExtension<S, PeerIdentity>, Slot>, Requests>;
/// TLS by itself asks the kernel for 4 KiB at a time.
type Buffered = TlsStream<BufReader<TcpStream>>;

impl Acceptor {
    fn new(
        tls: Arc<ServerConfig>,
        proxies: Proxies,
        bounds: Bounds,
        turned_away: TurnedAway,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(bounds.connections));
        let networks = Shares::of(bounds.network_connections.into());
        let patience = bounds.patience;
        Self { tls: tls.into(), proxies: Arc::new(proxies), slots, networks, patience, turned_away }
    }

    /// What a stranger's connection ends with that is not taken; operators are told how many.
    fn turn_away(&self, code: Code) -> io::Error {
        let error = io::Error::other(code.as_str().to_owned());
        (self.turned_away)(code);
        error
    }

    /// Whose the connection is, its share of the door, and the stream within TLS.
    async fn handshake(
        &self,
        stream: TcpStream,
    ) -> io::Result<(Buffered, PeerIdentity, Share<Network>)> {
        let opened = Instant::now();
        stream.set_nodelay(true)?;
        let (mut peer, mut local) = (stream.peer_addr()?, stream.local_addr()?);
        let mut stream = BufReader::with_capacity(READ_BYTES, stream);
        let handshake = async {
            if self.proxies.include(peer) {
                let ends =
                    proxied::ends(&mut stream).await.map_err(|error| match error.kind() {
                        io::ErrorKind::InvalidData => self.turn_away(NO_PROXY_HEADER),
                        _ => error,
                    })?;
                (peer, local) = ends.unwrap_or((peer, local));
            }
            let share = self.networks.take(Network::of_client(peer.ip()));
            let share = share.ok_or_else(|| self.turn_away(NETWORK_FULL))?;
            io::Result::Ok((self.tls.accept(stream).await?, share))
        };
        let (stream, share) = tokio::time::timeout(HANDSHAKE_DEADLINE, handshake).await??;
        let chain = stream.get_ref().1.peer_certificates();
        let certificate_sha256 = chain.and_then(<[_]>::first).map(fingerprint);
        Ok((stream, PeerIdentity { peer, local, opened, certificate_sha256 }, share))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Watched<Buffered>;
    type Service = Identified<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let acceptor = self.clone();
        Box::pin(async move {
            let slot = Arc::clone(&acceptor.slots).try_acquire_owned();
            let slot = slot.map_err(|_| acceptor.turn_away(DOOR_FULL))?;
            let (stream, peer, share) = acceptor.handshake(stream).await?;
            let service = Extension(peer).layer(service);
            let service = Extension(Arc::new((slot, share))).layer(service);
            let requests = Requests::none();
            let stream = Watched::new(stream, requests.clone(), acceptor.patience);
            Ok((stream, Extension(requests).layer(service)))
        })
    }
}

/// A request's body, given away in short turns.
///
/// The parser of forms takes all that is there before it gives any of it away: a sender faster
/// than the seal would fill memory with copies.
struct InTurns<B> {
    body: B,
    /// Bytes of this turn.
    given: usize,
}

impl<B> InTurns<B> {
    const fn of(body: B) -> Self {
        Self { body, given: 0 }
    }
}

impl<B: HttpBody + Unpin> HttpBody for InTurns<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.given >= TURN_BYTES {
            self.given = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                self.given += frame.data_ref().map_or(0, Buf::remaining);
            }
            // Whoever has to wait has had a turn.
            Poll::Pending => self.given = 0,
            Poll::Ready(_) => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
