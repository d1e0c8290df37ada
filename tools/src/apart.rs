//! A test that runs itself again in namespaces of its own: what it mounts and wires there nobody else
//! sees, and all of it is gone with its last process, however it ends.

use std::process::Command;

use crate::chaos::ChaosError;

/// What a test has for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Apart {
    /// Its file systems.
    Mounts,
    /// Its network too.
    Network,
}

/// Set for the test that runs inside.
const INSIDE: &str = "TEST_APART";
/// Processes keep their numbers, after which tests name their folders.
const UNSHARED: [&str; 3] = ["--mount", "--fork", "--kill-child"];

impl Apart {
    /// Whether the caller is inside. If not, the test of this name was run there, and passed.
    ///
    /// # Errors
    /// [`ChaosError::Command`] if it failed, or if this user may make no namespaces.
    pub fn run(self, test: &str) -> Result<bool, ChaosError> {
        if std::env::var_os(INSIDE).is_some() {
            return Ok(true);
        }
        self.may()?;
        let mut again = self.unshare();
        again.arg(std::env::current_exe()?).args(["--exact", test, "--nocapture"]);
        let passed = again.env(INSIDE, "1").status()?.success();
        let failed = || ChaosError::Command { what: test.to_owned(), said: "see above".to_owned() };
        passed.then_some(false).ok_or_else(failed)
    }

    fn may(self) -> Result<(), ChaosError> {
        let output = self.unshare().arg("true").output()?;
        if output.status.success() {
            return Ok(());
        }
        let what = format!(
            "NOT TESTED: {self:?} of a test's own take root's rights (CAP_SYS_ADMIN) and a kernel \
             with namespaces; unshare"
        );
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ChaosError::Command { what, said })
    }

    fn unshare(self) -> Command {
        let mut command = Command::new("unshare");
        command.args(UNSHARED);
        if self == Self::Network {
            command.arg("--net");
        }
        command.arg("--");
        command
    }
}
