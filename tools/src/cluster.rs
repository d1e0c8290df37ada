//! A throw-away PostgreSQL for tests: a fresh cluster on a socket in a folder of its own, from
//! Debian's package.
//!
//! A shell keeps the server and reads from this process. When it reads the end (the cluster was
//! dropped, or this process died however it died) it stops the server and removes the folder, so
//! nothing is left behind.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::chaos::ChaosError;
use crate::network::Host;
use crate::weed::Certificate;

/// A server that ends with this value.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    keeper: Child,
}

/// Where Debian keeps the versions of the server.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The server's superuser, and the user it runs as where this process is root's.
const SUPERUSER: &str = "postgres";
const READY_DEADLINE: Duration = Duration::from_mins(1);
/// In bytes: some databases and their log.
const LEAST_ROOM: u64 = 1 << 30;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Arguments: the folder, the folder of the programs, and the server's further options. Text is ordered by its bytes, as the
/// service asks of its database.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$1 programs=$2
shift 2
{
    "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --no-sync --no-instructions \
        --encoding=UTF8 --locale=C
    printf '%s\n' 'local all postgres trust' 'local all all scram-sha-256' \
        'hostssl all all all scram-sha-256' > "$folder/data/pg_hba.conf"
} > "$folder/log" 2>&1 < /dev/null
while :; do
    "$programs/postgres" -D "$folder/data" -k "$folder" -c shared_buffers=16MB \
        -c max_connections=200 "$@" >> "$folder/log" 2>&1 < /dev/null &
    server=$!
    read -r word
    case $word in
        # As a power cut: no process of it lives on to write anything, or to hold its memory against the next.
        kill)
            kill -STOP "$server"
            children=$(cat "/proc/$server/task/$server/children")
            kill -KILL $children "$server"
            wait "$server"
            for child in $children; do
                while [ -e "/proc/$child" ] && ! grep -qs '^State:.[ZX]' "/proc/$child/status"; do sleep 0.01; done
            done
            ;;
        *) break ;;
    esac
    rm -f "$folder/data/postmaster.pid"
    read -r word || { rm -rf "$folder"; exit; }
done
kill -INT "$server"
wait "$server"
rm -rf "$folder"
"#;

impl Cluster {
    /// Makes a cluster and waits until it answers.
    ///
    /// # Errors
    /// If the package is missing or the server does not come up; says what it wrote.
    pub fn start() -> Result<Self, ChaosError> {
        Self::start_with(None, |_, _| Ok(vec!["listen_addresses=".to_owned()]))
    }

