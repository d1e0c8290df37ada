//! What a large set of rules adds to a look, against scanning with it in this process.

use std::time::Instant;

use sekisho::memory::SealedMemory;

use super::super::BenchError;
use super::super::figure::Figure;
use super::super::photo;
use super::{Parts, against, compiled, fault, jail};

/// As many as the largest public sets have.
const RULES: u32 = 7000;

pub(super) async fn many(parts: &Parts) -> Result<Option<Figure>, BenchError> {
    let photo = photo::photos(parts.folder.path(), 1, 2)?.pop();
    let photo = photo.map(|photo| photo.bytes).unwrap_or_default();
    let sealed = SealedMemory::from_bytes(&photo)?;
    let text: String = (0..RULES).map(rule).collect();
    let mut sources = parts.sources.clone();
    sources.push(("synthetic.yar".to_owned(), text.into_bytes()));
    let large = jail(sources.clone()).await?;
    let mut all = compiled(&sources);
    let ours = async |_| {
        let begun = Instant::now();
        large.look(&sealed).await.map_err(fault)?;
        let with = begun.elapsed();
        tokio::time::sleep(super::PAUSE).await;
        let begun = Instant::now();
        parts.jail.look(&sealed).await.map_err(fault)?;
        Ok(with.saturating_sub(begun.elapsed()))
    };
    let theirs = |_| {
        let begun = Instant::now();
        all.scan(&photo)?;
        Ok(begun.elapsed())
    };
    let pairs = parts.turns(ours, theirs).await?;
    let name = "what 7,000 rules more add to a look at a photo";
    Ok(against(name, "ms", "a scan with them in this process", &pairs, Some(1.0)))
}

/// Three strings that are nowhere, each of its own.
fn rule(number: u32) -> String {
    let word = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    format!(
        "rule synthetic_{number} {{ strings: $a = \"{word:016x}\" \
         $b = {{ {:02X} ?? {:02X} 5A {:02X} 77 31 {:02X} }} \
         $c = /s{word:x}[0-9]{{3,6}}z/ condition: any of them }}\n",
        word & 255,
        word >> 8 & 255,
        word >> 16 & 255,
        word >> 24 & 255,
    )
}
