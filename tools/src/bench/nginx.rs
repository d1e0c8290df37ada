//! nginx taking the same bytes by HTTPS PUT: TLS and a file, without hashing or sealing.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Certificate, Client};
use toml::Table;

use super::BenchError;
use crate::chaos::ChaosError;
use crate::chaos::service::{Door, Service};

/// A running nginx; it ends with this.
pub(super) struct Nginx {
    child: Child,
    client: Client,
    url: String,
    folder: PathBuf,
}

const PROGRAM: &str = "/usr/sbin/nginx";
const START_DEADLINE: Duration = Duration::from_secs(10);

impl Nginx {
    /// Starts it in a folder with the certificate of the service's own door.
    pub(super) fn start(folder: &Path, service: &Service) -> Result<Self, BenchError> {
        if !Path::new(PROGRAM).exists() {
            return Err(BenchError::Missing(PROGRAM));
        }
        let put = folder.join("put");
        fs::create_dir_all(&put).map_err(BenchError::at(&put))?;
        let door = service.door("intake");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let conf = folder.join("nginx.conf");
        fs::write(&conf, configuration(folder, service, port)?).map_err(BenchError::at(&conf))?;
        let log = fs::File::create(folder.join("nginx.log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", PROGRAM, "-e", "stderr", "-c"]).arg(&conf);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let client = client(service, &door, port)?;
        let url = format!("https://{}:{port}", door.host);
        let nginx = Self { child, client, url, folder: put };
        nginx.wait(port)?;
        Ok(nginx)
    }

    /// Puts one file; from its first byte to the answer.
    pub(super) async fn put(&self, bytes: &Bytes, name: &str) -> Result<Duration, BenchError> {
        let begun = Instant::now();
        let request = self.client.put(format!("{}/{name}", self.url)).body(bytes.clone());
        let answer = request.send().await?;
        let took = begun.elapsed();
        let status = answer.status().as_u16();
        let file = self.folder.join(name);
        let length = fs::metadata(&file).map_err(BenchError::at(&file))?.len();
        if status != 201 || length != bytes.len() as u64 {
            return Err(BenchError::Nginx(status));
        }
        fs::remove_file(&file).map_err(BenchError::at(&file))?;
        Ok(took)
    }

    fn wait(&self, port: u16) -> Result<(), BenchError> {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > START_DEADLINE {
                let log = self.folder.with_file_name("nginx.log");
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(BenchError::Command { what: "nginx", said });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end when their master was asked to; a kill would leave them.
        crate::chaos::process::signal(self.child.id(), rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// As the visitor's client, so that both sides are sent to alike.
fn client(service: &Service, door: &Door, port: u16) -> Result<Client, BenchError> {
    let file = service.data.join("tls/local-ca.pem");
    let authority = fs::read(&file).map_err(BenchError::at(&file))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let builder = Client::builder()
        .tls_certs_only([Certificate::from_pem(&authority)?])
        .https_only(true)
        .no_proxy()
        .http1_only()
        .resolve(&door.host, address);
    Ok(builder.build()?)
}

fn configuration(folder: &Path, service: &Service, port: u16) -> Result<String, BenchError> {
    let file = service.config();
    let text = fs::read_to_string(&file).map_err(BenchError::at(&file))?;
    let table: Table = text.parse().map_err(|_| ChaosError::Unread("the configuration"))?;
    let door = table.get("doors").and_then(|doors| doors.get("intake"));
    let path = |name: &str| {
        let path = door.and_then(|door| door.get(name)?.as_str());
        path.map(|path| service.data.join(path)).ok_or(ChaosError::Unread("the intake door"))
    };
    let (certificate, key) = (path("certificate")?, path("key")?);
    // Its worker would otherwise be a user who may not write here.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/{name};"))
        .join("\n    ");
    Ok(format!(
        "{user}
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_max_body_size 60m;
    {temporary}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        root {folder}/put;
        location / {{ dav_methods PUT; }}
    }}
}}
",
        certificate = certificate.display(),
        key = key.display(),
    ))
}
