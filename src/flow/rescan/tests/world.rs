//! A clinic with files that are stored, and a worker that scans them again.

use bytes::Bytes;

use super::super::*;
use crate::app::{AuditFilter, Commit};
use crate::domain::artifact::{ArtifactKind, Declared, Stamp};
use crate::domain::content::{Area, Wrap};
use crate::domain::event::Role;
use crate::domain::finding::{
    Engine, EngineOutcome, EngineReport, Finding, Reason, Severity, SignatureSet,
};
use crate::domain::limits::Limits;
use crate::domain::state::{Basis, Media, Release, Rendition};
use crate::domain::submission::Connection;
use crate::domain::{Artifact, ObjectId, StaffId};
use crate::flow::receive;
use crate::testing::TestApp;

/// A clinic, the worker's view of it, and a round over what is stored.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) worker: App,
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn sets(number: u8) -> Sets {
    let id = |name: &str| SetId::of_digests(vec![(name.to_owned(), [number; 32])]);
    Sets { clamav: id("c"), yara: id("y") }
}

pub(super) fn reports(findings: Vec<Finding>) -> Vec<EngineReport> {
    let set = Some(SignatureSet { version: "1".into(), made_at: None, demo: false });
    let report = |engine, findings| EngineReport {
        engine,
        outcome: EngineOutcome::Complete,
        findings,
        set: set.clone(),
        took_us: 1,
    };
    vec![report(Engine::Clamav, vec![]), report(Engine::Yara, findings)]
}

pub(super) fn matched(severity: Severity, rule: &str) -> Finding {
    Finding::new(Engine::Yara, Code::fixed("rule_match"), severity, rule)
}

pub(super) fn again(findings: Vec<Finding>) -> Again {
    Again { reports: reports(findings), sets: Some(sets(2)) }
}

