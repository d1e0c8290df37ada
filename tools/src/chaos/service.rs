//! The whole service in a folder of its own: set up as an operator would, started, watched, hit,
//! stopped.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use toml::{Table, Value as Toml};

use super::ChaosError;
use super::process::{self, Process};
use crate::ports::{self, Blocks};

/// The programs and signatures a service is made of.
#[derive(Clone, Debug)]
pub struct Programs {
    pub sekisho: PathBuf,
    /// The repository's signatures folder.
    pub signatures: PathBuf,
}

/// A door as its clients need it.
#[derive(Clone, Debug)]
pub struct Door {
    pub url: String,
    pub host: String,
    pub port: u16,
}

/// A data folder with a service that runs or does not.
#[derive(Debug)]
pub struct Service {
    pub data: PathBuf,
    program: PathBuf,
    first_port: u16,
    child: Option<Child>,
}

/// What a command of the service answered.
#[derive(Debug)]
pub struct Answer {
    /// 0 done, 1 the answer is no; everything else is an error here.
    pub code: i32,
    pub text: String,
}

/// The engines compile their rules and prove their jail first, on a machine that may be busy.
pub const READY_DEADLINE: Duration = Duration::from_mins(2);
/// The service gives its roles 30 seconds.
const STOP_DEADLINE: Duration = Duration::from_secs(45);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Where services' doors listen in tests.
const PORTS: Blocks = Blocks { lowest: 10_000, each: 4, places: 4_500 };
/// In the order of the configuration; each door's port is the first port and its place here.
const DOORS: [(&str, &str); 4] = [
    ("intake", "intake.localhost"),
    ("portal", "portal.localhost"),
    ("review", "review.localhost"),
    ("machines", "portal.localhost"),
];

impl Service {
    /// Sets a service up below `root`: keys, certificates, configuration, the demonstration set.
    ///
    /// # Errors
    /// If a program is not built, or a step of an operator's fails.
    pub fn prepare(programs: &Programs, root: &Path) -> Result<Self, ChaosError> {
        // Users of their own must be able to reach the folders, or the roles share one.
        fs::set_permissions(root, Permissions::from_mode(0o755)).map_err(ChaosError::at(root))?;
        let program = bring(&programs.sekisho, &root.join("bin"))?;
        let first_port = ports::free(&PORTS)?;
        let service = Self { data: root.join("data"), program, first_port, child: None };
        let mut init = Command::new(&service.program);
        init.args(["init", "--demo", "--local-ca", "--telephone", "03-0000-0000"]);
        init.args(["--clinic-ja", "試験クリニック", "--clinic-en", "Test Clinic"]);
        init.arg("--data").arg(&service.data).arg("--signatures").arg(&programs.signatures);
        finish(init, "")?;
        service.configure(|table| {
            for (port, (name, _)) in (first_port..).zip(DOORS) {
                set(table, &["doors", name, "listen"], format!("127.0.0.1:{port}").into());
            }
        })?;
        service.build_set(programs, None)?;
        Ok(service)
    }

