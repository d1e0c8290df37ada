//! What every store promises, written once and run on each.
//!
//! A store's tests give a [`Backstage`]: the vault, and a way to its sealed bytes behind the
//! vault's back, as an intruder or a broken disk has it.

mod locked;
mod opening;
mod remote;
mod world;

use aws_sdk_s3::types::BucketVersioningStatus;

use self::opening::*;
use self::remote::{Manner, Remote, within_the_test};
use self::world::{Local, MARK, World, id, pattern};
use super::*;
use crate::domain::content::Area::{Quarantine, Release, Review};

/// Runs every promise on each store, each on one of its own, and gathers them for a real server.
macro_rules! contract {
    ($($promise:ident),+ $(,)?) => {
        mod local {
            use super::{Backstage as _, Local};
            $(#[test] fn $promise() { super::$promise(&Local::new()); })+
        }

        mod s3 {
            use super::{Backstage as _, Remote};
            $(#[test] fn $promise() { super::$promise(&Remote::new()); })+
        }

        fn every_promise_on(store: &Remote) {
            $(
                println!("{}", stringify!($promise));
                $promise(store);
                store.empty();
            )+
        }
    };
}

contract! {
    every_size_reads_back,
    a_part_is_never_overwritten,
    what_a_crash_leaves_is_no_part,
    a_sealer_given_up_leaves_nothing,
    deleting_twice_is_deleting_once,
    objects_are_listed_by_area,
    an_object_halted_anywhere_goes_on_as_if_it_had_not_been,
    what_became_durable_and_was_not_noted_is_passed_over,
    nothing_of_the_plaintext_is_stored,
    the_probe_passes_and_leaves_nothing,
    a_changed_byte_is_refused,
    a_part_of_another_length_is_refused,
    a_missing_part_is_named_so,
    swapped_parts_are_refused,
    rows_that_say_something_else_are_refused,
    forged_content_is_refused,
    a_row_that_names_another_origin_opens_nothing,
    another_wrap_opens_nothing,
    another_key_opens_nothing,
    without_its_wrap_nothing_opens,
    a_rendition_is_the_certificates,
    what_is_larger_than_may_be_opened_is_not_opened,
    evidence_opens_for_its_lease_only,
}

#[test]
fn a_real_server_keeps_every_promise() {
    let weed = remote::weed();
    let store = Remote::at(&weed.endpoint());
    every_promise_on(&store);
    assert_eq!(store.vault().lifecycle(Review).unwrap(), Lifecycle::None);
    store.delete_after(Review, 3);
    let three_days = Lifecycle::After(std::time::Duration::from_hours(3 * 24));
    assert_eq!(store.vault().lifecycle(Review).unwrap(), three_days, "a rule is seen");
    let ours = Backstop { expires_days: Some(312), ends_uploads: true };
    assert_eq!(store.vault().backstop(Review).unwrap(), Some(Backstop::default()), "not set yet");
    assert_eq!(store.vault().set_backstop(Review, 300).unwrap().unwrap().expires_days, Some(300));
    assert_eq!(store.vault().set_backstop(Review, 312).unwrap(), Some(ours));
    assert_eq!(store.vault().backstop(Review).unwrap(), Some(ours));
    assert_eq!(store.vault().lifecycle(Review).unwrap(), three_days, "another's rule stays");
    for status in [BucketVersioningStatus::Enabled, BucketVersioningStatus::Suspended] {
        store.keep_versions(Release, status);
        let refused = store.vault().probe(Release, id(1), &[]);
        assert!(matches!(refused, Err(VaultError::Unsafe(_))), "{refused:?}");
    }
}

#[test]
#[ignore = "for a server that TEST_S3_ENDPOINT, _REGION, _ACCESS_KEY and _SECRET_KEY name"]
fn a_named_server_keeps_every_promise() {
    let store = Remote::named();
    every_promise_on(&store);
    store.remove();
}

/// A store and the way behind it.
trait Backstage {
    fn new() -> Self;
    fn vault(&self) -> &Vault;
    /// A part's sealed bytes, if it is there.
    fn sealed(&self, area: Area, object: ObjectId, index: u32) -> Option<Vec<u8>>;
    /// Puts other sealed bytes in place, or none.
    fn replace(&self, area: Area, object: ObjectId, index: u32, bytes: Option<&[u8]>);
    /// All bytes stored anywhere, temporaries too.
    fn everything(&self) -> Vec<u8>;
}

fn every_size_reads_back(store: &impl Backstage) {
    let part = MARK;
    for (n, size) in (0..).zip([0, 1, part - 1, part, part + 1, 3 * part]) {
        let world = World::seal(store.vault(), n, &pattern(size));
        let parts = size.div_ceil(part).max(1);
        assert_eq!(world.sealed.parts.len(), parts, "{size} bytes");
        let lengths = world.sealed.parts.iter().map(|part| part.plain_bytes);
        assert_eq!(lengths.sum::<u64>(), size as u64);
        assert_eq!(world.read().unwrap(), pattern(size), "{size} bytes");
    }
}

fn a_part_is_never_overwritten(store: &impl Backstage) {
    let world = World::seal(store.vault(), 1, b"first");
    let before = store.sealed(Quarantine, world.object(), 0);
    let (mut again, mut hash) = world::sealer(store.vault(), Quarantine, world.object());
    again.write(&hash.take(b"second")).unwrap();
    let refused = again.finish(hash, &world.identity.recipient(), world.artifact.id);
    assert!(matches!(refused, Err(VaultError::Exists)));
    assert_eq!(store.sealed(Quarantine, world.object(), 0), before);
    assert_eq!(world.read().unwrap(), b"first");
}

fn what_a_crash_leaves_is_no_part(store: &impl Backstage) {
    let (mut crashed, mut hash) = world::sealer(store.vault(), Quarantine, id(1));
    crashed.write(&hash.take(pattern(MARK + 9))).unwrap();
    // A process that is killed drops nothing.
    std::mem::forget(crashed);
    assert!(store.sealed(Quarantine, id(1), 0).is_some());
    assert!(store.sealed(Quarantine, id(1), 1).is_none());
    let read = store.vault().read_part(Quarantine, id(1), 1).map(drop);
    assert!(matches!(read, Err(VaultError::Missing)));
}

fn a_sealer_given_up_leaves_nothing(store: &impl Backstage) {
    let (mut sealer, mut hash) = world::sealer(store.vault(), Quarantine, id(1));
    sealer.write(&hash.take(pattern(MARK - 1))).unwrap();
    drop(sealer);
    assert!(store.everything().is_empty());
    let listed = store.vault().list_objects(Quarantine).unwrap();
    assert_eq!(listed.count(), 0);
}

fn deleting_twice_is_deleting_once(store: &impl Backstage) {
    let world = World::seal(store.vault(), 1, &pattern(2 * MARK));
    let other = World::seal(store.vault(), 2, b"stays");
    for _ in 0..2 {
        let deleted = store.vault().delete_object(Quarantine, world.object());
        assert!(deleted.is_ok());
        assert!(matches!(world.read(), Err(VaultError::Missing)));
    }
    assert!(store.sealed(Quarantine, world.object(), 1).is_none());
    assert_eq!(other.read().unwrap(), b"stays");
}

fn objects_are_listed_by_area(store: &impl Backstage) {
    World::seal(store.vault(), 1, b"one");
    World::seal(store.vault(), 2, &pattern(2 * MARK));
    let list = |area| {
        let objects = store.vault().list_objects(area).unwrap();
        let mut ids: Vec<_> = objects.map(|found| found.unwrap().object).collect();
        ids.sort();
        ids
    };
    assert_eq!(list(Quarantine), [id(1), id(2)]);
    assert_eq!(list(Release), []);
    assert_eq!(list(Review), []);
}

fn an_object_halted_anywhere_goes_on_as_if_it_had_not_been(store: &impl Backstage) {
    let bytes = pattern(3 * MARK + 5);
    let whole = World::seal(store.vault(), 100, &bytes);
    // At a part's end, within a block, at a block's end in a part, at once and at the very end.
    let cuts = [MARK, MARK + 1, 64, 0, 2 * MARK - 1, bytes.len()];
    for (n, cut) in (0..).zip(cuts) {
        let world = World::seal_halted_at(store.vault(), n, &bytes, cut);
        assert_eq!(world.sealed.sha256, whole.sealed.sha256, "cut at {cut}");
        assert_eq!(world.read().unwrap(), bytes, "cut at {cut}");
    }
}

/// A process that is killed leaves parts that no state tells of; the next one names its own anew.
fn what_became_durable_and_was_not_noted_is_passed_over(store: &impl Backstage) {
    let (bytes, object) = (pattern(2 * MARK), id(1));
    let halted = Halted::new();
    let resume = |next_index| {
        let length = PartLength::new(MARK as u64).unwrap();
        let vault = store.vault();
        Sealer::resume(vault, Quarantine, object, length, &halted, next_index).unwrap()
    };
    let mut killed = resume(1 << 12);
    let mut hash = killed.content_hash();
    killed.write(&hash.take(&bytes)).unwrap();
    std::mem::forget(killed);
    let before = store.sealed(Quarantine, object, 1 << 12).unwrap();
    let mut again = resume(2 << 12);
    let mut hash = again.content_hash();
    again.write(&hash.take(&bytes[1..])).unwrap();
    let world = World::finished(store.vault(), again, hash);
    assert_eq!(world.read().unwrap(), &bytes[1..]);
    assert_eq!(store.sealed(Quarantine, object, 1 << 12), Some(before));
    store.vault().delete_object(Quarantine, object).unwrap();
    assert!(store.everything().is_empty(), "what was not noted goes with the rest");
}

fn nothing_of_the_plaintext_is_stored(store: &impl Backstage) {
    let secret = b"a sentence nobody else may read".repeat(9);
    let world = World::seal(store.vault(), 1, &secret);
    let stored = store.everything();
    assert!(!stored.windows(12).any(|seen| seen == &secret[..12]));
    let again = World::seal(store.vault(), 2, &secret);
    assert_eq!(world.sealed.sha256, again.sealed.sha256);
    let sealed = |world: &World| world.sealed.parts[0].sealed_sha256.clone();
    assert_ne!(sealed(&world), sealed(&again));
}

#[test]
fn a_full_store_refuses_new_objects() {
    let store = &Local::new();
    let full = store.with_minimum_free(u64::MAX);
    let length = PartLength::new(64).unwrap();
    let refused = Sealer::new(&full, Quarantine, id(1), length).map(drop);
    assert!(matches!(refused, Err(VaultError::Full)));
    // What is there still opens and can still be deleted.
    let world = World::seal(store.vault(), 1, b"one");
    let world = world.on(&full);
    assert_eq!(world.read().unwrap(), b"one");
    full.delete_object(Quarantine, world.object()).unwrap();
}

fn the_probe_passes_and_leaves_nothing(store: &impl Backstage) {
    for area in Area::ALL {
        store.vault().probe(area, id(1), &[]).unwrap();
        // And a second start finds the same.
        store.vault().probe(area, id(1), &[]).unwrap();
        assert_eq!(store.vault().list_objects(area).unwrap().count(), 0);
    }
    assert!(store.everything().is_empty());
}

#[test]
fn a_server_that_gives_less_than_it_says_is_refused_at_start() {
    let unsafe_because = |manner| {
        let store = Remote::at(&within_the_test(manner));
        match store.vault().probe(Release, id(1), &[]) {
            Err(VaultError::Unsafe(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(unsafe_because(Manner::Open), "anybody may list its bucket");
    assert_eq!(unsafe_because(Manner::Overwrites), "it does not keep what was written");
    assert_eq!(unsafe_because(Manner::Forgets), "it does not keep what was written");
}

#[test]
fn a_server_that_does_not_say_whether_it_keeps_versions_is_refused() {
    let store = Remote::at(&within_the_test(Manner::Secretive));
    let Err(VaultError::Io(refused)) = store.vault().probe(Release, id(1), &[]) else {
        panic!("used all the same")
    };
    assert!(refused.to_string().contains("403"), "{refused}");
}

#[test]
fn a_part_whose_answer_was_lost_is_recognised_as_ours() {
    let store = Remote::at(&within_the_test(Manner::LosesAnswers));
    let world = World::seal(store.vault(), 1, &pattern(2 * MARK));
    assert_eq!(world.read().unwrap(), pattern(2 * MARK));
    assert_eq!(store.vault().list_objects(Quarantine).unwrap().count(), 1);
}

#[test]
fn names_in_a_bucket_that_are_not_ours_are_passed_over() {
    let store = Remote::new();
    World::seal(store.vault(), 1, b"one");
    store.put(Quarantine, "README", b"hello");
    store.put(Quarantine, "folder/0", b"hello");
    assert_eq!(store.vault().list_objects(Quarantine).unwrap().count(), 1);
}

#[test]
fn an_object_whose_parts_are_on_two_pages_is_one() {
    let store = Remote::new();
    for n in 1..=3 {
        World::seal(store.vault(), n, &pattern(3 * MARK));
    }
    let Vault::S3(buckets) = store.vault() else { unreachable!("just made") };
    for page in [1, 2, 3, 4, 9, 10] {
        let found = buckets.list_pages(Quarantine, page).map(|found| found.unwrap().object);
        assert_eq!(found.collect::<Vec<_>>(), [id(1), id(2), id(3)], "{page} parts a page");
    }
}

#[test]
fn other_credentials_and_an_absent_server_are_errors_and_no_answer_about_parts() {
    let store = Remote::new();
    let world = World::seal(store.vault(), 1, b"one");
    let wrong =
        S3Credentials { access_key: "test-access".into(), secret_key: "wrong".to_owned().into() };
    let refused = remote::vault(&store.settings, &wrong).unwrap();
    let settings = store.settings.clone();
    let server = S3Server { endpoint: "http://127.0.0.1:1".into(), ..settings.server.clone() };
    let nowhere = S3Settings { server, ..settings };
    let absent = remote::vault(&nowhere, &wrong).unwrap();
    for vault in [refused, absent] {
        assert!(matches!(
            vault.read_part(Quarantine, world.object(), 0).map(drop),
            Err(VaultError::Io(_))
        ));
        assert!(matches!(vault.probe(Quarantine, id(2), &[]), Err(VaultError::Io(_))));
        assert!(vault.list_objects(Quarantine).unwrap().next().unwrap().is_err());
        assert!(vault.delete_object(Quarantine, world.object()).is_err());
    }
    assert_eq!(world.read().unwrap(), b"one");
}

#[test]
fn a_name_that_leads_elsewhere_than_it_may_is_not_connected_to() {
    let store = Remote::new();
    let world = World::seal(store.vault(), 1, b"one");
    let port = store.settings.server.endpoint.rsplit(':').next().unwrap();
    let read = |networks: &[&str]| {
        let settings = store.settings.clone();
        let server = S3Server {
            endpoint: format!("http://localhost:{port}"),
            networks: networks.iter().map(|it| it.parse().unwrap()).collect(),
            ..settings.server.clone()
        };
        let settings = S3Settings { server, ..settings };
        let vault = remote::vault(&settings, &remote::credentials()).unwrap();
        vault.read_part(Quarantine, world.object(), 0).map(drop)
    };
    read(&["127.0.0.0/8", "::1"]).unwrap();
    let refused = read(&["192.0.2.0/24"]).unwrap_err();
    let VaultError::Io(refused) = refused else { panic!("{refused}") };
    assert!(refused.to_string().contains("egress.networks"), "{refused}");
}

#[test]
fn a_part_length_is_whole_blocks_within_bounds() {
    for refused in [0, 63, 65, PartLength::MAX - 1, PartLength::MAX + 64] {
        assert_eq!(PartLength::new(refused), None, "{refused}");
    }
    for allowed in [64, 128, PartLength::MAX - 64, PartLength::MAX] {
        assert!(PartLength::new(allowed).is_some(), "{allowed}");
    }
}

#[test]
fn a_halt_whose_hash_ended_elsewhere_is_refused() {
    let store = Local::new();
    let (mut sealer, mut hash) = world::sealer(store.vault(), Quarantine, id(1));
    let (first, _never_sealed) = (hash.take(b"one"), hash.take(b"two"));
    sealer.write(&first).unwrap();
    let part = sealer.halt().unwrap().pop().unwrap();
    let refused = Halted::new().advance(part, &mut hash);
    assert!(matches!(refused, Err(VaultError::Altered)));
}

#[test]
fn a_recipient_that_is_none_is_refused() {
    let store = Local::new();
    let (mut sealer, mut hash) = world::sealer(store.vault(), Quarantine, id(1));
    sealer.write(&hash.take(b"one")).unwrap();
    let refused = sealer.finish(hash, "age1nobody", world::artifact_id());
    assert!(matches!(refused, Err(VaultError::Key)));
    assert!(store.everything().is_empty());
}

#[test]
fn a_hash_of_more_or_in_other_parts_than_was_sealed_wraps_nothing() {
    let store = Local::new();
    let recipient = world::new_identity(Quarantine).recipient();
    let (mut sealer, mut hash) = world::sealer(store.vault(), Quarantine, id(1));
    let (first, _never_sealed) = (hash.take(b"one"), hash.take(b"two"));
    sealer.write(&first).unwrap();
    let refused = sealer.finish(hash, &recipient, world::artifact_id());
    assert!(matches!(refused, Err(VaultError::Altered)));
    // Parts of another length would end elsewhere than the hash was halted.
    let (mut sealer, _) = world::sealer(store.vault(), Quarantine, id(2));
    let length = PartLength::new(64).unwrap();
    let other = Sealer::new(store.vault(), Quarantine, id(3), length).unwrap();
    let mut hash = other.content_hash();
    sealer.write(&hash.take(b"one")).unwrap();
    let refused = sealer.finish(hash, &recipient, world::artifact_id());
    assert!(matches!(refused, Err(VaultError::Altered)));
}
