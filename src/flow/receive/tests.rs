//! What receiving promises beyond what the door's tests show.

use super::*;
use crate::domain::secret::SessionToken;
use crate::domain::staff::{Holder, Session};
use crate::flow::open::FirstSecret;
use crate::flow::sign_in;
use crate::testing::{BIRTH_DATE, TestApp};
use crate::vault::{Vault, VaultError};

/// A patient who has opened a link of their own and agreed.
pub(in crate::flow) struct Begun {
    pub(in crate::flow) token: SessionToken,
    pub(in crate::flow) session: Session,
    pub(in crate::flow) link: LinkId,
    pub(in crate::flow) submission: SubmissionId,
}

pub(in crate::flow) async fn patient(app: &TestApp) -> Begun {
    let intake = &app.intake;
    let issued = app.link().await;
    let first = FirstSecret::Link(issued.secret);
    let (token, _): (SessionToken, _) =
        open::open(intake, &first, BIRTH_DATE, [192, 0, 2, 7].into()).await.expect("opens");
    let session = sign_in::session(&intake.app, &intake.keys.session_key, &token).await;
    let session = session.expect("a session");
    let Holder::Patient { link, .. } = session.holder else { unreachable!("a patient's session") };
    let asked = open::link_of(intake, link).await.expect("a link");
    let (session, submission) =
        open::agree(intake, &session, &asked, "1", "1").await.expect("agrees");
    Begun { token, session, link, submission: submission.id }
}

pub(in crate::flow) async fn begun(app: &TestApp) -> (LinkId, SubmissionId) {
    let begun = patient(app).await;
    (begun.link, begun.submission)
}

/// A file that a patient has sent.
pub(in crate::flow) async fn received(app: &TestApp, content: &'static [u8]) -> Artifact {
    let intake = &app.intake;
    let (link, submission) = begun(app).await;
    let mut visit = visit(intake, link, Some(submission)).await.expect("a visit");
    let local = "127.0.0.1:8443".parse().expect("an address");
    let connection = Connection::new(local, local, "r".into());
    let place = visit.take_place(intake).await.expect("a place");
    let kind = ArtifactKind::Photo;
    let begun = visit.begin(intake, &place, kind, Declared::default(), connection).await;
    let mut upload = begun.expect("begins");
    visit.take(intake, &mut upload, Bytes::from_static(content)).await.expect("takes");
    visit.finish(intake, upload).await.expect("is kept")
}

#[tokio::test]
async fn two_uploads_of_one_visit_at_once_are_both_kept_at_places_of_their_own() {
    let app = TestApp::new().await;
    let (link, submission) = begun(&app).await;
    let intake = &app.intake;
    let local = "127.0.0.1:8443".parse().expect("an address");
    let mut visits = Vec::new();
    for content in [&b"one"[..], b"two"] {
        let visit = visit(intake, link, Some(submission)).await.expect("a visit");
        let connection = Connection::new(local, local, "r".into());
        let kind = ArtifactKind::Photo;
        let place = visit.take_place(intake).await.unwrap();
        let begun = visit.begin(intake, &place, kind, Declared::default(), connection).await;
        let mut upload = begun.expect("begins");
        visit.take(intake, &mut upload, Bytes::from_static(content)).await.expect("takes");
        visits.push((visit, upload));
    }
    let mut positions = Vec::new();
    for (mut visit, upload) in visits {
        positions.push(visit.finish(intake, upload).await.expect("is kept").position);
    }
    assert_eq!(positions, [1, 2]);
    let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
    assert_eq!(receipt.artifacts.len(), 2);
}

