//! The streams of a program whose client is at the other end of a connection.

use std::io::{PipeReader, PipeWriter};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::http::Sender;

/// Bytes that wait for a program which does not read: with more than that, its client's messages wait.
const ROOM: usize = 1 << 20;
/// Of its output in one message.
const PIECE: usize = 16 << 10;
/// When a run is over, its output is, too, or it is when nothing comes for this time: a process that is none of the run's would
/// hold the other end.
const QUIET: Duration = Duration::from_secs(2);

/// What the client has written, and the program has not read.
pub(super) struct Stdin {
    /// One text of all messages: each of many messages with a byte, or none, would cost more than the byte.
    waiting: String,
    to: mpsc::Sender<String>,
    /// Until the program starts.
    from: Option<mpsc::Receiver<String>>,
}

impl Default for Stdin {
    fn default() -> Stdin {
        let (to, from) = mpsc::channel(1);
        Stdin { waiting: String::new(), to, from: Some(from) }
    }
}

impl Stdin {
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < ROOM
    }

    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn put(&mut self, data: &str) {
        self.waiting.push_str(data);
    }

    /// The program starts: what comes is written to it.
    pub(super) fn begin(&mut self, end: PipeWriter) {
        if let Some(from) = self.from.take() {
            tokio::spawn(write(end, from));
        }
    }

    /// Waits until there is room for what waits, and passes it on. To stop waiting loses nothing.
    pub(super) async fn pass(&mut self) {
        let room = self.to.reserve().await;
        let data = std::mem::take(&mut self.waiting);
        // A program that reads no more needs no more.
        if let Ok(room) = room {
            room.send(data);
        }
    }
}

/// Writes until the program reads no more, or its client writes no more.
async fn write(end: PipeWriter, mut from: mpsc::Receiver<String>) {
    let Ok(mut end) = pipe::Sender::from_owned_fd(end.into()) else { return };
    while let Some(data) = from.recv().await {
        if end.write_all(data.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Sends what a program writes, until it writes no more, or its client reads no more.
pub(super) async fn pass_on(
    end: PipeReader,
    stream: &'static str,
    to: Sender,
    mut is_over: watch::Receiver<bool>,
) {
    let Ok(mut end) = pipe::Receiver::from_owned_fd(end.into()) else { return };
    let (mut piece, mut rest) = (vec![0; PIECE], Vec::new());
    loop {
        let read = tokio::select! {
            biased;
            read = end.read(&mut piece) => read,
            () = to.closed() => return,
            () = quiet(&mut is_over) => break,
        };
        let Ok(read @ 1..) = read else { break };
        rest.extend_from_slice(&piece[..read]);
        let text = characters(&mut rest);
        if !text.is_empty() && to.send(data(stream, &text)).await.is_err() {
            return;
        }
    }
    if !rest.is_empty() {
        let _the_client_is_gone = to.send(data(stream, &String::from_utf8_lossy(&rest))).await;
    }
}

/// Waits for the end of the run, and then for a while.
async fn quiet(is_over: &mut watch::Receiver<bool>) {
    // Without a sender it is over, too.
    drop(is_over.wait_for(|is_over| *is_over).await);
    sleep(QUIET).await;
}

/// A message with output.
pub(super) fn data(stream: &str, text: &str) -> String {
    json!({ "type": "data", "stream": stream, "data": text }).to_string()
}

/// Takes the text. The beginning of a character stays until the rest of it comes; bytes that belong to none are replaced.
fn characters(bytes: &mut Vec<u8>) -> String {
    let is_begun = |tail: &[u8]| str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
    let tail = bytes.utf8_chunks().last().map_or(&b""[..], |chunk| chunk.invalid());
    let kept = if is_begun(tail) { tail.len() } else { 0 };
    let rest = bytes.split_off(bytes.len() - kept);
    let text = String::from_utf8_lossy(bytes).into_owned();
    *bytes = rest;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn soon<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(60), future).await.expect("it waits")
    }

    #[test]
    fn a_character_is_not_torn() {
        for (pieces, texts) in [
            (&[&b"a\xc3"[..], b"\xa9b"][..], &["a", "éb"][..]),
            (&[b"\xf0\x9d", b"\x84", b"\x9e"], &["", "", "𝄞"]),
            // No character begins so, and none ends so.
            (&[b"\xff", b"\xc3a", b"\xa9"], &["\u{fffd}", "\u{fffd}a", "\u{fffd}"]),
        ] {
            let mut rest = Vec::new();
            let found: Vec<_> = pieces
                .iter()
                .map(|piece| {
                    rest.extend_from_slice(piece);
                    characters(&mut rest)
                })
                .collect();
            assert_eq!((found, rest), (texts.iter().map(|text| (*text).to_owned()).collect(), Vec::new()));
        }
    }

    #[test]
    fn messages_without_bytes_are_not_kept() {
        let mut stdin = Stdin::default();
        (0..1000).for_each(|_| stdin.put(""));
        assert!(!stdin.waits() && stdin.has_room());
    }

    #[test]
    fn the_output_of_a_run_that_is_over_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let (to, mut messages) = Sender::apart();
            let (over, is_over) = watch::channel(false);
            let task = tokio::spawn(pass_on(reader, "stdout", to, is_over));
            std::io::Write::write_all(&mut writer, b"a\xc3").unwrap();
            assert_eq!(soon(messages.recv()).await.unwrap().to_text().unwrap(), data("stdout", "a"));
            over.send_replace(true);
            assert_eq!(soon(messages.recv()).await.unwrap().to_text().unwrap(), data("stdout", "\u{fffd}"));
            soon(task).await.unwrap();
            drop(writer);

            let (reader, _writer) = std::io::pipe().unwrap();
            let (to, messages) = Sender::apart();
            let (_over, is_over) = watch::channel(false);
            let task = tokio::spawn(pass_on(reader, "stdout", to, is_over));
            drop(messages);
            soon(task).await.unwrap();
        });
    }

    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stdin = Stdin::default();
            stdin.put("a");
            assert!(stdin.waits() && stdin.has_room());
            soon(stdin.pass()).await;
            stdin.put(&"b".repeat(ROOM));
            assert!(!stdin.has_room());
            let (reader, writer) = std::io::pipe().unwrap();
            stdin.begin(writer);
            let mut reader = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
            soon(stdin.pass()).await;
            assert!(stdin.has_room() && !stdin.waits());
            drop(stdin);
            let mut all = String::new();
            soon(reader.read_to_string(&mut all)).await.unwrap();
            assert_eq!(all, format!("a{}", "b".repeat(ROOM)));
        });
    }
}
