//! The configuration of a managed clamd, as text, with the reason of every line.

use std::fmt::Write;
use std::path::Path;

/// What differs from one installation to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) socket: &'a Path,
    pub(super) database: &'a Path,
    pub(super) temporary: &'a Path,
    /// The largest file that may come in, in bytes.
    pub(super) file_bytes: u64,
    /// The longest anyone waits for an answer, in milliseconds.
    pub(super) scan_ms: u128,
    pub(super) threads: usize,
}

/// The text of `clamd.conf`. `None` if a path cannot be written into one.
pub(super) fn text(values: &Values<'_>) -> Option<String> {
    // Twice our own limit: what clamd refuses for its size must never be what we accepted.
    let file = values.file_bytes.saturating_mul(2).max(1 << 20);
    let varying = [
        ("LocalSocket", plain(values.socket)?),
        ("DatabaseDirectory", plain(values.database)?),
        ("TemporaryDirectory", plain(values.temporary)?),
        ("MaxThreads", values.threads.to_string()),
        ("MaxQueue", (values.threads * 16).max(64).to_string()),
        ("StreamMaxLength", file.to_string()),
        ("MaxFileSize", file.to_string()),
        ("MaxScanSize", file.saturating_mul(4).to_string()),
        ("MaxScanTime", values.scan_ms.to_string()),
    ];
    let fixed = FIXED.iter().map(|(option, value, reason)| (*option, (*value).to_owned(), *reason));
    let varying =
        varying.into_iter().zip(REASONS).map(|((option, value), reason)| (option, value, reason));
    let mut conf = String::from("# Written by sekisho at each start; changes here are lost.\n");
    for (option, value, reason) in varying.chain(fixed) {
        // Writing to a string cannot fail.
        let _ = write!(conf, "\n# {reason}\n{option} {value}\n");
    }
    Some(conf)
}

/// A path as clamd reads it: to the end of the line, with no way to quote.
fn plain(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let safe = path.is_absolute() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    safe.then(|| text.to_owned())
}

/// Why the options that differ are what they are, in their order.
const REASONS: [&str; 9] = [
    "The only way in: a socket in a folder of the service's own.",
    "The signature set that reports and certificates name.",
    "A folder of its own, wiped at each start: a killed clamd leaves patients' bytes there.",
    "As many as there are cores: the work is the processor's.",
    "At least twice the threads; whoever waits longer than the deadline is retried.",
    "Above our own limit, for where descriptors cannot be passed.",
    "Above our own limit: nothing that came in is too large to scan.",
    "Room for what is unpacked from one file.",
    "No longer than anyone waits for the answer.",
];

/// Options that are the same everywhere, each with its reason.
const FIXED: [(&str, &str, &str); 16] = [
    (
        "LocalSocketMode",
        "0660",
        "Nobody but the service. clamd obeys SHUTDOWN from whoever may connect, and 1.4 cannot turn that off.",
    ),
    ("FixStaleSocket", "yes", "After a kill the old socket is still there."),
    ("LeaveTemporaryFiles", "no", "No copy of a patient's file outlives its scan."),
    ("Foreground", "yes", "The service is its parent, sees it die and starts it again."),
    ("LogSyslog", "no", "What it found is told by findings, not by logs."),
    ("LogClean", "no", "No line for each patient's file."),
    ("ExtendedDetectionInfo", "no", "No hashes of patients' files in logs."),
    (
        "DisableCache",
        "yes",
        "It knows files by their MD5: what it says of one could be its word about another.",
    ),
    ("AlertExceedsMax", "yes", "By default what is over a limit is answered OK."),
    ("AlertEncrypted", "yes", "By default what cannot be opened is answered OK."),
    ("AlertBrokenMedia", "yes", "Pictures built to break a viewer are an observation."),
    (
        "HeuristicScanPrecedence",
        "no",
        "A real match must not be hidden behind a heuristic about limits.",
    ),
    (
        "ScanImageFuzzyHash",
        "no",
        "Four times the time on a JPEG, for hashes of pictures known from phishing pages; renditions are made from pixels.",
    ),
    ("SelfCheck", "0", "A set never changes under a clamd: a new one gets a clamd of its own."),
    ("CommandReadTimeout", "5", "A client that asks nothing does not hold a thread."),
    ("ReadTimeout", "30", "Nor does one that stops in its stream."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn values(socket: &Path) -> Values<'_> {
        Values {
            socket,
            database: Path::new("/db"),
            temporary: Path::new("/tmp/c"),
            file_bytes: 50_000_000,
            scan_ms: 30_000,
            threads: 2,
        }
    }

    #[test]
    fn limits_stand_above_ours_and_no_port_is_opened() {
        let conf = text(&values(Path::new("/run/s"))).unwrap();
        assert!(conf.contains("\nMaxFileSize 100000000\n"));
        assert!(conf.contains("\nAlertExceedsMax yes\n"));
        assert!(conf.contains("\nAlertEncrypted yes\n"));
        assert!(!conf.contains("TCP"));
    }

    #[test]
    fn every_option_has_its_reason_above_it() {
        let conf = text(&values(Path::new("/run/s"))).unwrap();
        for block in conf.split("\n\n").skip(1) {
            assert!(block.starts_with("# ") && block.lines().count() == 2, "{block}");
        }
    }

    #[test]
    fn a_path_cannot_bring_an_option_of_its_own() {
        for path in ["/run/s\nTCPSocket 3310", "relative", "/run/two words"] {
            assert_eq!(text(&values(Path::new(path))), None, "{path:?}");
        }
    }
}
