//! For tests of the doors for staff: people who sign in, and artifacts in every state, put there by
//! the domain's own transitions and sealed by the vault as a worker would.

use totp_rs::Builder;

use crate::app::{App, Commit, WorkerKeys};
use crate::domain::artifact::{ArtifactKind, Declared, Source};
use crate::domain::authority::{Signed, Signer};
use crate::domain::certificate::{Certificate, EngineLine};
use crate::domain::content::{Area, Evidence, Preview, SealedObject};
use crate::domain::event::Role;
use crate::domain::evidence::{Details, Part, Removal, RuleWords, Window};
use crate::domain::finding::{Engine, EngineOutcome, EngineReport, Reason, SignatureSet};
use crate::domain::limits::Limits;
use crate::domain::policy::{Persistence, Verdict};
use crate::domain::retention::Retention;
use crate::domain::staff::StaffRole;
use crate::domain::state::{Basis, Media, Release, Rendition, StateName};
use crate::domain::submission::{Connection, ReceiptNumber, Submission};
use crate::domain::{
    Action, Actor, ApprovalId, Artifact, ArtifactId, Change, Code, Finding, ObjectId, Severity,
    State, SubmissionId, Timestamp,
};
use crate::flow::link::IssuedLink;
use crate::flow::people::AddedStaff;
use crate::http::{machines, portal, review};
use crate::ops::KeyFile;
use crate::testing::{Browser, PASSWORD, TestApp};
use crate::vault::{PartLength, Sealer};

/// What every released picture of a test holds, and nothing else does.
pub(in crate::http) const PIXELS: &[u8] = b"\xff\xd8 pixels of a released rendition";

pub(in crate::http) struct World {
    pub(in crate::http) app: TestApp,
    /// Whom every link of [`TestApp::link`] names.
    pub(in crate::http) doctor: AddedStaff,
    pub(in crate::http) certificate_signer: Signer,
}

impl World {
    pub(in crate::http) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(in crate::http) async fn with_limits(limits: Limits) -> Self {
        let app = TestApp::with_limits(limits).await;
        let path = app.config.file.parent().expect("a folder").join("keys/worker.keys");
        let file = KeyFile::open(&path, Role::Worker).expect("a key file");
        let certificate_signer = WorkerKeys::read(file).expect("keys").certificate_signer;
        let doctor = app.staff("doctor", StaffRole::Doctor).await;
        Self { app, doctor, certificate_signer }
    }

    /// The same world, where releases are signed by a key of someone else's.
    pub(in crate::http) fn with_another_worker(self) -> Self {
        let certificate_signer = Signer::from_seed(&[9; 32]).expect("a key");
        Self { certificate_signer, ..self }
    }

    pub(in crate::http) fn portal(&self) -> Browser {
        let router = portal::router(self.app.portal.clone(), &self.app.config);
        Browser::new(&self.app, router, "portal.localhost")
    }

    pub(in crate::http) fn review(&self) -> Browser {
        let router = review::router(self.app.review.clone(), &self.app.config);
        Browser::new(&self.app, router, "review.localhost")
    }

    pub(in crate::http) fn machines(&self) -> axum::Router {
        machines::router(self.app.portal.clone())
    }

    /// Someone signed in at their own door, on a fresh TOTP step.
    pub(in crate::http) async fn signed_in(&self, person: &AddedStaff) -> Browser {
        let mut browser = self.half_signed_in(person).await;
        let answer = browser.post("/factor", &format!("code={}", self.code(person))).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
        browser
    }

    /// Someone who gave the password only.
    pub(in crate::http) async fn half_signed_in(&self, person: &AddedStaff) -> Browser {
        let mut browser = match person.staff.role {
            StaffRole::Doctor => self.portal(),
            StaffRole::Reviewer | StaffRole::Reception | StaffRole::Administrator => self.review(),
        };
        let form = format!("login={}&password={}", person.staff.login, PASSWORD.replace(' ', "+"));
        let answer = browser.post("/signin", &form).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/factor"));
        browser
    }

    /// The one-time code of now.
    pub(in crate::http) fn code(&self, person: &AddedStaff) -> String {
        let secret = person.totp_secret.to_vec();
        let totp = Builder::new().with_secret(secret).with_digits(6).with_step_duration(30);
        let seconds = self.now().as_millis() / 1000;
        totp.build()
            .expect("a secret")
            .generate(u64::try_from(seconds).expect("after 1970"))
            .to_string()
    }

    pub(in crate::http) fn now(&self) -> Timestamp {
        self.base().clock.read()
    }

