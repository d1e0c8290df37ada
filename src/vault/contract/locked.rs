//! What a bucket with Object Lock promises: on a real server, and on one of the test's that lies.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};
use s3s::dto;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::super::*;
use super::remote::{self, Manner, REGION, RUNTIME};
use super::world::id;

const DAY: Duration = Duration::from_hours(24);
const LOCK: Lock = Lock { mode: LockMode::Compliance, span: DAY };
const UNKEPT: &str = "it does not keep the lock that was asked for, or does not tell it";
const BUCKET: &str = "sekisho-log";

fn server(endpoint: &str) -> S3Server {
    S3Server {
        endpoint: endpoint.to_owned(),
        region: REGION.to_owned(),
        path_style: true,
        authority: None,
        networks: vec![],
    }
}

fn bucket(endpoint: &str, name: &str) -> LockedBucket {
    LockedBucket::open(&server(endpoint), &remote::credentials(), name, "log", LOCK).unwrap()
}

/// A server compares with its own clock.
#[expect(clippy::disallowed_methods, reason = "the server under test reads the same clock")]
fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(now.as_millis().try_into().unwrap())
}

fn probe(bucket: &LockedBucket, n: u8) -> Result<(), VaultError> {
    RUNTIME.block_on(bucket.probe(id(n), now()))
}

#[test]
fn a_real_server_keeps_what_is_locked_against_everybody() {
    let weed = remote::weed();
    let admin = server(&weed.endpoint()).client(Some(&remote::credentials())).unwrap();
    let locked = bucket(&weed.endpoint(), BUCKET).with_page(2);
    RUNTIME.block_on(async {
        let make = admin.create_bucket().bucket(BUCKET).object_lock_enabled_for_bucket(true);
        make.send().await.unwrap();
        admin.create_bucket().bucket("sekisho-plain").send().await.unwrap();
    });
    let plain = probe(&bucket(&weed.endpoint(), "sekisho-plain"), 1);
    assert!(matches!(plain, Err(VaultError::Unsafe("its bucket has no Object Lock"))));
    assert!(matches!(probe(&bucket(&weed.endpoint(), "sekisho-none"), 1), Err(VaultError::Io(_))));
    probe(&locked, 2).unwrap();
    let ours = Backstop { expires_days: Some(1), ends_uploads: true };
    assert_eq!(RUNTIME.block_on(locked.set_backstop()).unwrap(), ours);
    assert_eq!(RUNTIME.block_on(locked.backstop()).unwrap(), ours);
    // Content, which must be purged, is not kept there.
    let [quarantine_bucket, release_bucket, review_bucket] = [(); 3].map(|()| BUCKET.to_owned());
    let server = server(&weed.endpoint());
    let settings = S3Settings { server, quarantine_bucket, release_bucket, review_bucket };
    let vault = remote::vault(&settings, &remote::credentials()).unwrap();
    let refused = vault.probe(Area::Release, id(3), &[]);
    assert!(matches!(refused, Err(VaultError::Unsafe("its bucket locks what must be purged"))));
    RUNTIME.block_on(async {
        let start = now();
        for name in ["1", "2", "3"] {
            locked.put(name, name.as_bytes(), start).await.unwrap();
            locked.put(name, name.as_bytes(), now()).await.expect("it is there already");
        }
        let other = locked.put("1", b"other", now()).await;
        assert!(matches!(other, Err(VaultError::Exists)));
        assert!(matches!(locked.read("4").await, Err(VaultError::Missing)));

        // The administrator, who may do everything, tries to be rid of the first.
        let head = admin.head_object().bucket(BUCKET).key("log/1").send().await.unwrap();
        assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Compliance));
        let version = head.version_id().unwrap();
        let delete = admin.delete_object().bucket(BUCKET).key("log/1").version_id(version);
        delete.bypass_governance_retention(true).send().await.unwrap_err();
        for mode in [ObjectLockRetentionMode::Compliance, ObjectLockRetentionMode::Governance] {
            let sooner = aws_sdk_s3::primitives::DateTime::from_secs(now().as_millis() / 1000 + 60);
            let sooner =
                ObjectLockRetention::builder().mode(mode).retain_until_date(sooner).build();
            let shorten =
                admin.put_object_retention().bucket(BUCKET).key("log/1").retention(sooner);
            shorten.bypass_governance_retention(true).send().await.unwrap_err();
        }
        // They hide it and write over it: every version is read, the locked one among them.
        admin.delete_object().bucket(BUCKET).key("log/1").send().await.unwrap();
        let over = admin.put_object().bucket(BUCKET).key("log/2").body(b"forged".to_vec().into());
        over.send().await.unwrap();
        let large = admin.put_object().bucket(BUCKET).key("log/9").body(vec![0; 99_999].into());
        large.send().await.unwrap();
        let mut all = locked.read_all().await.unwrap();
        all.sort_by(|a, b| a.untrusted_bytes.cmp(&b.untrusted_bytes));
        let seen: Vec<_> = all
            .iter()
            .map(|it| (&*it.untrusted_name, &*it.untrusted_bytes, it.until.is_some()))
            .collect();
        assert_eq!(
            seen,
            [
                ("9", &b""[..], false),
                ("1", b"1", true),
                ("2", b"2", true),
                ("3", b"3", true),
                ("2", b"forged", false)
            ]
        );
        let until = all.iter().filter_map(|copy| copy.until).min().unwrap();
        assert!(until >= start.plus(DAY), "{until}");
    });
}

