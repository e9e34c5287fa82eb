//! Guards refuse files of the build host by default, each with the line that allows it.
//!
//! The build host is a small tree, with a dpkg database that the test writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use crate::scene::{Scene, needs_root};

/// A sysroot with bash and its libraries, all of them owned by package `base`.
struct Host {
    scene: Scene,
}

impl Host {
    fn new() -> Host {
        let host = Host { scene: Scene::new() };
        host.scene.succeeds("build bash -o H --format dir");
        host.own(&host.files());
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scene.path("H/rootfs").join(name)
    }

    fn files(&self) -> Vec<String> {
        let manifest = bundle::manifest::Manifest::load(&self.scene.path("H")).expect("a manifest");
        manifest.entries.iter().map(|record| record.path.to_string()).collect()
    }

    /// Writes the database, with these files and their current digests.
    fn own(&self, files: &[String]) {
        let info = self.path("var/lib/dpkg/info");
        fs::create_dir_all(&info).expect("made");
        let status = "Package: base\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n";
        fs::write(self.path("var/lib/dpkg/status"), status).expect("written");
        fs::write(info.join("base.list"), files.join("\n")).expect("written");
        let regular = files
            .iter()
            .map(|file| &file[1..])
            .filter(|file| self.path(file).symlink_metadata().is_ok_and(|facts| facts.is_file()));
        let sums =
            regular.map(|file| format!("{}  {file}\n", md5(&fs::read(self.path(file)).expect("readable"))));
        fs::write(info.join("base.md5sums"), sums.collect::<String>()).expect("written");
    }

    fn add(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below")).expect("made");
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }

    /// Adds a file that the package owns.
    fn add_owned(&self, name: &str) {
        self.add(name, "#!/bin/bash\n");
        let mut files = self.files();
        files.push(format!("/{name}"));
        self.own(&files);
    }

    /// The build is refused by `guard`, and allowed with the line that the message gives.
    fn refuses(&self, path: &str, guard: &str, verdict: &str) {
        self.refuses_program(path, path, guard, verdict);
    }

    /// As [`Host::refuses`], for a program that is asked for as `name`.
    fn refuses_program(&self, name: &str, path: &str, guard: &str, verdict: &str) {
        let line = format!("build {name} --sysroot H/rootfs -o B --format dir");
        let expected = format!(
            "error: `{path}` {verdict}\n  hint: to allow it, write {guard} = [\"{path}\"] under [allow] in the recipe, or use --allow {guard}={path}\n"
        );
        assert_eq!(self.scene.fails(&line), expected);
        self.scene.file("r.toml", format!("binaries = [\"{name}\"]\n[allow]\n{guard} = [\"{path}\"]\n"));
        self.scene.succeeds("build -r r.toml --sysroot H/rootfs -o B --format dir");
        self.scene.succeeds(&format!("{line} --replace --allow {guard}={path}"));
    }
}

fn md5(bytes: &[u8]) -> String {
    let mut hasher = bundle::digest::Hasher::new(true);
    hasher.update(bytes);
    hasher.finish().md5.expect("asked for")
}

#[test]
fn a_file_of_a_package_is_taken_and_its_package_is_named() {
    needs_root!();
    let host = Host::new();
    host.scene.succeeds("build bash --sysroot H/rootfs -o B --format dir");
    assert!(host.scene.succeeds("explain B /usr/bin/bash").stdout.contains(", base:amd64 1.0\n"));
}

#[test]
fn a_file_of_no_package_is_refused() {
    needs_root!();
    let host = Host::new();
    host.add("usr/local/bin/tool", "#!/bin/bash\n");
    let verdict = "belongs to no package of the build host";
    host.refuses_program("tool", "/usr/local/bin/tool", "unowned", verdict);
}

#[test]
fn a_program_of_no_package_that_is_named_by_its_path_is_taken_and_recorded() {
    needs_root!();
    let host = Host::new();
    host.add("opt/tool/bin/tool-1.0", "#!/opt/tool/shell\n");
    host.add("opt/tool/shell", "");
    fs::copy(host.path("usr/bin/bash"), host.path("opt/tool/shell")).expect("copied");
    fs::create_dir_all(host.path("usr/local/bin")).expect("made");
    symlink("/opt/tool/bin/tool-1.0", host.path("usr/local/bin/tool")).expect("linked");
    // What the program brings along is not what the user named.
    let said = host.scene.fails("build /usr/local/bin/tool --sysroot H/rootfs -o B --format dir");
    assert!(said.starts_with("error: `/opt/tool/shell` belongs to no package"), "{said}");
    host.scene.succeeds("build /usr/local/bin/tool /opt/tool/shell --sysroot H/rootfs -o B --format dir");
    let explained = |path: &str| host.scene.succeeds(&format!("explain B {path}")).stdout;
    assert!(explained("/opt/tool/shell").contains("requested by its path; no package owns it\n"));
    let target = explained("/opt/tool/bin/tool-1.0");
    assert!(target.contains("target of the link /usr/local/bin/tool; no package owns it\n"), "{target}");
}

#[test]
fn a_file_that_is_not_as_shipped_is_refused() {
    needs_root!();
    let host = Host::new();
    host.add_owned("usr/bin/tool");
    host.add("usr/bin/tool", "#!/bin/bash\necho changed\n");
    host.refuses("/usr/bin/tool", "modified", "differs from what its package shipped");
}

