//! What Judge0 says of itself. Its SDK reads all of it before its first submission.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::answer::STATUSES;
use crate::app::App;
use crate::limit::Limits;
use crate::pool::Load;

/// The SDK knows the numbers of languages by this.
const VERSION: &str = "1.13.1";
/// Submissions of one batch.
pub(super) const MOST_IN_BATCH: usize = 20;

pub(super) async fn statuses() -> Json<Value> {
    Json(STATUSES.iter().map(|(id, description)| json!({ "id": id, "description": description })).collect())
}

pub(super) async fn about() -> Json<Value> {
    Json(json!({
        "version": VERSION,
        "homepage": "https://judge0.com",
        "source_code": "https://github.com/judge0/judge0",
        "maintainer": "capsule serve answers here, with Judge0's API",
    }))
}

pub(super) async fn workers(State(app): State<Arc<App>>) -> Json<Value> {
    let Load { slots, busy, waiting } = app.load();
    let idle = slots - busy;
    Json(json!([{
        "queue": "default", "size": waiting, "available": slots, "idle": idle, "working": busy, "paused": 0, "failed": 0,
    }]))
}

/// All fields that the SDK wants.
pub(super) async fn config_info(State(app): State<Arc<App>>) -> Json<Value> {
    let (most, default) = (app.workshop.most(), app.workshop.limits(None, Limits::default()));
    let seconds = |time: Option<u64>| time.unwrap_or_default() as f64 / 1e6;
    let kib = |bytes: Option<u64>| bytes.unwrap_or_default() >> 10;
    Json(json!({
        "maintenance_mode": false,
        "enable_wait_result": true,
        "enable_compiler_options": false,
        "allowed_languages_for_compile_options": [],
        "enable_command_line_arguments": true,
        "enable_submission_delete": false,
        "enable_callbacks": false,
        "callbacks_max_tries": 0,
        "callbacks_timeout": 0.0,
        "enable_additional_files": false,
        "max_queue_size": app.settings.queue,
        "cpu_time_limit": seconds(default.cpu_us),
        "cpu_extra_time": 0.0,
        "wall_time_limit": seconds(default.wall_us),
        "memory_limit": kib(default.memory_bytes),
        "stack_limit": kib(default.stack_bytes),
        "max_processes_and_or_threads": default.pids,
        "enable_per_process_and_thread_time_limit": false,
        "enable_per_process_and_thread_memory_limit": false,
        "max_file_size": kib(default.output_bytes),
        "enable_network": false,
        "number_of_runs": 1,
        "redirect_stderr_to_stdout": false,
        "max_cpu_time_limit": seconds(most.cpu_us),
        "max_cpu_extra_time": 0.0,
        "max_wall_time_limit": seconds(most.wall_us),
        "max_memory_limit": kib(most.memory_bytes),
        "max_stack_limit": kib(most.stack_bytes),
        "max_max_processes_and_or_threads": most.pids,
        "allow_enable_per_process_and_thread_time_limit": false,
        "allow_enable_per_process_and_thread_memory_limit": false,
        "max_max_file_size": kib(most.output_bytes),
        "allow_enable_network": false,
        "max_number_of_runs": 1,
        "enable_batched_submissions": true,
        "max_submission_batch_size": MOST_IN_BATCH,
        "submission_cache_duration": 0.0,
        "use_docs_as_homepage": false,
        "max_extract_size": 0,
    }))
}
