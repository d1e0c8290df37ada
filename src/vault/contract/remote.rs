//! Stores across S3: a server within the test, and a real one.

use std::net::SocketAddr;
use std::sync::LazyLock;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, VersioningConfiguration,
};
use http::header::IF_NONE_MATCH;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::dto::PutObjectInput;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpError, S3Request, S3Result, s3_error};
use sekisho_tools::weed::{Identity, Weed};
use tokio::runtime::Runtime;

use super::super::*;
use super::Backstage;

const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "not-a-secret";
pub(super) const REGION: &str = "ap-northeast-1";

/// Calls of the vault block, so they need a runtime that is somebody else's.
pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Buckets, and the administrator's way into them.
pub(super) struct Remote {
    vault: Vault,
    pub(super) settings: S3Settings,
    admin: Client,
}

impl Remote {
    /// New buckets at a server of the tests' own.
    pub(super) fn at(endpoint: &str) -> Self {
        let server = S3Server {
            endpoint: endpoint.to_owned(),
            region: REGION.to_owned(),
            path_style: true,
            authority: None,
            networks: vec![],
        };
        Self::made(server, "sekisho", &credentials())
    }

    /// New buckets at a server that the environment names.
    pub(super) fn named() -> Self {
        let said = |name| std::env::var(format!("TEST_S3_{name}")).ok();
        let named = |name| said(name).unwrap_or_else(|| panic!("TEST_S3_{name} is not set"));
        let own = S3Credentials {
            access_key: named("ACCESS_KEY"),
            secret_key: named("SECRET_KEY").into(),
        };
        let prefix = format!("sekisho-test-{}", std::process::id());
        let server = S3Server {
            endpoint: named("ENDPOINT"),
            region: named("REGION"),
            path_style: said("PATH_STYLE").is_none_or(|word| word != "no"),
            authority: said("AUTHORITY").map(|file| std::fs::read(file).unwrap()),
            networks: vec![],
        };
        Self::made(server, &prefix, &own)
    }

    fn made(server: S3Server, prefix: &str, own: &S3Credentials) -> Self {
        let settings = S3Settings {
            server,
            quarantine_bucket: format!("{prefix}-quarantine"),
            release_bucket: format!("{prefix}-release"),
            review_bucket: format!("{prefix}-review"),
        };
        let admin = settings.server.client(Some(own)).unwrap();
        // Of the region that is meant where none is named, none may be named.
        let region = Some(settings.server.region.as_str()).filter(|region| *region != "us-east-1");
        let place = region.map(|region| {
            let place = CreateBucketConfiguration::builder();
            place.location_constraint(BucketLocationConstraint::from(region)).build()
        });
        for area in Area::ALL {
            let make = admin.create_bucket().bucket(settings.bucket(area));
            RUNTIME.block_on(make.set_create_bucket_configuration(place.clone()).send()).unwrap();
        }
        Self { vault: vault(&settings, own).unwrap(), settings, admin }
    }

    /// As new, for the next promise.
    pub(super) fn empty(&self) {
        for (area, key) in self.keys() {
            let delete = self.admin.delete_object().bucket(self.settings.bucket(area)).key(key);
            RUNTIME.block_on(delete.send()).unwrap();
        }
    }

    /// Takes the buckets away again.
    pub(super) fn remove(&self) {
        self.empty();
        for area in Area::ALL {
            let delete = self.admin.delete_bucket().bucket(self.settings.bucket(area));
            RUNTIME.block_on(delete.send()).unwrap();
        }
    }

    fn keys(&self) -> Vec<(Area, String)> {
        let mut keys = vec![];
        for area in Area::ALL {
            let list = self.admin.list_objects_v2().bucket(self.settings.bucket(area));
            let list = RUNTIME.block_on(list.send()).unwrap();
            let found = list.contents().iter().filter_map(|found| found.key());
            keys.extend(found.map(|key| (area, key.to_owned())));
        }
        keys
    }

