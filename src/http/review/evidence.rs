//! Evidence, opened by a POST that states why: findings, and a preview of our own making.
//!
//! The preview stands in the page itself, so that one access is one answer with one event and no
//! address exists under which a picture could be asked for again. For this page alone the policy
//! allows pictures from `data:`; scripts stay shut out.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::Response;
use serde::Deserialize;

use super::artifact::read;
use crate::app::Review;
use crate::domain::ArtifactId;
use crate::domain::content::{Evidence, Preview};
use crate::domain::evidence::{Part, Window};
use crate::domain::finding::{Engine, EngineOutcome, Finding};
use crate::flow::review::{self, EvidenceRequest, Opened, ReviewReason, Showing};
use crate::http::language::Language;
use crate::http::permits::OpenEvidence;
use crate::http::staff::{Me, reason};
use crate::http::{Allowed, Door, Failure, Page};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

#[derive(Deserialize)]
pub(super) struct EvidenceForm {
    #[serde(rename = "reason")]
    untrusted_reason: String,
    /// Asks for the bytes around findings.
    #[serde(rename = "bytes")]
    untrusted_bytes: Option<String>,
}

#[derive(Template)]
#[template(path = "review/evidence.html")]
struct EvidencePage<'a> {
    page: &'a Page,
    me: Me,
    here: &'static str,
    id: ArtifactId,
    evidence: Evidence,
    /// A JPEG of ours, base64; `None` if there is none.
    jpeg_base64: Option<String>,
    text: Option<String>,
    /// Why it was opened, to ask for more of it with the same reason.
    why: ReviewReason,
    showing: Showing,
}

/// `POST /artifacts/{id}/evidence`.
pub(super) async fn open(
    State(door): State<Door<Review>>,
    page: Page,
    reviewer: Allowed<OpenEvidence>,
    Path(untrusted_id): Path<String>,
    Form(form): Form<EvidenceForm>,
) -> Result<Response, Failure> {
    let id = read(&untrusted_id)?;
    let request = EvidenceRequest {
        untrusted_reason: &form.untrusted_reason,
        untrusted_bytes: form.untrusted_bytes.as_deref(),
    };
    let session = &reviewer.session.session;
    let opened = review::open_evidence(&door.role, session, id, request).await?;
    let Opened { mut evidence, reason: why, showing } = opened;
    let me = Me::of(&door, &reviewer.session).await?;
    let (jpeg_base64, text) = match evidence.preview.take() {
        Some(Preview::Image { jpeg_base64 }) => {
            (Some(jpeg_base64).filter(|text| is_base64(text)), None)
        }
        Some(Preview::Text { text }) => (None, Some(text)),
        None => (None, None),
    };
    let here = "/queue";
    let template =
        EvidencePage { page: &page, me, here, id, evidence, jpeg_base64, text, why, showing };
    let mut response = page.html(&template)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}

#[expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "askama calls methods of the page, with references"
)]
impl EvidencePage<'_> {
    /// An engine's end as a key of words: complete, or the fault's code.
    fn outcome(&self, outcome: &EngineOutcome) -> String {
        match outcome {
            EngineOutcome::Complete => "complete".to_owned(),
            EngineOutcome::PassingFault(code) | EngineOutcome::LastingFault(code) => {
                code.to_string()
            }
        }
    }

    /// What a code means, in a sentence.
    fn explanation(&self, code: &str) -> String {
        reason(self.page, code)
    }

    /// What a rule's author says about a match, in the reader's language.
    fn rule(&self, finding: &Finding) -> Option<&str> {
        let rules = &self.evidence.details.rules;
        let words = (finding.engine == Engine::Yara)
            .then(|| rules.iter().find(|words| words.rule == finding.detail))
            .flatten()?;
        let said = match self.page.language {
            Language::Japanese => &words.japanese,
            Language::English => &words.english,
        };
        (!said.is_empty()).then_some(said)
    }

    fn shows_bytes(&self) -> bool {
        self.showing == Showing::Bytes
    }

    /// A window's lines as one text.
    fn dump(&self, window: &Window) -> String {
        window.lines().join("\n")
    }

    /// How deep a piece lies, as a width in characters.
    fn indent(&self, part: &Part) -> String {
        "\u{2003}".repeat(usize::from(part.depth.min(8)))
    }

    fn is_complete(&self, outcome: &EngineOutcome) -> bool {
        *outcome == EngineOutcome::Complete
    }

    /// Microseconds as milliseconds with one decimal.
    fn millis(&self, took_us: &u64) -> String {
        format!("{}.{}", took_us / 1000, took_us % 1000 / 100)
    }
}
