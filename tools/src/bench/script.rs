//! What a user would write today: clamdscan, yara and `ImageMagick` in a shell script, run on
//! all cores; and the weaker script that takes only the metadata away.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::BenchError;
use super::photo::Photo;

/// A script that takes a photo and a target.
pub(super) struct Script {
    file: PathBuf,
    out: PathBuf,
    name: &'static str,
}

/// How the script makes its output harmless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Output {
    /// Decoded and encoded again, upright, without metadata.
    Reencoded,
    /// The patient's own bytes without metadata.
    Stripped,
}

/// Where Debian puts the programs; others of these names may stand before them in the path.
const CONVERT: &str = "/usr/bin/convert";
const EXIFTOOL: &str = "/usr/bin/exiftool";
const PROGRAMS: [&str; 5] =
    ["/usr/bin/clamdscan", "/usr/bin/yara", "/usr/bin/yarac", CONVERT, EXIFTOOL];

impl Script {
    /// Writes the script; it asks the clamd of this configuration.
    pub(super) fn write(
        folder: &Path,
        clamd_conf: &Path,
        signatures: &Path,
        output: Output,
    ) -> Result<Self, BenchError> {
        if let Some(missing) = PROGRAMS.into_iter().find(|program| !Path::new(program).exists()) {
            return Err(BenchError::Missing(missing));
        }
        let rules = compiled_rules(folder, signatures)?;
        let (name, last) = match output {
            Output::Reencoded => (
                "reencode",
                format!(
                    "{CONVERT} \"$1\" -auto-orient -strip -quality 92 \
                     -sampling-factor 2x2,1x1,1x1 \"$out\""
                ),
            ),
            Output::Stripped => {
                ("strip", format!("{EXIFTOOL} -quiet -overwrite_original -all= -o \"$out\" \"$1\""))
            }
        };
        let out = folder.join(name);
        fs::create_dir_all(&out).map_err(BenchError::at(&out))?;
        let text = format!(
            "set -eu\n\
             out={out}/${{1##*/}}\n\
             clamdscan --config-file={conf} --fdpass --no-summary --quiet \"$1\"\n\
             [ -z \"$(yara -C {rules} \"$1\")\" ]\n\
             {last}\n",
            out = out.display(),
            conf = clamd_conf.display(),
            rules = rules.display(),
        );
        let file = folder.join(format!("{name}.sh"));
        fs::write(&file, text).map_err(BenchError::at(&file))?;
        Ok(Self { file, out, name })
    }

    /// Runs it over the photos, as many at once as there are cores.
    pub(super) fn run(&self, photos: &[Photo]) -> Result<Duration, BenchError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new("xargs");
        command.args(["-0", "-n", "1", "-P", &cores.to_string(), "sh"]).arg(&self.file);
        // Each runs on one core already; threads on top of that only get in each other's way.
        command.env("MAGICK_THREAD_LIMIT", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        if let Some(mut list) = child.stdin.take() {
            for photo in photos {
                list.write_all(photo.path.as_os_str().as_encoded_bytes())?;
                list.write_all(&[0])?;
            }
        }
        let output = child.wait_with_output()?;
        let took = begun.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() || fs::read_dir(&self.out)?.count() != photos.len() {
            return Err(BenchError::Command { what: self.name, said });
        }
        for made in fs::read_dir(&self.out)? {
            fs::remove_file(made?.path())?;
        }
        Ok(took)
    }
}

/// Compiled once, as whoever scans many files does.
fn compiled_rules(folder: &Path, signatures: &Path) -> Result<PathBuf, BenchError> {
    let rules = folder.join("rules.yarc");
    let mut command = Command::new("yarac");
    let sources = signatures.join("yara");
    for entry in fs::read_dir(&sources).map_err(BenchError::at(&sources))? {
        command.arg(entry?.path());
    }
    let output = command.arg(&rules).output()?;
    if output.status.success() {
        Ok(rules)
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(BenchError::Command { what: "yarac", said })
    }
}
