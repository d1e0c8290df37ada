//! A patient whose browser sends a file in pieces (tus 1.0).

use bytes::Bytes;
use futures_util::Stream;
use reqwest::{Body, Method, Response};

use super::ChaosError;
use super::patient::{Visitor, expect};

impl Visitor {
    /// Announces a file; its path at the door.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn announce(&self, length: usize) -> Result<String, ChaosError> {
        let request = self.at(Method::POST, "/uploads").header("tus-resumable", "1.0.0");
        let answer = request.header("upload-length", length).send().await?;
        let answer = expect("announce a file", answer).await?;
        let path = answer.headers().get("location").and_then(|path| path.to_str().ok());
        path.map(str::to_owned).ok_or(ChaosError::Unread("the upload's address"))
    }

    /// How much of a file is durable.
    ///
    /// # Errors
    /// If there is no such file, or the door cannot be reached.
    pub async fn standing(&self, path: &str) -> Result<usize, ChaosError> {
        let request = self.at(Method::HEAD, path).header("tus-resumable", "1.0.0");
        offset(&expect("look after a file", request.send().await?).await?)
    }

    /// Sends the next piece; how much of the file is durable then.
    ///
    /// # Errors
    /// If it is refused, or the door goes away in the middle.
    pub async fn append<S>(&self, path: &str, from: usize, piece: S) -> Result<usize, ChaosError>
    where
        S: Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
    {
        let request = self.at(Method::PATCH, path).header("tus-resumable", "1.0.0");
        let request = request.header("content-type", "application/offset+octet-stream");
        let request = request.header("upload-offset", from).body(Body::wrap_stream(piece));
        offset(&expect("take a piece", request.send().await?).await?)
    }

    /// Gives a file up.
    ///
    /// # Errors
    /// If it is refused, or the door cannot be reached.
    pub async fn give_up(&self, path: &str) -> Result<(), ChaosError> {
        let request = self.at(Method::DELETE, path).header("tus-resumable", "1.0.0");
        expect("give a file up", request.send().await?).await?;
        Ok(())
    }
}

fn offset(answer: &Response) -> Result<usize, ChaosError> {
    let offset = answer.headers().get("upload-offset").and_then(|offset| offset.to_str().ok());
    offset.and_then(|it| it.parse().ok()).ok_or(ChaosError::Unread("the upload's offset"))
}
