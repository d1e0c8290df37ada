//! Promises about opening: nothing but what was written, for nobody but who may.

use super::super::*;
use super::Backstage;
use super::world::{
    MARK, NOW, World, artifact, artifact_id, id, new_identity, new_key, pattern, relabelled, seal,
};
use crate::domain::artifact::{ArtifactKind, Source};
use crate::domain::authority::Signer;
use crate::domain::certificate::{self, Certificate, Released, Viewer};
use crate::domain::content::Area::{Quarantine, Release, Review};
use crate::domain::content::{EvidenceLease, Part, SealedObject, Wrap};
use crate::domain::id::{ArtifactId, ClinicId, LinkId, StaffId, SubmissionId};
use crate::domain::state::{self, Basis, Media, Rendition, Sha256Hex, State};

/// No content of these tests is as large.
const MOST: u64 = 16 << 20;

fn is_altered<T>(result: &Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Altered))
}

fn is_wrong_wrap<T>(result: &Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Wrap))
}

/// The row of a part whose sealed bytes an intruder replaced, made to fit.
fn refit(part: &mut Part, sealed: &[u8]) {
    use sha2::{Digest, Sha256};
    part.sealed_sha256 = Sha256Hex::of_digest(Sha256::digest(sealed).into());
}

pub(super) fn a_changed_byte_is_refused(store: &impl Backstage) {
    let mut world = World::seal(store.vault(), 1, &pattern(MARK + 40));
    for index in [0, 1] {
        let whole = store.sealed(Quarantine, world.object(), index).unwrap();
        let row = world.sealed.parts[index as usize].clone();
        for at in (0..whole.len()).step_by(whole.len() / 19) {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            store.replace(Quarantine, world.object(), index, Some(&changed));
            assert!(is_altered(&world.read()), "byte {at} of part {index}");
            refit(&mut world.sealed.parts[index as usize], &changed);
            assert!(is_altered(&world.read()), "byte {at} of part {index}, row refitted");
            world.sealed.parts[index as usize] = row.clone();
        }
        store.replace(Quarantine, world.object(), index, Some(&whole));
    }
    assert!(world.read().is_ok());
}

pub(super) fn a_part_of_another_length_is_refused(store: &impl Backstage) {
    // A last chunk that is full is where a stream format may overlook what follows.
    for (n, size) in (0..).zip([0, 40, MARK]) {
        let mut world = World::seal(store.vault(), n, &pattern(size));
        let whole = store.sealed(Quarantine, world.object(), 0).unwrap();
        let longer = [whole.as_slice(), &[0; 16]].concat();
        let twice = [whole.as_slice(), &whole].concat();
        let cut = |by| &whole[..whole.len().saturating_sub(by)];
        let lengths = [cut(1), cut(16), cut(65_552), &[], &longer, &twice];
        for changed in lengths {
            store.replace(Quarantine, world.object(), 0, Some(changed));
            assert!(is_altered(&world.read()), "{} bytes", changed.len());
            let row = world.sealed.parts[0].clone();
            refit(&mut world.sealed.parts[0], changed);
            assert!(is_altered(&world.read()), "{} bytes, row refitted", changed.len());
            world.sealed.parts[0] = row;
        }
    }
}

pub(super) fn a_missing_part_is_named_so(store: &impl Backstage) {
    let mut world = World::seal(store.vault(), 1, &pattern(3 * MARK));
    world.sealed.parts[2].index = 3;
    assert!(matches!(world.read(), Err(VaultError::Missing)));
    world.sealed.parts[2].index = 2;
    store.replace(Quarantine, world.object(), 1, None);
    assert!(matches!(world.read(), Err(VaultError::Missing)));
}

