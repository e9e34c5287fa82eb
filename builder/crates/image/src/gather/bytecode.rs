//! Python's bytecode: `__pycache__/x.cpython-311.pyc` next to `x.py` (PEP 3147). With it a program does not compile the
//! modules that it imports.
//!
//! The build host's Python wrote it when a package was installed; the package does not contain it. Its header has the
//! modification time and the length of the source, and Python ignores it if the source has other ones. The files of an
//! image all have one time, so the header is replaced by one that Python does not compare (PEP 552, unchecked hash).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bundle::digest::{Digests, Hasher};
use recipe::image_path::ImagePath;

use crate::gather::probe::{self, FileKind, Probe};

/// Bytes that replace those of a file of the build host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patch {
    /// The position of the first one in the file.
    pub(crate) offset: u64,
    /// The bytes in the image.
    pub(crate) bytes: &'static [u8],
    /// The digests of the file on the build host.
    pub(crate) original: Digests,
}

/// The directory's name, the same for every Python (PEP 3147).
const CACHE: &str = "__pycache__";
/// The bytes of the header: four little-endian words. Magic number, flags, and, if the flags are 0, time and length of the
/// source (PEP 552).
const HEADER: usize = 16;
/// The flags of bytecode whose header has time and length of the source.
const TIMED: [u8; 4] = [0, 0, 0, 0];
/// Position and bytes of the replacement: the flags for "hash-based, unchecked" (bit 0 set, bit 1 clear), and 0 as the
/// hash, which Python does not read. With `--check-hash-based-pycs always` it does, and compiles the source.
const UNCHECKED: (u64, &[u8]) = (4, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/// The path of the module whose bytecode is at `path`: `x.py` for `__pycache__/x.cpython-311.pyc`. `None` if the path has
/// another form.
pub fn module(path: &Path) -> Option<PathBuf> {
    let cache = path.parent().filter(|cache| cache.ends_with(CACHE))?;
    let (module, _version) = path.file_name()?.to_str()?.strip_suffix(".pyc")?.split_once('.')?;
    Some(cache.with_file_name(format!("{module}.py")))
}

/// As [`module`], for a path of an image.
pub(crate) fn module_of(path: &ImagePath) -> Option<ImagePath> {
    ImagePath::new(&module(path.as_path())?).ok()
}

/// The bytecode of these modules that the build host has and would use itself, without that for `python -O`.
pub(crate) fn of_modules(files: &[&ImagePath], probe: &Probe) -> io::Result<Vec<ImagePath>> {
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

/// The paths in the `__pycache__` of a directory.
fn cached(directory: &ImagePath, probe: &Probe) -> io::Result<Vec<ImagePath>> {
    let cache = probe::join(directory, CACHE)?;
    match probe.facts(&cache) {
        Ok(facts) if facts.kind == FileKind::Directory => {
            probe.list(&cache)?.iter().map(|name| probe::join(&cache, name)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether only `python -O` reads it: `x.cpython-311.opt-1.pyc` (PEP 488).
fn is_optimized(path: &ImagePath) -> bool {
    path.name().split('.').any(|part| part.starts_with("opt-"))
}

/// The patch for the file at `path`; `None` unless it is bytecode that the build host would use itself.
pub(crate) fn patch(path: &ImagePath, probe: &Probe) -> io::Result<Option<Patch>> {
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

/// Whether the file is bytecode whose header has the time and the length of its module.
fn is_current(path: &ImagePath, probe: &Probe) -> io::Result<bool> {
    let Some(module) = module_of(path) else { return Ok(false) };
    // Python takes time and length from stat(2), which follows links.
    let (Ok(source), Ok(own)) = (probe.follow(&module), probe.facts(path)) else { return Ok(false) };
    let source = source.facts;
    if source.kind != FileKind::File || own.kind != FileKind::File || own.size < HEADER as u64 {
        return Ok(false);
    }
    let mut header = [0; HEADER];
    File::open(probe.on_host(path))?.read_exact(&mut header)?;
    // Python writes the low 32 bits of both, too.
    let expected = [source.modified as u32, source.size as u32].map(u32::to_le_bytes);
    Ok(header[4..8] == TIMED && header[8..] == expected.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).expect("normal")
    }

    /// A module and its bytecode, as Python writes it.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("__pycache__")).expect("made");
        let module = root.path().join("x.py");
        fs::write(&module, "a = 1\n").expect("written");
        let time = fs::metadata(&module).expect("there").mtime() as u32;
        let header = [*b"\xa7\x0d\r\n", TIMED, time.to_le_bytes(), 6_u32.to_le_bytes()].concat();
        for name in ["x.cpython-311.pyc", "x.cpython-311.opt-1.pyc", "xy.cpython-311.pyc"] {
            fs::write(root.path().join("__pycache__").join(name), [header.as_slice(), b"code"].concat())
                .expect("written");
        }
        root
    }

    #[test]
    fn bytecode_is_in_the_pycache_next_to_its_module() {
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
    fn a_module_that_is_a_link_has_its_own_bytecode() {
        let root = tree();
        fs::rename(root.path().join("x.py"), root.path().join("elsewhere.py")).expect("moved");
        std::os::unix::fs::symlink("elsewhere.py", root.path().join("x.py")).expect("linked");
        assert_eq!(of_modules(&[&path("/x.py")], &Probe::new(root.path())).expect("read").len(), 1);
    }

    #[test]
    fn the_header_becomes_one_that_python_does_not_compare() {
        let root = tree();
        let patch = patch(&path("/__pycache__/x.cpython-311.pyc"), &Probe::new(root.path()));
        let patch = patch.expect("read").expect("current");
        assert_eq!((patch.offset, patch.bytes[0], patch.bytes.len()), (4, 1, HEADER - 4));
    }

    #[test]
    fn bytecode_that_the_build_host_would_not_use_is_not_patched() {
        let root = tree();
        let probe = Probe::new(root.path());
        let bytecode = path("/__pycache__/x.cpython-311.pyc");
        fs::write(root.path().join("x.py"), "a = 12\n").expect("written");
        assert_eq!(patch(&bytecode, &probe).expect("read"), None, "its module has another length");
        assert_eq!(of_modules(&[&path("/x.py")], &probe).expect("read"), []);
        fs::write(root.path().join("__pycache__/x.cpython-311.pyc"), "short").expect("written");
        assert_eq!(patch(&bytecode, &probe).expect("read"), None, "its header is incomplete");
        assert_eq!(patch(&path("/x.py"), &probe).expect("read"), None, "it is not bytecode");
    }
}
