//! What the demo prints: its progress, the table, and how to go on from there.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::DemoError;
use super::outcome::Row;
use super::patient::{BIRTH_DATE, Link};
use super::people::SignIns;
use super::settings::Settings;
use crate::expect::Expectation;

/// One step of the way, as it begins.
pub(super) fn step(text: &str) {
    eprintln!("demo: {text}");
}

/// A bar that fills while `length` things are done; hidden where no person watches.
pub(super) fn bar(length: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("demo: {bar:30} {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    ProgressBar::new(length).with_style(style).with_message(what)
}

/// Prints the table and what differs; returns how many do.
pub(super) fn table(rows: &[Row]) -> usize {
    let heading = ["FILE", "TYPE", "VERDICT", "REASON", "DISPOSITION", "MS"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let took = row.took_ms.map_or_else(|| "-".to_owned(), |took| took.to_string());
        let judged = &row.judged;
        [
            row.path.clone(),
            judged.detected_type.clone(),
            judged.verdict.clone(),
            judged.reason.clone(),
            judged.disposition.clone(),
            took,
        ]
    });
    let lines: Vec<[String; 6]> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    println!();
    for line in &lines {
        let cells = line.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    let differing: Vec<&Row> = rows.iter().filter(|row| row.expected.is_some()).collect();
    for row in &differing {
        if let Some(expected) = &row.expected {
            println!("\nDIFFERS: {} should be {}", row.path, in_words(expected));
        }
    }
    println!("\n{} of {} as expected{}", rows.len() - differing.len(), rows.len(), times(rows));
    differing.len()
}

fn in_words(expected: &Expectation) -> String {
    match &expected.door {
        Some(code) => format!("refused at the door: {code}"),
        None => format!(
            "{}, {}, {}",
            expected.verdict.name(),
            expected.reason,
            expected.disposition.name()
        ),
    }
}

/// The middle and the longest time, as a sentence's end.
fn times(rows: &[Row]) -> String {
    let mut times: Vec<i64> = rows.iter().filter_map(|row| row.took_ms).collect();
    times.sort_unstable();
    match (times.get(times.len() / 2), times.last()) {
        (Some(middle), Some(last)) => {
            format!("; last byte to disposition: {middle} ms in the middle, {last} ms at most")
        }
        _ => String::new(),
    }
}

/// Prints everything a visitor needs to walk through the doors.
pub(super) fn welcome(
    settings: &Settings,
    sign_ins: &SignIns,
    link: &Link,
    data: &Path,
) -> Result<(), DemoError> {
    println!("\nAs a patient, open this link (on this machine):\n\n  {}\n", link.url);
    if let Ok(code) = QrCode::new(&link.url) {
        println!("{}", code.render::<Dense1x2>().quiet_zone(true).build());
    }
    println!("  date of birth to type   {BIRTH_DATE}");
    println!("  or the short code       {} at {}", link.short_code, settings.intake.url);
    println!("\nAs staff:\n");
    println!("  doctors                               {}", settings.portal.url);
    println!("  reviewers, reception, administrator   {}", settings.review.url);
    println!("\n  {:<10} {:<14} {:<24} CODE NOW", "LOGIN", "ROLE", "PASSWORD");
    for person in &sign_ins.all {
        let code = person.code().unwrap_or_default();
        println!("  {:<10} {:<14} {:<24} {code}", person.login, person.role, person.password);
    }
    let own = std::env::current_exe()?;
    println!("\n  The next code: {} demo-code --data {} LOGIN", own.display(), data.display());
    println!("  Machines that pull come to {}", settings.machines.url);
    println!(
        "\nThe browser warns of an unknown authority until you trust {}.\n\
         Trust it for this demo only, and remove it afterwards. Ctrl-C stops everything.",
        data.join("tls/local-ca.pem").display()
    );
    Ok(())
}
