//! Two ends of TLS before the patients' door, with plain HTTP between them: there a sensor sees files.
//!
//! The first end takes patients' connections with the door's own certificate, the second goes on to the
//! door and tells it the addresses of the plain connection in a PROXY header.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sekisho_tools::chaos::service::Service;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Both ends; they are gone with this value.
pub(super) struct Glass {
    _ends: JoinSet<io::Result<()>>,
}

/// Where the second end listens for plain HTTP, and goes on from.
pub(super) const SECOND: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 0, 0, 22), 8080);

impl Glass {
    /// Stands before the door: for each pair, who comes to the first address goes on from the other.
    pub(super) async fn before(service: &Service, ways: &[[Ipv4Addr; 2]]) -> Self {
        let mut ends = JoinSet::new();
        let acceptor = acceptor(service);
        for [at, from] in ways.iter().copied() {
            let listener = TcpListener::bind((at, service.door("intake").port)).await;
            ends.spawn(first(listener.expect("listens"), acceptor.clone(), from));
        }
        let listener = TcpListener::bind(SECOND).await.expect("listens");
        ends.spawn(second(listener, Tls::of(service)));
        Self { _ends: ends }
    }
}

async fn first(listener: TcpListener, acceptor: TlsAcceptor, from: Ipv4Addr) -> io::Result<()> {
    loop {
        let (patient, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut patient = acceptor.accept(patient).await?;
            let mut plain = connect(from, SECOND.into()).await?;
            copy_bidirectional(&mut patient, &mut plain).await
        });
    }
}

async fn second(listener: TcpListener, tls: Tls) -> io::Result<()> {
    loop {
        let (mut plain, peer) = listener.accept().await?;
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut door = connect(SECOND.0, tls.door).await?;
            let local = plain.local_addr()?;
            let (ips, ports) = ([peer.ip(), local.ip()], [peer.port(), local.port()]);
            let header = format!("PROXY TCP4 {} {} {} {}\r\n", ips[0], ips[1], ports[0], ports[1]);
            door.write_all(header.as_bytes()).await?;
            let mut door = tls.over(door).await?;
            copy_bidirectional(&mut plain, &mut door).await
        });
    }
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn acceptor(service: &Service) -> TlsAcceptor {
    let at = |name: &str| service.data.join("tls").join(name);
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(at("intake.pem")).expect("a certificate").collect();
    let key = PrivateKeyDer::from_pem_file(at("intake.key")).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain.expect("a certificate"), key).expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

/// A client of the door that says what it likes.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    door: SocketAddr,
}

impl Tls {
    pub(super) fn of(service: &Service) -> Self {
        let mut roots = RootCertStore::empty();
        let file = service.data.join("tls/local-ca.pem");
        for certificate in CertificateDer::pem_file_iter(file).expect("an authority") {
            roots.add(certificate.expect("a certificate")).expect("an authority");
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let door = service.door("intake");
        Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(door.host).expect("a name"),
            door: (IpAddr::V4(Ipv4Addr::LOCALHOST), door.port).into(),
        }
    }

    /// A connection to whoever listens on the door's port at this address.
    pub(super) async fn to(&self, address: Ipv4Addr) -> io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect((address, self.door.port())).await?).await
    }

    async fn over(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
