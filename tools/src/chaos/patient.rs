//! A patient at the real door, over TLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{
    Body, Certificate, Client, ClientBuilder, Identity, Method, RequestBuilder, Response,
};
use serde_json::Value;

use super::ChaosError;
use super::service::{Door, Service};

/// The second secret of every link.
pub const BIRTH_DATE: &str = "19480203";

/// A browser at one door: its certificates are checked, its cookie is kept.
#[derive(Clone, Debug)]
pub struct Visitor {
    client: Client,
    /// Where the door is, and from which of this machine's own addresses.
    address: IpAddr,
    from: Option<IpAddr>,
    pub door: Door,
    pub cookie: String,
}

/// What the door said about one received file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub id: String,
    pub sha256: String,
    pub state: String,
}

/// Name, file name with media type, and bytes of one field.
pub type FormField<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [u8]);

/// Between the parts of every form.
pub const BOUNDARY: &str = "sekisho-test-7f0d3c5e9b1a";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest silence of a door; what is sent meanwhile is silence too.
const SILENCE: Duration = Duration::from_mins(1);
const BUSY: Duration = Duration::from_mins(10);

impl Visitor {
    /// A browser that trusts the folder's own authority alone.
    ///
    /// # Errors
    /// If the authority's file is missing.
    pub fn new(service: &Service, door: &str) -> Result<Self, ChaosError> {
        Self::with_identity(service, door, None)
    }

    /// The same with a client certificate and its key, both PEM.
    ///
    /// # Errors
    /// If a file does not read.
    pub fn with_identity(
        service: &Service,
        door: &str,
        identity: Option<&[u8]>,
    ) -> Result<Self, ChaosError> {
        Self::build(service, door, HERE, |builder| {
            let builder = forgetful(builder);
            Ok(match identity {
                Some(pem) => builder.identity(Identity::from_pem(pem)?),
                None => builder,
            })
        })
    }

    /// The same for a door that listens at an address other than this machine's own.
    ///
    /// # Errors
    /// As [`Visitor::new`].
    pub fn new_at(service: &Service, door: &str, address: IpAddr) -> Result<Self, ChaosError> {
        Self::build(service, door, address, |builder| Ok(forgetful(builder)))
    }

    /// The same for somebody at one of this machine's own addresses.
    ///
    /// # Errors
    /// As [`Visitor::new`].
    pub fn new_from(service: &Service, door: &str, from: IpAddr) -> Result<Self, ChaosError> {
        let visitor =
            Self::build(service, door, HERE, |builder| Ok(forgetful(builder).local_address(from)))?;
        Ok(Self { from: Some(from), ..visitor })
    }

    /// The same visitor, who goes on using a connection, and waits for long: for doors that nobody kills,
    /// however busy.
    ///
    /// # Errors
    /// As [`Visitor::new`].
    pub fn keeping_connections(self, service: &Service) -> Result<Self, ChaosError> {
        let (cookie, from) = (self.cookie, self.from);
        let visitor = Self::build(service, "intake", self.address, |it| {
            Ok(it.local_address(from).read_timeout(BUSY))
        })?;
        Ok(Self { from, cookie, ..visitor })
    }

    fn build(
        service: &Service,
        door: &str,
        address: IpAddr,
        change: impl FnOnce(ClientBuilder) -> Result<ClientBuilder, ChaosError>,
    ) -> Result<Self, ChaosError> {
        // The first caller of a process decides; a second installation is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let file = service.data.join("tls/local-ca.pem");
        let authority = std::fs::read(&file).map_err(ChaosError::at(&file))?;
        let door = service.door(door);
        let end = SocketAddr::from((address, door.port));
        let builder = Client::builder()
            .tls_certs_only([Certificate::from_pem(&authority)?])
            .https_only(true)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .resolve(&door.host, end)
            .read_timeout(SILENCE);
        let client = change(builder)?.build()?;
        Ok(Self { client, address, from: None, door, cookie: String::new() })
    }

    /// `GET`, as JSON where the door has it.
    ///
    /// # Errors
    /// If the door cannot be reached.
    pub async fn get(&self, path: &str) -> Result<Response, ChaosError> {
        let request = self.client.get(format!("{}{path}", self.door.url));
        Ok(self.with_cookie(request).header(ACCEPT, "application/json").send().await?)
    }

    /// Posts a form, and keeps the session that the answer begins.
    ///
    /// # Errors
    /// If the door cannot be reached.
    pub async fn post(&mut self, path: &str, form: &str) -> Result<Response, ChaosError> {
        let request = self
            .request(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let answer = request.send().await?;
        let cookies = answer.headers().get_all(SET_COOKIE).iter();
        let mut session = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        if let Some(session) = session.rfind(|it| it.starts_with("__Host-session=")) {
            session.clone_into(&mut self.cookie);
        }
        Ok(answer)
    }

    /// A multipart form from a stream of bytes that already are its parts; see [`field`].
    ///
    /// # Errors
    /// If the door cannot be reached, or goes away in the middle.
    pub async fn send_stream<S>(&self, pieces: S) -> Result<Response, ChaosError>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let media = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.request("/send").header(CONTENT_TYPE, media);
        Ok(request.body(Body::wrap_stream(pieces)).send().await?)
    }