    /// Has a bucket keep what is deleted, or no longer.
    pub(super) fn keep_versions(&self, area: Area, status: BucketVersioningStatus) {
        let versions = VersioningConfiguration::builder().status(status).build();
        let put = self.admin.put_bucket_versioning().bucket(self.settings.bucket(area));
        RUNTIME.block_on(put.versioning_configuration(versions).send()).unwrap();
    }

    /// Has the server delete what is so old.
    pub(super) fn delete_after(&self, area: Area, days: i32) {
        let expiration = LifecycleExpiration::builder().days(days).build();
        let rule = LifecycleRule::builder().id("all").status(ExpirationStatus::Enabled);
        let all = LifecycleRuleFilter::builder().prefix("").build();
        let rule = rule.filter(all).expiration(expiration).build().unwrap();
        let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
        let put = self.admin.put_bucket_lifecycle_configuration();
        let put = put.bucket(self.settings.bucket(area)).lifecycle_configuration(rules);
        RUNTIME.block_on(put.send()).unwrap();
    }

    pub(super) fn put(&self, area: Area, key: &str, bytes: &[u8]) {
        let put = self.admin.put_object().bucket(self.settings.bucket(area)).key(key);
        RUNTIME.block_on(put.body(ByteStream::from(bytes.to_vec())).send()).unwrap();
    }
}

pub(super) fn credentials() -> S3Credentials {
    S3Credentials { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned().into() }
}

pub(super) fn vault(
    settings: &S3Settings,
    credentials: &S3Credentials,
) -> Result<Vault, VaultError> {
    Vault::s3(settings.clone(), credentials, RUNTIME.handle().clone())
}

impl Backstage for Remote {
    fn new() -> Self {
        Self::at(&within_the_test(Manner::Honest))
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
        let read = |(area, key)| {
            let get = self.admin.get_object().bucket(self.settings.bucket(area)).key(key);
            RUNTIME.block_on(async { get.send().await.unwrap().body.collect().await.unwrap() })
        };
        self.keys().into_iter().flat_map(|found| read(found).to_vec()).collect()
    }
}

/// A real server, which takes seconds to start.
pub(super) fn weed() -> Weed {
    let admin = Identity {
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        actions: vec!["Admin".to_owned()],
    };
    Weed::start(&[admin], None).expect("a server")
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
    /// Does not tell the worker whether it keeps versions.
    Secretive,
}

/// A server of this process over a folder; it ends with the process.
pub(super) fn within_the_test(manner: Manner) -> String {
    let folder = tempfile::tempdir().unwrap().keep();
    serve(S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap()), manner)
}

/// Serves what the test made; it ends with the process.
pub(super) fn serve(mut service: S3ServiceBuilder, manner: Manner) -> String {
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    service.set_access(manner);
    let service = service.build();
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
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
    format!("http://{address}")
}

#[async_trait]
impl S3Access for Manner {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        match request.credentials() {
            None if *self != Self::Open => Err(s3_error!(AccessDenied)),
            _ if *self == Self::Secretive && request.s3_op().name() == "GetBucketVersioning" => {
                Err(s3_error!(AccessDenied))
            }
            None | Some(_) => Ok(()),
        }
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        if *self == Self::Overwrites {
            request.input.if_none_match = None;
        }
        Ok(())
    }
}

/// What goes wrong between the store and whoever asks.
async fn answer(
    service: S3Service,
    manner: Manner,
    request: Request<Incoming>,
) -> Result<Response<s3s::Body>, HttpError> {
    let is_part = request.method() == Method::PUT && request.headers().contains_key(IF_NONE_MATCH);
    if manner == Manner::Forgets && is_part {
        return Ok(Response::new(s3s::Body::empty()));
    }
    let answer = service.call(request.map(s3s::Body::from)).await?;
    if manner == Manner::LosesAnswers && is_part && answer.status().is_success() {
        // What a client sees of it is an answer of this kind from whatever stands between.
        return Ok(Response::builder().status(503).body(s3s::Body::empty()).unwrap());
    }
    Ok(answer)
}
