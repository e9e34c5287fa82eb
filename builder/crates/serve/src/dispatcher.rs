//! Sends submissions to the workers, and takes back what those lose.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::app::App;
use crate::desk;
use crate::queue::{Bus, Queue, Trouble};
use crate::settings::QueueAddress;

/// Between two looks at leases, and after a failure.
const PERIOD: Duration = Duration::from_millis(500);

/// Goes on as long as the service does.
pub(crate) async fn run(app: Arc<App>, address: QueueAddress) {
    let Some(queue) = &app.queue else { return };
    let mut trouble = Trouble::new(&address.server);
    let bus = loop {
        match Bus::open(&address).await {
            Ok(bus) => break bus,
            Err(why) => trouble.tell(&why),
        }
        tokio::time::sleep(PERIOD).await;
    };
    let mut is_prepared = false;
    loop {
        let done = async {
            if !is_prepared {
                bus.prepare(queue.lease).await?;
                is_prepared = true;
            }
            send_all(queue, &bus).await
        };
        match done.await {
            Ok(()) => trouble.is_over(),
            Err(why) => {
                // The stream may be gone, too.
                is_prepared = false;
                trouble.tell(&why);
                tokio::time::sleep(PERIOD).await;
            }
        }
        let _looked_at_anyway = timeout(PERIOD, queue.changes()).await;
        take_back(&app).await;
    }
}

/// Sends what may be sent now.
async fn send_all(queue: &Queue, bus: &Bus) -> Result<(), String> {
    for id in queue.take_called_off() {
        bus.call_off(&id).await?;
    }
    queue.ledger().resend(Instant::now());
    loop {
        let next = queue.ledger().next(Instant::now());
        let Some(id) = next else { return Ok(()) };
        if let Err(why) = bus.send(&id).await {
            queue.ledger().unsent(&id);
            return Err(why);
        }
    }
}

/// Has others do what the workers that are gone had.
async fn take_back(app: &Arc<App>) {
    let Some(queue) = &app.queue else { return };
    let expired = queue.ledger().expired(Instant::now());
    if expired.is_empty() {
        return;
    }
    let own = Arc::clone(app);
    let all = move || expired.iter().for_each(|one| desk::take_back(&own, one));
    let _panics_are_reported = spawn_blocking(all).await;
}
