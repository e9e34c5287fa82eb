//! The software bill of materials: the manifest's packages and files as CycloneDX 1.5 JSON, with what needs what.
//!
//! It has no serial number, and its timestamp is the image's: equal images have equal bytes here.

use std::collections::{BTreeMap, BTreeSet};

use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{DateTime, Purl, Validate};

use crate::error::Error;
use crate::manifest::{Manifest, Record, RecordKind};
use crate::package::{Distribution, Package};
use crate::provenance::ProvenanceKind;
use crate::time::rfc3339;

/// The name of the file in a bundle.
pub const FILE_NAME: &str = "sbom.cdx.json";

/// The reference of the image itself.
const ROOT: &str = "rootfs";

/// The bill of an image as JSON text: a component for each package, which contains its files, a component for each file
/// without a package, and one for the distribution.
///
/// # Errors
/// [`Error::Manifest`]: a value of the manifest is not valid in CycloneDX.
pub fn sbom(manifest: &Manifest) -> Result<String, Error> {
    let wrong = |what: String| Error::Manifest { path: FILE_NAME.into(), what };
    let time = DateTime::try_from(rfc3339(u64::from(manifest.time))).map_err(|e| wrong(e.to_string()))?;
    let system = manifest.distribution.iter().map(system);
    let packages = manifest.packages.iter().map(|package| self::package(package, manifest));
    let others = files(manifest, None);
    let bom = Bom {
        serial_number: None,
        spec_version: SpecVersion::V1_5,
        metadata: Some(Metadata { timestamp: Some(time), component: Some(itself()), ..Metadata::default() }),
        components: Some(Components(system.chain(packages).chain(others).collect())),
        dependencies: Some(dependencies(manifest)),
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

/// The component that stands for the image, which has no version.
fn itself() -> Component {
    Component {
        version: None,
        ..Component::new(Classification::OperatingSystem, ROOT, "", Some(ROOT.to_owned()))
    }
}

/// The distribution: scanners look up packages by it.
fn system(distribution: &Distribution) -> Component {
    let version = distribution.version.as_deref().unwrap_or_default();
    let reference = format!("os:{}", distribution.id);
    let component =
        Component::new(Classification::OperatingSystem, &distribution.id, version, Some(reference));
    match distribution.version {
        Some(_) => component,
        None => Component { version: None, ..component },
    }
}

fn package(package: &Package, manifest: &Manifest) -> Component {
    let id = package.id();
    let component =
        Component::new(Classification::Library, &package.name, &package.version, Some(id.clone()));
    Component {
        purl: purl(package, manifest.distribution.as_ref()).parse::<Purl>().ok(),
        components: Some(Components(files(manifest, Some(&id)))),
        ..component
    }
}

/// `pkg:deb/debian/NAME@VERSION?arch=…&distro=debian-12&upstream=SOURCE@VERSION` (purl-spec, type deb). `upstream` is what
/// scanners look up: security trackers name source packages.
fn purl(package: &Package, distribution: Option<&Distribution>) -> String {
    let vendor = distribution.map_or("debian", |distribution| &distribution.id);
    let mut qualifiers = vec![format!("arch={}", package.architecture)];
    if let Some(Distribution { id, version: Some(version) }) = distribution {
        qualifiers.push(format!("distro={}", escaped(&format!("{id}-{version}"))));
    }
    if let Some(source) = &package.source {
        let version = source.version.iter().map(|version| format!("@{version}")).collect::<String>();
        qualifiers.push(format!("upstream={}", escaped(&format!("{}{version}", source.name))));
    }
    let (name, version) = (escaped(&package.name), escaped(&package.version));
    format!("pkg:deb/{vendor}/{name}@{version}?{}", qualifiers.join("&"))
}

/// Percent-encoded, but for the characters that a part of a purl may have; a colon must stay (purl-spec, "Character
/// encoding"), or tools that compare texts take an epoch for another version.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        plain if plain.is_ascii_alphanumeric() || b".-_~:".contains(&plain) => char::from(plain).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What each component needs: the image what was requested, and a component the ones whose files its own files need.
fn dependencies(manifest: &Manifest) -> Dependencies {
    let components: BTreeMap<&str, &str> = manifest
        .entries
        .iter()
        .filter_map(|record| Some((record.path.as_str(), component(record)?)))
        .collect();
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([(ROOT, BTreeSet::new())]);
    for record in &manifest.entries {
        let Some(own) = component(record) else { continue };
        needs.entry(own).or_default();
        let reasons = record.why.iter().filter(|why| why.kind != ProvenanceKind::Parent);
        for by in reasons.map(|why| why.by.as_ref().map_or(ROOT, |by| by.as_str())) {
            let by = if by == ROOT { Some(ROOT) } else { components.get(by).copied() };
            if let Some(by) = by.filter(|by| *by != own) {
                needs.entry(by).or_default().insert(own);
            }
        }
    }
    let dependency = |(of, on): (&str, BTreeSet<&str>)| Dependency {
        dependency_ref: of.to_owned(),
        dependencies: on.into_iter().map(str::to_owned).collect(),
    };
    Dependencies(needs.into_iter().map(dependency).collect())
}

/// The reference of the component that an entry belongs to: its package, or itself if it is a file without one.
fn component(record: &Record) -> Option<&str> {
    let is_file = matches!(record.kind, RecordKind::File { .. });
    record.package.as_deref().or_else(|| is_file.then(|| record.path.as_str()))
}

/// The regular files of `package`; with `None`, those without a package.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::SourcePackage;

    #[test]
    fn a_purl_names_distribution_and_source() {
        let package = Package {
            name: "libstdc++6".to_owned(),
            version: "1:12.2.0-14~x".to_owned(),
            architecture: "amd64".to_owned(),
            source: Some(SourcePackage { name: "gcc-12".to_owned(), version: Some("12.2.0".to_owned()) }),
        };
        let ubuntu = Distribution { id: "ubuntu".to_owned(), version: Some("24.04".to_owned()) };
        assert_eq!(
            purl(&package, Some(&ubuntu)),
            "pkg:deb/ubuntu/libstdc%2B%2B6@1:12.2.0-14~x?arch=amd64&distro=ubuntu-24.04&upstream=gcc-12%4012.2.0"
        );
        assert!(purl(&package, None).starts_with("pkg:deb/debian/libstdc%2B%2B6@"));
    }
}
