//! What processes used: processor time and memory, as the kernel counts them.

use std::fs;
use std::time::Duration;

use crate::chaos::process::descendants;

/// What `/proc` counts in: the same on every Linux that this runs on, whatever its timer does.
const TICKS_A_SECOND: u64 = 100;

/// Processor time (user and system) of a process and of every one below it, ended ones included.
pub(super) fn tree(pid: u32) -> Duration {
    descendants(pid).iter().map(|process| one(process.pid)).fold(one(pid), |sum, it| sum + it)
}

/// Processor time of one process and of the children it has collected.
pub(super) fn one(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; user and system time of its own and of its ended
    // children are the twelfth to fifteenth fields behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(4).filter_map(|it| it.parse::<u64>().ok()).sum();
    Duration::from_micros(ticks * 1_000_000 / TICKS_A_SECOND)
}

/// Processor time that `work` takes on this thread.
pub(super) fn of_this_thread<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        // Nanoseconds on a processor are the first of three numbers.
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let first = text.split_whitespace().next().and_then(|first| first.parse().ok());
        Duration::from_nanos(first.unwrap_or(0))
    };
    let begun = now();
    let done = work();
    (done, now().saturating_sub(begun))
}

/// A line of `/proc/PID/status` in bytes: `VmHWM` is the most that was ever resident.
pub(super) fn status_bytes(pid: u32, name: &str) -> Option<u64> {
    kilobytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
}

/// Has the kernel count `VmHWM` of a process anew.
pub(super) fn forget_peak(pid: u32) -> std::io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// Proportional set size in bytes: shared pages are divided among those who share them.
pub(super) fn pss_bytes(pid: u32) -> Option<u64> {
    kilobytes(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss")
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_uses_time_and_an_idle_one_does_not() {
        let busy = || (0..50_000_000_u64).fold(1_u64, |a, b| std::hint::black_box(a ^ b));
        let (_, used) = of_this_thread(busy);
        assert!(used > Duration::from_millis(1), "{used:?}");
        let ((), idle) = of_this_thread(|| std::thread::sleep(Duration::from_millis(50)));
        assert!(idle < Duration::from_millis(25), "{idle:?}");
    }

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let text = "VmHWMX:\t1 kB\nVmHWM:\t  20 kB\nVmRSS:\t7 kB\n";
        assert_eq!(kilobytes(text, "VmHWM"), Some(20 * 1024));
        assert_eq!(kilobytes(text, "Pss"), None);
        assert!(status_bytes(std::process::id(), "VmHWM").is_some_and(|it| it > 100_000));
    }
}
