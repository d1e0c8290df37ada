//! `sekisho pull`: fetches cleared renditions to a registered clinic machine.

use serde_json::json;

use super::output::Output;
use super::{Answer, CliError};
use crate::app::Clock;
use crate::domain::Timestamp;
use crate::ops::pull::{self, Line, PullArgs};

pub(super) async fn run(args: &PullArgs, output: Output) -> Result<Answer, CliError> {
    let any = std::time::Duration::MAX;
    let clock = Clock::system(Timestamp::from_millis(0), any, any);
    let (printer, drawn) = (output, output.draws_progress());
    let mut failed = None;
    let mut tell = |line: &Line, left: usize| {
        let left = if drawn && left > 0 { format!(" ({left} to come)") } else { String::new() };
        let text = format!("{}{left}", text_of(line));
        failed = printer.say(line, &text).err().or(failed.take());
    };
    let summary = pull::pull(args, &|| clock.read(), &mut tell).await?;
    if let Some(error) = failed {
        return Err(error);
    }
    let text = format!(
        "{} written, {} removed, {} refused",
        summary.written, summary.removed, summary.refused
    );
    output.say(&json!({ "result": "summary", "summary": summary }), &text)?;
    Ok(if summary.refused == 0 { Answer::Yes } else { Answer::No })
}

fn text_of(line: &Line) -> String {
    match line {
        Line::Written { file, size_bytes, demo, .. } => {
            let demo = if *demo { ", cleared by the demonstration set" } else { "" };
            format!("written  {file} ({size_bytes} bytes{demo})")
        }
        Line::Removed { file, .. } => format!("removed  {file}: recalled"),
        Line::Refused { artifact, reason } => format!("REFUSED  {artifact}: {reason}"),
    }
}
