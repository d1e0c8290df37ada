use super::*;
use crate::domain::authority::Signer;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn clinic() -> ClinicId {
    ClinicId::new(NOW, [1; 10])
}

fn signer() -> Signer {
    Signer::from_seed(&[5; 32]).unwrap()
}

fn write(parent: &Path, which: Which, to: &Recipient, expires_at: Option<Timestamp>) -> PathBuf {
    let mut writer = Writer::create(parent, "mark", to).unwrap();
    writer.row("wraps", r#"{"object":"a sentence to be sealed"}"#).unwrap();
    writer.row("wraps", r#"{"object":"関所"}"#).unwrap();
    let facts = Facts { clinic: clinic(), which, at: NOW, schema: 1, log_size: None, expires_at };
    let objects = (which == Which::Data).then(|| vec!["00  quarantine/a/b/0".to_owned()]);
    writer.finish(&facts, objects.as_deref(), &signer()).unwrap().0
}

fn open(folder: &Path) -> Result<Backup, BackupError> {
    Backup::open(folder, clinic(), &signer().verifier())
}

#[test]
fn what_was_written_reads_back_with_its_key_alone_and_lies_sealed() {
    let parent = tempfile::tempdir().unwrap();
    let key = parent.path().join("key");
    let recipient = make_key(&key).unwrap();
    assert!(make_key(&key).is_err(), "a key is never replaced");
    let folder = write(parent.path(), Which::Data, &recipient, None);
    let backup = open(&folder).unwrap();
    backup.verify().unwrap();
    assert_eq!((backup.manifest.rows(), backup.manifest.tables["wraps"]), (2, 2));
    let rows: Vec<_> = backup.rows(&read_key(&key).unwrap()).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[1], ("wraps".to_owned(), r#"{"object":"関所"}"#.to_owned()));
    let stranger = Identity::generate();
    assert!(matches!(backup.rows(&stranger).map(drop), Err(BackupError::Key)));
    for name in [ROWS, OBJECTS, MANIFEST] {
        let bytes = fs::read(folder.join(name)).unwrap();
        assert!(memchr::memmem::find(&bytes, b"a sentence").is_none(), "{name}");
    }
}

#[test]
fn a_changed_file_is_refused_by_its_name() {
    let parent = tempfile::tempdir().unwrap();
    let to = Identity::generate().to_public();
    let folder = write(parent.path(), Which::Data, &to, None);
    for name in [ROWS, OBJECTS] {
        let whole = fs::read(folder.join(name)).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        let longer = [&whole[..], b"x"].concat();
        for bytes in [&changed[..], &whole[..whole.len() - 1], &longer] {
            fs::write(folder.join(name), bytes).unwrap();
            let refused = open(&folder).unwrap().verify();
            assert!(matches!(refused, Err(BackupError::Changed(it)) if it == name));
        }
        fs::write(folder.join(name), whole).unwrap();
    }
    open(&folder).unwrap().verify().unwrap();
    let path = folder.join(MANIFEST);
    let note = fs::read_to_string(&path).unwrap();
    fs::write(&path, note.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    assert!(matches!(open(&folder), Err(BackupError::NotOurs(_))));
}

#[test]
fn an_unfinished_backup_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let to = Identity::generate().to_public();
    let mut writer = Writer::create(parent.path(), "mark", &to).unwrap();
    writer.row("wraps", "{}").unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn only_backups_of_keys_past_their_end_are_removed() {
    let parent = tempfile::tempdir().unwrap();
    let to = Identity::generate().to_public();
    let data = write(parent.path(), Which::Data, &to, None);
    let keys = write(parent.path(), Which::Keys, &to, Some(NOW));
    let verifier = signer().verifier();
    let before = Timestamp::from_millis(NOW.as_millis() - 1);
    let prune = |now| prune(parent.path(), clinic(), &verifier, now).unwrap();
    assert_eq!(prune(before), Vec::<PathBuf>::new());
    assert!(keys.exists());
    assert_eq!(prune(NOW), std::slice::from_ref(&keys));
    assert!(!keys.exists() && data.exists());
}
