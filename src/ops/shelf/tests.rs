use super::*;

struct World {
    root: tempfile::TempDir,
    shelves: Shelves,
}

fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for folder in ["yara/sub", "clamav"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    fs::write(at("yara/index.yar"), "include \"sub/a.yar\"\nrule i\n").unwrap();
    fs::write(at("yara/sub/a.yar"), "rule a\ninclude \"parts.inc\"\n").unwrap();
    fs::write(at("yara/sub/parts.inc"), "rule p\n").unwrap();
    fs::write(at("clamav/a.ndb"), "one").unwrap();
    let shelves = Shelves::new(&at("sets"), "gate", at("yara"), Some(at("clamav")));
    shelves.all().iter().for_each(|shelf| shelf.prepare().unwrap());
    World { root, shelves }
}

impl World {
    fn shelf(&self, kind: SetKind) -> &Shelf {
        self.shelves.of(kind).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.path().join(name), text).unwrap();
    }

    fn sets(&self, kind: SetKind) -> usize {
        let listed = fs::read_dir(&self.shelf(kind).folder).unwrap();
        listed.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count()
    }
}

#[test]
fn a_set_is_the_same_wherever_it_lies_and_only_signatures_belong_to_it() {
    let world = world();
    let shelf = world.shelf(SetKind::Clamav);
    let id = shelf.stage().unwrap();
    world.write("clamav/freshclam.dat", "noise");
    world.write("clamav/mirrors.log", "noise");
    assert_eq!(shelf.stage().unwrap(), id);
    world.write("clamav/DEMO-SET", "");
    assert_ne!(shelf.stage().unwrap(), id);

    let shelf = world.shelf(SetKind::Yara);
    let id = shelf.stage().unwrap();
    assert_eq!(SetId::of_files(&rule_files::load(&world.root.path().join("yara")).unwrap()), id);
    assert_eq!(SetId::of_files(&rule_files::load(&shelf.path(&id)).unwrap()), id);
}

#[test]
fn a_set_comes_into_force_goes_back_and_only_two_are_kept() {
    let world = world();
    let shelf = world.shelf(SetKind::Clamav);
    assert_eq!((shelf.current(), shelf.before()), (None, None));
    let mut sets = Vec::new();
    for text in ["one", "two", "three"] {
        world.write("clamav/a.ndb", text);
        let id = shelf.stage().unwrap();
        shelf.promote(&id).unwrap();
        assert_eq!(shelf.current(), Some(id.clone()));
        assert_eq!(shelf.before(), sets.last().cloned());
        sets.push(id);
    }
    assert_eq!(world.sets(SetKind::Clamav), 2);
    // Once more is no other set.
    shelf.promote(&sets[2]).unwrap();
    assert_eq!(shelf.before(), Some(sets[1].clone()));
    shelf.go_back(&sets[1]).unwrap();
    assert_eq!((shelf.current(), shelf.before()), (Some(sets[1].clone()), None));
    assert_eq!(world.sets(SetKind::Clamav), 1);
}

#[test]
fn what_was_cut_off_is_removed_and_what_was_altered_is_not_used() {
    let world = world();
    let shelf = world.shelf(SetKind::Clamav);
    let id = shelf.stage().unwrap();
    shelf.promote(&id).unwrap();
    fs::create_dir(shelf.folder.join("new.unfinished")).unwrap();
    shelf.prepare().unwrap();
    assert!(!shelf.folder.join("new.unfinished").exists());
    fs::write(shelf.path(&id).join("a.ndb"), "changed").unwrap();
    assert_eq!(shelf.current(), None);
}

#[test]
fn a_glimpse_shows_each_change_and_an_empty_folder_is_no_set() {
    let world = world();
    for (kind, name) in [
        (SetKind::Clamav, "clamav/a.ndb"),
        (SetKind::Yara, "yara/sub/a.yar"),
        // Included, whatever its name.
        (SetKind::Yara, "yara/sub/parts.inc"),
    ] {
        let shelf = world.shelf(kind);
        let before = shelf.glimpse().unwrap();
        assert_eq!(shelf.glimpse().unwrap(), before);
        // Replaced by a rename, as freshclam does, with the same length.
        world.write("aside", "two");
        fs::rename(world.root.path().join("aside"), world.root.path().join(name)).unwrap();
        assert_ne!(shelf.glimpse().unwrap(), before, "{name}");
    }
    fs::remove_file(world.root.path().join("clamav/a.ndb")).unwrap();
    assert!(world.shelf(SetKind::Clamav).stage().is_err());
}