    /// Puts an artifact into a state along the path that leads there.
    pub(in crate::http) async fn artifact(&self, link: &IssuedLink, state: StateName) -> Artifact {
        let artifact = self.received(link).await;
        match state {
            StateName::Quarantined => artifact,
            StateName::InReview => self.in_review(artifact, suspicious()).await,
            StateName::Approved => {
                let artifact = self.in_review(artifact, suspicious()).await;
                let id = |n| ApprovalId::new(self.now(), [n; 10]);
                self.commit(artifact.approve([id(1), id(2)], self.stamp()).unwrap().into()).await
            }
            StateName::Released => self.released(artifact, link, Media::Jpeg, PIXELS).await,
            StateName::Rejected => {
                let reason = Reason::plain(Engine::Yara, "rule_match");
                self.commit(artifact.reject(reason, None, self.stamp()).unwrap().into()).await
            }
            StateName::Purged => {
                let retention = Retention { quarantined_days: 0, ..self.base().retention };
                self.commit(artifact.purge(&retention, self.stamp()).unwrap().into()).await
            }
        }
    }

    /// A photo, sealed and acknowledged, in a visit of its own.
    pub(in crate::http) async fn received(&self, link: &IssuedLink) -> Artifact {
        let app = self.base();
        let submission = Submission {
            id: SubmissionId::new(self.now(), app.random.bytes().unwrap()),
            link: link.link.id,
            receipt: ReceiptNumber::new(app.random.bytes().unwrap()),
            agreement_version: "1".to_owned(),
            agreed_at: self.now(),
            opened_at: self.now(),
        };
        let event = app.event(app.itself(), Action::SubmissionOpen).unwrap();
        app.db.create_submission(&submission, &event).await.unwrap();
        self.received_in(link, submission.id, 1).await
    }

    pub(in crate::http) async fn received_in(
        &self,
        link: &IssuedLink,
        submission: SubmissionId,
        position: u16,
    ) -> Artifact {
        let id = ArtifactId::new(self.now(), self.base().random.bytes().unwrap());
        let object = ObjectId::new(self.now(), self.base().random.bytes().unwrap());
        let bytes = b"\xff\xd8 the patient's own bytes";
        let sealed = self.seal(Area::Quarantine, object, id, bytes).await;
        let source = Source {
            object: sealed.object,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: 1,
        };
        let address = ([192, 0, 2, 7], 50_000).into();
        let connection = Connection::new(address, address, "r".to_owned());
        let artifact = Artifact {
            id,
            submission,
            link: link.link.id,
            position,
            kind: ArtifactKind::Photo,
            declared: Declared::from_untrusted(Some("IMG_1.jpg"), Some("image/jpeg")),
            source,
            received_at: self.now(),
            connection,
            detected: None,
            hold: None,
            version: 0,
            state: State::Quarantined { since: self.now() },
        };
        let change = artifact.receive(self.stamp());
        self.commit(Commit { change, lease: None, upload: None, objects: vec![sealed] }).await
    }

    pub(in crate::http) async fn in_review(
        &self,
        artifact: Artifact,
        verdict: Verdict,
    ) -> Artifact {
        let signer = &self.certificate_signer;
        let write = |it: Evidence| Signed::sign(&it, signer).unwrap().to_text();
        self.in_review_on(artifact, verdict, write).await
    }

    /// In review on evidence that `write` puts on paper; the log names the evidence it is given.
    pub(in crate::http) async fn in_review_on(
        &self,
        artifact: Artifact,
        verdict: Verdict,
        write: impl FnOnce(Evidence) -> String,
    ) -> Artifact {
        let object = ObjectId::new(self.now(), self.base().random.bytes().unwrap());
        let evidence = Evidence {
            artifact: artifact.id,
            object,
            fence: 1,
            at: self.now(),
            verdict: verdict.clone(),
            detected_type: "jpeg".to_owned(),
            reports: vec![report(Engine::Type, self.now()), report(Engine::Clamav, self.now())],
            details: details(),
            preview: Some(Preview::Image { jpeg_base64: "/9j/4AAQ".to_owned() }),
        };
        let fence = evidence.fence;
        let written = write(evidence);
        let sealed = self.seal(Area::Review, object, artifact.id, written.as_bytes()).await;
        let artifact = Artifact { detected: Some(Code::fixed("jpeg")), ..artifact };
        let change = artifact.send_to_review(verdict, Some(object), self.stamp()).unwrap();
        let event = change.event.fact("evidence", &object).fact("fence", &fence);
        let change = Change { event, ..change };
        self.commit(Commit { change, lease: None, upload: None, objects: vec![sealed] }).await
    }

