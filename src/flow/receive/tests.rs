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
