//! The operator's file: where boxes are, which users they have, and what of the host they may see.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::fault::{Fault, reason};

/// Where it is unless `CAPSULE_ISOLATE_CONFIG` says otherwise.
const FILE: &str = "/etc/capsule/isolate.toml";

/// The operator's choices; the file may leave any of them out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The bundle whose directories programs see, and whose init runs them.
    pub(crate) bundle: PathBuf,
    /// Where the directories of boxes are.
    pub(crate) box_root: PathBuf,
    /// Where their locks are.
    pub(crate) lock_root: PathBuf,
    /// The user of box 0, and the group with the same number; box N has that number plus N.
    pub(crate) first_uid: u32,
    /// How many boxes there may be.
    pub(crate) num_boxes: u32,
    /// Whether only root makes boxes.
    pub(crate) restricted_init: bool,
    /// Directories of the host that rules may show, with all below them.
    pub(crate) directories: Vec<PathBuf>,
    /// Whether `--share-net` is allowed.
    pub(crate) share_net: bool,
    /// Whether `--inherit-fds` is allowed.
    pub(crate) inherit_fds: bool,
    /// The socket on which the helper serves ordinary users.
    pub(crate) socket: PathBuf,
    /// The group whose users it serves; none but root's if it is empty.
    pub(crate) group: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bundle: "/opt/capsule/current".into(),
            box_root: "/var/local/lib/isolate".into(),
            lock_root: "/run/isolate/locks".into(),
            // systemd assigns no uid from 2^31 up, and the range has a uid for each box.
            first_uid: 1 << 31,
            num_boxes: i32::MAX as u32,
            restricted_init: false,
            // Where CMS has the files of a run, and Piston its packages.
            directories: vec!["/tmp".into(), "/piston/packages".into()],
            share_net: false,
            inherit_fds: false,
            socket: "/run/capsule/isolate.sock".into(),
            group: "isolate".into(),
        }
    }
}

impl Config {
    /// Reads the file that this process's environment names. Only for root's own processes does that decide anything.
    pub(crate) fn load() -> Result<Config, Fault> {
        let named = env::var_os("CAPSULE_ISOLATE_CONFIG").map(PathBuf::from);
        let path = named.as_deref().unwrap_or(Path::new(FILE));
        let mut config = match fs::read_to_string(path) {
            Ok(text) => Config::parse(&text).map_err(|why| Fault(format!("{}: {why}", path.display())))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Config::default(),
            Err(error) => return Err(Fault::because(format!("Cannot read {}", path.display()), error)),
        };
        if let Some(bundle) = env::var_os("CAPSULE_BUNDLE") {
            config.bundle = bundle.into();
        }
        Ok(config)
    }

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let paths = [&config.bundle, &config.box_root, &config.lock_root, &config.socket];
        if let Some(path) = paths.into_iter().chain(&config.directories).find(|path| !path.is_absolute()) {
            return Err(format!("`{}` is not an absolute path", path.display()));
        }
        if config.num_boxes == 0 {
            return Err("`num_boxes` must be at least 1".to_owned());
        }
        // The last number stands for "unchanged" (chown(2)), and 0 is root.
        let last = u64::from(config.first_uid) + u64::from(config.num_boxes) - 1;
        if config.first_uid == 0 || last >= u64::from(u32::MAX) {
            return Err(format!(
                "`first_uid` and `num_boxes` make users up to {last}: they must be above 0 and below {}",
                u32::MAX
            ));
        }
        if (u64::from(config.first_uid)..=last).contains(&60_000) {
            return Err("the users of boxes must not contain 60000, which other runs share".to_owned());
        }
        Ok(config)
    }

    /// The user and the group of a box.
    ///
    /// # Errors
    /// The operator's file does not allow so large an id.
    pub(crate) fn box_user(&self, id: u32) -> Result<u32, Fault> {
        match id < self.num_boxes {
            true => Ok(self.first_uid + id),
            false => Err(Fault(format!("Sandbox ID out of range (allowed: 0-{})", self.num_boxes - 1))),
        }
    }

    /// Whether a path without links is in one of the directories that rules may show.
    pub(crate) fn shows(&self, path: &Path) -> bool {
        let real = |directory: &PathBuf| fs::canonicalize(directory).ok();
        self.directories.iter().filter_map(real).any(|directory| path.starts_with(directory))
    }

    /// What `--check-config` finds wrong.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        for part in [bundle::layout::ROOTFS, bundle::layout::INIT] {
            let path = self.bundle.join(part);
            fs::metadata(&path)
                .map_err(|error| Fault(format!("bundle: `{}`: {}", path.display(), reason(&error))))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_box_of_the_largest_callers_has_a_user() {
        let config = Config::default();
        // Judge0 takes ids up to this one.
        assert_eq!(config.box_user(2_147_483_646), Ok(u32::MAX - 1));
        assert!(config.box_user(i32::MAX as u32).is_err());
    }

    #[test]
    fn a_file_that_cannot_hold_is_refused_with_its_cause() {
        let refused = |text: &str| Config::parse(text).expect_err(text);
        assert!(refused("frob = 1").contains("unknown field `frob`"), "{}", refused("frob = 1"));
        assert!(refused("bundle = 'x'").contains("`x` is not an absolute path"));
        assert!(refused("directories = ['/a', 'b']").contains("`b` is not an absolute path"));
        assert!(refused("num_boxes = 0").contains("at least 1"));
        assert!(refused("first_uid = 0").contains("above 0"));
        assert!(refused("first_uid = 4294967000").contains("below 4294967295"));
        assert!(refused("first_uid = 59000\nnum_boxes = 2000").contains("60000"));
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }
}
