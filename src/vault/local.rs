//! The store in a local folder: `<root>/<area>/<xx>/<object id>/<part index>`, where `xx` is the
//! start of the id's random tail, so that folders stay small.
//!
//! It knows names, durability and space; of what is in the parts it knows nothing.

use std::fs::{self, DirEntry, File, ReadDir};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::part_file::{PartFile, TEMPORARY, make_folder, sync_folder};
use super::{StoredObject, VaultError};
use crate::domain::content::Area;
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;

/// A folder of sealed objects.
#[derive(Clone, Debug)]
pub struct LocalStore {
    root: Arc<Path>,
    /// New objects are refused while less is free, so that the database can still be written.
    minimum_free_bytes: u64,
}

impl LocalStore {
    pub(super) fn open(root: &Path, minimum_free_bytes: u64) -> Result<Self, VaultError> {
        make_folder(root)?;
        for area in Area::ALL {
            make_folder(&root.join(area.as_str()))?;
        }
        Ok(Self { root: root.into(), minimum_free_bytes })
    }

    pub(super) fn new_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
    ) -> Result<PartFile, VaultError> {
        let folder = self.object_folder(area, object);
        if let Some(shard) = folder.parent() {
            make_folder(shard)?;
            // Whoever made the shard may not have synced its name yet.
            sync_folder(&self.area_folder(area))?;
        }
        make_folder(&folder)?;
        Ok(PartFile::create(folder, &index.to_string())?)
    }

    pub(super) fn read_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
    ) -> Result<File, VaultError> {
        let path = self.object_folder(area, object).join(index.to_string());
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(VaultError::Missing),
            result => Ok(result?),
        }
    }

    pub(super) fn delete_object(&self, area: Area, object: ObjectId) -> Result<(), VaultError> {
        let folder = self.object_folder(area, object);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result?,
        }
        if let Some(shard) = folder.parent() {
            sync_folder(shard)?;
        }
        Ok(())
    }

    /// Removes the folder that an object's folder was in, if nothing else is: a probe by one user
    /// must not leave a folder behind that another cannot use.
    pub(super) fn forget_shard(&self, area: Area, object: ObjectId) {
        if let Some(shard) = self.object_folder(area, object).parent() {
            // Not empty, or gone: both as good.
            let _ = fs::remove_dir(shard);
        }
    }

    /// Names that are not an object's are not ours, and passed over.
    pub(super) fn list_objects(
        &self,
        area: Area,
    ) -> Result<impl Iterator<Item = Result<StoredObject, VaultError>> + use<>, VaultError> {
        let folders = Self::object_folders(&self.area_folder(area))?;
        Ok(folders.filter_map(|folder| match folder {
            Ok(folder) => {
                let object = folder.file_name().to_str()?.parse().ok()?;
                modified(&folder).map(|at| at.map(|modified| StoredObject { object, modified }))
            }
            Err(error) => Some(Err(error.into())),
        }))
    }

    pub(super) fn sweep_temporaries(
        &self,
        area: Area,
        older_than: Timestamp,
    ) -> Result<usize, VaultError> {
        let mut removed = 0;
        for folder in Self::object_folders(&self.area_folder(area))? {
            for file in entries(&folder?.path())?.into_iter().flatten() {
                let file = file?;
                let temporary =
                    file.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
                let old = matches!(modified(&file), Some(Ok(at)) if at < older_than);
                if temporary && old {
                    fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    pub(super) fn free_bytes(&self) -> Result<u64, VaultError> {
        let space = rustix::fs::statvfs(&*self.root).map_err(io::Error::from)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    pub(super) fn expect_room(&self) -> Result<(), VaultError> {
        if self.free_bytes()? < self.minimum_free_bytes {
            return Err(VaultError::Full);
        }
        Ok(())
    }

    /// Refuses folders that other users of the machine may look into.
    pub(super) fn expect_private(&self, area: Area) -> Result<(), VaultError> {
        for folder in [&*self.root, &self.area_folder(area)] {
            if fs::metadata(folder)?.permissions().mode() & 0o007 != 0 {
                return Err(VaultError::Unsafe("its folders are open to other users"));
            }
        }
        Ok(())
    }

    fn area_folder(&self, area: Area) -> PathBuf {
        self.root.join(area.as_str())
    }

    fn object_folder(&self, area: Area, object: ObjectId) -> PathBuf {
        self.area_folder(area).join(shard(object)).join(object.to_string())
    }

    /// The folders in all shards of an area.
    fn object_folders(
        area: &Path,
    ) -> Result<impl Iterator<Item = io::Result<DirEntry>> + use<>, VaultError> {
        let shards = fs::read_dir(area)?;
        Ok(shards.flat_map(|shard| {
            let folders = shard.and_then(|shard| entries(&shard.path()));
            let (folders, error) = match folders {
                Ok(folders) => (folders, None),
                Err(error) => (None, Some(Err(error))),
            };
            folders.into_iter().flatten().chain(error)
        }))
    }
}

/// A part's path below the root.
pub(super) fn part_name(area: Area, object: ObjectId, index: u32) -> String {
    format!("{}/{}/{object}/{index}", area.as_str(), shard(object))
}

fn shard(object: ObjectId) -> String {
    // An id is always written with 36 characters, the last 12 of them random.
    object.to_string().chars().skip(24).take(2).collect()
}

/// What is in a folder; `None` if it is no folder, or was removed meanwhile.
fn entries(path: &Path) -> io::Result<Option<ReadDir>> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// When an entry last changed; `None` if it was removed meanwhile.
fn modified(entry: &DirEntry) -> Option<Result<Timestamp, VaultError>> {
    let modified = match entry.metadata().and_then(|data| data.modified()) {
        Ok(modified) => modified,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error.into())),
    };
    // Before 1970 counts as 1970: old enough for any sweep.
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Some(Ok(Timestamp::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::Vault;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn id(byte: u8) -> ObjectId {
        ObjectId::new(NOW, [byte; 10])
    }

    fn vault(minimum_free_bytes: u64) -> (tempfile::TempDir, Vault, LocalStore) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::local(&folder.path().join("vault"), minimum_free_bytes).unwrap();
        let Vault::Local(store) = vault.clone() else { unreachable!("just made") };
        (folder, vault, store)
    }

    fn put(store: &LocalStore, object: ObjectId) {
        let mut part = store.new_part(Area::Quarantine, object, 0).unwrap();
        part.write_all(b"sealed").unwrap();
        part.commit().unwrap();
    }

    #[test]
    fn parts_lie_under_area_shard_object_and_index_closed_to_others() {
        let (_folder, _, store) = vault(0);
        put(&store, id(0xab));
        let object = store.root.join("quarantine/ab").join(id(0xab).to_string());
        assert_eq!(fs::read(object.join("0")).unwrap(), b"sealed");
        for path in [&*store.root, &object, &object.join("0")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o007, 0);
        }
    }

    #[test]
    fn new_objects_are_refused_exactly_below_the_minimum_of_free_space() {
        let (_folder, _, store) = vault(0);
        assert!(store.expect_room().is_ok());
        let too_much = LocalStore { minimum_free_bytes: u64::MAX, ..store };
        assert!(matches!(too_much.expect_room(), Err(VaultError::Full)));
    }

    #[test]
    fn a_store_open_to_other_users_is_refused_at_start() {
        let (_folder, vault, store) = vault(0);
        vault.probe(Area::Release, id(1), &[]).unwrap();
        assert_eq!(vault.list_objects(Area::Release).unwrap().count(), 0);
        for path in [store.root.to_path_buf(), store.area_folder(Area::Release)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o705)).unwrap();
            let refused = vault.probe(Area::Release, id(1), &[]);
            assert!(matches!(refused, Err(VaultError::Unsafe(_))));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }

    #[test]
    fn only_old_temporaries_are_swept() {
        let (_folder, vault, store) = vault(0);
        put(&store, id(1));
        // As a crashed process leaves it: written, never committed, never dropped.
        std::mem::forget(store.new_part(Area::Quarantine, id(1), 1).unwrap());
        let sweep = |than| vault.sweep_temporaries(Area::Quarantine, than).unwrap();
        assert_eq!(sweep(Timestamp::from_millis(0)), 0);
        assert_eq!(sweep(Timestamp::from_millis(i64::MAX)), 1);
        assert_eq!(sweep(Timestamp::from_millis(i64::MAX)), 0);
        assert!(store.read_part(Area::Quarantine, id(1), 0).is_ok());
    }

    #[test]
    fn files_that_are_not_ours_are_not_listed() {
        let (_folder, vault, store) = vault(0);
        put(&store, id(1));
        fs::create_dir(store.root.join("quarantine/01/lost+found")).unwrap();
        fs::write(store.root.join("quarantine/README"), b"").unwrap();
        let found: Result<Vec<_>, _> = vault.list_objects(Area::Quarantine).unwrap().collect();
        let found = found.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].object, id(1));
        assert!(found[0].modified > Timestamp::from_millis(0));
    }
}
