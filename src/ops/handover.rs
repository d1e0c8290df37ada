//! What the parent hands a role: open descriptors, over a socket that is the role's stdin.
//!
//! Nothing secret stands in an argument, in the environment or in a path the role could open.
//! Descriptors arrive closed-on-exec, so the role's own children inherit none of them. The role
//! takes exactly what its list names, and refuses anything else.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use super::bell::BellEnd;
use super::database::open_password;
use crate::config::Config;
use crate::domain::event::Role;

/// What a role holds from its first moment.
pub struct Handed {
    /// The role's own key file, open for reading; the sensor has none.
    pub keys: Option<File>,
    pub reach: Reach,
    pub ready: Ready,
    /// The private key of the role's door; the worker has none.
    pub tls_key: Option<File>,
    /// The private key of the machines' door; the portal's alone.
    pub machines_tls_key: Option<File>,
    /// How the parent runs the roles.
    pub terms: Terms,
}

/// How a role reaches what it shares with the others.
pub struct Reach {
    pub bell: BellEnd,
    /// The password of the role's database role; empty where the server asks for none.
    pub database_password: File,
    /// The role's access to the store, empty where that is a folder; the sensor has none.
    pub store_access: Option<File>,
    /// The worker's access to the bucket of checkpoints, empty where there is none.
    pub checkpoint_access: Option<File>,
}

/// Told to the parent once the role's listener is up or its engines are.
pub struct Ready(Option<File>);

/// How the parent runs the role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terms {
    /// Started by hand: no parent watches.
    Alone,
    /// Under the parent's own user.
    SameUser { parent: u32 },
    /// Under a user of its own, which it becomes first of all.
    OwnUser { parent: u32 },
}

/// One thing handed over. The order in [`items`] is the order on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Keys,
    Bell,
    Ready,
    TlsKey,
    MachinesTlsKey,
    DatabasePassword,
    StoreAccess,
    CheckpointAccess,
}

/// The most descriptors any role is handed.
const MOST_ITEMS: usize = 8;
/// The longest message.
const MESSAGE_LIMIT: usize = 128;

/// What each role is handed, and nothing else. The portal neither rings nor waits.
pub(super) const fn items(role: Role) -> &'static [Item] {
    use Item::{
        Bell, CheckpointAccess, DatabasePassword, Keys, MachinesTlsKey, Ready, StoreAccess, TlsKey,
    };
    match role {
        Role::Worker => &[Keys, Ready, DatabasePassword, StoreAccess, CheckpointAccess, Bell],
        Role::Review | Role::Intake => &[Keys, Ready, DatabasePassword, StoreAccess, Bell, TlsKey],
        Role::Portal => &[Keys, Ready, DatabasePassword, StoreAccess, TlsKey, MachinesTlsKey],
        Role::Sensor => &[Ready, DatabasePassword],
    }
}