#[test]
fn a_server_that_does_not_keep_what_it_promises_is_found_out() {
    let said = |lie: Lie| {
        let manner = if lie == Lie::LetsAnybodyLook { Manner::Open } else { Manner::Honest };
        let service = S3ServiceBuilder::new(Liar { lie, versions: Mutex::default() });
        let locked = bucket(&remote::serve(service, manner), BUCKET);
        let probe = probe(&locked, 1);
        let put = RUNTIME.block_on(locked.put("1", b"1", now()));
        let text = |it: Result<(), VaultError>| match it {
            Ok(()) => "",
            Err(VaultError::Unsafe(said)) => said,
            Err(other) => panic!("{lie:?}: {other:?}"),
        };
        (text(probe), text(put))
    };
    assert_eq!(said(Lie::None), ("", ""));
    assert_eq!(said(Lie::LetsAnybodyLook), ("anybody may list its bucket", ""));
    assert_eq!(said(Lie::HasNoLock), ("its bucket has no Object Lock", ""));
    assert_eq!(said(Lie::Overwrites), ("it writes over what is there", ""));
    assert_eq!(said(Lie::ForgetsLocks), (UNKEPT, UNKEPT));
    assert_eq!(said(Lie::Shortens), ("it lets a lock be shortened", ""));
    assert_eq!(said(Lie::ShortensAndSaysNo), (UNKEPT, ""));
    assert_eq!(said(Lie::Deletes), ("it deletes what is locked", ""));
    assert_eq!(said(Lie::DeletesAndSaysNo), ("it deletes what is locked", ""));
}

#[test]
fn a_server_that_ignores_a_rule_is_seen_to() {
    let service = S3ServiceBuilder::new(Liar { lie: Lie::None, versions: Mutex::default() });
    let ignores = bucket(&remote::serve(service, Manner::Honest), BUCKET);
    assert_eq!(RUNTIME.block_on(ignores.set_backstop()).unwrap(), Backstop::default());
}

#[test]
fn a_server_without_locks_or_without_an_answer_is_no_bucket_for_them() {
    let fs = bucket(&remote::within_the_test(Manner::Honest), BUCKET);
    assert!(matches!(probe(&fs, 1), Err(VaultError::Unsafe("its bucket has no Object Lock"))));
    let absent = bucket("http://127.0.0.1:1", BUCKET);
    assert!(matches!(probe(&absent, 1), Err(VaultError::Io(_))));
    let put = RUNTIME.block_on(absent.put("1", b"1", now()));
    assert!(matches!(put, Err(VaultError::Io(_))));
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    None,
    LetsAnybodyLook,
    HasNoLock,
    Overwrites,
    ForgetsLocks,
    Shortens,
    ShortensAndSaysNo,
    Deletes,
    DeletesAndSaysNo,
}

/// A bucket with Object Lock in memory, which keeps all but one of its promises.
struct Liar {
    lie: Lie,
    versions: Mutex<Vec<Version>>,
}

struct Version {
    key: String,
    bytes: Bytes,
    mode: Option<dto::ObjectLockMode>,
    until: Option<dto::Timestamp>,
}

