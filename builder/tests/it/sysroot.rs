//! Trees other than the build host: no link leads out of them, and their own loaders agree.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use bundle::manifest::Manifest;
use bundle::provenance::{Provenance, ProvenanceKind};
use closure::audit::{self, audit};
use closure::resolve::{ImageFacts, Options, Root, resolve};
use closure::{Closure, Error, MemberKind, Why};

use crate::another_debian;
use crate::elf_file::ElfFile;
use crate::scene::Scene;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A small root with a glibc loader and whatever a test puts into it.
struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir_all(tree.path("/lib64")).unwrap();
        fs::copy(LOADER, tree.path(LOADER)).unwrap();
        tree
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside.trim_start_matches('/'))
    }

    fn put(self, inside: &str, file: ElfFile) -> Self {
        file.write(&self.path(inside));
        self
    }

    fn text(self, inside: &str, text: &str) -> Self {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        fs::write(self.path(inside), text).unwrap();
        self
    }

    fn link(self, inside: &str, target: &str) -> Self {
        fs::create_dir_all(self.path(inside).parent().unwrap()).unwrap();
        symlink(target, self.path(inside)).unwrap();
        self
    }

    /// Runs ldconfig(8) on the tree.
    fn with_cache(self) -> Self {
        fs::create_dir_all(self.path("/etc")).unwrap();
        let status =
            Command::new("/sbin/ldconfig").arg("-X").arg("-r").arg(self.dir.path()).status().unwrap();
        assert!(status.success());
        self
    }

    fn closure(&self, program: &str) -> Result<Closure, Error> {
        let options = Options { sysroot: self.dir.path().into(), ..Options::default() };
        let roots = [Root::Path(program.into())];
        resolve(&options, &ImageFacts::default(), &roots).map_err(|failure| failure.error)
    }

    /// The paths of the closure of `/p`, without the program and its loader, each with the rule that found it.
    fn libraries(&self) -> Vec<String> {
        let rule = |member: &closure::Member| match &member.reasons[0].why {
            Why::Needed { rule, .. } => rule.clone(),
            Why::LinkTarget => "link".to_owned(),
            _ => String::new(),
        };
        let members = self.closure("/p").unwrap().members.into_iter();
        members
            .map(|member| (member.path.display().to_string(), rule(&member)))
            .filter(|(_, rule)| !rule.is_empty())
            .map(|(path, rule)| format!("{path}: {rule}"))
            .collect()
    }

    /// The tree's own loader gives the same answer for every file of the tree.
    #[track_caller]
    fn agrees(&self) {
        if !rustix_is_root() {
            println!("SKIPPED: another root is entered with chroot(2), which needs root");
            assert!(std::env::var_os("CI").is_none(), "CI must run this as root");
            return;
        }
        agree(self.dir.path(), 1);
    }
}

fn rustix_is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[track_caller]
fn agree(root: &Path, fewest: usize) {
    let options = audit::Options { root: root.to_owned(), ..audit::Options::default() };
    let report = audit(&options).unwrap();
    let mismatches: Vec<String> = report.mismatches.iter().map(ToString::to_string).collect();
    println!("{}: {} files compared, {} mismatches", root.display(), report.files, mismatches.len());
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
    assert!(report.files >= fewest, "only {} files were found", report.files);
}

fn library() -> ElfFile {
    ElfFile::library()
}

fn program() -> ElfFile {
    ElfFile::program()
}

#[test]
fn an_absolute_link_stays_inside() {
    let host = tempfile::tempdir().unwrap();
    let outside = host.path().join("liba");
    library().write(&outside);
    let tree = Tree::new()
        .put("/p", program().runpath("/opt").needs("liba"))
        .link("/opt/liba", outside.to_str().unwrap());
    let error = tree.closure("/p").unwrap_err().to_string();
    assert!(error.starts_with("`liba` not found, needed by `/p`"), "{error}");
    tree.agrees();
    let tree = tree.put(outside.to_str().unwrap(), library());
    let expected = ["/opt/liba: RUNPATH".to_owned(), format!("{}: link", outside.display())];
    assert_eq!(tree.libraries(), expected);
    tree.agrees();
}

#[test]
fn a_relative_link_cannot_climb_out() {
    let host = tempfile::tempdir().unwrap();
    let outside = host.path().join("liba");
    library().write(&outside);
    let climbing = format!("../../../../../../../../..{}", outside.display());
    let tree = Tree::new().put("/p", program().runpath("/opt").needs("liba")).link("/opt/liba", &climbing);
    assert!(tree.closure("/p").is_err());
    tree.agrees();
}

