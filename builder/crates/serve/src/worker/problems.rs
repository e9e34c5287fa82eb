//! The problems of a service, as far as a worker needs them: archives by the digest of their bytes, which never change.

use super::{Worker, link};
use crate::wire::Wanted;
use crate::work::Work;

/// Archives of each tenant that a worker keeps.
const MOST: usize = 64;
/// Of an archive.
const LONGEST: usize = 1 << 30;

/// Gets the problem of a submission from the service, unless it is here.
pub(super) async fn fetch(worker: &Worker, tenant: &str, work: &str) -> Result<(), String> {
    let work = serde_json::from_str::<Work>(work);
    let Some(problem) = work.ok().and_then(|work| work.problem) else { return Ok(()) };
    if worker.shelf.find(tenant, &problem).is_some() {
        return Ok(());
    }
    let wanted = Wanted { tenant: tenant.to_owned(), problem: problem.clone() };
    let archive = worker.link.bytes("problem", &wanted, LONGEST).await.map_err(|error| match error {
        link::Error::Refused(what) | link::Error::Foreign(what) | link::Error::Away(what) => {
            format!("the problem cannot be had: {what}")
        }
    })?;
    let (id, _) =
        worker.shelf.put(tenant, &archive).map_err(|error| format!("the problem cannot be kept: {error}"))?;
    if id != problem {
        return Err(format!("the service sent another problem: {id}"));
    }
    worker.shelf.trim(tenant, MOST, &problem);
    Ok(())
}
