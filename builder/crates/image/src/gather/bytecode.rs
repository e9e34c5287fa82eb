//! Python's bytecode: `__pycache__/x.cpython-311.pyc` beside `x.py`, which spares a program to compile what it imports.
//!
//! The build host's Python made it when a package was installed; no package has it (PEP 3147). Its head holds the time and
//! the length of its source, and one whose source has another time is passed over. In an image everything has one time, so
//! the head is changed into one that Python does not compare with the source (PEP 552, unchecked).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::digest::Hasher;
use crate::image_path::ImagePath;
use crate::plan::Patch;
use crate::probe::{self, FileKind, Probe};

/// The directory's name, the same for every Python (PEP 3147).
const CACHE: &str = "__pycache__";
/// Magic number, flags, and what the flags say: time and length of the source here, each a little-endian word (PEP 552).
const HEAD: usize = 16;
/// The flags of bytecode that is compared with its source's time and length.
const TIMED: [u8; 4] = [0, 0, 0, 0];
/// Where in the head, and as what: the flags "by hash, never compared", and a hash that is none, as nobody looks at it. A
/// Python that is told to compare all the same (`--check-hash-based-pycs always`) compiles the source.
const UNCHECKED: (u64, &[u8]) = (4, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/// The module that this is the bytecode of, by its name: `x.py` for `__pycache__/x.cpython-311.pyc`.
pub fn module(path: &Path) -> Option<PathBuf> {
    let cache = path.parent().filter(|cache| cache.ends_with(CACHE))?;
    let (module, _version) = path.file_name()?.to_str()?.strip_suffix(".pyc")?.split_once('.')?;
    Some(cache.with_file_name(format!("{module}.py")))
}

/// The same inside an image.
pub fn module_of(path: &ImagePath) -> Option<ImagePath> {
    ImagePath::new(&module(path.as_path())?).ok()
}

/// The bytecode that the build host keeps of these files and would itself use, without that of `python -O`.
pub fn of_modules(files: &[&ImagePath], probe: &Probe) -> io::Result<Vec<ImagePath>> {
    let modules: BTreeSet<&ImagePath> =
        files.iter().copied().filter(|file| file.name().ends_with(".py")).collect();
    let directories: BTreeSet<ImagePath> = modules.iter().filter_map(|module| module.parent()).collect();
    let mut found = Vec::new();
    for directory in directories {
        for path in cached(&directory, probe)? {
            let is_theirs = module_of(&path).is_some_and(|module| modules.contains(&module));
            if is_theirs && !is_optimized(&path) && is_current(&path, probe)? {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// What lies in the cache of a directory.
fn cached(directory: &ImagePath, probe: &Probe) -> io::Result<Vec<ImagePath>> {
    let cache = probe::join(directory, CACHE)?;
    match probe.facts(&cache) {
        Ok(facts) if facts.kind == FileKind::Directory => {
            probe.list(&cache)?.iter().map(|name| probe::join(&cache, name)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// `x.cpython-311.opt-1.pyc`, which only `python -O` reads.
fn is_optimized(path: &ImagePath) -> bool {
    path.name().split('.').any(|part| part.starts_with("opt-"))
}

/// What of `path` is to be another in an image: nothing, unless it is bytecode that the build host would itself use.
pub fn patch(path: &ImagePath, probe: &Probe) -> io::Result<Option<Patch>> {
    if !is_current(path, probe)? {
        return Ok(None);
    }
    let mut hasher = Hasher::new(true);
    let mut bytes = Vec::new();
    File::open(probe.on_host(path))?.read_to_end(&mut bytes)?;
    hasher.update(&bytes);
    let (offset, bytes) = UNCHECKED;
    Ok(Some(Patch { offset, bytes, original: hasher.finish() }))
}

/// Whether it is bytecode whose head has the time and the length of its module.
fn is_current(path: &ImagePath, probe: &Probe) -> io::Result<bool> {
    let Some(module) = module_of(path) else { return Ok(false) };
    // Python follows a module's link.
    let (Ok(source), Ok(own)) = (probe.follow(&module), probe.facts(path)) else { return Ok(false) };
    let source = source.facts;
    if source.kind != FileKind::File || own.kind != FileKind::File || own.size < HEAD as u64 {
        return Ok(false);
    }
    let mut head = [0; HEAD];
    File::open(probe.on_host(path))?.read_exact(&mut head)?;
    // Both are cut to 32 bits, by Python as well.
    let expected = [source.modified as u32, source.size as u32].map(u32::to_le_bytes);
    Ok(head[4..8] == TIMED && head[8..] == expected.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("normal")
    }

    /// A module and its bytecode, in the state that Python leaves them in.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("__pycache__")).expect("made");
        let module = root.path().join("x.py");
        fs::write(&module, "a = 1\n").expect("written");
        let time = fs::metadata(&module).expect("there").mtime() as u32;
        let head = [*b"\xa7\x0d\r\n", TIMED, time.to_le_bytes(), 6_u32.to_le_bytes()].concat();
        for name in ["x.cpython-311.pyc", "x.cpython-311.opt-1.pyc", "xy.cpython-311.pyc"] {
            fs::write(root.path().join("__pycache__").join(name), [head.as_slice(), b"code"].concat())
                .expect("written");
        }
        root
    }

    #[test]
    fn bytecode_lies_in_a_cache_beside_its_module() {
        let source = |path: &str| module(Path::new(path));
        assert_eq!(source("/l/json/__pycache__/decoder.cpython-311.pyc"), Some("/l/json/decoder.py".into()));
        assert_eq!(source("/l/__pycache__/m.cpython-311.opt-1.pyc"), Some("/l/m.py".into()));
        assert_eq!(source("/l/__pycache__/m.pypy39.pyc"), Some("/l/m.py".into()));
        assert_eq!(source("/l/legacy.pyc"), None);
    }

    #[test]
    fn a_module_brings_its_own_bytecode_only() {
        let root = tree();
        let (module, text) = (path("/x.py"), path("/x.txt"));
        let found = of_modules(&[&module, &text], &Probe::new(root.path())).expect("read");
        assert_eq!(found, [path("/__pycache__/x.cpython-311.pyc")]);
        assert_eq!(of_modules(&[&text], &Probe::new(root.path())).expect("read"), []);
    }

    #[test]
    fn a_linked_module_has_bytecode_of_its_own() {
        let root = tree();
        fs::rename(root.path().join("x.py"), root.path().join("elsewhere.py")).expect("moved");
        std::os::unix::fs::symlink("elsewhere.py", root.path().join("x.py")).expect("linked");
        assert_eq!(of_modules(&[&path("/x.py")], &Probe::new(root.path())).expect("read").len(), 1);
    }

    #[test]
    fn the_head_becomes_one_that_is_never_compared() {
        let root = tree();
        let patch = patch(&path("/__pycache__/x.cpython-311.pyc"), &Probe::new(root.path()));
        let patch = patch.expect("read").expect("current");
        assert_eq!((patch.offset, patch.bytes[0], patch.bytes.len()), (4, 1, HEAD - 4));
    }

    #[test]
    fn what_the_build_host_would_not_use_stays_as_it_is() {
        let root = tree();
        let probe = Probe::new(root.path());
        let bytecode = path("/__pycache__/x.cpython-311.pyc");
        fs::write(root.path().join("x.py"), "a = 12\n").expect("written");
        assert_eq!(patch(&bytecode, &probe).expect("read"), None, "its module has another length");
        assert_eq!(of_modules(&[&path("/x.py")], &probe).expect("read"), []);
        fs::write(root.path().join("__pycache__/x.cpython-311.pyc"), "short").expect("written");
        assert_eq!(patch(&bytecode, &probe).expect("read"), None, "it has no whole head");
        assert_eq!(patch(&path("/x.py"), &probe).expect("read"), None, "it is no bytecode");
    }
}
