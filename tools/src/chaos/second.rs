//! A second worker, as on a machine of its own: it has of the clinic's files what the operator's guide
//! names for it, and nobody starts it again but whoever killed it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use toml::Table;

use super::ChaosError;
use super::process;
use super::service::{Service, set};

#[derive(Debug)]
pub(super) struct Second {
    folder: PathBuf,
    program: PathBuf,
    child: Option<Child>,
}

const KEYS: [&str; 4] =
    ["keys/worker.keys", "keys/worker.password", "keys/worker.store", "keys/public.toml"];

impl Second {
    /// Sets one up and starts it.
    pub(super) fn beside(service: &Service, root: &Path) -> Result<Self, ChaosError> {
        let folder = root.join("second");
        let keys = folder.join("keys");
        fs::create_dir_all(&keys).map_err(ChaosError::at(&keys))?;
        for name in KEYS {
            let from = service.data.join(name);
            fs::copy(&from, folder.join(name)).map_err(ChaosError::at(&from))?;
        }
        let text =
            fs::read_to_string(service.config()).map_err(ChaosError::at(&service.config()))?;
        let mut table: Table = text.parse().map_err(|_| ChaosError::Unread("the configuration"))?;
        let there = |name: &str| service.data.join(name).display().to_string();
        set(&mut table, &["paths", "yara"], there("signatures/yara").into());
        set(&mut table, &["clamd", "mode"], "managed".into());
        set(&mut table, &["clamd", "signatures"], there("signatures/clamav").into());
        let file = folder.join("sekisho.toml");
        fs::write(&file, table.to_string()).map_err(ChaosError::at(&file))?;
        let mut second = Self { folder, program: service.program().to_owned(), child: None };
        second.start()?;
        Ok(second)
    }

    /// Kills it, with all that it started, and starts it again, of this version.
    pub(super) fn lose(&mut self, program: &Path) -> Result<(), ChaosError> {
        self.kill();
        program.clone_into(&mut self.program);
        self.start()
    }

    fn start(&mut self) -> Result<(), ChaosError> {
        let log = self.folder.join("log");
        let said = File::options().create(true).append(true).open(&log);
        let said = said.map_err(ChaosError::at(&log))?;
        // The kernel ends it should this process be killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program).arg("--config");
        command.arg(self.folder.join("sekisho.toml")).args(["serve", "--role", "worker"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let below = process::descendants(child.id());
        let _ = child.kill();
        let _ = child.wait();
        for left in below {
            process::signal(left.pid, Signal::KILL);
        }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        self.kill();
    }
}