pub(super) fn swapped_parts_are_refused(store: &impl Backstage) {
    let mut world = World::seal(store.vault(), 1, &pattern(2 * MARK));
    let sealed = |index| store.sealed(Quarantine, world.object(), index).unwrap();
    let (first, second) = (sealed(0), sealed(1));
    store.replace(Quarantine, world.object(), 0, Some(&second));
    store.replace(Quarantine, world.object(), 1, Some(&first));
    assert!(is_altered(&world.read()));
    // With rows to match, only the hash of the whole tells.
    refit(&mut world.sealed.parts[0], &second);
    refit(&mut world.sealed.parts[1], &first);
    assert!(is_altered(&world.read()));
}

pub(super) fn rows_that_say_something_else_are_refused(store: &impl Backstage) {
    type Lie = fn(&mut World);
    let lies: [(&str, Lie); 10] = [
        ("a part dropped", |w| drop(w.sealed.parts.pop())),
        ("a part and its count dropped", |w| {
            w.sealed.parts.pop();
            w.artifact.source.parts -= 1;
        }),
        ("a part twice", |w| {
            w.sealed.parts.push(w.sealed.parts[1].clone());
        }),
        ("rows in another order", |w| w.sealed.parts.swap(0, 1)),
        ("a part's index", |w| w.sealed.parts[1].index = 0),
        ("a part's length", |w| w.sealed.parts[0].plain_bytes -= 1),
        ("a size too small", |w| w.artifact.source.size_bytes -= 1),
        ("a size too large", |w| w.artifact.source.size_bytes += 1),
        ("a hash", |w| {
            w.artifact.source.sha256 = Sha256Hex::of_digest([7; 32]);
        }),
        ("a sealed hash", |w| {
            w.sealed.parts[1].sealed_sha256 = Sha256Hex::of_digest([7; 32]);
        }),
    ];
    for (n, (what, lie)) in (0..).zip(lies) {
        let mut world = World::seal(store.vault(), n, &pattern(2 * MARK));
        lie(&mut world);
        assert!(is_altered(&world.read()), "{what}");
    }
}

pub(super) fn forged_content_is_refused(store: &impl Backstage) {
    // Whoever can write rows and the store can seal to the public recipient, but not to a hash.
    let mut world = World::seal(store.vault(), 1, b"as received");
    let (forged, wrap) = seal(store.vault(), id(2), b"as planted!", &world.identity);
    let planted = store.sealed(Quarantine, id(2), 0).unwrap();
    store.replace(Quarantine, world.object(), 0, Some(&planted));
    world.wrap = relabelled(&wrap, &world.wrap, &world.identity);
    world.sealed.parts = forged.parts;
    assert!(is_altered(&world.read()));
    // A bomb behind a small size does not fill memory either.
    let (forged, wrap) = seal(store.vault(), id(3), &pattern(MARK), &world.identity);
    let planted = store.sealed(Quarantine, id(3), 0).unwrap();
    store.replace(Quarantine, world.object(), 0, Some(&planted));
    world.wrap = relabelled(&wrap, &world.wrap, &world.identity);
    world.sealed.parts = forged.parts;
    assert!(is_altered(&world.read()));
}

pub(super) fn a_row_that_names_another_origin_opens_nothing(store: &impl Backstage) {
    type Lie = fn(&mut World);
    let lies: [(&str, Lie); 4] = [
        ("another link", |w| w.artifact.link = LinkId::new(NOW, [9; 10])),
        ("another submission", |w| w.artifact.submission = SubmissionId::new(NOW, [9; 10])),
        ("another kind", |w| w.artifact.kind = ArtifactKind::Message),
        ("another artifact", |w| {
            w.artifact.id = ArtifactId::new(NOW, [9; 10]);
            w.wrap.artifact = w.artifact.id;
        }),
    ];
    for (n, (what, lie)) in (0..).zip(lies) {
        let mut world = World::seal(store.vault(), n, b"secret");
        assert!(world.read().is_ok());
        lie(&mut world);
        assert!(matches!(world.read(), Err(VaultError::Redirected)), "{what}");
    }
    // Parts dropped from the end, and rows that fit what is left: the running hash is in the rows.
    let bytes = pattern(2 * MARK);
    let mut world = World::seal(store.vault(), 10, &bytes);
    let (head, _) = seal(store.vault(), id(11), &bytes[..MARK], &world.identity);
    world.sealed.parts.truncate(1);
    world.artifact.source = Source { object: world.object(), ..artifact(&head).source };
    assert!(is_altered(&world.read()));
}

