use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::config::Clinic;
use crate::ops::key_file::KeyFile;
use crate::ops::keys::{PublicKeys, WorkerKeys};
use crate::ops::tls;

fn answers() -> Answers {
    let clinic = Clinic {
        id: "0199a0c0-0000-7000-8000-000000000001".to_owned(),
        name_ja: "関所クリニック".to_owned(),
        name_en: "Sekisho Clinic".to_owned(),
        telephone: "03-0000-0000".to_owned(),
    };
    Answers { configuration: Config::first(clinic).to_toml(), certificates: Certificates::Local }
}

#[test]
fn a_second_run_replaces_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (config, first) = init(&data, &answers()).unwrap();
    assert!(first.iter().all(|file| file.is_new));
    let keys = std::fs::read(config.paths.key_file(Role::Worker)).unwrap();
    let (_, second) = init(&data, &answers()).unwrap();
    assert!(second.iter().all(|file| !file.is_new));
    assert_eq!(std::fs::read(config.paths.key_file(Role::Worker)).unwrap(), keys);
}

#[test]
fn a_folder_that_lost_a_key_file_is_not_given_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = init(folder.path(), &answers()).unwrap();
    std::fs::remove_file(config.paths.key_file(Role::Portal)).unwrap();
    let again = init(folder.path(), &answers());
    assert!(
        matches!(again, Err(InitError::HalfTheKeys { missing }) if missing.ends_with("portal.keys"))
    );
}

#[test]
fn everything_made_is_for_its_owner_alone_and_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (config, made) = init(&data, &answers()).unwrap();
    for file in &made {
        assert_eq!(file.path.metadata().unwrap().mode() & 0o077, 0, "{:?}", file.path);
    }
    assert_eq!(data.metadata().unwrap().mode() & 0o077, 0);
    let worker = KeyFile::open(&config.paths.key_file(Role::Worker), Role::Worker).unwrap();
    assert!(WorkerKeys::read(worker).is_ok());
    assert!(PublicKeys::read(&config.paths.public_keys()).is_ok());
    let read = |path: &Path| std::fs::read(path).unwrap();
    let door = &config.doors.machines;
    let ca = read(&config.paths.machine_ca);
    assert!(tls::for_machines(&read(&door.certificate), &read(&door.key), &ca).is_ok());
}

#[test]
fn a_machine_gets_a_certificate_once() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = init(folder.path(), &answers()).unwrap();
    let issued = issue_machine(&config, "reception-pc", folder.path()).unwrap();
    assert_eq!(issued.sha256.len(), 64);
    let key = folder.path().join("reception-pc.key");
    assert_eq!(key.metadata().unwrap().mode() & 0o077, 0);
    assert!(issue_machine(&config, "reception-pc", folder.path()).is_err());
}
