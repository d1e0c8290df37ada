//! Suricata itself, as Debian has it, with what docs/SENSOR.md tells an operator to write and no more
//! than its folders, its rules and a quicker sign of life changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sekisho_tools::chaos::process;

/// Where it tells what it sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Output {
    File,
    Stream,
    Datagram,
}

impl Output {
    const fn filetype(self) -> &'static str {
        match self {
            Self::File => "regular",
            Self::Stream => "unix_stream",
            Self::Datagram => "unix_dgram",
        }
    }

    /// What `[sensor]` calls it.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Stream => "stream",
            Self::Datagram => "datagram",
        }
    }
}

/// One that runs until it is dropped.
pub(super) struct Engine {
    child: Child,
    said: PathBuf,
}

/// Its rules are few; the machine may be busy.
const STARTED: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What it says once it looks at packets, or at its command socket.
const STARTS: &str = "Engine started";
const OF_DEBIAN: &str = "/etc/suricata/suricata.yaml";
const DOCUMENTED: &str = include_str!("../../../docs/SENSOR.md");
/// Somebody who is neither root nor one of ours: whom it becomes when it is shown files.
pub(super) const NOBODY: (&str, &str, u32) = ("nobody", "nogroup", 65_534);

/// What docs/SENSOR.md has for a file of Suricata's.
pub(super) fn documented(file: &str) -> String {
    let (_, after) = DOCUMENTED.split_once(&format!("`{file}`:\n\n")).expect("in docs/SENSOR.md");
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect()
}

impl Engine {
    /// One that watches these ports of this machine, and tells into `to`.
    pub(super) fn watch(
        folder: &Path,
        (output, to): (Output, &Path),
        rules: &str,
        ports: &[u16],
    ) -> Self {
        let ours = documented("/etc/suricata/sekisho.yaml")
            .replace("filetype: regular", &format!("filetype: {}", output.filetype()))
            .replace("/var/log/suricata/eve.json", &to.to_string_lossy());
        let included = folder.join("sekisho.yaml");
        fs::write(&included, ours).expect("written");
        let own = fs::read_to_string(OF_DEBIAN);
        let own = own.expect("suricata is missing: run scripts/setup.sh test");
        let whole = folder.join("suricata.yaml");
        fs::write(&whole, format!("{own}\ninclude: {}\n", included.display())).expect("written");
        let listed = folder.join("test.rules");
        fs::write(&listed, rules).expect("written");
        let ports: Vec<_> = ports.iter().map(|port| format!("tcp port {port}")).collect();
        let mut command = command(&whole, folder);
        command.arg("-S").arg(listed);
        // Of a machine that talks to itself.
        command.args(["--pcap=lo", "-k", "none", "--pcap-buffer-size=67108864"]);
        command.args(["--set", "unix-command.enabled=no", "--set", "stats.interval=1"]);
        command.arg(ports.join(" or "));
        Self::start(command, folder)
    }

    /// One that is shown captures at a socket, whose log is in `folder`.
    pub(super) fn replay(configuration: &str, folder: &Path, socket: &Path) -> Self {
        let file = folder.join("replay.yaml");
        fs::write(&file, configuration).expect("written");
        let _ = fs::remove_file(socket);
        let mut command = command(&file, folder);
        command.arg(format!("--unix-socket={}", socket.display()));
        if rustix::process::geteuid().is_root() {
            let (user, group, number) = NOBODY;
            std::os::unix::fs::chown(folder, Some(number), Some(number)).expect("its folder");
            command.args([format!("--user={user}"), format!("--group={group}")]);
        }
        let engine = Self::start(command, folder);
        assert!(socket.exists(), "{}", engine.said());
        engine
    }

    fn start(mut command: Command, folder: &Path) -> Self {
        let said = folder.join("said");
        let out = File::create(&said).expect("a file");
        command.stdin(Stdio::null()).stderr(out.try_clone().expect("a file")).stdout(out);
        let child = command.spawn().expect("suricata is missing: run scripts/setup.sh test");
        let mut engine = Self { child, said };
        let begun = Instant::now();
        while !engine.said().contains(STARTS) {
            let ended = engine.child.try_wait().expect("its state");
            let is_late = begun.elapsed() > STARTED;
            assert!(ended.is_none() && !is_late, "{}", engine.said());
            std::thread::sleep(LOOK_AGAIN);
        }
        engine
    }

    /// What it wrote about itself.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap_or_default()
    }

    pub(super) fn signal(&self, signal: Signal) {
        process::signal(self.child.id(), signal);
    }

    /// Ends it as an operator does.
    pub(super) fn stop(mut self) {
        self.signal(Signal::TERM);
        self.child.wait().expect("its end");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(configuration: &Path, folder: &Path) -> Command {
    // It ends with the test, however that ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "suricata", "-c"]).arg(configuration);
    command.arg("-l").arg(folder);
    command
}
