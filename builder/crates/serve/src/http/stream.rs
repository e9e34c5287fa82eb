//! An answer that is written while it comes to be.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// A piece, and its part of the budget until it is taken.
type Piece = (Bytes, OwnedSemaphorePermit);

/// Where the pieces of an answer go.
#[derive(Clone)]
pub(crate) struct Pieces {
    sender: mpsc::Sender<Piece>,
    budget: Arc<Semaphore>,
    most: u32,
}

/// Nobody reads them any more.
#[derive(Debug)]
pub(crate) struct Gone;

impl Pieces {
    /// Waits until there is room for the piece. One that is larger than all of the room waits until it is alone.
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Gone> {
        let piece = piece.into();
        let size = u32::try_from(piece.len()).unwrap_or(u32::MAX).min(self.most);
        let room = Arc::clone(&self.budget).acquire_many_owned(size);
        let room = tokio::select! {
            room = room => room.map_err(|_| Gone)?,
            () = self.sender.closed() => return Err(Gone),
        };
        self.sender.send((piece, room)).await.map_err(|_| Gone)
    }

    /// Until nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.sender.closed().await;
    }
}

struct Stream(mpsc::Receiver<Piece>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|(piece, _room)| Ok(Frame::data(piece))))
    }
}

/// The body, and where its pieces go; it ends with the last sender. So many pieces, of so many bytes together, may wait for a
/// client that reads slowly.
pub(crate) fn streamed(pieces: usize, bytes: usize) -> (Pieces, Body) {
    let (sender, receiver) = mpsc::channel(pieces);
    let most = u32::try_from(bytes).unwrap_or(u32::MAX);
    let budget = Arc::new(Semaphore::new(most as usize));
    (Pieces { sender, budget, most }, Body::new(Stream(receiver)))
}

/// The next bytes of a request's body; `None` at its end. The error is that the client is gone: of that, whoever writes
/// the answer hears nothing until there is something to write.
pub(crate) async fn next_piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => return Some(Ok(bytes)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    #[test]
    fn no_more_bytes_wait_than_there_is_room_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (pieces, mut body) = streamed(100, 10);
            pieces.send("12345678").await.unwrap();
            {
                let mut second = pin!(pieces.send("abc"));
                let waits = poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
                assert!(waits);
                assert_eq!(next_piece(&mut body).await.unwrap().unwrap(), "12345678");
                second.await.unwrap();
            }
            assert_eq!(next_piece(&mut body).await.unwrap().unwrap(), "abc");
            // One that is larger than all of it is not stuck.
            pieces.send("x".repeat(99)).await.unwrap();
            let mut last = pin!(pieces.send("y"));
            let waits = poll_fn(|context| Poll::Ready(last.as_mut().poll(context).is_pending())).await;
            assert!(waits);
            drop(body);
            assert!(last.await.is_err());
        });
    }
}
