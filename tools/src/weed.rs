//! A throw-away S3 server for tests: a SeaweedFS on loopback in a folder of its own, from pip.
//!
//! A shell keeps the server and reads from this process. When it reads the end (the server was
//! dropped, or this process died however it died) it kills the server and removes the folder, so
//! nothing is left behind. Buckets are made and looked at behind the server's S3 door, which asks
//! for signatures, through the one it keeps files with.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::chaos::ChaosError;
use crate::network::Host;
use crate::ports::{self, Blocks};

/// A server that ends with this value.
#[derive(Debug)]
pub struct Weed {
    folder: PathBuf,
    first_port: u16,
    scheme: &'static str,
    /// Where it runs, if not on this machine's loopback, and the name its buckets' names are below.
    place: Option<(Host, String)>,
    keeper: Option<Child>,
}

/// Who may ask for what.
#[derive(Clone, Debug)]
pub struct Identity {
    pub access_key: String,
    pub secret_key: String,
    /// `Read:bucket`, `Write:bucket`, `List:bucket`; without a bucket, of all; `Admin`.
    pub actions: Vec<String>,
}

/// A server's certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

/// The ports of its parts, in this order from the first; each has one more for its inner talk.
const PARTS: [&str; 4] = ["s3", "filer", "volume", "master"];
const PORTS: Blocks = Blocks { lowest: 28_000, each: 8, places: 590 };
const READY_DEADLINE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Entries of a folder that are listed at once; tests make fewer.
const LISTED: u32 = 100_000;

/// Arguments: the folder, then the server's command. `keep` leaves the folder, the end does not.
/// The server's own sockets lie where every version of it looks for them.
const KEEPER: &str = r#"
trap '' INT TERM HUP
cd "$1" || exit 1
shift
"$@" >> log 2>&1 < /dev/null &
server=$!
read -r word
kill -KILL "$server"
wait "$server"
for port in $PORTS; do rm -f /tmp/seaweedfs-*-"$port".sock; done
[ "$word" = keep ] || rm -rf "$PWD"
"#;

impl Weed {
    /// Starts a server and waits until it stores. With a certificate, clients come by TLS.
    ///
    /// # Errors
    /// If `scripts/setup.sh test` did not install it, or it does not come up; says what it wrote.
    pub fn start(
        identities: &[Identity],
        certificate: Option<&Certificate>,
    ) -> Result<Self, ChaosError> {
        Self::start_with(identities, certificate, None)
    }

    /// The same on a host of a network, by TLS: `https://bucket.domain:port`.
    ///
    /// # Errors
    /// As [`Weed::start`].
    pub fn start_at(
        host: &Host,
        domain: &str,
        identities: &[Identity],
        certificate: &Certificate,
    ) -> Result<Self, ChaosError> {
        let place = (host.clone(), domain.to_owned());
        Self::start_with(identities, Some(certificate), Some(place))
    }

