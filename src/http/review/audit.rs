//! A reviewer searches the access log. The search is itself an event.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use crate::app::{AuditFilter, Logged, Review};
use crate::domain::{Event, Outcome, Timestamp};
use crate::flow::log;
use crate::flow::sign_in::actor_of;
use crate::http::permits::SearchAudit;
use crate::http::staff::Me;
use crate::http::{Allowed, Door, Failure, Page};

/// Most events on one page.
const LIST_LIMIT: u32 = 200;
/// Longest text of one field; what the log is searched for is shorter.
const FIELD_CHARS: usize = 80;
/// Days are Japan's, as everywhere on the pages.
const JAPAN: Offset = Offset::constant(9);

/// What was asked for, as it came; shown again in the form.
#[derive(Deserialize, Default)]
#[expect(clippy::struct_field_names, reason = "every field is labelled as it came")]
#[serde(default)]
pub(super) struct AuditQuery {
    #[serde(rename = "artifact")]
    untrusted_artifact: String,
    #[serde(rename = "actor")]
    untrusted_actor: String,
    #[serde(rename = "action")]
    untrusted_action: String,
    #[serde(rename = "from")]
    untrusted_from: String,
    #[serde(rename = "until")]
    untrusted_until: String,
}

#[derive(Template)]
#[template(path = "review/audit.html")]
struct AuditPage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    query: AuditQuery,
    entries: Vec<Logged>,
    is_full: bool,
}

/// `GET /audit`.
pub(super) async fn search(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<SearchAudit>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Failure> {
    let actor = actor_of(&reviewer.session.session);
    let entries = log::search(&door.role.app, actor, &query.filter()).await?;
    let me = Me::of(&door, &reviewer.session).await?;
    let is_full = entries.len() >= LIST_LIMIT as usize;
    page.html(&AuditPage { page: &page, me, here: "/audit", query, entries, is_full })
}

impl AuditQuery {
    fn filter(&self) -> AuditFilter {
        let field = |text: &str| {
            let text: String = text.trim().chars().take(FIELD_CHARS).collect();
            (!text.is_empty()).then_some(text)
        };
        AuditFilter {
            artifact: field(&self.untrusted_artifact),
            actor: field(&self.untrusted_actor),
            action: field(&self.untrusted_action),
            from: day(&self.untrusted_from),
            until: day(&self.untrusted_until).map(|day| day.plus(one_day())),
            limit: LIST_LIMIT,
        }
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl AuditPage<'_> {
    fn is_refused(&self, event: &Event) -> bool {
        matches!(event.outcome, Outcome::Refused { .. })
    }
}

/// The beginning of a day as a date field sends it (`2026-11-23`).
fn day(untrusted_text: &str) -> Option<Timestamp> {
    let date: Date = untrusted_text.trim().parse().ok()?;
    let start = date.to_zoned(TimeZone::fixed(JAPAN)).ok()?;
    Some(Timestamp::from_millis(start.timestamp().as_millisecond()))
}

const fn one_day() -> std::time::Duration {
    std::time::Duration::from_hours(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_japans_and_its_end_is_within_it() {
        let query = AuditQuery {
            untrusted_from: "2026-11-23".into(),
            untrusted_until: "2026-11-23".into(),
            ..AuditQuery::default()
        };
        let filter = query.filter();
        assert_eq!(filter.from, Timestamp::from_rfc3339("2026-11-22T15:00:00.000Z"));
        assert_eq!(filter.until, Timestamp::from_rfc3339("2026-11-23T15:00:00.000Z"));
        assert_eq!(day("soon"), None);
        assert_eq!(query.filter().artifact, None);
    }
}
