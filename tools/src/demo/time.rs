//! The machine's own clock: the demo measures what really happens.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the demo measures real time")]
pub(super) fn now_ms() -> i64 {
    // Only a clock set before 1970 gives none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
