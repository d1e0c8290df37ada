//! A reviewer searches the access log. The search is itself an event.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use crate::app::{AuditFilter, Logged, Review};
use crate::domain::{Event, Outcome, Timestamp};
use crate::flow::log;
use crate::flow::sign_in::actor_of;
use crate::http::permits::SearchAudit;
use crate::http::staff::{Me, shown};
use crate::http::{Allowed, Door, Failure, Page, Problem};

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
    found: Found,
}

/// What a search led to.
enum Found {
    Entries(Vec<Logged>),
    Refused(Problem),
}

/// `GET /audit`.
pub(super) async fn search(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<SearchAudit>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Failure> {
    let actor = actor_of(&reviewer.session.session);
    let found = match log::search(&door.role.app, actor, query.filter().as_ref()).await {
        Ok(entries) => Found::Entries(entries),
        Err(error) => Found::Refused(shown(error)?),
    };
    let me = Me::of(&door, &reviewer.session).await?;
    let status = match &found {
        Found::Entries(_) => StatusCode::OK,
        Found::Refused(problem) => problem.status(),
    };
    page.html_with(status, &AuditPage { page: &page, me, here: "/audit", query, found })
}

impl AuditQuery {
    /// What is asked for; `None` if a day does not read, as to leave it out would find other things.
    fn filter(&self) -> Option<AuditFilter> {
        let field = |text: &str| {
            let text: String = text.trim().chars().take(FIELD_CHARS).collect();
            (!text.is_empty()).then_some(text)
        };
        let from = day(&self.untrusted_from).ok()?;
        let until = day(&self.untrusted_until).ok()?;
        Some(AuditFilter {
            artifact: field(&self.untrusted_artifact),
            actor: field(&self.untrusted_actor),
            action: field(&self.untrusted_action),
            from,
            until: until.map(|day| day.plus(one_day())),
            limit: LIST_LIMIT,
        })
    }
}

#[expect(clippy::unused_self, reason = "askama calls methods of the page")]
impl AuditPage<'_> {
    fn is_full(&self, entries: &[Logged]) -> bool {
        entries.len() >= LIST_LIMIT as usize
    }

    fn is_refused(&self, event: &Event) -> bool {
        matches!(event.outcome, Outcome::Refused { .. })
    }
}

/// The beginning of a day as a date field sends it (`2026-11-23`); `None` if it sends none.
fn day(untrusted_text: &str) -> Result<Option<Timestamp>, jiff::Error> {
    let text = untrusted_text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let date: Date = text.parse()?;
    let start = date.to_zoned(TimeZone::fixed(JAPAN))?;
    Ok(Some(Timestamp::from_millis(start.timestamp().as_millisecond())))
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
        let filter = query.filter().unwrap();
        assert_eq!(filter.from, Timestamp::from_rfc3339("2026-11-22T15:00:00.000Z"));
        assert_eq!(filter.until, Timestamp::from_rfc3339("2026-11-23T15:00:00.000Z"));
        assert_eq!(filter.artifact, None);
        assert!(day("soon").is_err() && day(" ").unwrap().is_none());
    }
}