pub(super) fn another_wrap_opens_nothing(store: &impl Backstage) {
    type Lie = fn(&mut World);
    let lies: [(&str, Lie); 5] = [
        ("another object's", |w| w.wrap.object = id(99)),
        ("another artifact's", |w| {
            w.wrap.artifact = ArtifactId::new(NOW, [99; 10]);
        }),
        ("another area's", |w| w.wrap.area = Release),
        ("destroyed", |w| w.wrap.sealed = String::new()),
        ("not base64", |w| w.wrap.sealed.insert(0, '!')),
    ];
    for (n, (what, lie)) in (0..).zip(lies) {
        let mut world = World::seal(store.vault(), n, b"secret");
        assert!(world.read().is_ok());
        lie(&mut world);
        assert!(is_wrong_wrap(&world.read()), "{what}");
    }
    // Another object's key under this object's name opens nothing, nor does it with a label to
    // match.
    let mut world = World::seal(store.vault(), 20, b"secret");
    let (_, other) = seal(store.vault(), id(21), b"secret", &world.identity);
    let matching = relabelled(&other, &world.wrap, &world.identity);
    world.wrap.sealed = other.sealed;
    assert!(is_wrong_wrap(&world.read()));
    world.wrap = matching;
    assert!(is_altered(&world.read()));
}

pub(super) fn another_key_opens_nothing(store: &impl Backstage) {
    let mut world = World::seal(store.vault(), 1, b"secret");
    for area in Area::ALL {
        world.identity = new_identity(area);
        assert!(is_wrong_wrap(&world.read()), "{area:?}");
        // Rows moved to the key's own area do not help: the area is asked for by the method.
        world.wrap.area = area;
        assert!(is_wrong_wrap(&world.read()), "{area:?}");
    }
    // Nor does a key that was given to two areas: it stays the key of the one it is held for.
    let key = new_key();
    let held_for = |area| AreaIdentity::parse(area, &key).unwrap();
    let mut world = World::seal_to(held_for(Quarantine), store.vault(), 2, b"secret");
    assert!(world.read().is_ok());
    world.identity = held_for(Release);
    world.wrap.area = Release;
    assert!(is_wrong_wrap(&world.read()));
    assert!(AreaIdentity::parse(Review, "AGE-SECRET-KEY-1").is_err());
    assert_eq!(format!("{:?}", held_for(Review)), "AreaIdentity(review)");
}

pub(super) fn without_its_wrap_nothing_opens(store: &impl Backstage) {
    // The area's own key does not open a part, so destroying the wrap destroys the content.
    let text = new_key();
    let key: age::x25519::Identity = text.parse().unwrap();
    let identity = AreaIdentity::parse(Quarantine, &text).unwrap();
    seal(store.vault(), id(1), b"secret", &identity);
    let part = store.sealed(Quarantine, id(1), 0).unwrap();
    let decryptor = age::Decryptor::new_buffered(part.as_slice()).unwrap();
    let opened = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity));
    assert!(matches!(opened.err(), Some(age::DecryptError::NoMatchingKeys)));
}