    fn start_with(
        identities: &[Identity],
        certificate: Option<&Certificate>,
        place: Option<(Host, String)>,
    ) -> Result<Self, ChaosError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sks-s3-{}-{made}", std::process::id()));
        fs::create_dir_all(folder.join("data")).map_err(ChaosError::at(&folder))?;
        let write = |name: &str, text: &str| {
            let file = folder.join(name);
            fs::write(&file, text).map_err(ChaosError::at(&file))
        };
        let identities: Vec<_> = identities.iter().map(Identity::entry).collect();
        write("s3.json", &json!({ "identities": identities }).to_string())?;
        // Seven volumes for each bucket would soon be more than there are.
        write("master.toml", "[master.volume_growth]\ncopy_1 = 1\n")?;
        if let Some(certificate) = certificate {
            write("server.pem", &certificate.chain)?;
            write("server.key", &certificate.key)?;
        }
        // A host has every port to itself, but the sockets that are named after them are one machine's.
        let first_port = match &place {
            Some((host, _)) => PORTS.lowest + PORTS.each * u16::from(host.address().octets()[3]),
            None => ports::free(&PORTS)?,
        };
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let mut weed = Self { folder, first_port, scheme, place, keeper: None };
        weed.start_again()?;
        Ok(weed)
    }

    /// `http://127.0.0.1:port`, `https://localhost:port` or `https://domain:port`.
    pub fn endpoint(&self) -> String {
        let host = match &self.place {
            Some((_, domain)) => domain,
            None if self.scheme == "https" => "localhost",
            None => "127.0.0.1",
        };
        format!("{}://{host}:{}", self.scheme, self.port("s3"))
    }

    /// Where it keeps what it stores.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Kills the server at once; what it stored stays.
    ///
    /// # Errors
    /// If its keeper cannot be waited for.
    pub fn kill(&mut self) -> Result<(), ChaosError> {
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(stdin) = &mut keeper.stdin {
                stdin.write_all(b"keep\n")?;
            }
            keeper.wait()?;
        }
        Ok(())
    }

    /// Starts it over what it stored before, at the same address.
    ///
    /// # Errors
    /// As at the first start.
    pub fn start_again(&mut self) -> Result<(), ChaosError> {
        let mut keeper = match &self.place {
            Some((host, _)) => host.command("sh"),
            None => Command::new("sh"),
        };
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.folder).arg(program()?).args(self.arguments());
        let ports = self.first_port..self.first_port + PORTS.each;
        let ports: Vec<_> = ports.map(|port| port.to_string()).collect();
        keeper.env("PORTS", ports.join(" ")).current_dir("/").process_group(0);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.keeper = Some(keeper.spawn()?);
        let begun = Instant::now();
        // A file is taken once there is a volume for it, and each part has begun by then but one.
        while !self.made("PUT", "/ready", "ready") || TcpStream::connect(self.at("s3")).is_err() {
            if begun.elapsed() >= READY_DEADLINE {
                let (what, seconds) = ("SeaweedFS".to_owned(), READY_DEADLINE.as_secs());
                let said = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(ChaosError::Late { what, seconds, said });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// If the server does not.
    pub fn make_bucket(&self, name: &str) -> Result<(), ChaosError> {
        let made = self.made("POST", &format!("/buckets/{name}/"), "");
        made.then_some(()).ok_or(ChaosError::Unread("the answer to a new bucket"))
    }

    /// Makes a bucket that keeps what is put into it for as long as that asks for.
    ///
    /// # Errors
    /// If the server does not.
    pub fn make_locked_bucket(&self, name: &str) -> Result<(), ChaosError> {
        let at = |part: &str| format!("127.0.0.1:{0}.{1}", self.port(part), self.port(part) + 1);
        let mut shell = Command::new(program()?);
        shell.args(["shell", &format!("-master={}", at("master"))]);
        shell.arg(format!("-filer={}", at("filer"))).current_dir(&self.folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = shell.spawn()?;
        if let Some(mut stdin) = shell.stdin.take() {
            writeln!(stdin, "s3.bucket.create -name {name} -withLock")?;
        }
        let said = String::from_utf8_lossy(&shell.wait_with_output()?.stdout).into_owned();
        let made = said.contains("Object Lock: enabled");
        made.then_some(()).ok_or(ChaosError::Unread("the answer to a new bucket with a lock"))
    }

    /// The names right below a folder of a bucket: of objects, or of the parts of one.
    ///
    /// # Errors
    /// If the server does not say.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, ChaosError> {
        let answer = self.ask("GET", &format!("/buckets/{folder}/?limit={LISTED}"), "")?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        let listed = body.and_then(|body| serde_json::from_str::<Value>(body).ok());
        let listed = listed.ok_or(ChaosError::Unread("a list of the store"))?;
        let entries = listed.get("Entries").and_then(Value::as_array);
        let name =
            |entry: &Value| Some(entry.get("FullPath")?.as_str()?.rsplit('/').next()?.into());
        Ok(entries.into_iter().flatten().filter_map(name).collect())
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "server -dir=data -ip=127.0.0.1 -volume.max=200",
            // A server alone elects itself; started again it would wait 20 seconds for others.
            "-master.volumeSizeLimitMB=64 -master.electionTimeout=1s -master.telemetry=false",
            "-filer -s3 -s3.config=s3.json -s3.port.iceberg=0 -s3.port.lance=0",
        ]
        .iter()
        .flat_map(|words| words.split(' ').map(str::to_owned))
        .collect();
        match &self.place {
            Some((_, domain)) => arguments
                .extend(["-ip.bind=0.0.0.0".to_owned(), format!("-s3.domainName={domain}")]),
            None => arguments.push("-ip.bind=127.0.0.1".to_owned()),
        }
        for name in PARTS {
            arguments.push(format!("-{name}.port={}", self.port(name)));
            arguments.push(format!("-{name}.port.grpc={}", self.block_port(name) + 1));
        }
        if self.scheme == "https" {
            arguments
                .extend(["-s3.cert.file=server.pem", "-s3.key.file=server.key"].map(str::to_owned));
        }
        arguments
    }

    /// Where a part is reached.
    fn at(&self, part: &str) -> (IpAddr, u16) {
        let host = self.place.as_ref().map(|(host, _)| host.address());
        (host.unwrap_or(Ipv4Addr::LOCALHOST).into(), self.port(part))
    }

    /// The port of a part of it: `s3`, `filer`, `volume`, `master`. Its door is at the same one on every
    /// host: what is below one name is at one port.
    pub fn port(&self, part: &str) -> u16 {
        if self.place.is_some() && part == "s3" { PORTS.lowest } else { self.block_port(part) }
    }

    fn block_port(&self, part: &str) -> u16 {
        let ports = (self.first_port..).step_by(2);
        ports.zip(PARTS).find(|(_, name)| *name == part).map_or(0, |(port, _)| port)
    }

    /// Whether a file or folder was made, or is there already.
    fn made(&self, method: &str, path: &str, content: &str) -> bool {
        let answer = self.ask(method, path, content).unwrap_or_default();
        answer.split(' ').nth(1) == Some("201")
    }

    fn ask(&self, method: &str, path: &str, content: &str) -> Result<String, ChaosError> {
        let mut stream = TcpStream::connect(self.at("filer"))?;
        let length = content.len();
        let heads = format!("Accept: application/json\r\nContent-Length: {length}\r\n");
        write!(stream, "{method} {path} HTTP/1.0\r\n{heads}\r\n{content}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(mut keeper) => {
                // The keeper reads the end.
                drop(keeper.stdin.take());
                let _ = keeper.wait();
            }
            None => {
                let _ = fs::remove_dir_all(&self.folder);
            }
        }
    }
}

impl Identity {
    fn entry(&self) -> Value {
        json!({
            "name": self.access_key,
            "credentials": [{ "accessKey": self.access_key, "secretKey": self.secret_key }],
            "actions": self.actions,
        })
    }
}

/// As `scripts/setup.sh test` installs it.
fn program() -> Result<PathBuf, ChaosError> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/store/seaweedfs/bin/weed");
    let program = Path::new(path);
    if program.exists() {
        Ok(program.to_owned())
    } else {
        Err(ChaosError::NotBuilt(program.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_it_has_when_it_is_killed_and_leaves_nothing_behind() {
        let mut weed = Weed::start(&[], None).unwrap();
        weed.make_bucket("one").unwrap();
        assert!(weed.made("PUT", "/buckets/one/file", "kept"));
        weed.kill().unwrap();
        assert!(weed.names("one").is_err());
        weed.start_again().unwrap();
        assert_eq!(weed.names("one").unwrap(), ["file"]);
        let folder = weed.folder.clone();
        drop(weed);
        assert!(!folder.exists());
    }
}
