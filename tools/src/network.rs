//! A network of a test's own: each host is a network namespace with one address, and a wire leads
//! from one host to another where they may talk. There is no other route, and none by default.
//!
//! For a test that runs in namespaces of its own ([`crate::apart`]): nothing here is undone.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::chaos::ChaosError;

/// Hosts and what is wired.
#[derive(Debug)]
pub struct Network {
    hosts: Vec<Host>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    name: &'static str,
    address: Ipv4Addr,
}

/// Where `ip` keeps the namespaces that have names.
const NAMED: &str = "/run/netns";
const NAMES: &str = "/etc/hosts";
/// A connection that is neither taken nor refused by then is lost: all of it is in this kernel.
const LOST: Duration = Duration::from_secs(2);

impl Network {
    /// Hosts without any wire. The first is where the test itself is.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn new(names: &[&'static str]) -> Result<Self, ChaosError> {
        fs::create_dir_all(NAMED).map_err(ChaosError::at(Path::new(NAMED)))?;
        run("mount", &["-t", "tmpfs", "none", NAMED])?;
        let numbered = (1..).zip(names);
        let hosts = numbered.map(|(n, name)| Host { name, address: Ipv4Addr::new(10, 77, 0, n) });
        let network = Self { hosts: hosts.collect() };
        for (place, host) in network.hosts.iter().enumerate() {
            if place == 0 {
                ip(&format!("netns attach {} {}", host.name, std::process::id()))?;
            } else {
                ip(&format!("netns add {}", host.name))?;
            }
            ip(&format!("-n {} link set lo up", host.name))?;
            host.add_address(host.address)?;
        }
        Ok(network)
    }

    /// A host by its name.
    ///
    /// # Errors
    /// If there is none.
    pub fn host(&self, name: &str) -> Result<&Host, ChaosError> {
        let mut named = self.hosts.iter().filter(|host| host.name == name);
        named.next().ok_or(ChaosError::Unread("a host's name"))
    }

    /// Every host.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Lets two hosts talk, in both directions, and to nobody behind the other.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn wire(&self, one: &str, other: &str) -> Result<(), ChaosError> {
        let (one, other) = (self.host(one)?, self.host(other)?);
        ip(&format!(
            "link add {} netns {} type veth peer name {} netns {}",
            other.name, one.name, one.name, other.name
        ))?;
        for (from, to) in [(one, other), (other, one)] {
            ip(&format!("-n {} link set {} up", from.name, to.name))?;
        }
        one.route(other.address, other)?;
        other.route(one.address, one)
    }

    /// Gives addresses names, for every program that the test starts.
    ///
    /// # Errors
    /// If the file of names cannot be covered.
    pub fn name(&self, folder: &Path, names: &[(Ipv4Addr, &str)]) -> Result<(), ChaosError> {
        let lines = names.iter().map(|(address, names)| format!("{address} {names}\n"));
        let text = lines.fold("127.0.0.1 localhost\n".to_owned(), |text, line| text + &line);
        let file = folder.join("hosts");
        fs::write(&file, text).map_err(ChaosError::at(&file))?;
        run("mount", &["--bind", &file.display().to_string(), NAMES])
    }
}

impl Host {
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A program that is run here.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file().display())).arg("--").arg(program);
        command
    }

    /// One more address of this host, which nobody has a route to yet.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn add_address(&self, address: Ipv4Addr) -> Result<(), ChaosError> {
        ip(&format!("-n {} address add {address}/32 dev lo", self.name))
    }

    /// A route to an address by way of a host that this one is wired to.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn route(&self, to: Ipv4Addr, by: &Self) -> Result<(), ChaosError> {
        let via =
            if to == by.address { String::new() } else { format!("via {} onlink ", by.address) };
        ip(&format!(
            "-n {} route replace {to}/32 {via}dev {} src {}",
            self.name, by.name, self.address
        ))
    }

    /// Has this host pass on what is for others that it knows.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn pass_on(&self) -> Result<(), ChaosError> {
        let file = Path::new("/proc/sys/net/ipv4/ip_forward");
        self.inside(|| fs::write(file, "1"))?.map_err(ChaosError::at(file))
    }

    /// Acts as from this host, in a thread of its own: connections begun there begin here.
    ///
    /// # Errors
    /// If the kernel does not let the thread in.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T, ChaosError> {
        let file = File::open(self.file()).map_err(ChaosError::at(&self.file()))?;
        let enter = move || -> io::Result<T> {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(act())
        };
        let ended = std::thread::scope(|scope| scope.spawn(enter).join());
        Ok(ended.map_err(|_| ChaosError::Unread("what a thread did"))??)
    }

    /// Whether a connection from here comes about, or how it fails.
    ///
    /// # Errors
    /// If the kernel does not let the thread in.
    pub fn connect(&self, to: (IpAddr, u16)) -> Result<io::Result<()>, ChaosError> {
        self.inside(|| TcpStream::connect_timeout(&SocketAddr::from(to), LOST).map(drop))
    }

    /// The routes of this host, as `ip` lists them.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub fn routes(&self) -> Result<Vec<String>, ChaosError> {
        let output = Command::new("ip").args(["-n", self.name, "route", "show"]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(|line| line.trim().to_owned()).collect())
    }

    fn file(&self) -> PathBuf {
        Path::new(NAMED).join(self.name)
    }
}

fn ip(words: &str) -> Result<(), ChaosError> {
    run("ip", &words.split_whitespace().collect::<Vec<_>>())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), ChaosError> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ChaosError::Command { what: format!("{program} {}", arguments.join(" ")), said })
}
