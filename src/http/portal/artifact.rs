//! One rendition: its page, and its bytes.
//!
//! The page shows a picture by asking for it, so that the picture's own answer is the one access
//! with the one event; inert text stands in the page itself and is the access. A document is shown
//! page by page, each a picture of its own, asked for when it comes into sight.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::app::Portal;
use crate::domain::certificate::{Certificate, Released};
use crate::domain::state::{Basis, Media};
use crate::domain::{Artifact, ArtifactId, Timestamp};
use crate::flow::view;
use crate::http::permits::ViewRendition;
use crate::http::staff::Me;
use crate::http::{Allowed, Door, Failure, Page, Problem, Watching};

/// A picture is an answer of its own that can do nothing, wherever it is opened.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

#[derive(Template)]
#[template(path = "portal/artifact.html")]
struct ArtifactPage<'a> {
    page: &'a Page,
    me: Me,
    artifact: Artifact,
    /// A key of words.
    kind: &'static str,
    certificate: &'a Certificate,
    /// The certificate as signed.
    note: &'a str,
    until: Timestamp,
    width: u32,
    height: u32,
    /// Pages of a document; 0 for what has none.
    pages: u32,
    /// The message; `None` for a picture.
    text: Option<String>,
    watermark: String,
}

/// `GET /artifacts/{id}`.
pub(super) async fn page(
    State(door): State<Door<Portal>>,
    page: Page,
    doctor: Allowed<ViewRendition>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let id = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let (artifact, released) = view::look(&door.role, doctor.session.staff, id).await?;
    let text = text(&door.role, &doctor, &released).await?;
    let me = Me::of(&door, &doctor.session).await?;
    let watermark = format!("{} {}", me.login, page.when(&door.role.app.clock.read()));
    page.html(&ArtifactPage {
        page: &page,
        me,
        kind: super::kind(&artifact, &released),
        artifact,
        certificate: released.certificate(),
        note: released.note(),
        until: released.until(),
        width: released.rendition().width,
        height: released.rendition().height,
        pages: released.rendition().pages,
        text,
        watermark,
    })
}

/// `GET /artifacts/{id}/rendition`.
pub(super) async fn rendition(
    State(door): State<Door<Portal>>,
    doctor: Allowed<ViewRendition>,
    Path(untrusted_id): Path<String>,
) -> Result<Response, Failure> {
    let id: ArtifactId = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let viewed = view::view(&door.role, doctor.session.staff, id).await?;
    let media = viewed.released.rendition().media;
    send(viewed, media, &id.to_string())
}

fn send(viewed: view::Viewed, media: Media, name: &str) -> Result<Response, Failure> {
    let name = format!("inline; filename=\"{name}.{}\"", media.extension());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media.mime())),
        (CONTENT_SECURITY_POLICY, SANDBOX),
        (CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(|_| Problem::NotFound)?),
    ];
    // Wiped once it has been sent.
    Ok((headers, Bytes::from_owner(viewed.bytes)).into_response())
}

/// `GET /artifacts/{id}/standing`: whether a page that shows it may go on doing so.
pub(super) async fn standing(
    State(door): State<Door<Portal>>,
    doctor: Watching<ViewRendition>,
    Path(untrusted_id): Path<String>,
) -> Result<StatusCode, Failure> {
    let id: ArtifactId = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    view::look(&door.role, doctor.staff, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /artifacts/{id}/pages/{number}`.
pub(super) async fn page_of_document(
    State(door): State<Door<Portal>>,
    doctor: Allowed<ViewRendition>,
    Path((untrusted_id, untrusted_number)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let id: ArtifactId = untrusted_id.parse().map_err(|_| Problem::NotFound)?;
    let number: u32 = untrusted_number.parse().map_err(|_| Problem::NotFound)?;
    let viewed = view::view_page(&door.role, doctor.session.staff, id, number).await?;
    let media = match viewed.released.rendition().media {
        // Pages of a document are JPEGs of our own making.
        Media::Pdf => Media::Jpeg,
        media @ (Media::Jpeg | Media::Png | Media::Text) => media,
    };
    send(viewed, media, &format!("{id}-{number}"))
}

/// A message's text, opened and logged like any rendition.
async fn text(
    portal: &Portal,
    doctor: &Allowed<ViewRendition>,
    released: &Released,
) -> Result<Option<String>, Failure> {
    match released.rendition().media {
        Media::Jpeg | Media::Png | Media::Pdf => Ok(None),
        Media::Text => {
            let viewed = view::view(portal, doctor.session.staff, released.artifact()).await?;
            Ok(Some(String::from_utf8_lossy(&viewed.bytes).into_owned()))
        }
    }
}

#[expect(
    clippy::unused_self,
    clippy::trivially_copy_pass_by_ref,
    reason = "askama calls methods of the page, with references"
)]
impl ArtifactPage<'_> {
    /// On whose word, as a key of words.
    fn basis(&self) -> &'static str {
        match self.certificate.basis {
            Basis::Policy => "policy",
            Basis::Reviewers { .. } => "reviewers",
        }
    }

    /// How old an engine's signature set was, in hours.
    fn hours(&self, seconds: &u64) -> u64 {
        seconds / 3600
    }
}
