//! What has happened so far, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::pool::Load;
use crate::queue::Fleet;
use crate::work::Done;

/// Upper bounds of the time that a job waited for its slot, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By front and status.
    requests: BTreeMap<(&'static str, u16), u64>,
    /// By language and status.
    runs: BTreeMap<(String, String), u64>,
    cpu: Duration,
    /// How many jobs waited no longer than each bound; the last number has all.
    waits: [u64; BOUNDS.len() + 1],
    waited: Duration,
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn request(&self, front: &'static str, status: u16) {
        *self.counts().requests.entry((front, status)).or_default() += 1;
    }

    /// A job has got its slot.
    pub(crate) fn waited(&self, time: Duration) {
        let mut counts = self.counts();
        let first = BOUNDS.iter().position(|bound| time.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        counts.waits[first..].iter_mut().for_each(|count| *count += 1);
        counts.waited += time;
    }

    /// A program has run.
    pub(crate) fn ran(&self, done: &Done) {
        let steps = [&done.compile, &done.run].into_iter().flatten();
        let cpu_us: u64 = steps.filter_map(|step| step.facts.cpu_us).sum();
        let mut counts = self.counts();
        *counts.runs.entry((done.language.clone(), done.status.clone())).or_default() += 1;
        counts.cpu += Duration::from_micros(cpu_us);
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(crate) fn render(&self, load: Load, fleet: Option<Fleet>) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let Load { slots, busy, waiting } = load;
        gauge(&mut text, "capsule_slots", "Programs that can run at a time.", slots);
        gauge(&mut text, "capsule_slots_busy", "Slots that do a job now.", busy);
        gauge(&mut text, "capsule_queue_waiting", "Jobs that wait for a slot.", waiting);
        if let Some(Fleet { workers, leased, .. }) = fleet {
            gauge(&mut text, "capsule_workers", "Workers that were heard of lately.", workers);
            gauge(&mut text, "capsule_leases", "Submissions that a worker holds.", leased);
        }
        head(&mut text, "capsule_http_requests_total", "counter", "Requests that were answered.");
        for ((front, code), count) in &counts.requests {
            line(
                &mut text,
                &format!("capsule_http_requests_total{{front=\"{front}\",code=\"{code}\"}} {count}"),
            );
        }
        head(&mut text, "capsule_runs_total", "counter", "Programs that were compiled and run, by result.");
        for ((language, status), count) in &counts.runs {
            let labels = format!("language=\"{}\",status=\"{}\"", escaped(language), escaped(status));
            line(&mut text, &format!("capsule_runs_total{{{labels}}} {count}"));
        }
        head(
            &mut text,
            "capsule_run_cpu_seconds_total",
            "counter",
            "CPU time of all programs and compilers.",
        );
        line(&mut text, &format!("capsule_run_cpu_seconds_total {}", counts.cpu.as_secs_f64()));
        head(&mut text, "capsule_queue_wait_seconds", "histogram", "Time that a job waited for its slot.");
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts.waits) {
            line(&mut text, &format!("capsule_queue_wait_seconds_bucket{{le=\"{bound}\"}} {count}"));
        }
        line(&mut text, &format!("capsule_queue_wait_seconds_sum {}", counts.waited.as_secs_f64()));
        line(&mut text, &format!("capsule_queue_wait_seconds_count {}", counts.waits[BOUNDS.len()]));
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: usize) {
    head(text, name, "gauge", help);
    line(text, &format!("{name} {value}"));
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    line(text, &format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn line(text: &mut String, line: &str) {
    let _a_string_takes_all = writeln!(text, "{line}");
}

/// A label's value; a request can bring any language's name only if the bundle has it, but a pack may be anybody's.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_rendered_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.request("v1", 200);
        metrics.request("v1", 200);
        metrics.waited(Duration::from_millis(50));
        metrics.waited(Duration::from_secs(500));
        metrics.ran(&Done { language: "c\"".to_owned(), status: "ok".to_owned(), ..Done::default() });
        let text = metrics.render(
            Load { slots: 2, busy: 1, waiting: 3 },
            Some(Fleet { workers: 2, slots: 4, leased: 1, waiting: 3 }),
        );
        for line in [
            "# TYPE capsule_slots gauge",
            "capsule_slots 2",
            "capsule_queue_waiting 3",
            "capsule_workers 2",
            "capsule_leases 1",
            "capsule_http_requests_total{front=\"v1\",code=\"200\"} 2",
            "capsule_runs_total{language=\"c\\\"\",status=\"ok\"} 1",
            "capsule_queue_wait_seconds_bucket{le=\"0.01\"} 0",
            "capsule_queue_wait_seconds_bucket{le=\"0.1\"} 1",
            "capsule_queue_wait_seconds_bucket{le=\"+Inf\"} 2",
            "capsule_queue_wait_seconds_count 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
