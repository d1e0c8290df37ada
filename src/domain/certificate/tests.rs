//! What a certificate promises, refusals first.

use super::super::artifact::{ArtifactKind, Declared, Source};
use super::super::finding::Code;
use super::super::id::LinkId;
use super::super::state::Release;
use super::super::submission::Connection;
use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const UNTIL: Timestamp = Timestamp::from_millis(1_795_000_009_000);

fn signer() -> Signer {
    Signer::from_seed(&[3; 32]).unwrap()
}

fn doctor() -> Viewer {
    Viewer { staff: StaffId::new(NOW, [1; 10]), team: Some("skin".into()) }
}

fn digest(byte: u8) -> Sha256Hex {
    Sha256Hex::of_digest([byte; 32])
}

fn certificate() -> Certificate {
    Certificate {
        clinic: ClinicId::new(NOW, [2; 10]),
        submission: SubmissionId::new(NOW, [3; 10]),
        link: LinkId::new(NOW, [6; 10]),
        artifact: ArtifactId::new(NOW, [4; 10]),
        addressee: doctor().staff,
        team: doctor().team,
        released_at: NOW,
        expires_at: UNTIL,
        source_sha256: digest(1),
        rendition_sha256: digest(2),
        rendition_object: ObjectId::new(NOW, [5; 10]),
        media: Media::Jpeg,
        verdict: "clean".into(),
        policy: "1".into(),
        basis: Basis::Policy,
        engines: vec![EngineLine::new("clamav", Some("1.4.6/27800 new"), Some(60))],
        demo: false,
        removed: vec![Removal { code: Code::fixed("gps"), count: 4, bytes: 64 }],
    }
}

fn released(certificate: &Certificate, note: String) -> Artifact {
    let local = "127.0.0.1:8443".parse().unwrap();
    let rendition = Rendition {
        object: certificate.rendition_object,
        media: certificate.media,
        sha256: digest(2),
        size_bytes: 1,
        parts: 1,
        width: 1,
        height: 1,
        pages: 0,
    };
    let basis = certificate.basis.clone();
    let release = Release { rendition, certificate: note, basis, until: UNTIL, evidence: None };
    Artifact {
        id: certificate.artifact,
        submission: certificate.submission,
        link: LinkId::new(NOW, [6; 10]),
        position: 1,
        kind: ArtifactKind::Photo,
        declared: Declared::default(),
        source: Source {
            object: ObjectId::new(NOW, [7; 10]),
            sha256: digest(1),
            size_bytes: 1,
            parts: 1,
        },
        received_at: NOW,
        connection: Connection::new(local, local, "r".into()),
        detected: None,
        hold: None,
        version: 1,
        state: State::Released { since: NOW, release: Box::new(release) },
    }
}

fn try_to_view(change: impl FnOnce(&mut Artifact)) -> Result<(), NotReleased> {
    let certificate = certificate();
    let mut artifact = released(&certificate, certificate.sign(&signer()));
    change(&mut artifact);
    prove(&artifact, &doctor(), &signer().verifier(), NOW).map(drop)
}

fn release_of(artifact: &mut Artifact) -> &mut Release {
    match &mut artifact.state {
        State::Released { release, .. } => release,
        _ => unreachable!("the artifact was made released"),
    }
}

#[test]
fn a_certificate_reads_back_exactly() {
    let mut original = certificate();
    assert_eq!(
        Certificate::verify(&original.sign(&signer()), &signer().verifier()),
        Ok(original.clone())
    );
    original.basis = Basis::Reviewers { reviewers: [doctor().staff, StaffId::new(NOW, [9; 10])] };
    original.team = None;
    // As certificates were before they told what was left out.
    original.removed.clear();
    assert_eq!(Certificate::verify(&original.sign(&signer()), &signer().verifier()), Ok(original));
}

#[test]
fn a_row_without_our_signature_shows_nothing() {
    let forger = Signer::from_seed(&[4; 32]).unwrap();
    let forged = try_to_view(|a| release_of(a).certificate = certificate().sign(&forger));
    assert_eq!(forged, Err(NotReleased::Certificate));
    let unsigned = try_to_view(|a| release_of(a).certificate = String::new());
    assert_eq!(unsigned, Err(NotReleased::Certificate));
}

#[test]
fn a_certificate_serves_no_other_artifact_source_or_rendition() {
    let cases: [fn(&mut Artifact); 5] = [
        |a| a.id = ArtifactId::new(NOW, [8; 10]),
        |a| a.submission = SubmissionId::new(NOW, [8; 10]),
        |a| a.source.sha256 = digest(9),
        |a| release_of(a).rendition.sha256 = digest(9),
        |a| release_of(a).rendition.object = ObjectId::new(NOW, [8; 10]),
    ];
    for case in cases {
        assert_eq!(try_to_view(case), Err(NotReleased::Certificate));
    }
}

#[test]
fn nothing_is_shown_unless_released() {
    assert_eq!(
        try_to_view(|a| a.state = State::Quarantined { since: NOW }),
        Err(NotReleased::State)
    );
    assert_eq!(try_to_view(|_| {}), Ok(()));
}

#[test]
fn a_rendition_is_shown_to_its_addressee_and_their_team_only_and_only_in_time() {
    let certificate = certificate();
    let artifact = released(&certificate, certificate.sign(&signer()));
    let view = |viewer: &Viewer, at| prove(&artifact, viewer, &signer().verifier(), at).map(drop);
    let stranger = Viewer { staff: StaffId::new(NOW, [9; 10]), team: None };
    let colleague = Viewer { team: Some("skin".into()), ..stranger.clone() };
    assert_eq!(view(&stranger, NOW), Err(NotReleased::Addressee));
    assert_eq!(view(&colleague, NOW), Ok(()));
    assert_eq!(view(&doctor(), UNTIL), Err(NotReleased::Expired));
    assert_eq!(view(&doctor(), Timestamp::from_millis(UNTIL.as_millis() - 1)), Ok(()));
    // A row edited to live longer does not outlive the signed date.
    let mut longer = artifact.clone();
    release_of(&mut longer).until = UNTIL.plus(std::time::Duration::from_hours(24));
    let late = prove(&longer, &doctor(), &signer().verifier(), UNTIL).map(drop);
    assert_eq!(late, Err(NotReleased::Expired));
}
