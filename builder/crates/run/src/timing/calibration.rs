//! What `capsule calibrate` found out about this machine: a file that later reports quote.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bundle::FileError;
use serde::{Deserialize, Serialize};

use super::model::{Model, uncalibrated};
use crate::error::Error;

/// The version of the file. Fields are only added within a version.
pub const VERSION: u32 = 1;

/// A calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The version of this format.
    pub version: u32,
    /// What reports call it: the start of a digest of the rest.
    pub id: String,
    /// The model of the processor, as the kernel names it.
    pub processor: String,
    /// How many CPUs the kernels ran on.
    pub cpus: usize,
    /// The speed, in multiples of the machine that the reference times are of.
    pub speed: f64,
    /// The share of its time by which equal work differs alone.
    pub noise: f64,
    /// The share by which it takes longer when all other CPUs are busy.
    pub contention: f64,
    /// Microseconds by which the shortest work differs.
    pub floor_us: f64,
    /// Each kernel: its name, and its median times in microseconds, alone and with all CPUs busy.
    pub kernels: Vec<Kernel>,
}

/// What was measured with one kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Its median time alone, in microseconds.
    pub alone_us: f64,
    /// The same with all CPUs busy.
    pub busy_us: f64,
    /// The share of the median between the 5th and the 95th percentile, halved.
    pub spread: f64,
}

/// Where a calibration is kept: `CAPSULE_CALIBRATION`, or a directory of the user's, or of the machine's for root.
pub fn default_place() -> Option<PathBuf> {
    const FILE: &str = "capsule/calibration.json";
    if let Some(path) = env::var_os("CAPSULE_CALIBRATION").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    if rustix::process::geteuid().is_root() {
        return Some(Path::new("/var/lib").join(FILE));
    }
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join(FILE))
}

/// Why most machines have none.
const NEVER: &str = "this machine was never calibrated: `capsule calibrate` does it";

/// The errors of this machine, as it was calibrated when this process first asked.
pub fn model_of_this_machine() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let place = default_place().filter(|place| place.exists());
        match place.map(|place| Calibration::read(&place)) {
            Some(Ok(calibration)) => calibration.model(),
            Some(Err(error)) => uncalibrated(error.to_string()),
            None => uncalibrated(NEVER.to_owned()),
        }
    })
}

impl Calibration {
    /// Reads one.
    ///
    /// # Errors
    /// There is none, or it is of another version, or it has no possible value.
    pub fn read(place: &Path) -> Result<Calibration, Error> {
        let text = fs::read(place).map_err(|error| FileError::read(place, error))?;
        let wrong = |what: String| Error::Calibration { path: place.to_path_buf(), what };
        let read: Calibration = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let shares = [read.noise, read.contention, read.floor_us];
        match read.version {
            VERSION if shares.iter().all(|share| share.is_finite() && *share >= 0.0) => Ok(read),
            VERSION => Err(wrong("it has a share that is not a number of at least 0".to_owned())),
            other => Err(wrong(format!("it is of version {other}, not {VERSION}"))),
        }
    }

    /// The errors that follow.
    pub fn model(&self) -> Model {
        let Calibration { floor_us, noise, contention, .. } = *self;
        Model { floor_us, noise, contention, calibration: Ok(self.id.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_or_refused() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("calibration.json");
        let calibration = Calibration {
            version: VERSION,
            id: "abc".to_owned(),
            processor: "x".to_owned(),
            cpus: 2,
            speed: 1.5,
            noise: 0.125,
            contention: 0.25,
            floor_us: 300.0,
            kernels: vec![Kernel { name: "alu".to_owned(), alone_us: 1.0, busy_us: 2.0, spread: 0.1 }],
        };
        let text = serde_json::to_string(&calibration).unwrap();
        fs::write(&file, &text).unwrap();
        assert_eq!(Calibration::read(&file).unwrap(), calibration);
        assert_eq!(calibration.model().error_us(1_000_000, 1.0), 375_300);
        for (old, new, what) in [
            ("\"version\":1", "\"version\":2", "version 2, not 1"),
            ("0.125", "-0.125", "not a number of at least 0"),
            ("\"noise\"", "\"noises\"", "missing field"),
        ] {
            fs::write(&file, text.replace(old, new)).unwrap();
            let said = Calibration::read(&file).unwrap_err().to_string();
            assert!(said.contains(what) && said.contains("calibration.json"), "{said}");
        }
        assert!(Calibration::read(&place.path().join("gone")).is_err());
    }
}
