use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

fn write_all(folder: &Path) -> FreshKeys {
    let fresh = FreshKeys::generate().unwrap();
    for file in &fresh.files {
        file.create(&path(folder, file.role())).unwrap();
    }
    fresh
}

fn path(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.keys", role.as_str()))
}

/// Reads a role's keys after its file's text was changed.
fn read_changed(role: Role, change: impl Fn(String) -> String) -> Result<KeyFile, KeyError> {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let path = path(folder.path(), role);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
    KeyFile::read(KeyFile::open(&path, role)?, role)
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    let path = path(folder.path(), Role::Worker);
    for mode in [0o604, 0o640, 0o644, 0o660] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let read = WorkerKeys::read(KeyFile::open(&path, Role::Worker).unwrap());
        assert!(matches!(read, Err(KeyError::Exposed { .. })), "{mode:o}");
    }
}

#[test]
fn another_roles_file_or_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path());
    for role in Role::WITH_KEYS {
        for other in Role::WITH_KEYS.into_iter().filter(|other| *other != role) {
            let file = KeyFile::open(&path(folder.path(), other), other).unwrap();
            let read = KeyFile::read(file, role);
            assert!(matches!(read, Err(KeyError::Malformed { .. })), "{role:?} {other:?}");
        }
    }
    let identity = "quarantine_identity = AGE-SECRET-KEY-1\n";
    let widened = read_changed(Role::Intake, |text| text + identity);
    assert!(matches!(widened, Err(KeyError::Foreign { line: 4, .. })));
}

#[test]
fn a_file_that_lacks_repeats_or_cuts_a_key_is_refused() {
    for role in Role::WITH_KEYS {
        let without_last = |text: String| {
            let cut = text.trim_end().rfind('\n').unwrap();
            text[..=cut].to_owned()
        };
        assert!(matches!(read_changed(role, without_last), Err(KeyError::Missing { .. })));
        let cut = |text: String| text[..text.len() - 1].to_owned();
        assert!(matches!(read_changed(role, cut), Err(KeyError::Malformed { .. })));
        let repeated = |text: String| {
            let last = text.trim_end().lines().last().unwrap().to_owned();
            format!("{text}{last}\n")
        };
        assert!(matches!(read_changed(role, repeated), Err(KeyError::Malformed { .. })));
        assert!(read_changed(role, |text| text + "\n").is_err());
        assert!(read_changed(role, |_| String::new()).is_err());
    }
}

#[test]
fn a_value_of_the_wrong_length_or_alphabet_is_refused() {
    for bad in ["", "AAAA", "not base64", "AGE-SECRET-KEY-1"] {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path());
        let path = path(folder.path(), Role::Intake);
        let heading = "sekisho keys v1 intake";
        let text = format!("{heading}\nsession_key = {bad}\nsecond_secret_key = {bad}\n");
        std::fs::write(&path, text).unwrap();
        let read = IntakeKeys::read(KeyFile::open(&path, Role::Intake).unwrap());
        assert!(matches!(read, Err(KeyError::Malformed { .. })), "{bad}");
    }
}

#[test]
fn an_existing_key_file_is_never_replaced_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = write_all(folder.path());
    let path = path(folder.path(), Role::Worker);
    assert!(fresh.files[0].create(&path).is_err());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(KeyFile::open(&link, Role::Worker).is_err());
}

#[test]
fn each_role_reads_its_own_keys_and_their_public_halves_agree() {
    let folder = tempfile::tempdir().unwrap();
    let public = write_all(folder.path()).public;
    let open = |role| KeyFile::open(&path(folder.path(), role), role).unwrap();
    let worker = WorkerKeys::read(open(Role::Worker)).unwrap();
    let portal = PortalKeys::read(open(Role::Portal)).unwrap();
    let review = ReviewKeys::read(open(Role::Review)).unwrap();
    let intake = IntakeKeys::read(open(Role::Intake)).unwrap();
    let public = PublicKeys::parse(&public.to_toml().unwrap()).unwrap();
    let same = |area, identity: &Identity| {
        assert_eq!(public.recipient(area).to_string(), identity.to_public().to_string());
    };
    same(Area::Quarantine, &worker.quarantine_identity);
    same(Area::Release, &portal.release_identity);
    same(Area::Review, &review.review_identity);
    assert_eq!(public.grant.as_bytes(), review.grant_signer.verifier().as_bytes());
    assert_eq!(public.certificate.as_bytes(), worker.certificate_signer.verifier().as_bytes());
    // Intake checks what review wrote; sessions of one door mean nothing at another.
    let tag = review.second_secret_key.tag(&[b"1950-01-01"]);
    assert!(intake.second_secret_key.verify(&[b"1950-01-01"], &tag));
    let session = review.session_key.tag(&[b"session"]);
    assert!(!intake.session_key.verify(&[b"session"], &session));
    assert!(!portal.session_key.verify(&[b"session"], &session));
}

#[test]
fn public_keys_that_contradict_themselves_are_refused() {
    let one = FreshKeys::generate().unwrap().public;
    let two = FreshKeys::generate().unwrap().public;
    let text = one.to_toml().unwrap();
    let mixed = text.replace(&one.log_note_key(), &two.log_note_key());
    assert!(PublicKeys::parse(&mixed).is_err());
    assert!(PublicKeys::parse(&text.replace("grant", "grand")).is_err());
    assert!(one.list().iter().all(|(_, half)| !half.contains("SECRET")));
}