    pub(in crate::http) async fn released(
        &self,
        artifact: Artifact,
        link: &IssuedLink,
        media: Media,
        bytes: &[u8],
    ) -> Artifact {
        let object = ObjectId::new(self.now(), self.base().random.bytes().unwrap());
        let sealed = self.seal(Area::Release, object, artifact.id, bytes).await;
        let until = self.now().plus(self.base().retention.stay(StateName::Released));
        let rendition = Rendition {
            object: sealed.object,
            media,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: 1,
            width: 1200,
            height: 900,
            pages: 0,
        };
        let certificate = self.certificate(&artifact, link, &rendition, until);
        let certificate = certificate.sign(&self.certificate_signer);
        let basis = Basis::Policy;
        let release = Release { rendition, certificate, basis, until, evidence: None };
        let change = artifact.release(release, self.stamp()).unwrap();
        self.commit(Commit { change, lease: None, upload: None, objects: vec![sealed] }).await
    }

    fn certificate(
        &self,
        artifact: &Artifact,
        link: &IssuedLink,
        rendition: &Rendition,
        until: Timestamp,
    ) -> Certificate {
        Certificate {
            clinic: link.link.clinic,
            submission: artifact.submission,
            link: artifact.link,
            artifact: artifact.id,
            addressee: link.link.doctor,
            team: link.link.team.clone(),
            released_at: self.now(),
            expires_at: until,
            source_sha256: artifact.source.sha256.clone(),
            rendition_sha256: rendition.sha256.clone(),
            rendition_object: rendition.object,
            media: rendition.media,
            verdict: "clean".to_owned(),
            policy: "1".to_owned(),
            basis: Basis::Policy,
            engines: vec![
                EngineLine::new("type", None, None),
                EngineLine::new("yara", Some("2026.11"), None),
                EngineLine::new("clamav", Some("27831"), Some(7300)),
            ],
            demo: false,
            removed: vec![Removal { code: Code::fixed("gps"), count: 4, bytes: 64 }],
        }
    }

    async fn seal(
        &self,
        area: Area,
        object: ObjectId,
        artifact: ArtifactId,
        bytes: &[u8],
    ) -> SealedObject {
        let app = self.base();
        let length = PartLength::new(PartLength::MAX).unwrap();
        let mut sealer = Sealer::new(&app.vault, area, object, length).unwrap();
        let mut hash = sealer.content_hash();
        sealer.write(&hash.take(bytes)).unwrap();
        let recipient = app.public.recipient(area).to_string();
        let (sealed, wrap) = sealer.finish(hash, &recipient, artifact).unwrap();
        app.db.put_wrap(&wrap).await.unwrap();
        sealed
    }

    async fn commit(&self, commit: Commit<'_>) -> Artifact {
        self.base().db.commit(commit).await.unwrap()
    }

    fn stamp(&self) -> crate::domain::artifact::Stamp {
        let worker = Actor::Service { role: Role::Worker };
        self.base().stamp(worker, self.now()).unwrap()
    }

    fn base(&self) -> &App {
        &self.app.review.app
    }
}

pub(in crate::http) fn suspicious() -> Verdict {
    Verdict::Suspicious { reason: Reason::plain(Engine::Type, "trailing_bytes") }
}

pub(in crate::http) fn unscannable() -> Verdict {
    let reason = Reason::plain(Engine::Clamav, "timeout");
    Verdict::Unscannable { reason, persistence: Persistence::Passing }
}

fn report(engine: Engine, now: Timestamp) -> EngineReport {
    let code = Code::fixed("trailing_bytes");
    let finding = Finding::new(engine, code, Severity::Suspicious, "512 bytes after EOI");
    EngineReport {
        engine,
        outcome: EngineOutcome::Complete,
        findings: vec![finding.at(4_718_592)],
        set: (engine == Engine::Clamav).then(|| SignatureSet {
            version: "27831".to_owned(),
            made_at: Some(now),
            demo: false,
        }),
        took_us: 41_230,
    }
}

/// One of each thing that evidence tells beside findings.
fn details() -> Details {
    Details {
        removed: vec![Removal { code: Code::fixed("gps"), count: 4, bytes: 64 }],
        parts: vec![Part::new(0, "APP1", (2, 4096), 1)],
        rules: vec![RuleWords::new("rule", "In English", "日本語で")],
        windows: vec![Window { about: 16, offset: 0, hex: hex::encode("secret bytes") }],
    }
}
