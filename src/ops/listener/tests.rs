use std::sync::Mutex;
use std::task::Waker;

use axum::routing::get;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;
use crate::ops::certificates::{Authority, AuthorityKind, Issued};
use crate::ops::tls;

struct World {
    address: SocketAddr,
    handle: Handle,
    server: tokio::task::JoinHandle<io::Result<()>>,
    roots: RootCertStore,
    machines: Authority,
    /// Why connections were not taken.
    turned_away: Arc<Mutex<Vec<String>>>,
}

/// Most connections from one network, and of the door.
const NETWORK_CONNECTIONS: u16 = 2;
const DOOR_CONNECTIONS: usize = 3;
const PATIENCE: Patience = Patience { idle: MINUTE, longest: MINUTE, stall: MINUTE };
const MINUTE: Duration = Duration::from_mins(1);
/// How long the page takes that is slow.
const SLOW: Duration = Duration::from_millis(300);

/// A machines' door on a free port of the loopback; its one page says who came.
fn machines_door() -> World {
    door_behind(Proxies::default())
}

fn door_behind(proxies: Proxies) -> World {
    door(proxies, PATIENCE)
}

fn door(proxies: Proxies, patience: Patience) -> World {
    let (doors, doors_ca) = Authority::make(AuthorityKind::Doors).unwrap();
    let (machines, machines_ca) = Authority::make(AuthorityKind::Machines).unwrap();
    let door = doors.issue_server("portal.localhost").unwrap();
    let tls = tls::for_machines(
        door.certificate.as_bytes(),
        door.key.as_bytes(),
        machines_ca.certificate.as_bytes(),
    );
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let who = |Extension(peer): Extension<PeerIdentity>| async move {
        format!("{} {} {}", peer.peer.ip(), peer.local, peer.certificate_sha256.unwrap_or_default())
    };
    let slow = async || {
        tokio::time::sleep(SLOW).await;
        "at last"
    };
    let router = Router::new().route("/", get(who)).route("/slow", get(slow));
    let handle = Handle::new();
    let bounds = Bounds {
        body_stall: Duration::from_secs(5),
        connections: DOOR_CONNECTIONS,
        network_connections: NETWORK_CONNECTIONS,
        patience,
    };
    let turned_away = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&turned_away);
    let hears: TurnedAway = Arc::new(move |code| heard.lock().unwrap().push(code.to_string()));
    let tls = tls.unwrap();
    let server = tokio::spawn(serve(listener, tls, proxies, router, bounds, hears, handle.clone()));
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(doors_ca.certificate.as_bytes()).unwrap();
    roots.add(ca).unwrap();
    World { address, handle, server, roots, machines, turned_away }
}

impl World {
    fn turned_away(&self) -> Vec<String> {
        std::mem::take(&mut *self.turned_away.lock().unwrap())
    }
}

/// Asks for the page; an error if the door does not let us in.
async fn visit(world: &World, identity: Option<&Issued>) -> io::Result<String> {
    visit_after(b"", world, identity).await
}

/// The same, with something sent before.
async fn visit_after(
    before: &[u8],
    world: &World,
    identity: Option<&Issued>,
) -> io::Result<String> {
    ask(&mut come_in(before, world, identity).await?).await
}