    /// Changes the configuration; a service that runs keeps the old one.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn configure(&self, change: impl FnOnce(&mut Table)) -> Result<(), ChaosError> {
        let file = self.config();
        let text = fs::read_to_string(&file).map_err(ChaosError::at(&file))?;
        let mut table: Table = text.parse().map_err(|_| ChaosError::Unread("the configuration"))?;
        change(&mut table);
        fs::write(&file, table.to_string()).map_err(ChaosError::at(&file))
    }

    /// Builds the demonstration signature set, as of `ago` ("3 days ago") or of now.
    ///
    /// # Errors
    /// If the script fails.
    pub fn build_set(&self, programs: &Programs, ago: Option<&str>) -> Result<(), ChaosError> {
        let script = programs.signatures.join("build-demo-set.sh");
        let mut command = match ago {
            None => Command::new(script),
            Some(ago) => {
                let mut command = Command::new("faketime");
                command.arg(ago).arg(script);
                command
            }
        };
        let folder = self.signature_set();
        command.arg(&folder);
        finish(command, "")?;
        fs::write(folder.join("DEMO-SET"), "").map_err(ChaosError::at(&folder))
    }

    /// clamd's signature folder.
    pub fn signature_set(&self) -> PathBuf {
        self.data.join("signatures/clamav")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.data.join("sekisho.toml")
    }

    /// The program, as the service itself is started from.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Is of another version when it is started next, and asked by that version's commands.
    pub(super) fn become_version(&mut self, program: &Path) {
        program.clone_into(&mut self.program);
    }

    /// A door by its name in the configuration.
    ///
    /// # Panics
    /// Never; an unknown name is the intake door.
    pub fn door(&self, name: &str) -> Door {
        let doors = (self.first_port..).zip(DOORS);
        let door = |(port, (_, host)): (u16, (&str, &str))| Door {
            url: format!("https://{host}:{port}"),
            host: host.to_owned(),
            port,
        };
        let mut named = doors.clone().filter(|(_, (known, _))| *known == name).map(door);
        named.next().unwrap_or_else(|| Door {
            url: format!("https://intake.localhost:{}", self.first_port),
            host: "intake.localhost".to_owned(),
            port: self.first_port,
        })
    }

    /// Runs a command of the service against this folder, with a secret on its standard input.
    ///
    /// # Errors
    /// If it ends with an error rather than an answer.
    pub fn ask(&self, words: &[&str], secret: &str) -> Result<Answer, ChaosError> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.config()).arg("--json").args(words);
        finish(command, secret)
    }

    /// Runs a command whose clock says another time, such as `+31d`.
    ///
    /// # Errors
    /// As [`Service::ask`].
    pub fn ask_at(&self, time: &str, words: &[&str]) -> Result<Answer, ChaosError> {
        let mut command = Command::new("faketime");
        command.args(["-f", time]).arg(&self.program);
        command.arg("--config").arg(self.config()).arg("--json").args(words);
        finish(command, "")
    }

    /// Starts it; see [`Service::wait_ready`].
    ///
    /// # Errors
    /// If the process cannot be made.
    pub fn start(&mut self) -> Result<(), ChaosError> {
        let _ = fs::remove_file(self.ready_file());
        let log = self.log();
        let file = File::options().create(true).append(true).open(&log);
        let file = file.map_err(ChaosError::at(&log))?;
        // `setpriv` has the kernel end the service should this process be killed; it then becomes
        // the service itself, so that the child's id is the service's.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(&self.program);
        command.arg("--config").arg(self.config()).arg("serve");
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// Waits until every role says that it is ready.
    ///
    /// # Errors
    /// [`ChaosError::Late`] with the end of the log.
    pub fn wait_ready(&self) -> Result<(), ChaosError> {
        let ready = self.ready_file();
        self.wait_until("readiness", READY_DEADLINE, || ready.exists())
    }

    /// Waits until a condition holds.
    ///
    /// # Errors
    /// [`ChaosError::Late`] with the end of the log.
    pub fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        mut holds: impl FnMut() -> bool,
    ) -> Result<(), ChaosError> {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() >= deadline {
                let (what, seconds) = (what.to_owned(), deadline.as_secs());
                return Err(ChaosError::Late { what, seconds, said: self.said() });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// The parent's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Every process of the service below the parent.
    pub fn processes(&self) -> Vec<Process> {
        self.pid().map_or_else(Vec::new, process::descendants)
    }

    /// A role's process id.
    pub fn role_pid(&self, role: &str) -> Option<u32> {
        let parent = self.pid()?;
        let is_role = |process: &&Process| {
            process.parent == parent
                && process.arguments.windows(2).any(|two| two == ["--role", role])
        };
        self.processes().iter().find(is_role).map(|process| process.pid)
    }

    /// The innermost process whose program ends like this: `clamd`, `sekisho-jail`.
    pub fn engine_pids(&self, program: &str) -> Vec<u32> {
        let runs = |process: &Process| {
            let own = process.arguments.first();
            own.is_some_and(|own| own.rsplit('/').next() == Some(program))
        };
        self.processes().iter().filter(|process| runs(process)).map(|it| it.pid).collect()
    }

    /// Kills a role and waits until another process has taken its place and all are ready.
    ///
    /// # Errors
    /// [`ChaosError::Late`] if none does.
    pub fn kill_role(&self, role: &str) -> Result<(), ChaosError> {
        let before = self.role_pid(role);
        if let Some(pid) = before {
            process::signal(pid, Signal::KILL);
        }
        self.wait_replaced(role, before)
    }

    /// Waits until a role is another process than before and all are ready.
    ///
    /// # Errors
    /// [`ChaosError::Late`] if that does not happen.
    pub fn wait_replaced(&self, role: &str, before: Option<u32>) -> Result<(), ChaosError> {
        let replaced = || {
            let now = self.role_pid(role);
            now.is_some() && now != before && self.ready_file().exists()
        };
        self.wait_until(&format!("a new {role}"), READY_DEADLINE, replaced)
    }

    /// Kills the parent, and with it everything.
    ///
    /// # Errors
    /// If a role outlives it.
    pub fn kill_all(&mut self) -> Result<(), ChaosError> {
        let below = self.processes();
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        let gone = || below.iter().all(|process| !is_alive(process));
        self.wait_until("the end of every process", STOP_DEADLINE, gone)
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// [`ChaosError::Late`] if it does not; it is killed then.
    pub fn stop(&mut self) -> Result<Option<ExitStatus>, ChaosError> {
        let Some(mut child) = self.child.take() else {
            return Ok(None);
        };
        process::signal(child.id(), Signal::TERM);
        let mut status = None;
        let late = self.wait_until("the service's end", STOP_DEADLINE, || {
            status = child.try_wait().ok().flatten();
            status.is_some()
        });
        if late.is_err() {
            child.kill()?;
            child.wait()?;
        }
        late.map(|()| status)
    }

    /// Whether each role runs as a user of its own.
    pub fn is_separated(&self) -> bool {
        self.said_all().contains("each role runs as a user of its own")
    }

    /// Everything the service wrote to its log.
    pub fn said_all(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn said(&self) -> String {
        let text = self.said_all();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    fn ready_file(&self) -> PathBuf {
        self.data.join("run/ready")
    }

    fn log(&self) -> PathBuf {
        self.data.with_file_name("serve.log")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Whoever dropped it has its own error to tell.
        let _ = self.stop();
    }
}

impl Answer {
    /// Its lines as JSON.
    pub fn lines(&self) -> Vec<Value> {
        self.text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A text of its first line.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn text_of(&self, name: &'static str) -> Result<String, ChaosError> {
        let line = self.lines().into_iter().next();
        let text = line.and_then(|line| line.get(name)?.as_str().map(str::to_owned));
        text.ok_or(ChaosError::Unread(name))
    }
}

/// Brings a version's programs into a folder of their own; the path of `sekisho` there.
pub(super) fn bring(sekisho: &Path, bin: &Path) -> Result<PathBuf, ChaosError> {
    fs::create_dir_all(bin).map_err(ChaosError::at(bin))?;
    let (program, jail) = (bin.join("sekisho"), sekisho.with_file_name("sekisho-jail"));
    for (from, to) in [(sekisho, &program), (&jail, &bin.join("sekisho-jail"))] {
        if !from.exists() {
            return Err(ChaosError::NotBuilt(from.to_owned()));
        }
        // A link where it can be: the programs are large.
        if fs::hard_link(from, to).is_err() {
            fs::copy(from, to).map_err(ChaosError::at(from))?;
        }
    }
    Ok(program)
}

/// Sets one value of a configuration, making the tables on the way.
pub fn set(table: &mut Table, path: &[&str], value: Toml) {
    let Some((last, above)) = path.split_last() else {
        return;
    };
    let mut table = table;
    for name in above {
        let entry = table.entry(*name).or_insert_with(|| Toml::Table(Table::new()));
        let Some(inner) = entry.as_table_mut() else {
            return;
        };
        table = inner;
    }
    table.insert((*last).to_owned(), value);
}

fn is_alive(process: &Process) -> bool {
    let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    // One that has ended but was not collected yet has no arguments any more.
    !line.is_empty()
        && line.split(|byte| *byte == 0).zip(&process.arguments).all(|(a, b)| a == b.as_bytes())
}

/// Exit codes 0 and 1 are answers.
fn finish(mut command: Command, secret: &str) -> Result<Answer, ChaosError> {
    let what = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads no secret may have closed its end.
        let _ = stdin.write_all(secret.as_bytes());
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(code @ (0 | 1)) => Ok(Answer { code, text }),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(ChaosError::Command { what, said })
        }
    }
}