/// Its head is different in the image: the guard compares the file of the build host.
#[test]
fn bytecode_that_a_package_shipped_is_as_shipped() {
    needs_root!();
    let host = Host::new();
    host.add_owned("usr/lib/m.py");
    let mut head = *b"\xa7\x0d\r\n\0\0\0\0\0\0\0\0\x0c\0\0\0";
    let time = fs::metadata(host.path("usr/lib/m.py")).expect("there").mtime();
    head[8..12].copy_from_slice(&(time as u32).to_le_bytes());
    let bytecode = host.path("usr/lib/__pycache__/m.cpython-311.pyc");
    fs::create_dir(bytecode.parent().expect("below")).expect("made");
    fs::write(&bytecode, head).expect("written");
    let files = ["/usr/lib/m.py", "/usr/lib/__pycache__/m.cpython-311.pyc"].map(str::to_owned);
    host.own(&host.files().into_iter().chain(files).collect::<Vec<_>>());
    // Newer than dpkg's list, so that its content is compared.
    fs::write(&bytecode, head).expect("written");
    host.scene.succeeds(
        "build bash --include /usr/lib/m.py --include /usr/lib/__pycache__ --sysroot H/rootfs -o B",
    );
    fs::write(&bytecode, [head.as_slice(), b"x"].concat()).expect("written");
    let said = host.scene.fails("build bash --include /usr/lib/__pycache__ --sysroot H/rootfs -o C");
    assert!(said.contains("differs from what its package shipped"), "{said}");
}

#[test]
fn a_version_managers_shim_is_refused() {
    needs_root!();
    let host = Host::new();
    host.add("root/.pyenv/shims/python3", "#!/bin/bash\n");
    host.refuses("/root/.pyenv/shims/python3", "shim", "is a version manager's shim, not the program itself");
}

#[test]
fn set_user_id_is_refused() {
    needs_root!();
    let host = Host::new();
    host.add_owned("usr/bin/su");
    fs::set_permissions(host.path("usr/bin/su"), fs::Permissions::from_mode(0o4755)).expect("set");
    host.refuses("/usr/bin/su", "setuid", "is set-user-id or set-group-id");
}

#[test]
fn file_capabilities_are_refused() {
    needs_root!();
    let host = Host::new();
    host.add_owned("usr/bin/ping");
    // struct vfs_cap_data, revision 2: CAP_NET_RAW permitted (linux/capability.h).
    let mut capability = [0_u8; 20];
    capability[3] = 2;
    capability[5] = 0x20;
    rustix::fs::setxattr(
        host.path("usr/bin/ping"),
        "security.capability",
        &capability,
        rustix::fs::XattrFlags::empty(),
    )
    .expect("set");
    host.refuses("/usr/bin/ping", "capabilities", "has file capabilities");
}

#[test]
fn a_world_writable_file_is_refused() {
    needs_root!();
    let host = Host::new();
    host.add_owned("usr/bin/tool");
    fs::set_permissions(host.path("usr/bin/tool"), fs::Permissions::from_mode(0o757)).expect("set");
    host.refuses("/usr/bin/tool", "world_writable", "is writable by every user of the build host");
}

#[test]
fn many_refusals_are_reported_together() {
    needs_root!();
    let host = Host::new();
    for at in 0..25 {
        host.add(&format!("opt/t/{at:02}"), "data");
    }
    let said = host.scene.fails("build --include /opt/t --sysroot H/rootfs -o B --format dir");
    assert!(
        said.starts_with(
            "error: 25 files should not come from this build host\n  `/opt/t/00` belongs to no package"
        ),
        "{said}"
    );
    let hint = "\n  and 5 more\n  hint: to allow them, write unowned = [\"/opt/t/**\"] under [allow] in the recipe, or use --allow unowned=/opt/t/**\n";
    assert!(said.ends_with(hint) && said.matches("hint:").count() == 1, "{said}");
    host.scene
        .succeeds("build --include /opt/t --sysroot H/rootfs -o B --format dir --allow unowned=/opt/t/**");
}

#[test]
fn no_link_leads_out_of_a_sysroot() {
    needs_root!();
    let host = Host::new();
    let canary = host.scene.file("canary", "the host's secret");
    let absolute = canary.to_str().expect("text");
    fs::create_dir_all(host.path("opt")).expect("made");
    symlink(absolute, host.path("opt/absolute")).expect("linked");
    symlink(format!("../../../../../../../..{absolute}"), host.path("opt/upwards")).expect("linked");
    symlink(canary.parent().expect("a directory"), host.path("opt/directory")).expect("linked");
    host.scene.succeeds("build bash --include /opt --sysroot H/rootfs -o B --format dir,tar");
    for form in ["B/rootfs.tar", "B/rootfs/opt/absolute", "B/rootfs/opt/upwards"] {
        let path = host.scene.path(form);
        if path.symlink_metadata().expect("there").is_file() {
            let bytes = fs::read(path).expect("readable");
            assert!(!bytes.windows(17).any(|window| window == b"the host's secret"), "{form}");
        }
    }
    assert!(!host.scene.path("B/rootfs").join(&absolute[1..]).exists());
    let said = host.scene.fails("build /opt/directory/canary --sysroot H/rootfs -o C --format dir");
    assert!(said.starts_with("error: `/opt/directory/canary` "), "{said}");
}

#[test]
fn a_linked_database_is_not_the_hosts() {
    needs_root!();
    let host = Host::new();
    fs::remove_dir_all(host.path("var/lib/dpkg")).expect("removed");
    // If the link were followed out of the tree, it would lead to this database.
    host.scene.file(
        "dpkg/status",
        "Package: foreign\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n",
    );
    host.scene.file("dpkg/info/foreign.list", "/usr/bin/bash\n");
    symlink(host.scene.path("dpkg"), host.path("var/lib/dpkg")).expect("linked");
    host.scene.succeeds("build bash --sysroot H/rootfs -o B --format dir");
    assert!(!host.scene.succeeds("explain B /usr/bin/bash").stdout.contains("foreign:amd64"));
}
