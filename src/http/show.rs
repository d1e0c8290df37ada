//! How numbers and times are written for people: Japan's time, decimal megabytes.

use jiff::tz::{Offset, TimeZone};

use super::Language;
use crate::domain::Timestamp;

/// Japan has had one offset and no summer time since 1951.
const JAPAN: Offset = Offset::constant(9);
const WEEKDAYS_JA: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];

/// A day and time to the minute: `2026年11月23日（月）17:03`, `Mon 23 Nov 2026, 17:03 (Japan time)`.
pub(super) fn date_time(language: Language, at: Timestamp) -> String {
    let Some(zoned) = in_japan(at) else { return at.to_rfc3339() };
    let time = zoned.strftime("%H:%M").to_string();
    match language {
        Language::Japanese => format!("{}{time}", day(language, at)),
        Language::English => format!("{}, {time} (Japan time)", day(language, at)),
    }
}

/// A day: `2026年11月23日（月）`, `Mon 23 Nov 2026`.
pub(super) fn day(language: Language, at: Timestamp) -> String {
    let Some(zoned) = in_japan(at) else { return at.to_rfc3339() };
    match language {
        Language::Japanese => {
            let index = usize::try_from(zoned.weekday().to_monday_zero_offset()).unwrap_or(0);
            let weekday = WEEKDAYS_JA.get(index).copied().unwrap_or("");
            format!("{}年{}月{}日（{weekday}）", zoned.year(), zoned.month(), zoned.day())
        }
        Language::English => zoned.strftime("%a %-d %b %Y").to_string(),
    }
}

/// Bytes as people read them: `512 B`, `340 KB`, `2.4 MB`, `50 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => {
            let tenths = bytes / 100_000;
            match tenths % 10 {
                0 => format!("{} MB", tenths / 10),
                tenth => format!("{}.{tenth} MB", tenths / 10),
            }
        }
    }
}

/// Days, or whole years from two on.
pub(super) fn span(language: Language, days: u16) -> String {
    match (language, days) {
        (Language::Japanese, 730..) => format!("{}年", days / 365),
        (Language::Japanese, _) => format!("{days}日"),
        (Language::English, 730..) => format!("{} years", days / 365),
        (Language::English, 1) => "1 day".to_owned(),
        (Language::English, _) => format!("{days} days"),
    }
}

/// A count with its thousands apart: `20,000`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut spaced = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced
}

fn in_japan(at: Timestamp) -> Option<jiff::Zoned> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(at.to_zoned(TimeZone::fixed(JAPAN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_japans_in_both_languages() {
        let at = Timestamp::from_rfc3339("2026-11-22T15:03:00.000Z").unwrap();
        assert_eq!(date_time(Language::Japanese, at), "2026年11月23日（月）00:03");
        assert_eq!(date_time(Language::English, at), "Mon 23 Nov 2026, 00:03 (Japan time)");
    }

    #[test]
    fn sizes_and_counts_are_short() {
        for (bytes, text) in
            [(999, "999 B"), (1_000, "1 KB"), (2_450_000, "2.4 MB"), (50_000_000, "50 MB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(count(20_000), "20,000");
        assert_eq!(count(999), "999");
        assert_eq!(span(Language::Japanese, 30), "30日");
        assert_eq!(span(Language::English, 2192), "6 years");
    }
}