    /// The same on a host of a network, where it is reached by TLS as well.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_at(host: &Host, certificate: &Certificate) -> Result<Self, ChaosError> {
        Self::start_with(Some(host), |folder, owner| {
            for (name, text) in
                [("server.pem", &certificate.chain), ("server.key", &certificate.key)]
            {
                let file = folder.join(name);
                fs::write(&file, text).map_err(ChaosError::at(&file))?;
                fs::set_permissions(&file, Permissions::from_mode(0o600))
                    .map_err(ChaosError::at(&file))?;
                own(&file, owner)?;
            }
            let folder = folder.display();
            Ok(vec![
                format!("listen_addresses={}", host.address()),
                "ssl=on".to_owned(),
                format!("ssl_cert_file={folder}/server.pem"),
                format!("ssl_key_file={folder}/server.key"),
            ])
        })
    }

    fn start_with(
        host: Option<&Host>,
        settings: impl FnOnce(&Path, Option<(u32, u32)>) -> Result<Vec<String>, ChaosError>,
    ) -> Result<Self, ChaosError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let programs = programs()?;
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        // Short: the path of a socket has a hundred bytes.
        let name = format!("sks-pg-{}-{made}", std::process::id());
        let folder = roomy().join(name);
        fs::create_dir(&folder).map_err(ChaosError::at(&folder))?;
        // Whoever comes to the socket must get through; the data has a folder of its own.
        let open = Permissions::from_mode(0o755);
        fs::set_permissions(&folder, open).map_err(ChaosError::at(&folder))?;
        // The server refuses to run as root.
        let owner = rustix::process::geteuid().is_root().then(unprivileged).transpose()?;
        own(&folder, owner)?;
        let mut keeper = match host {
            Some(host) => host.command("setpriv"),
            None => Command::new("setpriv"),
        };
        if let Some((user, group)) = owner {
            keeper.args([format!("--reuid={user}"), format!("--regid={group}")]);
            keeper.arg("--clear-groups");
        }
        keeper.args(["--", "sh", "-c", KEEPER, "sh"]).arg(&folder).arg(&programs);
        for setting in settings(&folder, owner)? {
            keeper.args(["-c", &setting]);
        }
        keeper.env("LC_ALL", "C").current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let cluster = Self { folder, programs, keeper: keeper.spawn()? };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    /// The folder of the socket. The superuser is trusted there, everybody else has a password.
    pub fn socket(&self) -> &Path {
        &self.folder
    }

    /// Makes a database as a copy of another; of `template0` for an empty one.
    ///
    /// # Errors
    /// If its name is taken, or somebody is in the other.
    pub fn create(&self, database: &str, template: &str) -> Result<(), ChaosError> {
        self.run(SUPERUSER, &format!("CREATE DATABASE {database} TEMPLATE {template}"))
    }

    /// Runs statements in a database as its superuser.
    ///
    /// # Errors
    /// The server's word on the first that fails.
    pub fn run(&self, database: &str, sql: &str) -> Result<(), ChaosError> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--username", SUPERUSER]);
        command.arg("--host").arg(&self.folder).args(["--dbname", database, "--file=-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut psql = command.spawn()?;
        if let Some(mut stdin) = psql.stdin.take() {
            // One that stopped at an error reads no more; its status says so.
            let _ = stdin.write_all(sql.as_bytes());
        }
        let Output { status, stderr, .. } = psql.wait_with_output()?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&stderr).trim().to_owned();
        Err(ChaosError::Command { what: "psql".to_owned(), said })
    }

    /// Kills every process of the server at once; what was durable stays.
    ///
    /// # Errors
    /// If its keeper does not hear.
    pub fn kill(&mut self) -> Result<(), ChaosError> {
        self.tell("kill")?;
        self.wait_until("the server's end", || !self.folder.join("data/postmaster.pid").exists())
    }

    /// Starts it over what it has.
    ///
    /// # Errors
    /// If it does not come back.
    pub fn start_again(&mut self) -> Result<(), ChaosError> {
        self.tell("start")?;
        self.wait_ready()
    }

    fn tell(&mut self, word: &str) -> Result<(), ChaosError> {
        let stdin = self.keeper.stdin.as_mut().ok_or(ChaosError::Unread("the keeper"))?;
        Ok(writeln!(stdin, "{word}")?)
    }

    fn wait_ready(&self) -> Result<(), ChaosError> {
        self.wait_until("PostgreSQL", || {
            let mut asks = Command::new(self.programs.join("pg_isready"));
            asks.arg("--quiet").arg("--host").arg(&self.folder);
            asks.status().is_ok_and(|status| status.success())
        })
    }

    fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) -> Result<(), ChaosError> {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() >= READY_DEADLINE {
                let (what, seconds) = (what.to_owned(), READY_DEADLINE.as_secs());
                let said = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(ChaosError::Late { what, seconds, said });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The keeper reads the end, and ends after the server.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Where a cluster goes: into memory where there is room, as the server asks the disk to be sure of
/// every commit and tests make thousands.
fn roomy() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    let room = rustix::fs::statvfs(MEMORY).map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize));
    if room >= LEAST_ROOM { MEMORY.into() } else { std::env::temp_dir() }
}

/// The programs of the newest version there is.
fn programs() -> Result<PathBuf, ChaosError> {
    let versions = fs::read_dir(VERSIONS).map_err(ChaosError::at(Path::new(VERSIONS)))?;
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|it| Some(it.ok()?.path())).max_by_key(number);
    newest
        .map(|version| version.join("bin"))
        .ok_or_else(|| ChaosError::NotBuilt(Path::new(VERSIONS).to_owned()))
}

/// Gives a file to whom the server runs as, where that is somebody else.
fn own(file: &Path, owner: Option<(u32, u32)>) -> Result<(), ChaosError> {
    let Some((user, group)) = owner else { return Ok(()) };
    std::os::unix::fs::chown(file, Some(user), Some(group)).map_err(ChaosError::at(file))
}

/// The user and group that Debian's package makes.
fn unprivileged() -> Result<(u32, u32), ChaosError> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.split(':').next() == Some(SUPERUSER));
    let number = |field: usize| line?.split(':').nth(field)?.parse().ok();
    number(2).zip(number(3)).ok_or(ChaosError::Unread("the user postgres of /etc/passwd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_answers_and_leaves_nothing_behind() {
        let mut cluster = Cluster::start().unwrap();
        cluster.create("one", "template0").unwrap();
        cluster.run("one", "CREATE TABLE it (id BIGINT)").unwrap();
        cluster.kill().unwrap();
        assert!(cluster.run("one", "SELECT 1").is_err(), "it is gone");
        cluster.start_again().unwrap();
        assert!(cluster.run("one", "CREATE TABLE it (id BIGINT)").is_err(), "it is there already");
        let folder = cluster.socket().to_owned();
        drop(cluster);
        assert!(!folder.exists());
    }
}
