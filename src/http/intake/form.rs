//! A form as it is parsed while it comes in. Its parser keeps whatever precedes a field (its header,
//! and what comes before the first boundary) in memory until it has all of it: here that has a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures_util::Stream;

use crate::flow::Refusal;
use crate::flow::receive::Place;

/// The form of a request.
pub(super) struct Form {
    fields: Multipart,
    head: Arc<Head>,
}

/// What may still come before the next field begins; within a field, anything.
#[derive(Default)]
struct Head(AtomicUsize);

/// The bytes of a form, given to its parser as far as [`Head`] lets them.
struct Measured {
    body: BodyDataStream,
    head: Arc<Head>,
    /// Whether the parser has looked at all it may have before a field.
    has_looked: bool,
}

/// A form that goes on and on before a field.
#[derive(Debug, thiserror::Error)]
#[error("too much precedes a field")]
struct TooMuch;

/// Most bytes before a field begins. Browsers send some hundred.
const HEAD_BYTES: usize = 16 * 1024;

impl Form {
    /// The next field. The one before it must have been read to its end.
    pub(super) async fn next(&mut self, place: &Place) -> Result<Option<Field<'_>>, Refusal> {
        let Self { fields, head } = self;
        head.0.store(HEAD_BYTES, Ordering::Relaxed);
        let field = place.read(fields.next_field()).await?;
        // Within a field anything may come; an error ends the form.
        let left = head.0.swap(usize::MAX, Ordering::Relaxed);
        field.map_err(|error| if left == 0 { Refusal::FormUnreadable } else { refusal_of(&error) })
    }
}

/// The next bytes of a field that are any.
pub(super) async fn next_chunk(
    field: &mut Field<'_>,
    place: &Place,
) -> Result<Option<Bytes>, Refusal> {
    loop {
        let chunk = place.read(field.chunk()).await?.map_err(|error| refusal_of(&error))?;
        if !chunk.as_ref().is_some_and(Bytes::is_empty) {
            return Ok(chunk);
        }
    }
}

fn refusal_of(error: &MultipartError) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::SubmissionTooLarge,
        _ => Refusal::UploadInterrupted,
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = MultipartRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, MultipartRejection> {
        let head = Arc::<Head>::default();
        let measured = |body: Body| {
            let (body, head) = (body.into_data_stream(), Arc::clone(&head));
            Body::from_stream(Measured { body, head, has_looked: false })
        };
        let fields = Multipart::from_request(request.map(measured), state).await?;
        Ok(Self { fields, head })
    }
}

impl Stream for Measured {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = self.head.0.load(Ordering::Relaxed);
        if left == 0 {
            // The parser takes all that is there before it looks for a field in it.
            if self.has_looked {
                return Poll::Ready(Some(Err(TooMuch.into())));
            }
            self.has_looked = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_looked = false;
        let chunk = ready!(Pin::new(&mut self.body).poll_next(context));
        if let Some(Ok(chunk)) = &chunk {
            self.head.0.store(left.saturating_sub(chunk.len()), Ordering::Relaxed);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map_err(Into::into)))
    }
}
