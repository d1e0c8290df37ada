//! An earlier version's programs beside this one's, as while a hospital updates machine by machine.

use std::path::{Path, PathBuf};

use super::service::{self, Programs, Service};
use super::{ChaosError, Dice};

/// Which programs there are, and how often each was started.
#[derive(Debug)]
pub(super) struct Versions {
    /// The earlier one's, if the trial is of an update.
    before: Option<PathBuf>,
    now: PathBuf,
    is_updated: bool,
    starts: Starts,
}

/// How often a service or a machine was started in a trial of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    pub of_the_earlier: u32,
    pub of_this: u32,
}

impl Versions {
    /// A service as it was set up before the update, if there is an earlier version; else as it is now.
    pub(super) fn set_up(
        programs: &Programs,
        earlier: Option<&Path>,
        root: &Path,
    ) -> Result<(Service, Self), ChaosError> {
        let first = match earlier {
            None => programs.clone(),
            Some(folder) => Programs { sekisho: folder.join("sekisho"), ..programs.clone() },
        };
        let service = Service::prepare(&first, root)?;
        let set_up = service.program().to_owned();
        let (before, now) = match earlier {
            None => (None, set_up),
            Some(_) => (Some(set_up), service::bring(&programs.sekisho, &root.join("bin-now"))?),
        };
        Ok((service, Self { before, now, is_updated: false, starts: Starts::default() }))
    }

    /// As the guide for operators says: the new program prepares the database while all others run.
    pub(super) fn update(&mut self, service: &mut Service) -> Result<(), ChaosError> {
        if self.before.is_none() {
            return Ok(());
        }
        let running = service.program().to_owned();
        service.become_version(&self.now);
        let prepared = service.ask(&["database", "prepare"], "")?;
        service.become_version(&running);
        if prepared.code != 0 {
            return Err(ChaosError::Unread("the answer to `database prepare`"));
        }
        self.is_updated = true;
        Ok(())
    }

    /// The program to start next: either, once the database is prepared.
    pub(super) fn next(&mut self, dice: &mut Dice) -> PathBuf {
        let Some(before) = &self.before else { return self.now.clone() };
        if self.is_updated && dice.below(2) == 0 {
            self.starts.of_this += 1;
            self.now.clone()
        } else {
            self.starts.of_the_earlier += 1;
            before.clone()
        }
    }

    /// The starts, if there were two versions.
    pub(super) fn starts(&self) -> Option<Starts> {
        self.before.as_ref().map(|_| self.starts)
    }
}
