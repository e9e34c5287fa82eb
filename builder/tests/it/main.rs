//! Tests of the `capsule` program against real files, one module for each subject.
#![allow(clippy::unwrap_used)] // In a test a panic is the report; clippy.toml covers `#[test]` functions only.

mod another_debian;
mod build;
mod bytecode;
mod bytes;
mod closure;
mod communicate;
mod completions;
mod data;
mod deploy;
mod deploy_service;
mod doctor;
#[path = "../../crates/closure/tests/it/elf_file.rs"]
#[allow(dead_code)] // The closure's own tests use the rest of it.
mod elf_file;
mod end;
#[path = "../../../vm-tests/src/ending.rs"]
mod ending;
mod endless;
mod exec;
mod explain;
mod fleet;
mod forbidden;
mod foreign;
mod foreign_trees;
mod formats;
mod go_judge;
mod guards;
#[path = "../../crates/closure/tests/it/have.rs"]
mod have;
mod help;
mod install;
mod interact;
mod isolate;
mod judge;
mod judge_files;
mod judge_outputs;
mod judge_package;
mod judge_sizes;
mod load;
mod modes;
mod neighbours;
mod options_page;
mod placed;
mod planted;
mod plugins;
mod pool;
mod problem;
mod progress;
mod protocols;
mod prove;
mod provenance;
mod questions;
mod recipe;
mod rules;
mod scene;
mod script;
mod serve;
mod serve_fronts;
mod serve_submissions;
mod service;
mod several_files;
mod shell;
mod starts;
mod starts_check;
mod stream_contents;
mod streams;
mod sysroot;
mod trace;
mod uids;
mod uninvited;
mod verdict;
mod verified;
mod verify;
mod worker_requests;
mod workers;
