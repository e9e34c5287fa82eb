//! The software bill of materials: the manifest's packages and files as CycloneDX 1.5 JSON.
//!
//! No serial number and no clock: the same image has the same bill.

use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{DateTime, Purl, Validate};

use crate::error::Error;
use crate::formats::oci::rfc3339;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::packages::Package;

/// The bill's name in a bundle.
pub const FILE_NAME: &str = "sbom.cdx.json";

/// The bill of an image: a component for each package, with its files inside, and the files of no package.
pub fn sbom(manifest: &Manifest) -> Result<String, Error> {
    let wrong = |what: String| Error::Manifest { path: FILE_NAME.into(), what };
    let time = DateTime::try_from(rfc3339(u64::from(manifest.time))).map_err(|e| wrong(e.to_string()))?;
    let packages = manifest.packages.iter().map(|package| self::package(package, manifest));
    let others = files(manifest, None);
    let bom = Bom {
        serial_number: None,
        spec_version: SpecVersion::V1_5,
        metadata: Some(Metadata { timestamp: Some(time), component: Some(itself()), ..Metadata::default() }),
        components: Some(Components(packages.chain(others).collect())),
        ..Bom::default()
    };
    let found = bom.validate_version(SpecVersion::V1_5);
    if !found.passed() {
        return Err(wrong(format!("{found:?}")));
    }
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text).map_err(|e| wrong(e.to_string()))?;
    text.push(b'\n');
    String::from_utf8(text).map_err(|e| wrong(e.to_string()))
}

/// The image has no version of its own.
fn itself() -> Component {
    Component {
        version: None,
        ..Component::new(Classification::OperatingSystem, "rootfs", "", Some("rootfs".to_owned()))
    }
}

fn package(package: &Package, manifest: &Manifest) -> Component {
    let id = package.id();
    let component =
        Component::new(Classification::Library, &package.name, &package.version, Some(id.clone()));
    Component { purl: purl(package), components: Some(Components(files(manifest, Some(&id)))), ..component }
}

/// `pkg:deb/debian/NAME@VERSION?arch=…` (purl-spec, type deb).
fn purl(package: &Package) -> Option<Purl> {
    let escape = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace(':', "%3A");
    let text = format!(
        "pkg:deb/debian/{}@{}?arch={}",
        escape(&package.name),
        escape(&package.version),
        package.architecture
    );
    text.parse().ok()
}

/// The regular files that `package` owns; with `None`, those that nobody owns.
fn files(manifest: &Manifest, package: Option<&str>) -> Vec<Component> {
    manifest.entries.iter().filter(|record| record.package.as_deref() == package).filter_map(file).collect()
}

fn file(record: &Record) -> Option<Component> {
    let RecordKind::File { sha256, .. } = &record.kind else { return None };
    let hash = Hash { alg: HashAlgorithm::SHA_256, content: HashValue(sha256.to_string()) };
    let path = record.path.as_str();
    let component = Component::new(Classification::File, path, "", Some(path.to_owned()));
    Some(Component { version: None, hashes: Some(Hashes(vec![hash])), ..component })
}
