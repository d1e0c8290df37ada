//! Who may enter which folder: the trust zones as users, groups and modes.
//!
//! Where the roles have users of their own, the kernel itself keeps intake out of renditions and
//! the portal out of quarantine. Where they share one user, every folder is that user's alone.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, Uid};

use crate::config::{Clamd, Config, Database, Separation, Store};
use crate::domain::content::Area;
use crate::domain::event::Role;

/// How the roles run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoleUsers {
    /// Each as a user of its own.
    Separate(Ids),
    /// All as the user who started the parent; why, in words.
    Shared { reason: String },
}

/// The numbers of users and groups: a base and the four after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids {
    base: u32,
}

/// The roles cannot run as users of their own, and the configuration requires it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("users.separate = \"require\" cannot be met: {0}")]
pub struct NotSeparable(String);

impl Ids {
    /// From the configured base.
    pub const fn new(base: u32) -> Self {
        Self { base }
    }

    /// A role's user.
    pub const fn user(self, role: Role) -> u32 {
        self.base
            + match role {
                Role::Worker => 0,
                Role::Review => 1,
                Role::Portal => 2,
                Role::Intake => 3,
                Role::Sensor => 4,
            }
    }

    /// The group all roles are in: the databases.
    pub const fn common(self) -> u32 {
        self.base
    }

    /// The group of those who share an area's store with the worker.
    pub const fn area(self, area: Area) -> u32 {
        self.base
            + match area {
                Area::Quarantine => 1,
                Area::Release => 2,
                Area::Review => 3,
            }
    }

    /// A role's groups besides the common one.
    pub fn areas(self, role: Role) -> Vec<u32> {
        let areas: &[Area] = match role {
            Role::Worker => &Area::ALL,
            Role::Review => &[Area::Review],
            Role::Portal => &[Area::Release],
            Role::Intake => &[Area::Quarantine],
            Role::Sensor => &[],
        };
        areas.iter().map(|area| self.area(*area)).collect()
    }
}

impl RoleUsers {
    /// Decides how the roles run on this machine.
    ///
    /// # Errors
    /// [`NotSeparable`] if the configuration requires what is not possible here.
    pub fn decide(config: &Config) -> Result<Self, NotSeparable> {
        let is_root = rustix::process::geteuid().is_root();
        let obstacle = match config.users.separate {
            Separation::Off => Some("users.separate is off".to_owned()),
            Separation::Auto | Separation::Require if !is_root => {
                Some("only root can start other users' processes".to_owned())
            }
            Separation::Auto | Separation::Require => first_closed(config),
        };
        match (obstacle, config.users.separate) {
            (None, _) => Ok(Self::Separate(Ids::new(config.users.base))),
            (Some(reason), Separation::Require) => Err(NotSeparable(reason)),
            (Some(reason), Separation::Auto | Separation::Off) => Ok(Self::Shared { reason }),
        }
    }
}

/// Makes what is missing and sets owners and modes. Contents are not touched.
///
/// # Errors
/// The system's error, with the path.
pub fn prepare(config: &Config, users: &RoleUsers) -> io::Result<()> {
    for place in places(config) {
        let at = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", place.path.display()))
        };
        place.make().map_err(at)?;
        if let RoleUsers::Separate(ids) = users {
            place.give(*ids).map_err(at)?;
        }
    }
    Ok(())
}

/// A folder or file, and how it is shared where the roles have users of their own.
struct Place {
    path: PathBuf,
    kind: Kind,
    /// `None`: root.
    owner: Option<Role>,
    group: Group,
    mode: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    /// Made empty where missing, so that its mode does not depend on who comes first.
    File,
    /// Left alone where missing.
    Existing,
}

#[derive(Clone, Copy)]
enum Group {
    Common,
    Area(Area),
}

