//! NATS: a stream of messages that name submissions, one consumer for all workers, and a subject for what is called off.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::stream::{self, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, AckKind, Context};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::settings::QueueAddress;

/// The consumer that all workers share.
const WORKERS: &str = "workers";
/// A message is sent again long before. It bounds what nats-server 2.9 forgets to remove when it is killed.
const OLDEST: Duration = Duration::from_secs(3600);
/// For an answer of the server's.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that all workers together have not acknowledged.
const UNDER_WAY: i64 = 100_000;

/// A connection, which is made again when it breaks.
pub(crate) struct Bus {
    client: Client,
    context: Context,
    name: String,
}

impl Bus {
    /// Connects, or goes on trying to.
    pub(crate) async fn open(address: &QueueAddress) -> Result<Bus, String> {
        let options = ConnectOptions::new().retry_on_initial_connect().connection_timeout(PATIENCE);
        let client = options.connect(&*address.server).await.map_err(|error| error.to_string())?;
        Ok(Bus { context: jetstream::new(client.clone()), client, name: address.name.clone() })
    }

    /// Makes the stream and its consumer, where they are absent. What nobody acknowledges within the lease comes again.
    pub(crate) async fn prepare(&self, lease: Duration) -> Result<(), String> {
        let stream = stream::Config {
            name: self.name.clone(),
            subjects: vec![self.jobs()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            max_age: OLDEST,
            ..stream::Config::default()
        };
        let consumer = pull::Config {
            durable_name: Some(WORKERS.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease,
            max_ack_pending: UNDER_WAY,
            ..pull::Config::default()
        };
        let made = async {
            let stream = self.context.get_or_create_stream(stream).await.map_err(text)?;
            stream.create_consumer(consumer).await.map(drop).map_err(text)
        };
        in_time(made).await
    }

    /// Sends a message; when this returns, the server has it.
    pub(crate) async fn send(&self, id: &str) -> Result<(), String> {
        self.is_there()?;
        let sent = async {
            let kept = self.context.publish(self.jobs(), id.to_owned().into()).await.map_err(text)?;
            kept.await.map(drop).map_err(text)
        };
        in_time(sent).await
    }

    /// Tells the workers that a submission was called off. Those that do not hear it learn it when they renew their lease.
    pub(crate) async fn call_off(&self, id: &str) -> Result<(), String> {
        self.is_there()?;
        let sent = async { self.client.publish(self.called_off(), id.to_owned().into()).await.map_err(text) };
        in_time(sent).await
    }

    /// Hears of what is called off, as long as this connection is there.
    pub(crate) async fn hear(&self, called_off: impl Fn(&str)) {
        let Ok(mut heard) = self.client.subscribe(self.called_off()).await else { return };
        while let Some(message) = heard.next().await {
            called_off(&String::from_utf8_lossy(&message.payload));
        }
    }

    /// What is sent without a connection would only wait for one.
    fn is_there(&self) -> Result<(), String> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            _ => Err("there is no connection".to_owned()),
        }
    }

    fn jobs(&self) -> String {
        format!("{}.jobs", self.name)
    }

    fn called_off(&self) -> String {
        format!("{}.called-off", self.name)
    }
}

/// The messages as a worker takes them.
pub(crate) struct Jobs<'a> {
    bus: &'a Bus,
    consumer: Option<Consumer<pull::Config>>,
}

impl<'a> Jobs<'a> {
    pub(crate) fn new(bus: &'a Bus) -> Jobs<'a> {
        Jobs { bus, consumer: None }
    }

    /// Waits for a message, up to this time.
    ///
    /// # Errors
    /// There is no connection, or the service has not made the stream.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Option<Job>, String> {
        self.bus.is_there()?;
        let taken = self.take(patience).await;
        if taken.is_err() {
            self.consumer = None;
        }
        taken
    }

    async fn take(&mut self, patience: Duration) -> Result<Option<Job>, String> {
        if self.consumer.is_none() {
            let found = self.bus.context.get_consumer_from_stream(WORKERS, &self.bus.name);
            self.consumer = Some(in_time(async { found.await.map_err(text) }).await?);
        }
        let Some(consumer) = &self.consumer else { return Ok(None) };
        let asked = async {
            let mut batch =
                consumer.fetch().max_messages(1).expires(patience).messages().await.map_err(text)?;
            batch.next().await.transpose().map_err(text)
        };
        // A server that was killed meanwhile answers nothing.
        let message = timeout(patience + PATIENCE, asked).await.map_err(text)??;
        Ok(message.map(|message| Job { id: String::from_utf8_lossy(&message.payload).into_owned(), message }))
    }
}

/// A message that a worker has.
pub(crate) struct Job {
    pub(crate) id: String,
    message: jetstream::Message,
}

impl Job {
    /// It is not to come again as long as the lease lasts. If this is lost, it comes to another worker, which the service
    /// sends away.
    pub(crate) async fn renew(&self) {
        let _lost = in_time(async { self.message.ack_with(AckKind::Progress).await.map_err(text) }).await;
    }

    /// It is not to come again. If this is lost, it comes to a worker that learns that there is nothing to do.
    pub(crate) async fn done(&self) {
        let _lost = in_time(async { self.message.double_ack().await.map_err(text) }).await;
    }

    /// It is to come again after this time, to any worker.
    pub(crate) async fn later(&self, pause: Duration) {
        let nak = AckKind::Nak(Some(pause));
        let _lost = in_time(async { self.message.ack_with(nak).await.map_err(text) }).await;
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(PATIENCE, work).await.map_err(|_| "the server of the queue does not answer".to_owned())?
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
