//! Printing: text for people, JSON for programs, and errors as one sentence.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::CliError;

/// Where and how a command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress may be drawn: a person watches and no program reads.
    pub(super) fn draws_progress(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// One thing: as a line of JSON, or as the text given.
    pub(super) fn say<T: Serialize>(self, value: &T, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, value)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{text}")?;
        }
        Ok(())
    }

    /// A table: one JSON object a row, or aligned columns under a heading; `empty` says so if
    /// there is no row.
    pub(super) fn table<T: Serialize, const N: usize>(
        self,
        heading: [&str; N],
        rows: &[(T, [String; N])],
        empty: &str,
    ) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        if self.json {
            for (value, _) in rows {
                serde_json::to_writer(&mut out, value)?;
                writeln!(out)?;
            }
            return Ok(());
        }
        if rows.is_empty() {
            writeln!(out, "{empty}")?;
            return Ok(());
        }
        let texts = rows.iter().map(|(_, columns)| columns.each_ref().map(String::as_str));
        let lines: Vec<[&str; N]> = std::iter::once(heading).chain(texts).collect();
        let width = |column: usize| {
            lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max()
        };
        let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
        for line in &lines {
            let cells = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }

    /// An error with its causes, in one line.
    pub(super) fn error(self, error: &dyn std::error::Error) {
        let text = Self::sentence(error);
        if self.json {
            // A failing stderr leaves nothing to be done.
            let _ = writeln!(io::stderr(), "{}", serde_json::json!({ "error": text }));
        } else {
            let _ = writeln!(io::stderr(), "sekisho: {text}");
        }
    }

    /// An error's own words and those of its causes.
    pub(super) fn sentence(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}
