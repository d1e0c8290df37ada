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

#[test]
fn what_clamd_loads_is_taken_and_what_only_looks_so_is_named() {
    let world = world();
    let shelf = world.shelf(SetKind::Clamav);
    let before = shelf.stage().unwrap();
    for name in ["clamav/y.yara", "clamav/C.NDB", "clamav/D.Yar"] {
        world.write(name, "one");
        let id = shelf.stage().unwrap();
        assert_ne!(id, before, "{name}");
        fs::remove_file(world.root.path().join(name)).unwrap();
    }
    fs::create_dir(world.root.path().join("clamav/more")).unwrap();
    fs::create_dir(world.root.path().join("clamav/notes")).unwrap();
    for name in ["b.ndb.gz", "c.CVD.bak", "more/d.hdb", "notes/e.txt", "freshclam.dat", "f.log"] {
        world.write(&format!("clamav/{name}"), "one");
    }
    assert_eq!(shelf.stage().unwrap(), before);
    let named = passed_over(&world.root.path().join("clamav")).unwrap();
    let named: Vec<_> = named.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(named, ["b.ndb.gz", "c.CVD.bak", "more"]);
}

#[test]
fn a_set_that_waits_and_was_spoiled_is_copied_anew() {
    let world = world();
    for (kind, file) in [(SetKind::Clamav, "a.ndb"), (SetKind::Yara, "index.yar")] {
        let shelf = world.shelf(kind);
        let id = shelf.stage().unwrap();
        fs::write(shelf.path(&id).join(file), "rule spoiled").unwrap();
        assert!(!shelf.is_intact(&id));
        assert_eq!(shelf.stage().unwrap(), id);
        shelf.promote(&id).unwrap();
        assert_eq!(shelf.current(), Some(id));
    }
}

/// A folder that nobody can remove, root neither, until it is dropped.
struct Stuck(PathBuf);

impl Stuck {
    fn new(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o500)).unwrap();
        let stuck = Self(path);
        stuck.immutable("+i");
        assert!(remove(&stuck.0).is_err(), "it can be removed here");
        stuck
    }

    fn immutable(&self, how: &str) {
        let _ = std::process::Command::new("chattr").arg(how).arg(&self.0).status();
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.immutable("-i");
        let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o700));
    }
}

#[test]
fn what_cannot_be_removed_keeps_no_set_from_coming_or_going() {
    let world = world();
    let shelf = world.shelf(SetKind::Clamav);
    let _stuck = Stuck::new(shelf.folder.join("stuck"));
    let one = shelf.stage().unwrap();
    shelf.promote(&one).unwrap();
    for text in ["two", "three"] {
        world.write("clamav/a.ndb", text);
        shelf.promote(&shelf.stage().unwrap()).unwrap();
    }
    assert_eq!(world.sets(SetKind::Clamav), 3, "the two, and what is stuck");
    let before = shelf.before().unwrap();
    shelf.go_back(&before).unwrap();
    assert_eq!((shelf.current(), shelf.before()), (Some(before), None));
}