    fn request(&self, path: &str) -> RequestBuilder {
        self.at(Method::POST, path)
    }

    /// A request as this browser makes them.
    pub(super) fn at(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.door.url));
        let request = request.header(ORIGIN, &self.door.url);
        let request = request.header("sec-fetch-site", "same-origin");
        self.with_cookie(request).header(ACCEPT, "application/json")
    }

    fn with_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }
}

/// A door that was killed leaves connections that look alive.
fn forgetful(builder: ClientBuilder) -> ClientBuilder {
    builder.pool_max_idle_per_host(0)
}

/// A visitor who opened a link and agreed.
///
/// # Errors
/// If a step is refused.
pub async fn patient(service: &Service, doctor: &str, number: &str) -> Result<Visitor, ChaosError> {
    let secret = link(service, doctor, number)?;
    enter(Visitor::new(service, "intake")?, &secret).await
}

/// A new link's secret.
///
/// # Errors
/// If none is issued.
pub fn link(service: &Service, doctor: &str, number: &str) -> Result<String, ChaosError> {
    let words = ["link", "issue", "--doctor", doctor, "--patient", number];
    let url = service.ask(&words, BIRTH_DATE)?.text_of("url")?;
    let secret = url.split_once('#').ok_or(ChaosError::Unread("the link"))?.1;
    Ok(secret.to_owned())
}

/// Opens a link and agrees.
///
/// # Errors
/// If a step is refused.
pub async fn enter(mut visitor: Visitor, secret: &str) -> Result<Visitor, ChaosError> {
    let form = format!("secret={secret}&second_secret={BIRTH_DATE}");
    expect("open the link", visitor.post("/open", &form).await?).await?;
    let asked: Value = visitor.get("/agree").await?.json().await?;
    let version = asked.get("agreement_version").and_then(Value::as_str);
    let version = version.ok_or(ChaosError::Unread("the agreement"))?.to_owned();
    let form = format!("version={version}&agreed=yes");
    expect("agree", visitor.post("/agree", &form).await?).await?;
    Ok(visitor)
}

impl Visitor {
    /// Sends one photo; what comes back is acknowledged.
    ///
    /// # Errors
    /// If it was refused or the door went away: then nothing is promised.
    pub async fn send_photo(&self, bytes: &[u8]) -> Result<Received, ChaosError> {
        self.send(&[("photos", Some(("photo.jpg", "image/jpeg")), bytes)])
            .await?
            .pop()
            .ok_or(ChaosError::Unread("the acknowledgement"))
    }

    /// Sends fields of a form: name, file name and media type, bytes.
    ///
    /// # Errors
    /// As [`Visitor::send_photo`].
    pub async fn send(&self, fields: &[FormField<'_>]) -> Result<Vec<Received>, ChaosError> {
        let mut body = Vec::new();
        for (name, file, bytes) in fields {
            body.extend(field(name, *file));
            body.extend_from_slice(bytes);
        }
        body.extend_from_slice(end().as_bytes());
        let pieces = futures_util::stream::iter([Ok(Bytes::from(body))]);
        let answer = expect("take a file", self.send_stream(pieces).await?).await?;
        received(&answer.json().await?)
    }

    /// What the visit's receipt lists.
    ///
    /// # Errors
    /// If the door cannot be reached or the session ended.
    pub async fn receipt(&self) -> Result<Vec<Received>, ChaosError> {
        let answer = expect("show the receipt", self.get("/receipt").await?).await?;
        received(&answer.json().await?)
    }
}

/// What begins a field of the form; the bytes of the field follow.
pub fn field(name: &str, file: Option<(&str, &str)>) -> Vec<u8> {
    let file = file.map_or_else(String::new, |(name, media)| {
        format!("; filename=\"{name}\"\r\nContent-Type: {media}")
    });
    let head = "Content-Disposition: form-data; name=";
    format!("\r\n--{BOUNDARY}\r\n{head}\"{name}\"{file}\r\n\r\n").into_bytes()
}

/// What ends the form.
pub fn end() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}

/// Passes on an answer that is none of a refusal.
///
/// # Errors
/// [`ChaosError::Door`] otherwise.
pub async fn expect(step: &'static str, answer: Response) -> Result<Response, ChaosError> {
    let status = answer.status();
    if status.is_success() || status.is_redirection() {
        return Ok(answer);
    }
    Err(ChaosError::Door { step, status: status.as_u16(), said: answer.text().await? })
}

/// What an answer of the door lists.
///
/// # Errors
/// If it lists nothing readable.
pub fn received(document: &Value) -> Result<Vec<Received>, ChaosError> {
    let all = document.get("artifacts").and_then(Value::as_array);
    let read = |artifact: &Value| {
        let text = |name: &str| artifact.get(name)?.as_str().map(str::to_owned);
        Some(Received { id: text("id")?, sha256: text("sha256")?, state: text("state")? })
    };
    let all = all.and_then(|all| all.iter().map(read).collect::<Option<Vec<_>>>());
    all.ok_or(ChaosError::Unread("the artifacts"))
}
