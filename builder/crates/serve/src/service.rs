//! The service from its start to its end.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::App;
use crate::board::Board;
use crate::cpus;
use crate::desk;
use crate::dispatcher;
use crate::error::Error;
use crate::http::{self, Listener};
use crate::later::Later;
use crate::notify;
use crate::pool::Pool;
use crate::router;
use crate::settings::Settings;
use crate::shelf::Shelf;
use crate::store::{Keep, Store};
use crate::workshop::Workshop;

/// For answers to reach their clients when all is done.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT, then ends what runs. `version` is capsule's. `ready` is called with the address as soon as requests are taken.
///
/// # Errors
/// The bundle cannot run here, or the address cannot be had.
pub fn serve(
    bundle: &Path,
    settings: Settings,
    version: &'static str,
    ready: impl FnOnce(&str),
) -> Result<(), Error> {
    check_workers(&settings)?;
    // Threads start after this, and never before: they have the mount namespace of the one that starts them.
    let workshop = Workshop::open(bundle, &settings)?;
    let cpus = if settings.pin { cpus::divided(settings.slots) } else { Vec::new() };
    let pool = Pool::start(settings.slots, settings.queue, &cpus).map_err(Error::Start)?;
    let keep = Keep { number: settings.keep, bytes: settings.keep_bytes, time: settings.keep_time };
    let store = Store::open(settings.data.as_deref(), keep)?;
    let shelf = Shelf::open(settings.data.as_deref(), settings.problems)?;
    let board = Board::new(store, Later::start().map_err(Error::Start)?);
    let app = App::new(settings, version, workshop, pool, board, shelf);
    desk::take_up(&app)
        .map_err(|error| Error::Store { place: "the store".to_owned(), what: error.to_string() })?;
    let runtime = runtime().map_err(Error::Start)?;
    let served = runtime.block_on(serve_all(Arc::clone(&app), ready));
    runtime.shutdown_timeout(LAST_ANSWERS);
    served
}

/// Whether submissions can be left to workers.
fn check_workers(settings: &Settings) -> Result<(), Error> {
    let needs = |key: &str, why: &str| {
        let what = format!("a service with workers (`nats`) needs `{key}`: {why}");
        Err(Error::Setting { origin: "the settings".to_owned(), what })
    };
    match (&settings.nats, &settings.worker_token, &settings.data) {
        (Some(_), None, _) => needs("worker-token", "workers get the programs of all tenants"),
        (Some(_), _, None) => needs("data", "what workers do has to outlive a restart of the service"),
        _ => Ok(()),
    }
}

/// Two threads: what computes is in the slots.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("http").enable_all().build()
}

async fn serve_all(app: Arc<App>, ready: impl FnOnce(&str)) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Start)?;
    let listener = Listener::bind(&app.settings.listen).await?;
    ready(&listener.address());
    notify::tell("READY=1");
    let (end, ends) = watch::channel(false);
    let router = router::all(&app, listener.is_loopback());
    let serving = tokio::spawn(http::serve(router, Arc::clone(&app.settings), listener, ends));
    if let Some(address) = app.settings.nats.clone() {
        tokio::spawn(dispatcher::run(Arc::clone(&app), address));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.is_draining.store(true, Ordering::SeqCst);
    notify::tell("STOPPING=1");
    let _all_are_gone = end.send(true);
    let mut drained = pin!(close(&app, app.settings.drain));
    tokio::select! {
        () = drained.as_mut() => {}
        // Who asks twice does not want to wait.
        _ = terminate.recv() => close(&app, Duration::ZERO).await,
        _ = interrupt.recv() => close(&app, Duration::ZERO).await,
    }
    let _answers_that_nobody_reads = tokio::time::timeout(LAST_ANSWERS, serving).await;
    Ok(())
}

async fn close(app: &App, patience: Duration) {
    let pool = Arc::clone(&app.pool);
    let _does_not_panic = tokio::task::spawn_blocking(move || pool.close(patience)).await;
}