/// The whole table, parents before children.
fn places(config: &Config) -> Vec<Place> {
    let paths = &config.paths;
    let folder = |path: &Path, owner, group, mode| {
        let path = path.to_path_buf();
        Place { path, kind: Kind::Folder, owner, group, mode }
    };
    let worker = Some(Role::Worker);
    let store = |area: Area| paths.store.join(area.as_str());
    let parent = |file: &Path| file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let mut places = vec![
        folder(&paths.data, None, Group::Common, 0o750),
        folder(&paths.keys, None, Group::Common, 0o750),
        folder(&paths.run, None, Group::Common, 0o750),
        folder(&paths.store, None, Group::Common, 0o750),
        // Intake writes, the worker reads and removes.
        folder(&store(Area::Quarantine), worker, Group::Area(Area::Quarantine), 0o2770),
        // The worker writes, one door reads.
        folder(&store(Area::Release), worker, Group::Area(Area::Release), 0o2750),
        folder(&store(Area::Review), worker, Group::Area(Area::Review), 0o2750),
        folder(&paths.sets, worker, Group::Common, 0o755),
        folder(&parent(&paths.checkpoints), worker, Group::Common, 0o2750),
    ];
    if let Clamd::Managed { run, .. } = &config.clamd {
        places.push(folder(run, worker, Group::Common, 0o700));
    }
    for (path, kind, mode) in [
        (&config.file, Kind::Existing, 0o640),
        (&paths.public_keys(), Kind::Existing, 0o640),
        (&paths.machine_ca, Kind::Existing, 0o640),
    ] {
        places.push(Place { path: path.clone(), kind, owner: None, group: Group::Common, mode });
    }
    if let Database::Sqlite {} = config.database {
        places
            .extend([&paths.data_db, &paths.keys_db].into_iter().flat_map(|it| database_file(it)));
    }
    let certificates = config.doors.all().map(|(_, door)| door.certificate.clone());
    let certificates = certificates.into_iter().chain(authorities(config));
    for path in certificates.filter(|path| path.starts_with(&paths.data)) {
        places.push(folder(&parent(&path), None, Group::Common, 0o750));
        let kind = Kind::Existing;
        places.push(Place { path, kind, owner: None, group: Group::Common, mode: 0o640 });
    }
    places
}

/// Who signed the certificates of the servers that roles connect to.
fn authorities(config: &Config) -> impl Iterator<Item = PathBuf> {
    let database = match &config.database {
        Database::Postgres { authority, .. } => authority.clone(),
        Database::Sqlite {} => None,
    };
    let store = match &config.store {
        Store::S3 { authority, .. } => authority.clone(),
        Store::Local {} => None,
    };
    let checkpoints = config.checkpoints.as_ref().and_then(|it| it.authority.clone());
    database.into_iter().chain(store).chain(checkpoints)
}

/// A database file with its folder and what stands beside it. Write-ahead logs come and go there, so
/// every role writes into the folder; the group bit keeps them in the common group. What a command
/// run by root left must be the roles' as well.
fn database_file(file: &Path) -> [Place; 4] {
    let place =
        |path: PathBuf, kind, mode| Place { path, kind, owner: None, group: Group::Common, mode };
    let beside = |ending: &str| {
        let mut path = file.to_owned().into_os_string();
        path.push(ending);
        place(path.into(), Kind::Existing, 0o660)
    };
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    [
        place(folder, Kind::Folder, 0o2770),
        place(file.to_owned(), Kind::File, 0o660),
        beside("-wal"),
        beside("-shm"),
    ]
}

impl Place {
    fn make(&self) -> io::Result<()> {
        match self.kind {
            Kind::Folder => DirBuilder::new().recursive(true).mode(0o700).create(&self.path),
            Kind::File => {
                let mut options = File::options();
                options.create(true).append(true).mode(0o600).open(&self.path).map(drop)
            }
            Kind::Existing => Ok(()),
        }
    }

    fn give(&self, ids: Ids) -> io::Result<()> {
        if self.kind == Kind::Existing && !self.path.exists() {
            return Ok(());
        }
        let owner = self.owner.map_or(0, |role| ids.user(role));
        let group = match self.group {
            Group::Common => ids.common(),
            Group::Area(area) => ids.area(area),
        };
        // Through one descriptor, so that what is given is what was looked at.
        let flags =
            rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
        let place = rustix::fs::open(&self.path, flags, Mode::empty())?;
        rustix::fs::fchown(&place, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
        // After the owner: changing the owner clears the group bit.
        rustix::fs::fchmod(&place, Mode::from_raw_mode(self.mode))?;
        Ok(())
    }
}

/// The first path that another user could not get to, in words.
fn first_closed(config: &Config) -> Option<String> {
    let above_data = config.paths.data.parent().unwrap_or(&config.paths.data);
    let above_jail = config.paths.jail.parent().unwrap_or(&config.paths.jail);
    [above_data, above_jail]
        .into_iter()
        .flat_map(Path::ancestors)
        .find(|folder| folder.metadata().is_ok_and(|metadata| metadata.mode() & 0o001 == 0))
        .map(|folder| format!("{} is closed to other users", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: Ids = Ids::new(64_100);

    #[test]
    fn each_role_has_a_user_of_its_own_and_only_its_areas() {
        let mut users = Role::ALL.map(|role| IDS.user(role));
        users.sort_unstable();
        assert_eq!(users, [64_100, 64_101, 64_102, 64_103, 64_104]);
        assert_eq!(IDS.areas(Role::Intake), [IDS.area(Area::Quarantine)]);
        assert_eq!(IDS.areas(Role::Portal), [IDS.area(Area::Release)]);
        assert_eq!(IDS.areas(Role::Review), [IDS.area(Area::Review)]);
        assert_eq!(IDS.areas(Role::Worker).len(), 3);
        assert_eq!(IDS.areas(Role::Sensor), [0; 0]);
        assert!(!Area::ALL.iter().any(|area| IDS.area(*area) == IDS.common()));
    }
}
