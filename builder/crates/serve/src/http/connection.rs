//! Connections: as many as the operator allows, each with time for its requests.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use super::listener::{Listener, Stream};
use crate::settings::Settings;

/// What a request may have of them; hyper refuses more with 431.
const MOST_HEADERS: usize = 100;
/// Bytes of all headers together.
const LONGEST_HEAD: usize = 64 << 10;
/// After accept(2) failed, as it does without a free descriptor.
const PAUSE: Duration = Duration::from_millis(50);
/// For a client to send its request, when others wait for its connection.
const SOON: Duration = Duration::from_secs(1);

/// A connection, as its requests know it. It counts among the open ones for as long as one of them keeps this.
#[derive(Clone)]
pub(crate) struct Connection {
    _permit: Arc<OwnedSemaphorePermit>,
    ends: Ends,
    crowd: Crowd,
}

/// The end of the service.
#[derive(Clone)]
pub(crate) struct Ends(watch::Receiver<bool>);

/// Whether a client waits for a connection because there are as many as there may be.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<watch::Sender<bool>>);

impl Connection {
    pub(crate) fn ends(&self) -> Ends {
        self.ends.clone()
    }

    pub(crate) fn crowd(&self) -> Crowd {
        self.crowd.clone()
    }
}

impl Ends {
    /// Waits until the service takes no more requests.
    pub(crate) async fn come(&mut self) {
        // Without a sender the service is gone.
        let _is_over = self.0.wait_for(|is_over| *is_over).await;
    }
}

impl Crowd {
    /// Waits until an idle connection should be closed: a client has waited for one for some time. The idle connection's own
    /// client may have connected just now.
    pub(crate) async fn wait_for_pressure(&self) {
        let mut waits = self.0.subscribe();
        loop {
            // The sender is here.
            drop(waits.wait_for(|waits| *waits).await);
            sleep(SOON).await;
            if *waits.borrow() {
                return;
            }
        }
    }
}

/// Answers until `ends` says so, and then until all connections are closed.
pub(crate) async fn serve(
    router: Router,
    settings: Arc<Settings>,
    listener: Listener,
    mut ends: watch::Receiver<bool>,
) {
    let most = u32::try_from(settings.connections).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(most as usize));
    let crowd = Crowd(Arc::new(watch::Sender::new(false)));
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            _ = ends.changed() => break,
        };
        let Ok(stream) = stream else {
            sleep(PAUSE).await;
            continue;
        };
        let permit = tokio::select! {
            permit = permit(&permits, &crowd) => permit,
            _ = ends.changed() => break,
        };
        let Some(permit) = permit else { return };
        let (router, time) = (router.clone(), settings.request_time);
        let (ends, crowd) = (Ends(ends.clone()), crowd.clone());
        let connection = Connection { _permit: Arc::new(permit), ends, crowd };
        tokio::spawn(async move {
            match stream {
                Stream::Tcp(stream) => answer(stream, router, time, connection).await,
                Stream::Unix(stream) => answer(stream, router, time, connection).await,
            }
        });
    }
    drop(listener);
    let _all_are_closed = permits.acquire_many(most).await;
}

/// Waits until there may be another connection. Meanwhile those on which no request is made are closed: a worker that cannot
/// connect loses its lease.
async fn permit(permits: &Arc<Semaphore>, crowd: &Crowd) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        return Some(permit);
    }
    crowd.0.send_replace(true);
    let permit = Arc::clone(permits).acquire_owned().await;
    crowd.0.send_replace(false);
    permit.ok()
}

fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    time: Duration,
    connection: Connection,
) -> impl Future<Output = ()> + Send {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(time);
    builder.max_headers(MOST_HEADERS).max_buf_size(LONGEST_HEAD);
    let (mut ends, crowd) = (connection.ends(), connection.crowd());
    let router = TowerToHyperService::new(router);
    // A WebSocket keeps it after the request.
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.call(request)
    });
    async move {
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        // What goes wrong on a connection is its client's to know.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = ends.come() => {}
            () = crowd.wait_for_pressure() => {}
        }
        // Closed now, or after the answer that is under way.
        connection.as_mut().graceful_shutdown();
        let _closed = connection.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use crate::settings::Sources;

    /// For an answer.
    const HANG: Duration = Duration::from_secs(60);

    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = timeout(HANG, stream.read(&mut answer)).await.expect("there is no answer").unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    #[test]
    fn connections_on_which_nobody_asks_make_room_for_one_that_does() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let flags = [("listen", "127.0.0.1:0"), ("connections", "2"), ("request-time", "600s")];
            let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
            let settings = Settings::read(&Sources { flags, ..Sources::default() }).unwrap();
            let listener = Listener::bind(&settings.listen).await.unwrap();
            let place = listener.address().trim_start_matches("http://").to_owned();
            let router = Router::new().route("/", get(|| async { "here" }));
            let (_end, ends) = watch::channel(false);
            tokio::spawn(serve(router, Arc::new(settings), listener, ends));
            let mut idle = Vec::new();
            for _ in 0..2 {
                let mut stream = TcpStream::connect(&place).await.unwrap();
                assert!(ask(&mut stream).await.ends_with("here"));
                idle.push(stream);
            }
            // One that never asked, and one after it.
            idle.push(TcpStream::connect(&place).await.unwrap());
            idle.push(TcpStream::connect(&place).await.unwrap());
            let mut stream = TcpStream::connect(&place).await.unwrap();
            assert!(ask(&mut stream).await.ends_with("here"));
            drop(idle);
        });
    }
}
