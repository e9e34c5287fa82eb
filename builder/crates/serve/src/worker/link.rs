//! A worker's questions to the service: one connection each, because they are few and a service may have been started anew.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::settings::ServiceAddress;
use crate::wire::PREFIX;

/// For a connection and its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of an answer: a submission's work has all of its files.
const LONGEST: usize = 512 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Error {
    /// The service does not answer now, or its store fails.
    Away(String),
    /// It understood, and will say the same again.
    Refused(String),
    /// It has another bundle, and nothing for this worker.
    Foreign(String),
}

/// The way to the service.
pub(super) struct Link {
    service: ServiceAddress,
    token: String,
}

impl Link {
    pub(super) fn new(service: ServiceAddress, token: String) -> Link {
        Link { service, token }
    }

    /// Asks a question, and waits for the answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        question: &impl Serialize,
    ) -> Result<T, Error> {
        let bytes = self.bytes(path, question, LONGEST).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Refused(format!("an answer that is none: {error}")))
    }

    /// The same, for an answer of so many bytes of any kind.
    pub(super) async fn bytes(
        &self,
        path: &str,
        question: &impl Serialize,
        most: usize,
    ) -> Result<Bytes, Error> {
        let question = serde_json::to_vec(question).map_err(|error| Error::Refused(error.to_string()))?;
        let asked = async {
            match &self.service {
                ServiceAddress::Tcp(place) => {
                    self.send(TcpStream::connect(place).await.map_err(away)?, path, question, most).await
                }
                ServiceAddress::Unix(place) => {
                    self.send(UnixStream::connect(place).await.map_err(away)?, path, question, most).await
                }
            }
        };
        timeout(PATIENCE, asked).await.map_err(|_| away("it does not answer"))?
    }

    async fn send<S>(&self, stream: S, path: &str, question: Vec<u8>, most: usize) -> Result<Bytes, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(away)?;
        let driven = tokio::spawn(connection);
        let request = Request::post(format!("{PREFIX}/{path}"))
            .header(HOST, self.service.host())
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(question))
            .map_err(|error| Error::Refused(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(away)?;
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), most).await.map_err(away)?;
        driven.abort();
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::CONFLICT => Err(Error::Foreign(said(&body))),
            status if status.is_client_error() => Err(Error::Refused(said(&body))),
            _ => Err(away(said(&body))),
        }
    }
}

/// What a problem (RFC 9457) says.
fn said(body: &[u8]) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = problem.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    detail.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

fn away(error: impl ToString) -> Error {
    Error::Away(error.to_string())
}
