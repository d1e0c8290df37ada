//! Processes as the kernel lists them: whose child, and started with which arguments.

use rustix::process::{Pid, Signal};

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub arguments: Vec<String>,
}

/// Every process below `ancestor`, parents before children.
pub fn descendants(ancestor: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut above = vec![ancestor];
    while let Some(parent) = above.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            above.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Sends a signal to one process; one that is gone is not an error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn all() -> Vec<Process> {
    let Ok(listed) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(read).collect()
}

/// `None` for a process that ended meanwhile, or that has ended and waits to be collected.
fn read(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let arguments = line.split_terminator('\0').map(str::to_owned).collect();
    (state != "Z" && state != "X").then_some(Process { pid, parent, arguments })
}
