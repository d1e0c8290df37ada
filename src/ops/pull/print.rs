//! What `sekisho pull` prints: a line a file on standard output, progress on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Line, Summary};

pub(super) struct Printer {
    is_json: bool,
    bar: ProgressBar,
}

impl Printer {
    /// Draws progress only where a person watches and no program reads.
    pub(super) fn new(is_json: bool) -> Self {
        let watched = !is_json && io::stderr().is_terminal();
        let bar = if watched { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} done, {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { is_json, bar }
    }

    pub(super) fn line(&mut self, line: &Line, left: usize) {
        self.bar.inc(1);
        self.bar.set_message(format!("{left} to come"));
        let text = if self.is_json { json!(line).to_string() } else { words(line) };
        // A reader that went away leaves nothing to be done.
        self.bar.suspend(|| _ = writeln!(io::stdout(), "{text}"));
    }

    pub(super) fn end(&self, summary: Summary) {
        self.bar.finish_and_clear();
        let Summary { written, removed, refused } = summary;
        let text = if self.is_json {
            json!({ "result": "summary", "written": written, "removed": removed, "refused": refused })
                .to_string()
        } else {
            format!("{written} written, {removed} removed, {refused} refused")
        };
        _ = writeln!(io::stdout(), "{text}");
    }
}

fn words(line: &Line) -> String {
    match line {
        Line::Written { file, size_bytes, demo: false, .. } => {
            format!("written  {file} ({size_bytes} bytes)")
        }
        Line::Written { file, size_bytes, demo: true, .. } => {
            format!("written  {file} ({size_bytes} bytes, cleared with a demonstration set)")
        }
        Line::Removed { file: Some(file), .. } => format!("removed  {file} (recalled)"),
        Line::Removed { artifact, file: None } => {
            format!("recalled {artifact} (its file is no longer in this folder)")
        }
        Line::Refused { artifact, reason } => format!("refused  {artifact}: {reason}"),
    }
}