#[test]
fn a_configuration_behind_an_absolute_link_is_the_trees_own() {
    let host = tempfile::tempdir().unwrap();
    let outside = host.path().join("ld.so.conf");
    fs::write(&outside, "/opt/a\n").unwrap();
    let tree = Tree::new()
        .link("/etc/ld.so.conf", outside.to_str().unwrap())
        .put("/opt/a/liba", library())
        .put("/p", program().needs("liba"));
    assert!(tree.closure("/p").is_err(), "the host's file was read");
    let tree = tree.text(outside.to_str().unwrap(), "/opt/a\n");
    assert_eq!(tree.libraries(), ["/opt/a/liba: ld.so.conf"]);
}

#[test]
fn a_linked_directory_stays_inside_and_is_kept() {
    let tree = Tree::new()
        .link("/opt", "/usr/opt")
        .put("/usr/opt/lib/liba", library())
        .put("/p", program().runpath("/opt/lib").needs("liba"));
    assert_eq!(tree.libraries(), ["/opt: RUNPATH", "/usr/opt/lib/liba: RUNPATH"]);
    let closure = tree.closure("/p").unwrap();
    let link = closure.members.iter().find(|member| member.path == Path::new("/opt")).unwrap();
    assert_eq!(link.kind, MemberKind::Symlink { target: "/usr/opt".into() });
    tree.agrees();
}

#[test]
fn a_chain_of_links_is_kept_link_by_link() {
    let tree = Tree::new()
        .put("/opt/liba.so.1.2", library())
        .link("/opt/liba.so.1", "liba.so.1.2")
        .link("/opt/liba", "liba.so.1")
        .put("/p", program().runpath("/opt").needs("liba"));
    assert_eq!(tree.libraries(), ["/opt/liba: RUNPATH", "/opt/liba.so.1: link", "/opt/liba.so.1.2: link"]);
}

