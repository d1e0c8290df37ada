//! The sealed store: patients' bytes, renditions and evidence, each readable with one key only.
//!
//! What is sealed and how it is proven unchanged ([`seal`], [`open`]) is the same for every store;
//! a store ([`local`], [`s3`]) only puts, reads, lists and deletes sealed parts, and never overwrites one.
//! Opening asks for a proof from `domain` and for the area's private key, and yields bytes only
//! when all of them are as they were written. All calls block.

mod content_hash;
mod halted;
mod local;
mod open;
mod part_file;
mod payload;
mod s3;
mod seal;
mod wrap;

#[cfg(test)]
mod contract;

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use bytes::Bytes;
use tokio::runtime::Handle;

pub use self::content_hash::{ContentHash, Hashed, PartLength};
pub use self::halted::Halted;
pub use self::s3::{
    Backstop, Lifecycle, Lock, LockMode, LockedBucket, LockedCopy, S3Credentials, S3Server,
    S3Settings,
};
pub use self::seal::Sealer;
pub use self::wrap::AreaIdentity;

use self::local::LocalStore;
use self::part_file::PartFile;
use self::s3::{S3Part, S3Store};
use crate::domain::content::Area;
use crate::domain::id::ObjectId;
use crate::domain::time::Timestamp;

/// Where sealed objects live.
#[derive(Clone, Debug)]
pub enum Vault {
    /// In a folder of this machine.
    Local(LocalStore),
    /// In buckets of an S3-compatible server.
    S3(S3Store),
}

/// An object found in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredObject {
    pub object: ObjectId,
    /// When its last part became durable, by the store's clock.
    pub modified: Timestamp,
}

