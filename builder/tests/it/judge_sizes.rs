//! Problems of unusual sizes: memory does not grow with the number of tests, nor with their length.

use std::fs::{self, File};
use std::io::Write;
use std::process::Child;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::judge::{command, scene};
use crate::scene::{Scene, needs_root};

/// Copies its input, as fast as a program can.
const CAT: &str = "#include <unistd.h>
static char text[1 << 16];
int main(void) {
    for (long some; (some = read(0, text, sizeof text)) > 0;)
        for (long done = 0; done < some;) {
            long more = write(1, text + done, some - done);
            if (more < 0) return 1;
            done += more;
        }
}
";

/// Most of the memory that the judge itself held, in bytes: it is looked at until the end.
fn peak(mut judge: Child) -> u64 {
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", judge.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = kib.map_or(peak, |kib| kib << 10);
        if judge.try_wait().unwrap().is_some() {
            return peak;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn small_tests(scene: &Scene, count: usize) -> u64 {
    let problem = format!("p{count}");
    for test in 0..count {
        for ending in ["in", "ans"] {
            scene.file(&format!("{problem}/{test}.{ending}"), "1");
        }
    }
    let submission = scene.file("cat.c", CAT);
    let options = "--jobs 2 --stop never --report report.json --html page.html --format json";
    let mut judge = command(scene, &scene.path(&problem), &submission, options);
    let peak = peak(judge.stdout(File::create(scene.path("out")).unwrap()).spawn().unwrap());
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    assert_eq!((&report["verdict"], report["tests"].as_array().unwrap().len()), (&"AC".into(), count));
    peak
}

#[test]
#[ignore = "takes minutes: `just test sizes`"]
fn ten_thousand_tests_take_hardly_more_memory_than_a_hundred() {
    needs_root!();
    let scene = scene();
    let [few, many] = [100, 10_000].map(|count| small_tests(&scene, count));
    eprintln!("memory: 100 tests {} MiB, 10,000 tests {} MiB", few >> 20, many >> 20);
    // Names, verdicts and times; the reports of the runs are on disk.
    assert!(many < few + (32 << 20), "{few} {many}");
}

#[test]
#[ignore = "writes three gigabytes: `just test sizes`"]
fn a_test_of_a_gigabyte_is_streamed() {
    needs_root!();
    let scene = scene();
    scene.file("p/problem.yaml", "limits: {time_limit: 60, output: 2048}\n");
    fs::create_dir_all(scene.path("p/data/secret")).unwrap();
    let lines: String = (0..(1 << 20) / 16).map(|number| format!("{number:015}\n")).collect();
    for name in ["1.in", "1.ans"] {
        let mut file = File::create(scene.path("p/data/secret").join(name)).unwrap();
        (0..1 << 10).for_each(|_| file.write_all(lines.as_bytes()).unwrap());
    }
    let submission = scene.file("cat.c", CAT);
    let judge = command(&scene, &scene.path("p"), &submission, "--report report.json").spawn().unwrap();
    let peak = peak(judge);
    let report: Value = serde_json::from_slice(&fs::read(scene.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["verdict"], "AC", "{report}");
    eprintln!("memory: {} MiB", peak >> 20);
    assert!(peak < 64 << 20, "{peak}");
}