pub(super) fn bad() -> Again {
    again(vec![matched(Severity::Malicious, "new_rule")])
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(super) async fn with_limits(limits: Limits) -> Self {
        let app = TestApp::with_limits(limits).await;
        let worker = App { role: Role::Worker, ..app.intake.app.clone() };
        open(&worker, Some(sets(1))).await.unwrap();
        Self { app, worker }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.worker.clock.read()
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.worker.stamp(self.worker.itself(), self.now()).unwrap()
    }

    pub(super) async fn received(&self, content: &str) -> Artifact {
        let intake = &self.app.intake;
        let (link, submission) = receive::tests::begun(&self.app).await;
        let mut visit = receive::visit(intake, link, Some(submission)).await.unwrap();
        let (peer, local) = ("192.0.2.7:50000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
        let connection = Connection::new(peer, local, "r".to_owned());
        let place = visit.take_place(intake).await.unwrap();
        let kind = ArtifactKind::Photo;
        let begun = visit.begin(intake, &place, kind, Declared::default(), connection);
        let mut upload = begun.await.unwrap();
        let content = Bytes::from(content.to_owned());
        visit.take(intake, &mut upload, content).await.unwrap();
        visit.finish(intake, upload).await.unwrap()
    }

    /// Received, scanned with the first sets, and decided about.
    pub(super) async fn decided(
        &self,
        content: &str,
        change: impl FnOnce(Artifact) -> Change,
    ) -> Artifact {
        let lease = self.begun(content).await;
        self.ended(lease, change).await
    }

    /// Received, and a worker has it.
    pub(super) async fn begun(&self, content: &str) -> ScanLease {
        let artifact = self.received(content).await;
        let now = self.now();
        let lease = self.worker.db.lease_next(now, now.plus(SECOND)).await.unwrap().unwrap();
        assert_eq!(lease.artifact().id, artifact.id);
        lease
    }

    /// The worker, which has the first sets, has decided.
    pub(super) async fn ended(
        &self,
        lease: ScanLease,
        change: impl FnOnce(Artifact) -> Change,
    ) -> Artifact {
        self.ended_knowing(lease, vec![], change).await
    }

    /// The same, and this is what its scan found.
    pub(super) async fn ended_knowing(
        &self,
        lease: ScanLease,
        known: Vec<String>,
        change: impl FnOnce(Artifact) -> Change,
    ) -> Artifact {
        let looked = Looked { sets: sets(1), known, at: self.now() };
        let change = change(lease.artifact().clone());
        let lease = lease.after(Some(looked));
        let commit = Commit { change, lease: Some(&lease), upload: None, objects: vec![] };
        self.worker.db.commit(commit).await.unwrap()
    }

    pub(super) async fn released(&self, content: &str) -> (Artifact, ObjectId) {
        let lease = self.begun(content).await;
        self.release(lease).await
    }

    pub(super) async fn release(&self, lease: ScanLease) -> (Artifact, ObjectId) {
        let object = ObjectId::new(self.now(), self.worker.random.bytes().unwrap());
        let (stamp, until) = (self.stamp(), self.now().plus(Duration::from_hours(24 * 30)));
        let release = |artifact: Artifact| {
            let rendition = Rendition {
                object,
                media: Media::Jpeg,
                sha256: artifact.source.sha256.clone(),
                size_bytes: 1,
                parts: 1,
                width: 1,
                height: 1,
                pages: 0,
            };
            let (certificate, basis) = ("signed".to_owned(), Basis::Policy);
            let release = Release { rendition, certificate, basis, until, evidence: None };
            artifact.release(release, stamp).unwrap()
        };
        let artifact = self.ended(lease, release).await;
        let wrap = Wrap { object, artifact: artifact.id, area: Area::Release, sealed: "s".into() };
        self.worker.db.put_wrap(&wrap).await.unwrap();
        (artifact, object)
    }

    pub(super) async fn in_review(&self, content: &str) -> Artifact {
        let reason = Reason::plain(Engine::Type, "trailing_bytes");
        let stamp = self.stamp();
        let review = |artifact: Artifact| {
            artifact.send_to_review(Verdict::Suspicious { reason }, None, stamp).unwrap()
        };
        self.decided(content, review).await
    }

    /// The sets change, and with them begins a round.
    pub(super) async fn changed(&self) -> Round {
        open(&self.worker, Some(sets(2))).await.unwrap();
        self.worker.db.last_round().await.unwrap().unwrap()
    }

    pub(super) async fn due(&self) -> Vec<ArtifactId> {
        self.ahead(&mut Ahead::default()).await
    }

    /// What is due to a worker that has looked before.
    pub(super) async fn ahead(&self, ahead: &mut Ahead) -> Vec<ArtifactId> {
        let round = under_way(&self.worker, &sets(2)).await.unwrap();
        let is_due = look_ahead(&self.worker, round, ahead).await.unwrap().is_some();
        let artifacts: Vec<_> = ahead.artifacts.iter().copied().collect();
        assert_eq!(is_due, !artifacts.is_empty());
        artifacts
    }

    pub(super) async fn lease(&self, round: &Round, id: ArtifactId) -> ScanLease {
        let now = self.now();
        let turn = self.worker.db.lease_rescan(id, round.number, now, now.plus(SECOND)).await;
        match turn.unwrap() {
            RescanTurn::Leased(lease) => *lease,
            other => panic!("{other:?}"),
        }
    }

    /// The artifact's turn, in which the engines say this.
    pub(super) async fn turn(&self, round: &Round, id: ArtifactId, again: Again) -> Turn {
        let lease = self.lease(round, id).await;
        settle(&self.worker, round, lease, again).await.unwrap()
    }

    pub(super) async fn state(&self, id: ArtifactId) -> Artifact {
        self.worker.db.artifact(id).await.unwrap().unwrap()
    }

    pub(super) async fn events(&self, action: Action) -> Vec<Event> {
        let filter =
            AuditFilter { action: Some(action.as_str()), limit: 100, ..AuditFilter::default() };
        self.worker.db.search_events(&filter).await.unwrap()
    }

    pub(super) fn reviewer(&self, role: StaffRole) -> Session {
        let now = self.now();
        let staff = StaffId::new(now, [7; 10]);
        Session {
            digest: String::new(),
            door: Role::Review,
            holder: Holder::Staff { staff, role },
            created_at: now,
            seen_at: now,
            factor_at: Some(now),
        }
    }

    pub(super) async fn said(&self, number: u32, choice: Choice) -> Result<(), FlowError> {
        decide(&self.app.review, &self.reviewer(StaffRole::Reviewer), number, choice).await
    }
}
