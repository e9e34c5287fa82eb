//! Connections: as many as the operator allows, each with time for its requests.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use super::listener::{Listener, Stream};
use crate::settings::Settings;

/// What a request may have of them; hyper refuses more with 431.
const MOST_HEADERS: usize = 100;
/// Bytes of all headers together.
const LONGEST_HEAD: usize = 64 << 10;
/// After accept(2) failed, as it does without a free descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers until `ends` says so, and then until all connections are closed.
pub(crate) async fn serve(
    router: Router,
    settings: Arc<Settings>,
    listener: Listener,
    mut ends: watch::Receiver<bool>,
) {
    let most = u32::try_from(settings.connections).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(most as usize));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            _ = ends.changed() => break,
        };
        let Ok(stream) = stream else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (router, ends, time) = (router.clone(), ends.clone(), settings.request_time);
        tokio::spawn(async move {
            let _until_the_connection_is_closed = permit;
            match stream {
                Stream::Tcp(stream) => answer(stream, router, time, ends).await,
                Stream::Unix(stream) => answer(stream, router, time, ends).await,
            }
        });
    }
    drop(listener);
    let _all_are_closed = permits.acquire_many(most).await;
}

fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    time: Duration,
    mut ends: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(time);
    builder.max_headers(MOST_HEADERS).max_buf_size(LONGEST_HEAD);
    async move {
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = pin!(connection);
        // What goes wrong on a connection is its client's to know.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = ends.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _closed = connection.await;
    }
}
