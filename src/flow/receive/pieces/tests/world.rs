//! A patient who sends in pieces, and the connections that break.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::domain::artifact::Declared;
use crate::domain::checksum::Checksum;
use crate::domain::limits::Limits;
use crate::domain::submission::Connection;
use crate::domain::{Artifact, UploadId};
use crate::flow::receive::tests::{Begun, patient};
use crate::flow::receive::{Piece, Visit, receipt, visit};
use crate::flow::{FlowError, Refusal};
use crate::testing::TestApp;

/// The connection is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// Larger than a part, so that cuts fall within parts and at their ends.
pub(super) const SIZE: usize = 300;

/// A patient at a fresh intake: nothing of a request is left in the process after it, so each of
/// these calls could be at another one.
pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) begun: Begun,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        let app = TestApp::with_limits(Limits { part_bytes: 64, ..limits }).await;
        let begun = patient(&app).await;
        Self { app, begun }
    }

    pub(super) async fn visit(&self) -> Visit {
        let begun = &self.begun;
        visit(&self.app.intake, begun.link, Some(begun.submission)).await.expect("a visit")
    }

    pub(super) async fn announce(&self, size: usize) -> Result<UploadId, FlowError> {
        self.app.hand.advance(Duration::from_secs(1));
        let Begun { session, token, .. } = &self.begun;
        let declared = Declared::from_untrusted(Some("a.jpg"), Some("image/jpeg"));
        let visit = self.visit().await;
        let standing = visit.announce(&self.app.intake, session, token, size as u64, declared);
        standing.await.map(|it| it.upload)
    }

    pub(super) async fn append<E>(
        &self,
        upload: UploadId,
        offset: usize,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<u64, FlowError> {
        self.append_checked(upload, offset, None, body).await
    }

    pub(super) async fn append_checked<E>(
        &self,
        upload: UploadId,
        offset: usize,
        checksum: Option<Checksum>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<u64, FlowError> {
        // A step of time, which keeps the events of two requests in order.
        self.app.hand.advance(Duration::from_secs(1));
        let connection = connection(offset);
        let piece = Piece { upload, offset: offset as u64, checksum, connection };
        let mut visit = self.visit().await;
        let standing = visit.append(&self.app.intake, &self.begun.token, piece, body).await;
        standing.map(|it| it.offset)
    }

    pub(super) async fn offset(&self, upload: UploadId) -> Result<u64, FlowError> {
        let mut visit = self.visit().await;
        let token = &self.begun.token;
        let standing = visit.standing(&self.app.intake, token, upload).await;
        standing.map(|it| it.offset)
    }

    pub(super) async fn artifacts(&self) -> Vec<Artifact> {
        let app = &self.app.intake.app;
        receipt(app, Some(self.begun.submission)).await.expect("a receipt").artifacts
    }

    pub(super) async fn last_event(&self) -> String {
        self.app.trail().await.pop().expect("an event")
    }

    /// The one artifact there is, which holds these bytes.
    pub(super) async fn expect_received(&self, bytes: &[u8]) {
        let artifacts = self.artifacts().await;
        let [artifact] = artifacts.as_slice() else { panic!("{} artifacts", artifacts.len()) };
        let sha256 = hex::encode(Sha256::digest(bytes));
        assert_eq!(artifact.source.sha256.as_str(), sha256);
        assert_eq!(artifact.source.size_bytes, bytes.len() as u64);
        assert_eq!(artifact.declared.extension.as_deref(), Some("jpg"));
        let app = &self.app.intake.app;
        let parts = app.db.parts(artifact.source.object).await.expect("a database");
        assert_eq!(parts.len(), artifact.source.parts as usize);
        assert_eq!(app.db.wrapped_objects("", 9).await.expect("keys"), [artifact.source.object]);
    }
}

pub(super) fn bytes() -> Vec<u8> {
    (0..SIZE).map(|n| (n * 7 + n / 251).to_le_bytes()[0]).collect()
}

/// Of the piece that begins here.
pub(super) fn connection(offset: usize) -> Connection {
    let local = "127.0.0.1:8443".parse().expect("an address");
    Connection::new(local, local, format!("request-{offset}"))
}

pub(super) fn body(bytes: &[u8]) -> impl Stream<Item = Result<Bytes, Gone>> + Unpin {
    let chunks: Vec<_> = bytes.chunks(17).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks)
}

pub(super) fn broken_after(bytes: &[u8]) -> impl Stream<Item = Result<Bytes, Gone>> + Unpin {
    body(bytes).chain(stream::iter([Err(Gone)]))
}

/// A body that a test fills while it is being read.
pub(super) fn channel() -> (
    mpsc::UnboundedSender<Result<Bytes, Gone>>,
    impl Stream<Item = Result<Bytes, Gone>> + Unpin + Send,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let body = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    (sender, Box::pin(body))
}

pub(super) fn refused(result: Result<u64, FlowError>) -> Refusal {
    match result {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}
