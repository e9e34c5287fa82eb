//! What a program sees: directories and variables.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::Host;
use crate::scene::{Said, needs_root};

#[test]
fn the_default_directories_are_those_of_the_bundle() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let ran = host.shell("", "echo /*; echo > /usr/x || echo > /x || echo > /dev/x; echo > /tmp/x && echo > /dev/shm/x && echo written");
    assert!(ran.stdout.ends_with("written\n"), "{ran:?}");
    let shown: Vec<&str> = ran.stdout.lines().next().unwrap_or_default().split(' ').collect();
    for place in ["/bin", "/box", "/dev", "/lib", "/proc", "/tmp", "/usr"] {
        assert!(shown.contains(&place), "{place}: {shown:?}");
    }
    assert!(!shown.contains(&"/etc") && !shown.contains(&"/root"), "{shown:?}");
    assert_eq!(
        host.shell("", "echo /usr/share/doc/bash/*").stdout,
        "/usr/share/doc/bash/*\n",
        "not the host's"
    );
    // /tmp is the box's own, from run to run.
    assert_eq!(host.shell("", "echo /tmp/*").stdout, "/tmp/x\n");
    assert_eq!(host.shell("-d /etc:noexec", "[[ -r /etc/passwd ]] && echo etc").stdout, "etc\n");
}

#[test]
fn rules_show_replace_and_hide_directories() {
    needs_root!();
    let host = Host::with("");
    let shown = host.scene.path("shown");
    let config = fs::read_to_string(host.scene.path("isolate.toml")).expect("there");
    host.scene.file("isolate.toml", format!("{config}directories = ['{}']\n", shown.display()));
    host.scene.file("shown/sub/script", "#!/bin/bash\necho ran\n");
    fs::set_permissions(&shown, fs::Permissions::from_mode(0o777)).expect("set");
    host.init("");
    let out = shown.display();
    let prints = |rule: &str, script: &str, wanted: &str| {
        let ran = host.shell(&format!("-s -p {rule}"), script);
        assert_eq!(ran.stdout, wanted, "{rule}: {ran:?}");
    };
    prints(&format!("-d data={out}"), "/data/sub/script; echo > /data/new || echo refused", "ran\nrefused\n");
    prints(&format!("-d a/b/data={out}:rw"), "echo > /a/b/data/new && echo written", "written\n");
    assert!(shown.join("new").exists());
    prints(&format!("-d data={out}:noexec"), "/data/sub/script || echo refused", "refused\n");
    // A mount point that the bundle's /usr lacks, and with it all of /usr.
    prints(
        &format!("-d /usr/local/new/data={out}"),
        "/usr/local/new/data/sub/script; /usr/bin/true && echo whole",
        "ran\nwhole\n",
    );
    // The same path inside and outside.
    prints(&format!("-d {out}/sub"), &format!("{out}/sub/script"), "ran\n");
    prints(
        &format!("-d {out}/absent:maybe -d lib64="),
        "echo ok",
        if cfg!(target_arch = "x86_64") { "" } else { "ok\n" },
    );
    prints("-d scratch:tmp", "echo x > /scratch/y; echo /scratch/*", "/scratch/y\n");
    prints("-d scratch=tmpfs:fs:rw", "echo x > /scratch/y && echo /scratch/*", "/scratch/y\n");
    prints(
        &format!("-d tmp={out}:rw -d /dev/shm:tmp"),
        "echo > /tmp/by-rule; echo > /dev/shm/x && echo ok",
        "ok\n",
    );
    assert!(shown.join("by-rule").exists());
    // A link in a shown directory is a link inside.
    symlink("/", shown.join("root")).expect("linked");
    prints(&format!("-d data={out}"), "[[ -e /data/root/root ]] || echo inside", "inside\n");
    // A link of the host's that leads out of what the operator shows.
    let said = host.says(&format!("-d x={out}/root --run -- /bin/true"));
    assert!(said.code == 2 && said.stderr.contains("none of the directories"), "{said:?}");
    let ran = host.run(&["-D", "-d", "box=./box:rw", "--run", "--", "/bin/bash"]);
    assert_eq!(ran.key("exitcode"), "127", "{ran:?}");
}

#[test]
fn the_bundle_stays_as_it_is_whatever_rules_say() {
    needs_root!();
    let host = Host::new();
    let directory = host.init("");
    fs::write(directory.join("box/file"), "").expect("written");
    let script = "echo /usr/any/new/*; while read -r line; do [[ $line == *' /usr '* ]] && echo \"$line\"; done < /proc/mounts";
    let ran = host.shell("-s -d /usr:rw -d /usr/any/new=./box", script);
    assert!(ran.stdout.starts_with("/usr/any/new/file\n") && ran.stdout.contains(" ro,"), "{ran:?}");
    assert!(!host.bundle.join("rootfs/usr/any").exists(), "made in what all boxes share");
}