/// Asks for the page over a connection, to its end.
async fn ask(stream: &mut tokio_rustls::client::TlsStream<TcpStream>) -> io::Result<String> {
    let request = "GET / HTTP/1.1\r\nhost: portal.localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A connection that asks nothing yet.
async fn come_in(
    before: &[u8],
    world: &World,
    identity: Option<&Issued>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(world.roots.clone());
    let config = match identity {
        Some(issued) => {
            let chain = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("portal.localhost").unwrap();
    let mut stream = TcpStream::connect(world.address).await?;
    stream.write_all(before).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn a_machine_without_a_certificate_of_our_authority_does_not_come_in() {
    let world = machines_door();
    assert!(visit(&world, None).await.is_err());
    let (stranger, _) = Authority::make(AuthorityKind::Machines).unwrap();
    let foreign = stranger.issue_client("reception-pc").unwrap();
    assert!(visit(&world, Some(&foreign)).await.is_err());
    // A certificate for a server is not one for a client, whoever signed it.
    let server = world.machines.issue_server("portal.localhost").unwrap();
    assert!(visit(&world, Some(&server)).await.is_err());
}

#[tokio::test]
async fn a_request_carries_its_connections_addresses_and_certificate() {
    let world = machines_door();
    let machine = world.machines.issue_client("reception-pc").unwrap();
    let answer = visit(&world, Some(&machine)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let who = format!("127.0.0.1 {} {}", world.address, machine.sha256);
    assert!(answer.ends_with(&who), "{answer}");
}

#[tokio::test]
async fn behind_a_proxy_a_request_carries_what_the_proxy_says_and_no_other_may_say_it() {
    let header = b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\r\n";
    let behind = door_behind(Proxies::at(vec!["127.0.0.1".parse().unwrap()]));
    let machine = behind.machines.issue_client("reception-pc").unwrap();
    let answer = visit_after(header, &behind, Some(&machine)).await.unwrap();
    let who = format!("192.0.2.7 203.0.113.1:443 {}", machine.sha256);
    assert!(answer.ends_with(&who), "{answer}");
    // A proxy's connection that does not say whose it is comes to nothing.
    assert!(visit(&behind, Some(&machine)).await.is_err());
    assert_eq!(behind.turned_away(), ["no_proxy_header"]);
    let direct = machines_door();
    let machine = direct.machines.issue_client("reception-pc").unwrap();
    assert!(visit_after(header, &direct, Some(&machine)).await.is_err());
}

#[tokio::test]
async fn a_network_has_its_share_of_the_connections_and_another_still_comes_in() {
    let world = door_behind(Proxies::at(vec!["127.0.0.1".parse().unwrap()]));
    let machine = world.machines.issue_client("reception-pc").unwrap();
    let [one, other, third] = ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
        .map(|from| format!("PROXY TCP4 {from} 203.0.113.1 4711 443\r\n").into_bytes());
    let mut held = Vec::new();
    for _ in 0..NETWORK_CONNECTIONS {
        held.push(come_in(&one, &world, Some(&machine)).await.unwrap());
    }
    assert!(come_in(&one, &world, Some(&machine)).await.is_err(), "over its share");
    assert_eq!(world.turned_away(), ["network_full"]);
    let mut another = comes_in_again(&other, &world, &machine).await;
    let answer = ask(&mut another).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(another);
    // A connection that is closed gives back its share of the network and its place at the door.
    held.push(comes_in_again(&other, &world, &machine).await);
    world.turned_away();
    assert!(come_in(&third, &world, Some(&machine)).await.is_err(), "over the door's most");
    assert_eq!(world.turned_away(), ["door_full"]);
    held.remove(0);
    let answer = ask(&mut comes_in_again(&one, &world, &machine).await).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Comes in once the door has seen that another left.
async fn comes_in_again(
    before: &[u8],
    world: &World,
    machine: &Issued,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let comes = async {
        loop {
            if let Ok(stream) = come_in(before, world, Some(machine)).await {
                return stream;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), comes).await.expect("its place is given back")
}

#[tokio::test]
async fn a_connection_is_ended_on_which_nothing_is_asked_and_none_that_waits_for_its_answer() {
    let world = door(Proxies::default(), Patience { idle: SLOW / 3, ..PATIENCE });
    let machine = world.machines.issue_client("reception-pc").unwrap();
    let mut stream = come_in(b"", &world, Some(&machine)).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: portal.localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // Sooner than the deadline of another request's headers.
    let ends = tokio::time::timeout(HEADER_DEADLINE / 2, stream.read_to_string(&mut answer));
    ends.await.expect("is ended").unwrap();
    assert!(answer.ends_with("at last"), "{answer}");
}

#[tokio::test]
async fn a_door_that_is_told_to_stop_stops() {
    let world = machines_door();
    assert_eq!(world.handle.listening().await, Some(world.address));
    world.handle.graceful_shutdown(Some(Duration::from_secs(5)));
    world.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_body_pauses_after_each_turn_and_is_read_to_its_end() {
    let half = bytes::Bytes::from(vec![b'x'; TURN_BYTES / 2]);
    let body = || {
        let frames = [(); 3].map(|()| Frame::data(half.clone()));
        InTurns::of(StreamBody::new(stream::iter(frames.map(Ok::<_, io::Error>))))
    };
    let mut polled = body();
    let mut context = Context::from_waker(Waker::noop());
    let ready = [0; 5].map(|_| Pin::new(&mut polled).poll_frame(&mut context).is_ready());
    assert_eq!(ready, [true, true, false, true, true]);
    // Whoever only waits is woken.
    assert_eq!(body().collect().await.unwrap().to_bytes().len(), 3 * half.len());
}
