//! Stores across S3: a server within the test, and a real one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use http::header::{AUTHORIZATION, IF_NONE_MATCH};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::runtime::Runtime;

use super::super::*;
use super::Backstage;

const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "not-a-secret";

/// Calls of the vault block, so they need a runtime that is somebody else's.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Buckets, and the administrator's way into them.
pub(super) struct Remote {
    vault: Vault,
    pub(super) settings: S3Settings,
    admin: Client,
}

fn credentials() -> S3Credentials {
    S3Credentials { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned().into() }
}

impl Remote {
    /// New buckets at a server.
    pub(super) fn at(address: SocketAddr, name: &str) -> Self {
        let settings = S3Settings {
            endpoint: format!("http://{address}"),
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            quarantine_bucket: format!("{name}-quarantine"),
            release_bucket: format!("{name}-release"),
            review_bucket: format!("{name}-review"),
        };
        let admin = settings.client(Some(&credentials())).unwrap();
        for area in Area::ALL {
            RUNTIME.block_on(admin.create_bucket().bucket(settings.bucket(area)).send()).unwrap();
        }
        Self { vault: vault(&settings, &credentials()).unwrap(), settings, admin }
    }

    pub(super) fn put(&self, area: Area, key: &str, bytes: &[u8]) {
        let put = self.admin.put_object().bucket(self.settings.bucket(area)).key(key);
        RUNTIME.block_on(put.body(ByteStream::from(bytes.to_vec())).send()).unwrap();
    }
}

pub(super) fn vault(
    settings: &S3Settings,
    credentials: &S3Credentials,
) -> Result<Vault, VaultError> {
    Vault::s3(settings.clone(), credentials, RUNTIME.handle().clone())
}

impl Backstage for Remote {
    fn new() -> Self {
        Self::at(within_the_test(Manner::Honest), "sekisho")
    }

    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn sealed(&self, area: Area, object: ObjectId, index: u32) -> Option<Vec<u8>> {
        let get = self.admin.get_object().bucket(self.settings.bucket(area));
        RUNTIME.block_on(async {
            let found = get.key(format!("{object}/{index}")).send().await.ok()?;
            Some(found.body.collect().await.unwrap().to_vec())
        })
    }

    fn replace(&self, area: Area, object: ObjectId, index: u32, bytes: Option<&[u8]>) {
        let key = format!("{object}/{index}");
        let delete = self.admin.delete_object().bucket(self.settings.bucket(area)).key(&key);
        RUNTIME.block_on(delete.send()).unwrap();
        if let Some(bytes) = bytes {
            self.put(area, &key, bytes);
        }
    }

    fn everything(&self) -> Vec<u8> {
        let mut bytes = vec![];
        for area in Area::ALL {
            let list = self.admin.list_objects_v2().bucket(self.settings.bucket(area));
            let list = RUNTIME.block_on(list.send()).unwrap();
            for key in list.contents().iter().filter_map(|found| found.key()) {
                let get = self.admin.get_object().bucket(self.settings.bucket(area)).key(key);
                bytes.extend(RUNTIME.block_on(async {
                    get.send().await.unwrap().body.collect().await.unwrap().to_vec()
                }));
            }
        }
        bytes
    }
}

/// How a server of this process behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Honest,
    /// Lets anybody in, and asks for no signature.
    Open,
    /// Answers 200 to a condition that it does not know.
    Overwrites,
    /// Stores a part and breaks off before it says so, each time it is asked first.
    LosesAnswers,
    /// Says that it stored a part, and did not.
    Forgets,
}

/// A server of this process over a folder; it ends with the process.
pub(super) fn within_the_test(manner: Manner) -> SocketAddr {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    if manner != Manner::Open {
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    }
    let service = service.build();
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    RUNTIME.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            let service = service_fn(move |request| answer(service.clone(), manner, request));
            tokio::spawn(async move {
                let server = Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

async fn answer(
    service: S3Service,
    manner: Manner,
    mut request: Request<Incoming>,
) -> Result<Response<s3s::Body>, HttpError> {
    let is_part = request.method() == Method::PUT && request.headers().contains_key(IF_NONE_MATCH);
    match manner {
        Manner::Open => {
            request.headers_mut().remove(AUTHORIZATION);
        }
        Manner::Overwrites => {
            request.headers_mut().remove(IF_NONE_MATCH);
        }
        Manner::Forgets if is_part => {
            return Ok(Response::new(s3s::Body::empty()));
        }
        Manner::Honest | Manner::LosesAnswers | Manner::Forgets => {}
    }
    let answer = service.call(request.map(s3s::Body::from)).await?;
    if manner == Manner::LosesAnswers && is_part && answer.status().is_success() {
        // What a client sees of it is an answer of this kind from whatever stands between.
        return Ok(Response::builder().status(503).body(s3s::Body::empty()).unwrap());
    }
    Ok(answer)
}

/// A SeaweedFS of this test's own.
pub(super) struct Weed {
    child: Child,
    folder: tempfile::TempDir,
    pub(super) address: SocketAddr,
}

impl Weed {
    /// Starts it and waits until it takes requests.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identities = serde_json::json!({"identities": [{
            "name": "admin",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List"],
        }]});
        fs::write(folder.path().join("s3.json"), identities.to_string()).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let [master, volume, filer, port] = [(); 4].map(|()| free_port());
        let mut command = Command::new(program());
        command.current_dir(folder.path()).args(["server", "-dir=data", "-ip=127.0.0.1"]);
        command.args(["-ip.bind=127.0.0.1", "-volume.max=500", "-master.volumeSizeLimitMB=64"]);
        command.args(["-filer", "-s3", "-s3.config=s3.json", "-s3.port.iceberg=0"]);
        for (name, number) in
            [("master", master), ("volume", volume), ("filer", filer), ("s3", port)]
        {
            command.arg(format!("-{name}.port={number}"));
            // Beside each port is one for its inner talk, 10,000 higher unless it is told.
            command.arg(format!("-{name}.port.grpc={}", free_port()));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let weed = Self { child, folder, address: (Ipv4Addr::LOCALHOST, port).into() };
        weed.wait();
        weed
    }

    /// Until a bucket takes an object: the server answers before it can store.
    fn wait(&self) {
        let begun = Instant::now();
        let settings = |endpoint| S3Settings {
            endpoint,
            region: "ap-northeast-1".to_owned(),
            path_style: true,
            authority: None,
            quarantine_bucket: "ready".to_owned(),
            release_bucket: "ready".to_owned(),
            review_bucket: "ready".to_owned(),
        };
        let admin = settings(format!("http://{}", self.address)).client(Some(&credentials()));
        let admin = admin.unwrap();
        let ready = async || {
            let _ = admin.create_bucket().bucket("ready").send().await;
            let put = admin.put_object().bucket("ready").key("ready");
            put.body(ByteStream::from_static(b"ready")).send().await.is_ok()
        };
        while !RUNTIME.block_on(ready()) {
            let folder = self.folder.path().display();
            assert!(begun.elapsed() < Duration::from_secs(60), "weed does not store; {folder}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free at this moment; nobody else of this machine's tests asks for the same.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// As `scripts/setup.sh test` installs it.
fn program() -> PathBuf {
    let installed =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/store/seaweedfs/bin/weed");
    assert!(installed.exists(), "weed is missing: run scripts/setup.sh test");
    installed
}
