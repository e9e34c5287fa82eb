//! What must not stop halfway when the client that asked for it goes away: hyper drops the future of its request then.

use std::future::Future;

/// Does all of it, whether or not somebody still waits for the result. The error is that it panicked.
pub(crate) async fn whole<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    tokio::spawn(work).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn it_is_done_although_nobody_waits_any_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let ((first, kept), (done, queued)) = (oneshot::channel::<()>(), oneshot::channel());
            let work = async move {
                kept.await.unwrap();
                done.send("queued").unwrap();
            };
            {
                let mut asked = pin!(whole(work));
                let waits = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_pending())).await;
                assert!(waits);
            }
            first.send(()).unwrap();
            assert_eq!(queued.await, Ok("queued"));
        });
    }
}