impl Liar {
    /// The version asked for, or the last of a key.
    fn find(versions: &[Version], key: &str, version: Option<&String>) -> S3Result<usize> {
        let found = match version {
            Some(version) => version.parse().ok().filter(|n| *n < versions.len()),
            None => versions.iter().rposition(|it| it.key == key),
        };
        found.filter(|n| versions[*n].key == key).ok_or(s3_error!(NoSuchKey))
    }
}

#[async_trait]
impl S3 for Liar {
    async fn list_objects_v2(
        &self,
        _: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        Ok(S3Response::new(dto::ListObjectsV2Output::default()))
    }

    async fn get_object_lock_configuration(
        &self,
        _: S3Request<dto::GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetObjectLockConfigurationOutput>> {
        if self.lie == Lie::HasNoLock {
            return Err(s3_error!(ObjectLockConfigurationNotFoundError));
        }
        let enabled = dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED);
        let lock = dto::ObjectLockConfiguration {
            object_lock_enabled: Some(enabled),
            ..Default::default()
        };
        let object_lock_configuration = Some(lock);
        Ok(S3Response::new(dto::GetObjectLockConfigurationOutput { object_lock_configuration }))
    }

    async fn put_object(
        &self,
        request: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        let input = request.input;
        let body = S3Response::new(input.body.unwrap()).output;
        let bytes = s3s::Body::from(body).store_all_limited(1 << 20).await.unwrap();
        let mut versions = self.versions.lock().unwrap();
        let is_taken = versions.iter().any(|it| it.key == input.key);
        if is_taken && input.if_none_match.is_some() && self.lie != Lie::Overwrites {
            return Err(s3_error!(PreconditionFailed));
        }
        let (mode, until) = match self.lie {
            Lie::ForgetsLocks => (None, None),
            _ => (input.object_lock_mode, input.object_lock_retain_until_date),
        };
        versions.push(Version { key: input.key, bytes, mode, until });
        let version_id = Some((versions.len() - 1).to_string());
        Ok(S3Response::new(dto::PutObjectOutput { version_id, ..Default::default() }))
    }

    async fn get_object(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = request.input;
        let versions = self.versions.lock().unwrap();
        let found = Self::find(&versions, &input.key, input.version_id.as_ref())?;
        let Version { bytes, mode, until, .. } = &versions[found];
        Ok(S3Response::new(dto::GetObjectOutput {
            body: Some(s3s::Body::from(bytes.clone()).into()),
            content_length: bytes.len().try_into().ok(),
            object_lock_mode: mode.clone(),
            object_lock_retain_until_date: until.clone(),
            ..Default::default()
        }))
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        _: S3Request<dto::PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketLifecycleConfigurationOutput>> {
        Ok(S3Response::new(dto::PutBucketLifecycleConfigurationOutput::default()))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        _: S3Request<dto::GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLifecycleConfigurationOutput>> {
        Err(s3_error!(NoSuchLifecycleConfiguration))
    }

    async fn put_object_retention(
        &self,
        request: S3Request<dto::PutObjectRetentionInput>,
    ) -> S3Result<S3Response<dto::PutObjectRetentionOutput>> {
        let input = request.input;
        let mut versions = self.versions.lock().unwrap();
        let found = Self::find(&versions, &input.key, input.version_id.as_ref())?;
        let until = input.retention.and_then(|it| it.retain_until_date);
        let is_shorter = until < versions[found].until;
        if !is_shorter || [Lie::Shortens, Lie::ShortensAndSaysNo].contains(&self.lie) {
            versions[found].until = until;
        }
        if is_shorter && self.lie != Lie::Shortens {
            return Err(s3_error!(AccessDenied));
        }
        Ok(S3Response::new(dto::PutObjectRetentionOutput::default()))
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let input = request.input;
        let mut versions = self.versions.lock().unwrap();
        let found = Self::find(&versions, &input.key, input.version_id.as_ref())?;
        if [Lie::Deletes, Lie::DeletesAndSaysNo].contains(&self.lie) {
            versions[found].key.clear();
        }
        match self.lie {
            Lie::Deletes => Ok(S3Response::new(dto::DeleteObjectOutput::default())),
            _ => Err(s3_error!(AccessDenied)),
        }
    }
}
