//! OCI image layout (image-spec v1.1): one uncompressed layer, a config that starts init, right digests.
//!
//! The layer holds `/init` and `/rootfs/**`, as the initramfs does: the container's root is the machine, and
//! the sandbox is made inside it. The layer is not compressed, so its digest and its diff id are one.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::digest::hex;
use crate::formats::Sink;
use crate::formats::output::{Close, Output};
use crate::formats::tar::Tar;
use crate::image_path::ImagePath;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Writes the layout's directory.
pub struct Oci {
    directory: PathBuf,
    layer: Tar<Blob>,
    time: u64,
}

impl Oci {
    /// A new layout at `directory`, which must not exist.
    pub fn new(directory: &Path, init: &[u8], time: u64) -> io::Result<Oci> {
        fs::create_dir_all(blobs(directory))?;
        let mut layer = Tar::new(Blob::new(blobs(directory))?, "rootfs/", time);
        layer.init(init)?;
        Ok(Oci { directory: directory.to_path_buf(), layer, time })
    }
}

impl Sink for Oci {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        self.layer.directory(path, mode)
    }

    fn symlink(&mut self, path: &ImagePath, target: &str) -> io::Result<()> {
        self.layer.symlink(path, target)
    }

    fn file(&mut self, path: &ImagePath, mode: u32, size: u64, content: &mut dyn Read) -> io::Result<()> {
        self.layer.file(path, mode, size, content)
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Oci { directory, layer, time } = *self;
        let layer = layer.into_inner()?.seal()?;
        let config = blob(&directory, &config(&layer.digest, time))?;
        let manifest = blob(&directory, &manifest(&config, &layer))?;
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [{
            "mediaType": MANIFEST, "digest": manifest.digest, "size": manifest.size,
            "platform": { "architecture": "amd64", "os": "linux" },
            "annotations": { "org.opencontainers.image.ref.name": "latest" },
        }]});
        write_json(&directory.join("index.json"), &index)?;
        write_json(&directory.join("oci-layout"), &json!({ "imageLayoutVersion": "1.0.0" }))
    }
}

fn config(diff_id: &str, time: u64) -> Value {
    let created = rfc3339(time);
    json!({
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ["/init", "run", "--root", "/rootfs"],
            "Cmd": ["--", "/bin/sh"],
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": created, "created_by": "capsule build" }],
    })
}

fn manifest(config: &Stored, layer: &Stored) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config.digest, "size": config.size },
        "layers": [{ "mediaType": LAYER, "digest": layer.digest, "size": layer.size }],
    })
}

/// A blob that has its final name.
struct Stored {
    /// `sha256:` and 64 hexadecimal digits.
    digest: String,
    size: u64,
}

fn blobs(directory: &Path) -> PathBuf {
    directory.join("blobs").join("sha256")
}

fn blob(directory: &Path, value: &Value) -> io::Result<Stored> {
    let mut blob = Blob::new(blobs(directory))?;
    blob.write_all(value.to_string().as_bytes())?;
    blob.seal()
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    fs::write(path, format!("{value}\n"))
}

/// A blob on its way: hashed as it is written, named when it is whole.
struct Blob {
    output: Output,
    hash: Sha256,
    size: u64,
    directory: PathBuf,
}

impl Blob {
    fn new(directory: PathBuf) -> io::Result<Blob> {
        let output = Output::plain(&directory.join(UNNAMED))?;
        Ok(Blob { output, hash: Sha256::new(), size: 0, directory })
    }

    fn seal(self) -> io::Result<Stored> {
        self.output.close()?;
        let name = hex(&self.hash.finalize());
        fs::rename(self.directory.join(UNNAMED), self.directory.join(&name))?;
        Ok(Stored { digest: format!("sha256:{name}"), size: self.size })
    }
}

/// One blob is written at a time.
const UNNAMED: &str = "unnamed";

impl Write for Blob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Close for Blob {
    fn close(self) -> io::Result<()> {
        self.seal().map(|_| ())
    }
}

/// `seconds` since 1970 as RFC 3339 in UTC, which has four digits for a year: what is later is its last second.
pub fn rfc3339(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = i64::try_from(seconds.min(LAST)).expect("LAST fits");
    let moment = OffsetDateTime::from_unix_timestamp(seconds).expect("a moment before the year 10000");
    moment.format(&Rfc3339).expect("a moment before the year 10000, in UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let known = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in known {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