pub(super) fn a_rendition_is_the_certificates(store: &impl Backstage) {
    let identity = new_identity(Release);
    let (sealed, wrap) = seal(store.vault(), id(1), &pattern(MARK + 5), &identity);
    let proof = released(&sealed);
    let vault = store.vault();
    let open = |parts: &[Part], wrap| vault.open_released(&proof, wrap, parts, &identity, MOST);
    assert_eq!(*open(&sealed.parts, &wrap).unwrap(), pattern(MARK + 5));
    assert!(is_altered(&open(&sealed.parts[..1], &wrap)));
    let mut stranger = wrap.clone();
    stranger.artifact = ArtifactId::new(NOW, [9; 10]);
    assert!(is_wrong_wrap(&open(&sealed.parts, &stranger)));
    // The quarantined original under the rendition's name, key and rows.
    let (other, other_wrap) = seal(store.vault(), id(2), &pattern(MARK + 6), &identity);
    for index in [0, 1] {
        let planted = store.sealed(Release, id(2), index).unwrap();
        store.replace(Release, id(1), index, Some(&planted));
    }
    let planted_wrap = relabelled(&other_wrap, &wrap, &identity);
    assert!(is_altered(&open(&other.parts, &planted_wrap)));
}

pub(super) fn what_is_larger_than_may_be_opened_is_not_opened(store: &impl Backstage) {
    let identity = new_identity(Release);
    let (sealed, wrap) = seal(store.vault(), id(1), &pattern(1000), &identity);
    let proof = released(&sealed);
    let open = |most| store.vault().open_released(&proof, &wrap, &sealed.parts, &identity, most);
    assert!(open(1001).is_ok());
    assert!(open(1000).is_ok());
    assert!(matches!(open(999), Err(VaultError::TooLarge)));
}

pub(super) fn evidence_opens_for_its_lease_only(store: &impl Backstage) {
    let identity = new_identity(Review);
    let (sealed, wrap) = seal(store.vault(), id(1), b"findings", &identity);
    let reviewer = StaffId::new(NOW, [4; 10]);
    let open = |object, sealed: &SealedObject| {
        let lease = EvidenceLease::after_event(artifact_id(), object, reviewer);
        let wrap = Wrap { object, ..wrap.clone() };
        store.vault().open_evidence(&lease, &wrap, sealed, &identity, MOST)
    };
    assert_eq!(*open(id(1), &sealed).unwrap(), b"findings");
    assert!(is_wrong_wrap(&open(id(2), &sealed)));
    let mut elsewhere = sealed.clone();
    elsewhere.area = Release;
    assert!(is_wrong_wrap(&open(id(1), &elsewhere)));
    let mut changed = sealed.clone();
    changed.sha256 = Sha256Hex::of_digest([7; 32]);
    assert!(is_altered(&open(id(1), &changed)));
}

/// The proof that this object may be viewed.
fn released(sealed: &SealedObject) -> Released {
    let until = Timestamp::from_millis(NOW.as_millis() + 1);
    let viewer = Viewer { staff: StaffId::new(NOW, [4; 10]), team: None };
    let mut artifact = artifact(sealed);
    let signer = Signer::from_seed(&[3; 32]).unwrap();
    let certificate = Certificate {
        clinic: ClinicId::new(NOW, [5; 10]),
        submission: artifact.submission,
        link: artifact.link,
        artifact: artifact_id(),
        addressee: viewer.staff,
        team: None,
        released_at: NOW,
        expires_at: until,
        source_sha256: artifact.source.sha256.clone(),
        rendition_sha256: sealed.sha256.clone(),
        rendition_object: sealed.object,
        media: Media::Jpeg,
        verdict: "clean".into(),
        policy: "1".into(),
        basis: Basis::Policy,
        engines: vec![],
        demo: false,
        removed: vec![],
    };
    let release = state::Release {
        rendition: Rendition {
            object: sealed.object,
            media: Media::Jpeg,
            sha256: sealed.sha256.clone(),
            size_bytes: sealed.size_bytes,
            parts: sealed.parts.len().try_into().unwrap(),
            width: 1,
            height: 1,
            pages: 0,
        },
        certificate: certificate.sign(&signer),
        basis: Basis::Policy,
        until,
        evidence: None,
    };
    artifact.state = State::Released { since: NOW, release: Box::new(release) };
    certificate::prove(&artifact, &viewer, &signer.verifier(), NOW).unwrap()
}