/// Makes the socket pair: the parent's end, and the end that becomes the role's stdin.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Sends a role its descriptors, in the order of [`items`].
pub(super) fn send(
    socket: BorrowedFd<'_>,
    role: Role,
    terms: Terms,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let message = message(role, terms);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ITEMS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let text = [IoSlice::new(message.as_bytes())];
    rustix::net::sendmsg(socket, &text, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

impl Handed {
    /// Takes what the parent handed over on stdin; stdin is the null device afterwards.
    ///
    /// # Errors
    /// If stdin is not the parent's socket, or the message is not exactly this role's.
    pub fn receive(role: Role) -> io::Result<Self> {
        let handed = Self::receive_from(rustix::stdio::stdin(), role)?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(handed)
    }

    /// Opens the role's own files, for a role that runs without the parent.
    ///
    /// # Errors
    /// Without the right to read them.
    pub fn open(config: &Config, role: Role) -> io::Result<Self> {
        let doors = &config.doors;
        let (tls_key, machines_tls_key) = match role {
            Role::Worker | Role::Sensor => (None, None),
            Role::Review => (Some(File::open(&doors.review.key)?), None),
            Role::Intake => (Some(File::open(&doors.intake.key)?), None),
            Role::Portal => {
                (Some(File::open(&doors.portal.key)?), Some(File::open(&doors.machines.key)?))
            }
        };
        Ok(Self {
            keys: match role {
                Role::Sensor => None,
                Role::Worker | Role::Review | Role::Portal | Role::Intake => {
                    Some(File::open(config.paths.key_file(role))?)
                }
            },
            reach: Reach::open(config, role)?,
            ready: Ready(None),
            tls_key,
            machines_tls_key,
            terms: Terms::Alone,
        })
    }

    fn receive_from(socket: BorrowedFd<'_>, role: Role) -> io::Result<Self> {
        let mut text = [0; MESSAGE_LIMIT];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_ITEMS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut text)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = rustix::net::recvmsg(socket, &mut slices, &mut ancillary, flags)?;
        let cut = ReturnFlags::TRUNC | ReturnFlags::CTRUNC;
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        let text = text.get(..received.bytes).unwrap_or_default();
        let terms = terms(text, role).ok_or_else(not_ours)?;
        if received.flags.intersects(cut) || descriptors.len() != items(role).len() {
            return Err(not_ours());
        }
        Self::sort(descriptors, role, terms)
    }

    fn sort(descriptors: Vec<OwnedFd>, role: Role, terms: Terms) -> io::Result<Self> {
        let mut slots: [Option<OwnedFd>; MOST_ITEMS] = Default::default();
        for (item, descriptor) in items(role).iter().zip(descriptors) {
            if let Some(slot) = slots.get_mut(*item as usize) {
                *slot = Some(descriptor);
            }
        }
        let [
            keys,
            bell,
            ready,
            tls_key,
            machines_tls_key,
            database_password,
            store_access,
            checkpoint_access,
        ] = slots;
        let bell = match (role, bell) {
            (Role::Worker, Some(end)) => BellEnd::Ear(end),
            (Role::Review | Role::Portal | Role::Intake | Role::Sensor, Some(end)) => {
                BellEnd::Rope(end)
            }
            (_, None) => BellEnd::Silent,
        };
        Ok(Self {
            keys: keys.map(File::from),
            reach: Reach {
                bell,
                database_password: database_password.ok_or_else(not_ours)?.into(),
                store_access: store_access.map(File::from),
                checkpoint_access: checkpoint_access.map(File::from),
            },
            ready: Ready(ready.map(File::from)),
            tls_key: tls_key.map(File::from),
            machines_tls_key: machines_tls_key.map(File::from),
            terms,
        })
    }
}

impl Reach {
    /// Opens a role's own files; nobody is rung.
    ///
    /// # Errors
    /// Without the right to read them.
    pub fn open(config: &Config, role: Role) -> io::Result<Self> {
        Ok(Self {
            bell: BellEnd::Silent,
            database_password: open_password(&config.paths.database_password(role))?,
            store_access: match role {
                Role::Sensor => None,
                Role::Worker | Role::Review | Role::Portal | Role::Intake => {
                    Some(open_password(&config.paths.store_access(role))?)
                }
            },
            checkpoint_access: match role {
                Role::Worker => Some(open_password(&config.paths.checkpoint_access())?),
                Role::Sensor | Role::Review | Role::Portal | Role::Intake => None,
            },
        })
    }
}

impl Ready {
    /// Tells the parent. A parent that is gone ends this role anyway.
    pub fn tell(self) {
        if let Some(pipe) = self.0 {
            let _ = rustix::io::write(pipe.as_fd(), b"ready\n");
        }
    }
}

fn message(role: Role, terms: Terms) -> String {
    let (users, parent) = match terms {
        Terms::OwnUser { parent } => ("own-user", parent),
        Terms::SameUser { parent } => ("same-user", parent),
        Terms::Alone => ("alone", 0),
    };
    format!("sekisho handover v1 {} {users} {parent}", role.as_str())
}

/// The terms of a message, if it is exactly what [`message`] writes for this role.
fn terms(text: &[u8], role: Role) -> Option<Terms> {
    let text = std::str::from_utf8(text).ok()?;
    let parent = text.rsplit(' ').next()?.parse().ok()?;
    [Terms::OwnUser { parent }, Terms::SameUser { parent }]
        .into_iter()
        .find(|terms| message(role, *terms) == text)
}

fn not_ours() -> io::Error {
    io::Error::other("stdin does not hand over what this role takes")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    const TERMS: Terms = Terms::SameUser { parent: 7 };

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    }

    fn hand(to: Role, sent: Role, names: &[&str]) -> io::Result<Handed> {
        let (ours, theirs) = pair().unwrap();
        let files: Vec<File> = names.iter().map(|name| file(name)).collect();
        let descriptors: Vec<_> = files.iter().map(std::os::fd::AsFd::as_fd).collect();
        send(ours.as_fd(), sent, TERMS, &descriptors).unwrap();
        drop(ours);
        Handed::receive_from(theirs.as_fd(), to)
    }

    #[test]
    fn a_role_refuses_what_is_meant_for_another_or_is_too_much_or_too_little() {
        let portal = ["keys", "ready", "password", "store", "tls", "machines"];
        assert!(hand(Role::Review, Role::Portal, &portal).is_err());
        assert!(hand(Role::Portal, Role::Portal, &portal[..5]).is_err());
        assert!(hand(Role::Worker, Role::Worker, &portal[..5]).is_err());
        assert!(Handed::receive_from(file("").as_fd(), Role::Worker).is_err());
        let (ours, theirs) = pair().unwrap();
        drop(ours);
        assert!(Handed::receive_from(theirs.as_fd(), Role::Worker).is_err());
    }

    #[test]
    fn a_role_takes_each_descriptor_for_what_it_is() {
        let read = |file: File| io::read_to_string(file).unwrap();
        let portal = hand(
            Role::Portal,
            Role::Portal,
            &["keys", "ready", "password", "store", "tls", "machines"],
        );
        let portal = portal.unwrap();
        assert_eq!(read(portal.reach.database_password), "password");
        assert_eq!(read(portal.reach.store_access.unwrap()), "store");
        assert_eq!(read(portal.keys.unwrap()), "keys");
        assert_eq!(read(portal.tls_key.unwrap()), "tls");
        assert_eq!(read(portal.machines_tls_key.unwrap()), "machines");
        assert!(matches!(portal.reach.bell, BellEnd::Silent));
        assert_eq!(portal.terms, TERMS);
        let worker = ["keys", "ready", "password", "store", "checkpoints", "bell"];
        let worker = hand(Role::Worker, Role::Worker, &worker).unwrap();
        assert_eq!(read(worker.reach.checkpoint_access.unwrap()), "checkpoints");
        assert!(matches!(worker.reach.bell, BellEnd::Ear(_)));
        assert!(worker.tls_key.is_none());
        let sensor = hand(Role::Sensor, Role::Sensor, &["ready", "password"]).unwrap();
        assert!(sensor.keys.is_none() && sensor.reach.store_access.is_none());
    }

    #[test]
    fn what_is_handed_over_is_not_inherited_further() {
        let intake = hand(
            Role::Intake,
            Role::Intake,
            &["keys", "ready", "password", "store", "bell", "tls"],
        )
        .unwrap();
        let flags = rustix::io::fcntl_getfd(intake.keys.as_ref().unwrap()).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let mut ready = String::new();
        let mut pipe = intake.ready.0.as_ref().unwrap();
        pipe.read_to_string(&mut ready).unwrap();
        assert_eq!(ready, "ready");
    }
}