#[tokio::test]
async fn forms_sent_at_once_pass_no_limit_together() {
    for limits in [
        Limits { submission_files: 1, ..Limits::default() },
        Limits { submission_bytes: 4, ..Limits::default() },
    ] {
        let app = TestApp::with_limits(limits).await;
        let (link, submission) = begun(&app).await;
        let intake = &app.intake;
        let local = "127.0.0.1:8443".parse().expect("an address");
        let mut visits = Vec::new();
        for content in [&b"one"[..], b"two"] {
            let visit = visit(intake, link, Some(submission)).await.expect("a visit");
            let connection = Connection::new(local, local, "r".into());
            let kind = ArtifactKind::Photo;
            let place = visit.take_place(intake).await.unwrap();
            let begun = visit.begin(intake, &place, kind, Declared::default(), connection).await;
            let mut upload = begun.expect("begins");
            visit.take(intake, &mut upload, Bytes::from_static(content)).await.expect("takes");
            visits.push((visit, upload));
        }
        let (mut taken, mut refused) = (0, 0);
        for (mut visit, upload) in visits {
            match visit.finish(intake, upload).await {
                Ok(_) => taken += 1,
                Err(FlowError::Refused(Refusal::TooManyFiles | Refusal::SubmissionTooLarge)) => {
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((taken, refused), (1, 1));
        let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
        assert_eq!(receipt.artifacts.len(), 1);
    }
}

#[tokio::test]
async fn a_full_store_takes_no_file_and_says_so() {
    let app = TestApp::new().await;
    let (link, submission) = begun(&app).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut intake = app.intake.clone();
    intake.app.vault = Vault::local(folder.path(), u64::MAX).expect("a store");
    let visit = visit(&intake, link, Some(submission)).await.expect("a visit");
    let local = "127.0.0.1:8443".parse().expect("an address");
    let connection = Connection::new(local, local, "r".into());
    let kind = ArtifactKind::Photo;
    let place = visit.take_place(&intake).await.expect("a place");
    let refused =
        visit.begin(&intake, &place, kind, Declared::default(), connection).await.map(drop);
    assert!(matches!(refused, Err(FlowError::Vault(VaultError::Full))));
    let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
    assert!(receipt.artifacts.is_empty());
}

/// Begins a file and brings its bytes.
async fn brought(intake: &Intake, visit: &Visit) -> Result<Upload, FlowError> {
    let place = visit.take_place(intake).await?;
    let local = "127.0.0.1:8443".parse().expect("an address");
    let connection = Connection::new(local, local, "r".into());
    let kind = ArtifactKind::Photo;
    let mut upload = visit.begin(intake, &place, kind, Declared::default(), connection).await?;
    visit.take(intake, &mut upload, Bytes::from_static(b"content")).await?;
    Ok(upload)
}

async fn send(intake: &Intake, visit: &mut Visit) -> Result<Artifact, FlowError> {
    let upload = brought(intake, visit).await?;
    visit.finish(intake, upload).await
}

#[tokio::test]
async fn a_visit_counts_what_another_of_its_submission_has_sent_since() {
    let app = TestApp::with_limits(Limits { submission_files: 3, ..Limits::default() }).await;
    let (link, submission) = begun(&app).await;
    let intake = &app.intake;
    let mut older = visit(intake, link, Some(submission)).await.expect("a visit");
    let mut newer = visit(intake, link, Some(submission)).await.expect("a visit");
    for _ in 0..2 {
        send(intake, &mut newer).await.expect("is kept");
    }
    assert_eq!(send(intake, &mut older).await.expect("at the limit").position, 3);
    for visit in [&mut older, &mut newer] {
        let refused = send(intake, visit).await.expect_err("over it");
        assert!(matches!(refused, FlowError::Refused(Refusal::TooManyFiles)), "{refused}");
    }
    let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
    assert_eq!(receipt.artifacts.len(), 3);
}

#[tokio::test]
async fn what_was_announced_since_a_form_began_leaves_it_no_place() {
    let app = TestApp::with_limits(Limits { submission_files: 2, ..Limits::default() }).await;
    let Begun { token, session, link, submission } = patient(&app).await;
    let intake = &app.intake;
    let mut form = visit(intake, link, Some(submission)).await.expect("a visit");
    for _ in 0..2 {
        let visit = visit(intake, link, Some(submission)).await.expect("a visit");
        let announced = visit.announce(intake, &session, &token, 7, Declared::default()).await;
        announced.expect("at the limit");
    }
    let refused = send(intake, &mut form).await.expect_err("over it");
    assert!(matches!(refused, FlowError::Refused(Refusal::TooManyFiles)), "{refused}");
    let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
    assert!(receipt.artifacts.is_empty());
}

#[tokio::test]
async fn what_was_on_its_way_when_its_link_was_revoked_is_not_received() {
    let app = TestApp::new().await;
    let (link, submission) = begun(&app).await;
    let intake = &app.intake;
    let mut visit = visit(intake, link, Some(submission)).await.expect("a visit");
    let upload = brought(intake, &visit).await.expect("begins");
    let by = Actor::Operator { uid: 1000 };
    crate::flow::link::revoke(&app.review, by, link).await.expect("revoked");
    let refused = visit.finish(intake, upload).await.expect_err("too late");
    assert!(matches!(refused, FlowError::Refused(Refusal::LinkNotOpen)), "{refused}");
    let receipt = receipt(&intake.app, Some(submission)).await.expect("a receipt");
    assert!(receipt.artifacts.is_empty());
    let counts = intake.app.refusals.take();
    let codes: Vec<_> = counts.keys().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["link_revoked"]);
}