#[test]
fn the_cache_of_the_tree_is_used() {
    let tree = Tree::new()
        .text("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
        .text("/etc/ld.so.conf.d/a.conf", "# ours\n/opt/a\n/opt/b/\n")
        .put("/opt/a/liba.so.1", library().soname("liba.so.1"))
        .put("/opt/b/libb.so.10", library().soname("libb.so.10"))
        .put("/p", program().needs("liba.so.01").needs("libb.so.10"))
        .with_cache();
    assert_eq!(tree.libraries(), ["/opt/a/liba.so.1: ld.so.cache", "/opt/b/libb.so.10: ld.so.cache"]);
    tree.agrees();
}

#[test]
fn without_a_cache_the_directories_of_ld_so_conf_stand_in() {
    let tree = Tree::new()
        .text("/etc/ld.so.conf", "include ld.so.conf.d/*.conf\n/opt/b\n")
        .text("/etc/ld.so.conf.d/a.conf", "/opt/a\n")
        .put("/opt/a/liba", library())
        .put("/opt/b/liba", library())
        .put("/opt/b/libb", library())
        .put("/p", program().needs("liba").needs("libb"));
    assert_eq!(tree.libraries(), ["/opt/a/liba: ld.so.conf", "/opt/b/libb: ld.so.conf"]);
}

#[test]
fn a_cached_path_that_is_gone_is_passed_over() {
    let tree = Tree::new()
        .text("/etc/ld.so.conf", "/opt/a\n")
        .put("/opt/a/liba.so", library().soname("liba.so"))
        .put("/usr/lib/liba.so", library())
        .put("/p", program().needs("liba.so"))
        .with_cache();
    fs::remove_file(tree.path("/opt/a/liba.so")).unwrap();
    assert_eq!(tree.libraries(), ["/usr/lib/liba.so: default directory"]);
    tree.agrees();
}

#[test]
fn nodeflib_refuses_a_cached_path_in_a_system_directory_only() {
    const DF_1_NODEFLIB: u64 = 0x0800;
    let tree = Tree::new()
        .text("/etc/ld.so.conf", "/opt/a\n")
        .put("/opt/a/liba.so", library().soname("liba.so"))
        .put("/usr/lib/libb.so", library().soname("libb.so"))
        .put("/p", program().flags_1(DF_1_NODEFLIB).needs("liba.so"))
        .put("/q", program().flags_1(DF_1_NODEFLIB).needs("libb.so"))
        .with_cache();
    assert_eq!(tree.libraries(), ["/opt/a/liba.so: ld.so.cache"]);
    assert!(tree.closure("/q").is_err());
    tree.agrees();
}

#[test]
fn hwcaps_of_the_cache_follow_the_cpu() {
    let mut tree = Tree::new()
        .text("/etc/ld.so.conf", "/opt\n")
        .put("/opt/liba.so", library().soname("liba.so"))
        .put("/p", program().needs("liba.so"));
    for level in ["v2", "v3", "v4"] {
        tree = tree.put(&format!("/opt/glibc-hwcaps/x86-64-{level}/liba.so"), library().soname("liba.so"));
    }
    let tree = tree.with_cache();
    assert_eq!(tree.libraries(), ["/opt/liba.so: ld.so.cache"]);
    tree.agrees();
}

#[test]
fn preloads_are_loaded_first() {
    let tree = Tree::new()
        .text("/etc/ld.so.preload", "# always\n/opt/liba libnone\n")
        .put("/opt/liba", library().needs("libb").runpath("/opt"))
        .put("/opt/libb", library())
        .put("/p", program().runpath("/opt").needs("libb"));
    tree.agrees();
}

#[test]
fn musl_reads_its_path_file() {
    const MUSL: &str = "/lib/ld-musl-x86_64.so.1";
    if !crate::have::have(Path::new(MUSL), "musl") {
        return;
    }
    let musl = || program().interpreter(MUSL).needs("libc.so").needs("liba");
    let tree = Tree::new().put("/p", musl()).put("/opt/liba", library()).put("/usr/lib/liba", library());
    fs::create_dir_all(tree.path("/lib")).unwrap();
    fs::copy(MUSL, tree.path(MUSL)).unwrap();
    assert!(tree.libraries().contains(&"/usr/lib/liba: musl path".to_owned()));
    tree.agrees();
    let tree = tree.text("/etc/ld-musl-x86_64.path", "/nowhere\n/opt:/usr/lib");
    assert!(tree.libraries().contains(&"/opt/liba: musl path".to_owned()));
    tree.agrees();
}

#[test]
fn a_program_for_another_machine_than_the_trees() {
    let tree = Tree::new().put("/p", program().machine(2, 183));
    let expected = format!(
        "`/p` is for aarch64, but `{0}` is x86-64\n  hint: name a tree of that machine with `--sysroot`",
        tree.dir.path().display()
    );
    assert_eq!(tree.closure("/p").unwrap_err().to_string(), expected);
}

#[test]
fn every_dynamic_file_of_another_debian_loads_as_its_own_loader_says() {
    let Some(root) = another_debian::root() else { return };
    // Links that would lead to the host's files if they were followed outside of the tree.
    for (path, target) in
        [("planted-lib", "/usr/lib/x86_64-linux-gnu"), ("planted-up", "../../../../usr/lib")]
    {
        let _may_be_there_from_last_time = symlink(target, root.join(path));
    }
    ElfFile::program().runpath("/planted-lib:/planted-up").needs("libz.so.1").write(&root.join("planted"));
    agree(root, 300);
    nothing_of_the_host(root);
}

/// Builds an image of the tree. Every file of it that capsule does not generate must equal the tree's, byte for byte.
fn nothing_of_the_host(root: &Path) {
    crate::scene::needs_root!();
    let scene = Scene::new();
    let allow = "--allow unowned=/planted --allow unowned=/planted-*";
    let root_text = root.to_str().unwrap();
    scene.succeeds(&format!("build --sysroot {root_text} /planted bash python3 -o B --format dir {allow}"));
    let bundle = Manifest::load(&scene.path("B")).unwrap();
    let mut compared = 0;
    for record in &bundle.entries {
        let inside = record.path.as_str().trim_start_matches('/');
        let copy = scene.path("B/rootfs").join(inside);
        let by_us =
            |cause: &Provenance| matches!(cause.kind, ProvenanceKind::Sandbox | ProvenanceKind::Recipe);
        let ours = record.why.iter().all(by_us);
        if ours || !copy.symlink_metadata().unwrap().is_file() {
            continue;
        }
        let in_tree = root.join(inside).symlink_metadata();
        assert!(in_tree.is_ok_and(|facts| facts.is_file()), "{inside} is not of the tree");
        assert!(
            fs::read(&copy).unwrap() == fs::read(root.join(inside)).unwrap(),
            "{inside} is not the tree's"
        );
        compared += 1;
    }
    println!("{compared} files of the image are the tree's");
    assert!(compared > 10);
    let libc = "usr/lib/x86_64-linux-gnu/libc.so.6";
    assert!(fs::read(root.join(libc)).unwrap() != fs::read(Path::new("/").join(libc)).unwrap(), "same glibc");
}
