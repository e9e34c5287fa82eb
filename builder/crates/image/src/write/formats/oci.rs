//! An OCI image layout (OCI image-spec v1.1, "Image Layout") with one uncompressed layer.
//!
//! In `oci`, the layer is the image itself, and a container runs as an unprivileged user, without init. In `oci-judge`,
//! the layer holds `/init` and `/rootfs/**`, as the initramfs does, and init makes the sandbox inside of the container. The
//! layer is not compressed, so its digest is also its DiffID (image-spec, "Image Configuration").

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bundle::digest::Sha;
use bundle::layout::JUDGE_ID;
use closure::arch::Machine;
use recipe::image_path::ImagePath;
use serde_json::{Value, json};

use crate::write::context::ImageStart;
use crate::write::formats::output::{Close, Output};
use crate::write::formats::tar::Tar;
use crate::write::formats::{FileHead, Sink};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Where a container looks for the program that it is told to start.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The layout's directory, while it is written.
pub(crate) struct Oci<'a> {
    directory: PathBuf,
    layer: Tar<Blob>,
    /// With init for `oci-judge`, without it for `oci`.
    start: ImageStart<'a>,
    time: u64,
}

impl<'a> Oci<'a> {
    /// Makes the directory, which must not exist; `time` in seconds since 1970.
    pub(crate) fn new(directory: &Path, start: ImageStart<'a>, time: u64) -> io::Result<Oci<'a>> {
        fs::create_dir_all(blobs(directory))?;
        let prefix = if start.runner.is_some() { "rootfs/" } else { "" };
        let mut layer = Tar::new(Blob::new(blobs(directory))?, prefix, time);
        if let Some(init) = start.runner {
            layer.init(init)?;
        }
        Ok(Oci { directory: directory.to_path_buf(), layer, start, time })
    }
}

impl Sink for Oci<'_> {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        self.layer.directory(path, mode)
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        self.layer.symlink(path, target)
    }

    fn file(&mut self, path: &ImagePath, file: FileHead<'_>, content: &mut dyn Read) -> io::Result<()> {
        self.layer.file(path, file, content)
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<(PathBuf, Sha)>> {
        let Oci { directory, layer, start, time } = *self;
        let layer = layer.into_inner()?.seal()?;
        let config = blob(&directory, &config(&layer.digest(), start, time))?;
        let manifest = blob(&directory, &manifest(&config, &layer))?;
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [{
            "mediaType": MANIFEST, "digest": manifest.digest(), "size": manifest.size,
            "platform": platform(start.machine),
            "annotations": { "org.opencontainers.image.ref.name": "latest" },
        }]});
        let stored =
            [layer, config, manifest].map(|blob| (blobs(Path::new("")).join(blob.sha.as_str()), blob.sha));
        let index = put_json(&directory, "index.json", &index)?;
        let layout = put_json(&directory, "oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }))?;
        Ok(stored.into_iter().chain([index, layout]).collect())
    }
}

/// The object `platform` of an index; a config has the same keys at its top.
fn platform(machine: Machine) -> Value {
    let (architecture, variant) = machine.oci();
    let architecture = if architecture.is_empty() { machine.name() } else { architecture.to_owned() };
    let mut platform = json!({ "architecture": architecture, "os": "linux" });
    if let Some(variant) = variant {
        platform["variant"] = variant.into();
    }
    platform
}

fn config(diff_id: &str, start: ImageStart<'_>, time: u64) -> Value {
    let created = bundle::time::rfc3339(time);
    let mut config = platform(start.machine);
    config["created"] = created.clone().into();
    config["config"] = match start.runner {
        Some(_) => json!({
            "Entrypoint": ["/init", "run", "--root", "/rootfs"],
            "Cmd": ["--", start.command.map_or("/bin/sh", ImagePath::as_str)],
            "WorkingDir": "/",
        }),
        None => json!({
            "Cmd": start.command.map(|command| vec![command.as_str()]).unwrap_or_default(),
            "User": format!("{JUDGE_ID}:{JUDGE_ID}"),
            "Env": [format!("PATH={SEARCH_PATH}")],
            "WorkingDir": "/",
        }),
    };
    config["rootfs"] = json!({ "type": "layers", "diff_ids": [diff_id] });
    config["history"] = json!([{ "created": created, "created_by": "capsule build" }]);
    config
}

fn manifest(config: &Stored, layer: &Stored) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config.digest(), "size": config.size },
        "layers": [{ "mediaType": LAYER, "digest": layer.digest(), "size": layer.size }],
    })
}

/// A finished blob (a descriptor of the image-spec without its media type).
struct Stored {
    sha: Sha,
    size: u64,
}

impl Stored {
    /// `sha256:` and 64 hexadecimal digits.
    fn digest(&self) -> String {
        format!("sha256:{}", self.sha)
    }
}

fn blobs(directory: &Path) -> PathBuf {
    directory.join("blobs").join("sha256")
}

fn blob(directory: &Path, value: &Value) -> io::Result<Stored> {
    let mut blob = Blob::new(blobs(directory))?;
    blob.write_all(value.to_string().as_bytes())?;
    blob.seal()
}

/// Writes a file of the layout; the result is its name and digest.
fn put_json(directory: &Path, name: &str, value: &Value) -> io::Result<(PathBuf, Sha)> {
    let text = format!("{value}\n");
    fs::write(directory.join(name), &text)?;
    Ok((name.into(), Sha::of(text.as_bytes())))
}

/// An unfinished blob. Its name will be its digest, so it has another one until it is complete.
struct Blob {
    output: Output,
    size: u64,
    directory: PathBuf,
}

impl Blob {
    fn new(directory: PathBuf) -> io::Result<Blob> {
        let output = Output::plain(&directory.join(UNNAMED))?;
        Ok(Blob { output, size: 0, directory })
    }

    fn seal(self) -> io::Result<Stored> {
        let sha = self.output.close()?;
        fs::rename(self.directory.join(UNNAMED), self.directory.join(sha.as_str()))?;
        Ok(Stored { sha, size: self.size })
    }
}

/// The name of the unfinished blob: only one is written at a time.
const UNNAMED: &str = "unnamed";

impl Write for Blob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Close for Blob {
    fn close(self) -> io::Result<Sha> {
        self.seal().map(|stored| stored.sha)
    }
}
