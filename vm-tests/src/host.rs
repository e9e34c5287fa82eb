//! The same cases on this host, without a VM: the agent runs as a child, its frames come through a pipe.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::case::Case;
use crate::cases::probe_bind;
use crate::frame::{FrameReader, Nonce};
use crate::guest::Guest;
use crate::matrix::{CaseResult, judge, ready};
use crate::message::{Hello, Message, Observation};
use crate::plan::{Place, Plan, Runner, Watch};

/// Runs `cases` with the bundle's init, or this init-serve, on this machine. Cases without a sandbox are refused: they are hostile.
pub(crate) fn run(
    world: &str,
    bundle: &Path,
    guest: &Guest,
    server: Option<&Path>,
    options: &[String],
    cases: &[Case],
) -> Result<Vec<CaseResult>, String> {
    let (cases, not_run) = ready(world, cases);
    let cases = cases.as_slice();
    if let Some(bare) = cases.iter().find(|case| case.step.place == Place::Bare) {
        return Err(format!("`{}` is not for a host: it runs without a sandbox", bare.step.name));
    }
    let files = tempfile::tempdir().map_err(|cause| format!("no temporary directory: {cause}"))?;
    let nonce = Nonce::random().map_err(|cause| format!("no nonce: {cause}"))?;
    prepare(files.path(), bundle, guest, server, options, cases, &nonce)
        .map_err(|cause| format!("no plan: {cause}"))?;
    let (hello, seen) = listen(files.path(), &nonce)?;
    if seen.len() != cases.len() {
        return Err(format!("{} of {} cases were reported", seen.len(), cases.len()));
    }
    let mut rows = judge(world, cases, &seen, &hello.secret);
    rows.extend(not_run);
    Ok(rows)
}

fn prepare(
    directory: &Path,
    bundle: &Path,
    guest: &Guest,
    server: Option<&Path>,
    options: &[String],
    cases: &[Case],
    nonce: &Nonce,
) -> io::Result<()> {
    let probes = directory.join("probes");
    fs::create_dir(&probes)?;
    // The sandbox's user reaches the probe by these permissions.
    for path in [directory, &probes] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    guest.place("probe", &probes.join("probe")).map_err(io::Error::other)?;
    guest.place("agent", &directory.join("agent")).map_err(io::Error::other)?;
    let bundle = fs::canonicalize(bundle)?;
    let mut all = vec!["--bind".to_string(), probe_bind(&probes.to_string_lossy())];
    all.extend(options.iter().cloned());
    let plan = Plan {
        init: server.map_or_else(|| bundle.join("init"), Path::to_path_buf).to_string_lossy().into_owned(),
        runner: if server.is_some() { Runner::Pool } else { Runner::Once },
        root: bundle.join("rootfs").to_string_lossy().into_owned(),
        options: all,
        watch: Watch::Canaries,
        steps: cases.iter().map(|case| case.step.clone()).collect(),
    };
    fs::write(directory.join("plan"), serde_json::to_vec(&plan)?)?;
    fs::write(directory.join("nonce"), nonce.as_bytes())
}

fn listen(directory: &Path, nonce: &Nonce) -> Result<(Hello, Vec<Observation>), String> {
    let mut agent = Command::new(directory.join("agent"))
        .arg("host")
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|cause| format!("the agent did not start: {cause}"))?;
    let mut bytes = Vec::new();
    let read = agent.stdout.take().map(|mut stdout| stdout.read_to_end(&mut bytes));
    let status = agent.wait().map_err(|cause| cause.to_string())?;
    match read {
        Some(Ok(_)) if status.success() => messages(nonce, &bytes),
        _ => Err(format!("the agent ended with {status}")),
    }
}

fn messages(nonce: &Nonce, bytes: &[u8]) -> Result<(Hello, Vec<Observation>), String> {
    let mut reader = FrameReader::new(nonce.clone());
    let payloads = reader.push(bytes).map_err(|error| error.to_string())?;
    reader.finish().map_err(|error| error.to_string())?;
    let (mut greeting, mut seen, mut done) = (None, Vec::new(), false);
    for payload in payloads {
        match serde_json::from_slice(&payload).map_err(|cause| cause.to_string())? {
            Message::Hello(hello) => greeting = Some(hello),
            Message::Step(observation) => seen.push(*observation),
            Message::Done { steps } => done = steps == seen.len(),
        }
    }
    match greeting {
        Some(hello) if done => Ok((hello, seen)),
        _ => Err("the agent did not come to its end".into()),
    }
}
