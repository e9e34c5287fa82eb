//! What `capsule calibrate` found out about this machine: a file that later reports quote.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bundle::FileError;
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::model::{Model, uncalibrated};
use crate::error::Error;

/// The version of the file. Fields are only added within a version, and mean the same. In version 1 `noise` and
/// `contention` were those of the kernels, which differ less than programs do.
pub const VERSION: u32 = 2;

/// A calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The version of this format.
    pub version: u32,
    /// What reports call it: the start of a digest of the rest.
    pub id: String,
    /// The model of the processor, as the kernel names it.
    pub processor: String,
    /// How many CPUs were busy.
    pub cpus: usize,
    /// The speed, in multiples of the machine that the reference times are of.
    pub speed: f64,
    /// The share of its time by which a program's time alone differs from that of equal ones; above 0.
    pub noise: f64,
    /// The share by which it differs in addition when all other CPUs are busy; 0 at least.
    pub contention: f64,
    /// Microseconds by which the time of the shortest program differs; above 0.
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
    MODEL.get_or_init(|| model_of(default_place().as_deref(), &Machine::this()))
}

fn model_of(place: Option<&Path>, machine: &Machine) -> Model {
    match place.filter(|place| place.exists()).map(|place| Calibration::of(place, machine)) {
        Some(Ok(calibration)) => calibration.model(),
        Some(Err(error)) => uncalibrated(error.to_string()),
        None => uncalibrated(NEVER.to_owned()),
    }
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

impl Calibration {
    /// Reads one for use on this machine.
    ///
    /// # Errors
    /// It cannot be read, or it is of another machine: files are copied with a disk's image.
    pub fn of(place: &Path, machine: &Machine) -> Result<Calibration, Error> {
        let read = Calibration::read(place)?;
        match machine.differs_from(&read.processor, read.cpus) {
            None => Ok(read),
            Some(how) => {
                let what = format!("it is of another machine: {how}");
                Err(Error::Calibration { path: place.to_path_buf(), what })
            }
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// There is none, or it is of another version, or it has no possible value.
    pub fn read(place: &Path) -> Result<Calibration, Error> {
        let text = fs::read(place).map_err(|error| FileError::read(place, error))?;
        let wrong = |what: String| Error::Calibration { path: place.to_path_buf(), what };
        let no_json = |error: serde_json::Error| wrong(error.to_string());
        // First: another version may have other fields.
        let Head { version } = serde_json::from_slice(&text).map_err(no_json)?;
        if version != VERSION {
            return Err(wrong(format!("it is of version {version}, not {VERSION}")));
        }
        let read: Calibration = serde_json::from_slice(&text).map_err(no_json)?;
        read.flaw().map_or(Ok(read), |flaw| Err(wrong(flaw)))
    }

    /// A value that no measurement gives, if it has one: nothing is equally fast twice, to the microsecond.
    pub fn flaw(&self) -> Option<String> {
        let values = [
            ("speed", self.speed, f64::MIN_POSITIVE),
            ("noise", self.noise, f64::MIN_POSITIVE),
            ("contention", self.contention, 0.0),
            ("floor_us", self.floor_us, f64::MIN_POSITIVE),
        ];
        let is_wrong = |&&(_, value, least): &&(_, f64, f64)| !value.is_finite() || value < least;
        let (name, value, _) = values.iter().find(is_wrong)?;
        Some(format!("`{name}` is {value}, which no measurement gives"))
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

    fn calibration() -> Calibration {
        Calibration {
            version: VERSION,
            id: "abc".to_owned(),
            processor: "x".to_owned(),
            cpus: 2,
            speed: 1.5,
            noise: 0.125,
            contention: 0.25,
            floor_us: 300.0,
            kernels: vec![Kernel { name: "alu".to_owned(), alone_us: 1.0, busy_us: 2.0, spread: 0.1 }],
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_or_refused() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("calibration.json");
        let calibration = calibration();
        let text = serde_json::to_string(&calibration).unwrap();
        fs::write(&file, &text).unwrap();
        assert_eq!(Calibration::read(&file).unwrap(), calibration);
        assert_eq!(calibration.model().error_us(1_000_000, 1.0), 375_300);
        for (old, new, what) in [
            ("\"version\":2", "\"version\":1", "it is of version 1, not 2"),
            // What another version calls its fields does not matter.
            ("\"version\":2", "\"version\":3,\"cpus\":\"all\",\"was\":2", "it is of version 3, not 2"),
            ("0.125", "-0.125", "`noise` is -0.125"),
            ("0.125", "0.0", "`noise` is 0"),
            ("300.0", "0.0", "`floor_us` is 0"),
            ("1.5", "0.0", "`speed` is 0"),
            ("0.25", "-0.25", "`contention` is -0.25"),
            ("\"noise\"", "\"noises\"", "missing field"),
        ] {
            fs::write(&file, text.replace(old, new)).unwrap();
            let said = Calibration::read(&file).unwrap_err().to_string();
            assert!(said.contains(what) && said.contains("calibration.json"), "{said}");
        }
        assert!(Calibration::read(&place.path().join("gone")).is_err());
    }

    #[test]
    fn errors_are_of_this_machine_or_guessed() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("calibration.json");
        fs::write(&file, serde_json::to_string(&calibration()).unwrap()).unwrap();
        let model = |processor: &str, online, allowed| {
            let machine = Machine { processor: processor.to_owned(), online, allowed };
            let model = model_of(Some(&file), &machine);
            (model.floor_us, model.calibration)
        };
        let here = (300.0, Ok("abc".to_owned()));
        assert_eq!(model("x", 2, 2), here);
        // A judge that may use one of the two CPUs, and a container that may use two of many.
        assert_eq!((model("x", 2, 1), model("x", 64, 2)), (here.clone(), here));
        for (processor, online, allowed, how) in [
            ("y", 2, 2, "its processor is `x`, here it is `y`"),
            ("x", 4, 4, "it was measured on 2 CPUs, here runs can use 4 of 4"),
            ("x", 1, 1, "it was measured on 2 CPUs, here runs can use 1 of 1"),
        ] {
            let (floor_us, why) = model(processor, online, allowed);
            let why = why.unwrap_err();
            assert!(floor_us == 1000.0 && why.contains(&format!("another machine: {how};")), "{why}");
        }
        let gone = model_of(Some(&place.path().join("gone")), &Machine::this());
        assert_eq!(gone.calibration, Err(NEVER.to_owned()));
    }
}
