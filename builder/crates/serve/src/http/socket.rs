//! WebSockets (RFC 6455): messages of text in both directions.
//!
//! A task writes, so that the service reads on while a message is on its way to the client: one that sends all before it reads
//! would wait for ever otherwise. One message waits for that task, and no more: the sender of another one waits. A client that
//! takes nothing, or is not heard of, is dropped.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::io::InspectReader;

use super::connection::{Connection, Crowd, Ends};
use super::problem::Problem;
use super::stream::Gone;

/// A client is asked so often whether it is there, as by go-judge,
const PING: Duration = Duration::from_secs(50);
/// and is not when nothing comes for this time after it was asked, or a message is not taken. While a message is on its way,
/// it is not asked.
const SILENCE: Duration = Duration::from_secs(60);
/// For a client to say that it has closed, too, when all is sent; and for the next byte of a message.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are read at a time.
const PIECE: usize = 16 << 10;

/// A connection that notes when bytes came from the client.
type Noted = InspectReader<TokioIo<Upgraded>, Note>;
type Note = Box<dyn FnMut(&[u8]) + Send>;
type Stream = WebSocketStream<Noted>;
type Sink = SplitSink<Stream, Message>;

/// A WebSocket. At its end the connection is closed.
pub(crate) struct Socket {
    reader: SplitStream<Stream>,
    sender: Sender,
    /// Ends with this.
    writer: JoinSet<Sink>,
    silence: Silence,
    /// Why no more messages come, if it is the client's fault.
    fault: Option<(CloseCode, &'static str)>,
    /// When the last byte came.
    last: Arc<Mutex<Instant>>,
    connection: Connection,
}

/// A WebSocket on which no request is open, beside others that wait for a connection.
pub(crate) struct Idle {
    crowd: Crowd,
    last: Arc<Mutex<Instant>>,
}

/// How long the client has said nothing although it was asked whether it is there. The writer shares it.
#[derive(Clone)]
struct Silence(Arc<watch::Sender<Heard>>);

struct Heard {
    /// When something came.
    last: Instant,
    /// When it was asked and had said nothing since.
    asked: Option<Instant>,
}

/// Where messages to the client go.
#[derive(Clone)]
pub(crate) struct Sender(mpsc::Sender<Message>);

/// Answers a request to become a WebSocket, on which `talk` goes on then. No message of the client's may have more than
/// `longest` bytes.
pub(crate) fn upgraded<T: Future<Output = ()> + Send + 'static>(
    mut request: Request,
    longest: usize,
    talk: impl FnOnce(Socket) -> T + Send + 'static,
) -> Response {
    let response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => {
            let detail = format!("this path is for WebSockets: {error}");
            return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
        }
    };
    let Some(connection) = request.extensions_mut().remove::<Connection>() else {
        let detail = "this connection cannot become a WebSocket";
        return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // Else the client has gone before the answer.
        if let Ok(stream) = upgrade.await {
            talk(Socket::new(stream, longest, connection).await).await;
        }
    });
    response
}

impl Socket {
    async fn new(stream: Upgraded, longest: usize, connection: Connection) -> Socket {
        let config = WebSocketConfig::default()
            .read_buffer_size(PIECE)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let last = Arc::new(Mutex::new(Instant::now()));
        let noted = Arc::clone(&last);
        let note: Note =
            Box::new(move |_| *noted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now());
        let stream = InspectReader::new(TokioIo::new(stream), note);
        let stream = Stream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let (sink, reader) = stream.split();
        let (sender, messages) = mpsc::channel(1);
        let mut writer = JoinSet::new();
        let silence = Silence::new();
        writer.spawn(write(sink, messages, silence.clone()));
        Socket { reader, sender: Sender(sender), writer, silence, fault: None, last, connection }
    }

    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    pub(crate) fn ends(&self) -> Ends {
        self.connection.ends()
    }

    pub(crate) fn idle(&self) -> Idle {
        Idle { crowd: self.connection.crowd(), last: Arc::clone(&self.last) }
    }

    /// The client's next message; `None` when it has gone, or has sent bytes or too long a text. To stop waiting loses
    /// nothing.
    pub(crate) async fn next(&mut self) -> Option<Utf8Bytes> {
        loop {
            let message = tokio::select! {
                // What has come already ends the silence.
                biased;
                message = self.reader.next() => message?,
                () = self.sender.closed() => return None,
                () = self.silence.lasts() => return None,
            };
            self.silence.end();
            self.fault = match message {
                Ok(Message::Text(text)) => return Some(text),
                Ok(Message::Binary(_)) => Some((CloseCode::Unsupported, "only text is read here")),
                // The library answers a ping and a close with the next look.
                Ok(_) => continue,
                Err(Error::Capacity(_)) => Some((CloseCode::Size, "the message is too long")),
                Err(Error::Utf8(_)) => Some((CloseCode::Invalid, "the message is not UTF-8")),
                Err(_) => None,
            };
            return None;
        }
    }

    /// Ends it when no more messages come; tells the client why, if it is the client's fault.
    pub(crate) async fn end(self) {
        if let Some((code, reason)) = self.fault {
            self.say_goodbye(code, reason).await;
        }
    }

    /// Closes it, with a code and its reason.
    pub(crate) async fn close(self, code: u16, reason: &'static str) {
        self.say_goodbye(code.into(), reason).await;
    }