/// Why the vault did not do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("a sealed part is missing")]
    Missing,
    #[error("the sealed content is not what was written")]
    Altered,
    #[error("the wrapped key is not for this object, or not for this key")]
    Wrap,
    #[error("it was sealed for another artifact, submission or link than its row names")]
    Redirected,
    #[error("there is a part of this name already")]
    Exists,
    #[error("too little free space")]
    Full,
    #[error("the content is larger than may be opened into memory")]
    TooLarge,
    #[error("not a key or recipient of the kind needed")]
    Key,
    #[error("the store is unsafe to use: {0}")]
    Unsafe(&'static str),
    #[error("the store failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for VaultError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

impl Vault {
    /// A store in a local folder, which is made if it is absent. New objects are refused while
    /// less than `minimum_free_bytes` are free.
    ///
    /// # Errors
    /// If the folders cannot be made.
    pub fn local(root: &Path, minimum_free_bytes: u64) -> Result<Self, VaultError> {
        LocalStore::open(root, minimum_free_bytes).map(Self::Local)
    }

    /// A store in buckets, asked with a role's own credentials by way of `runtime`.
    ///
    /// # Errors
    /// If the certificates to trust do not read. The server is first asked by [`Vault::probe`].
    pub fn s3(
        settings: S3Settings,
        credentials: &S3Credentials,
        runtime: Handle,
    ) -> Result<Self, VaultError> {
        S3Store::open(settings, credentials, runtime).map(Self::S3)
    }

    /// Removes an object and all its parts; nothing is done if it is absent.
    ///
    /// # Errors
    /// If the store fails.
    pub fn delete_object(&self, area: Area, object: ObjectId) -> Result<(), VaultError> {
        match self {
            Self::Local(store) => store.delete_object(area, object),
            Self::S3(store) => store.delete_object(area, object),
        }
    }

    /// Every object of an area, for the sweep of objects that no row names.
    ///
    /// # Errors
    /// If the store fails; so may each item.
    pub fn list_objects(
        &self,
        area: Area,
    ) -> Result<Box<dyn Iterator<Item = Result<StoredObject, VaultError>>>, VaultError> {
        Ok(match self {
            Self::Local(store) => Box::new(store.list_objects(area)?),
            Self::S3(store) => Box::new(store.list_objects(area)),
        })
    }

    /// Where a part lies: below the store's folder, or as `area/key` where that is a bucket.
    pub fn part_name(&self, area: Area, object: ObjectId, index: u32) -> String {
        match self {
            Self::Local(_) => local::part_name(area, object, index),
            Self::S3(_) => format!("{}/{}", area.as_str(), s3::key(object, index)),
        }
    }

    /// Refuses new objects while too little space is free. A bucket does not say; it refuses the
    /// part.
    ///
    /// # Errors
    /// [`VaultError::Full`].
    pub fn expect_room(&self) -> Result<(), VaultError> {
        match self {
            Self::Local(store) => store.expect_room(),
            Self::S3(_) => Ok(()),
        }
    }

    /// What a server deletes of an area by rules of its own; a folder has none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn lifecycle(&self, area: Area) -> Result<Lifecycle, VaultError> {
        match self {
            Self::Local(_) => Ok(Lifecycle::None),
            Self::S3(store) => store.lifecycle(area),
        }
    }

    /// Has a server remove what is older than so many days, should the service no longer do so; nothing
    /// relies on it. Shows what the server then says of that rule; `None` where there is no server.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub fn set_backstop(&self, area: Area, days: i32) -> Result<Option<Backstop>, VaultError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(store) => store.set_backstop(area, days).map(Some),
        }
    }

    /// What a server says of that rule.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub fn backstop(&self, area: Area) -> Result<Option<Backstop>, VaultError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(store) => store.backstop(area).map(Some),
        }
    }

    /// Removes what writers that crashed before `older_than` left unfinished in an area. Returns
    /// how many were removed.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sweep_temporaries(
        &self,
        area: Area,
        older_than: Timestamp,
    ) -> Result<usize, VaultError> {
        match self {
            Self::Local(store) => store.sweep_temporaries(area, older_than),
            // A part is one request: there are none.
            Self::S3(_) => Ok(0),
        }
    }

    /// Proves at start that an area this role writes can be relied on: nobody else may look, what
    /// is written reads back, nothing is overwritten, what is deleted is gone. `scratch` names an
    /// object that exists nowhere; `strangers` have the access of roles that must not read there.
    ///
    /// # Errors
    /// [`VaultError::Unsafe`] with what does not hold, or the store's failure.
    pub fn probe(
        &self,
        area: Area,
        scratch: ObjectId,
        strangers: &[Self],
    ) -> Result<(), VaultError> {
        const SAMPLE: &[u8] = b"sekisho probe";
        match self {
            Self::Local(store) => store.expect_private(area)?,
            Self::S3(store) => store.expect_private(area)?,
        }
        let mut part = self.new_part(area, scratch, 0, PartLength::LEAST)?;
        part.write_all(SAMPLE)?;
        part.commit()?;
        let overwritten =
            self.new_part(area, scratch, 0, PartLength::LEAST).and_then(PartWriter::commit).is_ok();
        let mut read = vec![];
        self.read_part(area, scratch, 0)?.read_to_end(&mut read)?;
        let private = match self {
            _ if strangers.iter().any(|it| it.read_part(area, scratch, 0).is_ok()) => {
                Err(VaultError::Unsafe("the access of a role that must not read it reads it"))
            }
            Self::Local(_) => Ok(()),
            Self::S3(store) => store.expect_unreadable(area, scratch),
        };
        self.delete_object(area, scratch)?;
        private?;
        if let Self::Local(store) = self {
            store.forget_shard(area, scratch);
        }
        if overwritten || read != SAMPLE {
            return Err(VaultError::Unsafe("it does not keep what was written"));
        }
        match self.read_part(area, scratch, 0) {
            Err(VaultError::Missing) => Ok(()),
            Ok(_) | Err(_) => Err(VaultError::Unsafe("it does not delete")),
        }
    }

    /// A part to be written, of so much plaintext at most; it appears under its name only when committed.
    fn new_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
        most: PartLength,
    ) -> Result<PartWriter, VaultError> {
        match self {
            Self::Local(store) => {
                store.new_part(area, object, index).map(|file| PartWriter::Local(Box::new(file)))
            }
            Self::S3(store) => {
                Ok(PartWriter::S3(Box::new(store.new_part(area, object, index, most))))
            }
        }
    }

    /// The sealed bytes of a part.
    ///
    /// # Errors
    /// [`VaultError::Missing`] if it is absent.
    fn read_part(
        &self,
        area: Area,
        object: ObjectId,
        index: u32,
    ) -> Result<PartReader, VaultError> {
        match self {
            Self::Local(store) => store.read_part(area, object, index).map(PartReader::Local),
            Self::S3(store) => store.read_part(area, object, index).map(PartReader::S3),
        }
    }
}

/// A part's sealed bytes.
enum PartReader {
    Local(File),
    S3(Cursor<Bytes>),
}

impl Read for PartReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.read(into),
            Self::S3(bytes) => bytes.read(into),
        }
    }
}

/// A part being written. Dropped without a commit, it leaves nothing.
enum PartWriter {
    Local(Box<PartFile>),
    S3(Box<S3Part>),
}

impl PartWriter {
    /// Makes the part durable under its name.
    ///
    /// # Errors
    /// [`VaultError::Exists`] if the name is taken: a part is never overwritten.
    fn commit(self) -> Result<(), VaultError> {
        match self {
            Self::Local(file) => file.commit(),
            Self::S3(part) => part.commit(),
        }
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            Self::S3(part) => part.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartWriter")
    }
}
