//! A client of the service's WebSockets.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;
use tungstenite::client::{IntoClientRequest, client};
use tungstenite::http::HeaderName;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::scene::HANG;
use crate::service::Service;

/// An open WebSocket.
pub(crate) struct Socket(WebSocket<TcpStream>);

/// What comes from the service.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Message(Value),
    /// It was closed with this code; 0 for a connection that ends without one.
    Closed(u16),
}

impl Socket {
    #[track_caller]
    pub(crate) fn open(service: &Service, path: &str) -> Socket {
        Socket::ask(service, path, &[]).unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    /// With lines of its head. The error is the status with which it was refused.
    pub(crate) fn ask(service: &Service, path: &str, head: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://127.0.0.1:{}{path}", service.port()).into_client_request().unwrap();
        for (name, value) in head {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        match client(request, service.connect()) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.say(Message::text(message.to_string()));
    }

    pub(crate) fn say(&mut self, message: Message) {
        self.0.send(message).unwrap();
    }

    /// The same on a connection that may be closed already.
    pub(crate) fn try_send(&mut self, message: &Value) {
        let _it_may_be_closed = self.0.send(Message::text(message.to_string()));
    }

    /// A message of text that need be none.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
        self.say(Message::Frame(frame));
    }

    /// Bytes that need be no frame.
    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        let _it_may_be_closed = self.0.get_mut().write_all(bytes);
    }

    /// The next message, or the end.
    pub(crate) fn next(&mut self) -> Heard {
        let start = Instant::now();
        loop {
            // The service's pings keep the connection from being silent.
            assert!(start.elapsed() < HANG, "nothing comes but pings");
            match self.0.read() {
                Ok(Message::Text(text)) => return Heard::Message(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    // The library answers with the next look.
                    let _it_is_over = self.0.read();
                    return Heard::Closed(frame.map_or(0, |frame| frame.code.into()));
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing comes");
                }
                Err(_) => return Heard::Closed(0),
            }
        }
    }

    #[track_caller]
    pub(crate) fn message(&mut self) -> Value {
        match self.next() {
            Heard::Message(message) => message,
            Heard::Closed(code) => panic!("it was closed: {code}"),
        }
    }

    /// Reads on to the end, and gives its code.
    pub(crate) fn closed(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.next() {
                return code;
            }
        }
    }
}