    /// The messages before it are sent, too. The client's last ones are read meanwhile: one that sends all before it reads
    /// would take nothing otherwise, and to close a connection with unread bytes resets it, so that the client might never
    /// see why (RFC 1122, 4.2.2.13).
    async fn say_goodbye(self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // It counts as open for as long as this lasts.
        let Socket { mut reader, sender, mut writer, fault, connection, .. } = self;
        let (tell, is_sent) = oneshot::channel::<()>();
        let send = async {
            let goodbye = async {
                let _gone = sender.0.send(Message::Close(Some(frame))).await;
                writer.join_next().await?.ok()
            };
            let sink = timeout(SILENCE, goodbye).await.ok().flatten();
            drop(tell);
            sink
        };
        // Whether the client has broken the protocol.
        let answer = async {
            loop {
                match reader.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return true,
                    None => return false,
                }
            }
        };
        let patience = async {
            let _it_is_sent = is_sent.await;
            sleep(FAREWELL).await;
        };
        let hear = async {
            tokio::select! {
                is_broken = answer => is_broken,
                () = patience => false,
            }
        };
        let (sink, is_broken) = tokio::join!(send, hear);
        // The library reads nothing after such a message.
        if (is_broken || fault.is_some())
            && let Some(sink) = sink
            && let Ok(mut stream) = reader.reunite(sink)
        {
            let (mut ends, crowd) = (connection.ends(), connection.crowd());
            tokio::select! {
                () = drain(stream.get_mut()) => {}
                () = ends.come() => {}
                () = crowd.wait_for_pressure() => {}
            }
        }
    }
}

impl Idle {
    /// Waits until it should be closed. One whose request is on its way is not idle.
    pub(crate) async fn wait_for_pressure(&self) {
        loop {
            self.crowd.wait_for_pressure().await;
            if self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= FAREWELL {
                return;
            }
        }
    }
}

impl Silence {
    fn new() -> Silence {
        Silence(Arc::new(watch::Sender::new(Heard { last: Instant::now(), asked: None })))
    }

    /// The client has been asked. The answer to a question that was on its way since `began` may be here already.
    fn begin(&self, began: Instant) {
        self.0.send_if_modified(|heard| {
            let begins = heard.asked.is_none() && heard.last < began;
            if begins {
                heard.asked = Some(Instant::now());
            }
            begins
        });
    }

    fn end(&self) {
        self.0.send_replace(Heard { last: Instant::now(), asked: None });
    }

    /// Waits until it has lasted too long.
    async fn lasts(&self) {
        let mut heard = self.0.subscribe();
        loop {
            let asked = heard.borrow_and_update().asked;
            let changes = heard.changed();
            let Some(asked) = asked else {
                let _the_sender_is_here = changes.await;
                continue;
            };
            if timeout_at(asked + SILENCE, changes).await.is_err() {
                return;
            }
        }
    }
}

impl Sender {
    /// Waits until there is room for a message.
    pub(crate) async fn send(&self, text: String) -> Result<(), Gone> {
        self.0.send(Message::Text(text.into())).await.map_err(|_| Gone)
    }

    /// Waits until no message can be sent any more: the client has gone, or takes nothing.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
impl Sender {
    /// One whose messages a test reads.
    pub(crate) fn apart() -> (Sender, mpsc::Receiver<Message>) {
        let (sender, messages) = mpsc::channel(1);
        (Sender(sender), messages)
    }
}

/// Reads the rest of a message that was too long, for as long as it comes.
async fn drain(stream: &mut Noted) {
    let mut piece = vec![0; PIECE];
    let rest = async { while let Ok(Ok(1..)) = timeout(FAREWELL, stream.read(&mut piece)).await {} };
    let _there_is_more = timeout(SILENCE, rest).await;
}

/// Writes what is sent, and gives the stream back at the end.
async fn write(mut sink: Sink, mut messages: mpsc::Receiver<Message>, silence: Silence) -> Sink {
    let mut pings = interval_at(Instant::now() + PING, PING);
    loop {
        let message = tokio::select! {
            // Many messages do not keep it from asking.
            biased;
            _ = pings.tick() => Some(Message::Ping(Bytes::new())),
            message = messages.recv() => message,
        };
        let Some(message) = message else { return sink };
        let (is_last, is_ping, began) = (message.is_close(), message.is_ping(), Instant::now());
        let sent = timeout(SILENCE, sink.send(message)).await;
        if is_last || !matches!(sent, Ok(Ok(()))) {
            return sink;
        }
        if is_ping {
            silence.begin(began);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    /// Whether it ends in a while.
    async fn is_too_long(silence: &Silence) -> bool {
        timeout(Duration::from_millis(50), silence.lasts()).await.is_ok()
    }

    #[test]
    fn a_silence_begins_with_a_question_and_ends_with_a_word() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let silence = Silence::new();
            assert!(!is_too_long(&silence).await);
            let question = Instant::now();
            sleep(Duration::from_millis(2)).await;
            silence.end();
            silence.begin(question);
            assert_eq!(silence.0.borrow().asked, None, "the answer was there");
            sleep(Duration::from_millis(2)).await;
            silence.begin(Instant::now());
            let first = silence.0.borrow().asked;
            assert!(first.is_some());
            sleep(Duration::from_millis(2)).await;
            silence.begin(Instant::now());
            assert_eq!(silence.0.borrow().asked, first, "another question began it anew");
            assert!(!is_too_long(&silence).await);
            let long_ago = || {
                let asked = Instant::now().checked_sub(SILENCE);
                assert!(asked.is_some());
                silence.0.send_modify(|heard| heard.asked = asked);
            };
            long_ago();
            assert!(is_too_long(&silence).await);
            silence.end();
            assert!(!is_too_long(&silence).await);
            // One that waits sees both.
            let mut waits = pin!(silence.lasts());
            assert!(timeout(Duration::from_millis(1), waits.as_mut()).await.is_err());
            long_ago();
            assert!(timeout(Duration::from_secs(60), waits).await.is_ok());
        });
    }
}