#[test]
fn nothing_is_made_for_an_ordinary_user_in_a_directory_of_the_host() {
    needs_root!();
    let host = Host::new();
    let shown = host.scene.path("shown");
    let config = fs::read_to_string(host.scene.path("isolate.toml")).expect("there");
    host.scene.file("isolate.toml", format!("{config}directories = ['{}']\n", shown.display()));
    host.scene.file("shown/sub/file", "");
    fs::set_permissions(host.scene.path(""), fs::Permissions::from_mode(0o755)).expect("set");
    host.init("");
    let out = shown.display();
    let says = |rules: &str| host.says(&format!("-s --as-uid=5 --as-gid=5 {rules} --run -- /bin/true"));
    assert_eq!(says(&format!("-d data={out}:rw -d data/sub=./box")).code, 0);
    let said = says(&format!("-d data={out}:rw -d data/new=./box"));
    let line = format!(
        "Cannot mount {out} on /data: it has no new for another rule, and root makes nothing in a writable directory of the host\n"
    );
    assert_eq!((said.code, said.stderr), (2, line));
    assert!(!shown.join("new").exists());
    // A link on the way to a mount point.
    symlink("sub", shown.join("link")).expect("linked");
    let said = says(&format!("-d data={out} -d data/link/new=./box"));
    let why = "its link/new for another rule: Too many symbolic links encountered\n";
    assert!(said.code == 2 && said.stderr.ends_with(why), "{said:?}");
}

#[test]
fn mounts_below_a_directory_are_shown_unless_it_is_flat_and_never_writable() {
    needs_root!();
    let host = Host::new();
    host.init("");
    // In a mount namespace of the test's own: the host has none of it.
    let script = "d=$(mktemp -d /tmp/capsule-isolate-XXXXXX); trap 'umount \"$d/sub\"; rm -r \"$d\"' EXIT; mkdir \"$d/sub\"; \
        mount -t tmpfs none \"$d/sub\"; echo below > \"$d/sub/file\"; chmod -R a+rwX \"$d\"
        for rule in \"data=$d\" \"data=$d:norec\" \"data=$d --as-uid=5 --as-gid=5\"; do
          \"$0\" isolate -s -d $rule --run -- /bin/bash -c 'echo /data/sub/*; echo > /data/sub/new || echo refused'
        done";
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-m", "bash", "-c", script, env!("CARGO_BIN_EXE_capsule")]);
    let said = Said::of(unshare.env("CAPSULE_ISOLATE_CONFIG", host.scene.path("isolate.toml")));
    // An ordinary user could move what is mounted while root looks for it.
    let shown = "/data/sub/file\nrefused\n/data/sub/*\nrefused\n/data/sub/*\nrefused\n";
    assert_eq!(said.stdout, shown, "{}", said.stderr);
}

#[test]
fn a_rule_does_not_allow_what_the_hosts_mount_forbids() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let script = "d=$(mktemp -d /tmp/capsule-isolate-XXXXXX); trap 'umount \"$d\"; rmdir \"$d\"' EXIT; \
        mount -t tmpfs -o noexec,mode=777 none \"$d\"; mkdir -m 777 \"$d/sub\"
        printf '#!/bin/bash\necho ran\n' > \"$d/script\"; chmod 755 \"$d/script\"; mount -o remount,bind,ro,noexec \"$d\"
        for more in '' '-d data/new=./box'; do
          \"$0\" isolate -s -p -d \"data=$d\" $more --run -- /bin/bash -c '/data/script || echo refused'
        done
        \"$0\" isolate -s -p -d \"data=$d:rw\" --run -- /bin/bash -c 'echo > /data/sub/new || echo refused'";
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-m", "bash", "-c", script, env!("CARGO_BIN_EXE_capsule")]);
    let said = Said::of(unshare.env("CAPSULE_ISOLATE_CONFIG", host.scene.path("isolate.toml")));
    assert_eq!(said.stdout, "refused\nrefused\nrefused\n", "{}", said.stderr);
}

#[test]
fn the_environment_has_only_what_is_asked_for() {
    needs_root!();
    let host = Host::new();
    host.init("");
    let env = |options: &[&str]| {
        let words = [options, &["-s", "--run", "--", "/bin/env"]].concat();
        let said = Said::of(host.isolate(&words).env("ONE", "1").env("TWO", "2"));
        let mut lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("CAPSULE_"));
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(env(&[]), "LIBC_FATAL_STDERR_=1");
    assert_eq!(env(&["-E", "TWO", "-E", "X=a=b", "--env=ABSENT"]), "LIBC_FATAL_STDERR_=1 TWO=2 X=a=b");
    assert_eq!(env(&["-e", "-E", "ONE="]), "LIBC_FATAL_STDERR_=1 TWO=2");
    let many: Vec<String> = (0..300).map(|number| format!("-EV{number}=x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(env(&many).split(' ').count(), 301);
}
