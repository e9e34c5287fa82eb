//! How long it takes until a program has written its first line, when its language has got ready before and when it starts
//! cold; and the same for a whole submission, from its text to its end.
//!
//! The program says itself when it has written the line: its clock is the host's (CLOCK_MONOTONIC). Both take turns.

use std::io::{self, Read, Seek};
use std::thread;
use std::time::{Duration, Instant};

use image::write::interrupt::Interrupt;
use image::{ImageRequest, build};
use recipe::packs;
use run::exec::{CompileResult, Kind, SourceFile, Submission, Warm, Workroom};
use rustix::time::{ClockId, clock_gettime};

use super::prepared::prepared_bundle;
use super::statistics::Sorted;
use crate::error::Error;
use crate::tool::scratch::Scratch;

/// Packs whose languages can get ready, and a program in each that writes a line and then the time.
const PROGRAMS: [(&str, &str); 5] = [
    ("python", "import time\nprint('line', flush=True)\nprint(time.monotonic_ns())\n"),
    ("python-science", "import time, numpy\nprint('line', flush=True)\nprint(time.monotonic_ns())\n"),
    ("pypy", "import time\nprint('line', flush=True)\nprint(int(time.monotonic() * 1e9))\n"),
    ("javascript", "console.log('line');\nconsole.log(String(process.hrtime.bigint()));\n"),
    (
        "java",
        "public class Main { public static void main(String[] arguments) {\n\
         System.out.println(\"line\"); System.out.println(System.nanoTime()); } }\n",
    ),
];

/// However slow a machine is: what takes longer than this hangs.
const HANG: Duration = Duration::from_secs(300);

/// A table with a row for each pack of `only`, or for all if that is empty.
pub(super) fn starts(rounds: usize, only: &[String]) -> Result<String, Error> {
    let interrupt = Interrupt::install().map_err(|error| Error::read("signal handlers".as_ref(), error))?;
    if let Some(name) = only.iter().find(|name| PROGRAMS.iter().all(|(known, _)| known != name)) {
        return Err(Error::Usage {
            what: format!("`{name}` is no pack whose language can get ready"),
            hint: "as in `capsule bench warm --pack python`",
        });
    }
    let mut text = format!(
        "{rounds} rounds each, taking turns; medians in milliseconds\n\
         | pack | first line, cold | warm | ratio | compile and run, cold | warm | ratio |\n|---|---|---|---|---|---|---|\n"
    );
    let chosen = PROGRAMS.iter().filter(|(name, _)| only.is_empty() || only.iter().any(|one| one == name));
    for (name, source) in chosen {
        text += &row(name, source, rounds, &interrupt)?;
    }
    Ok(text)
}

fn row(name: &str, source: &str, rounds: usize, interrupt: &Interrupt) -> Result<String, Error> {
    let recipe = packs::whole(name)?;
    let has_preparations =
        recipe.languages.get(name).is_some_and(|language| !language.value.preparations.is_empty());
    let image = ImageRequest::of(recipe);
    if build::measure(&image).is_err() {
        return Ok(format!("| `{name}` | not installed here | | | | | |\n"));
    }
    let scratch = Scratch::new()?;
    let bundle = match has_preparations {
        true => prepared_bundle(&scratch, image, interrupt)?,
        false => scratch.build(image, interrupt)?,
    };
    let room = Workroom::open(&bundle)?.with_pool(2);
    let side = Side { room: &room, name, source };
    let mut times: [[Vec<i64>; 2]; 2] = Default::default();
    // The first round fills the page cache, and does not count.
    for round in 0..=rounds {
        interrupt.check()?;
        for is_warm in [round % 2 == 0, round % 2 != 0] {
            let time = side.time(is_warm)?;
            if round > 0 {
                let of_side = &mut times[usize::from(is_warm)];
                of_side[0].push(time.first_line);
                of_side[1].push(time.whole);
            }
        }
    }
    let [cold, warm] = times.map(|side| side.map(|times| Sorted::new(times).median() as f64 / 1e6));
    let cells =
        |what: usize| format!("{:.1} | {:.1} | {:.2}", cold[what], warm[what], warm[what] / cold[what]);
    Ok(format!("| `{name}` | {} | {} |\n", cells(0), cells(1)))
}

/// In nanoseconds.
struct Time {
    first_line: i64,
    whole: i64,
}

struct Side<'a> {
    room: &'a Workroom,
    name: &'a str,
    source: &'a str,
}

impl Side<'_> {
    fn time(&self, is_warm: bool) -> Result<Time, Error> {
        let warm = if is_warm { Some(self.get_ready()?) } else { None };
        let usual = self.room.languages()[self.name].names("").source;
        let content = self.source.as_bytes().to_vec();
        let submission = Submission::new(vec![SourceFile { path: usual, content }], None)?;
        let begin = now();
        let compiled = self.room.compile_warm(warm, &submission, Some(self.name), &[], None, &|| ())?;
        let CompileResult::Ready(artifact) = compiled.result else {
            return Err(self.fail(&String::from_utf8_lossy(&compiled.text)));
        };
        let ready = match is_warm {
            true => artifact.take_warm(&[], &[], b"").map_err(|error| self.fail(&error.to_string()))?,
            false => Some(artifact.prime(&[], &[], b"")?),
        };
        let Some(mut ready) = ready else { return Err(self.fail("it was not warm")) };
        let start = now();
        let ended = ready.prepared.start().wait()?;
        let whole = now() - begin;
        let mut said = String::new();
        let read = ready.stdout.rewind().and_then(|()| ready.stdout.read_to_string(&mut said));
        let line = said.lines().nth(1).and_then(|line| line.parse::<i64>().ok());
        match (read, line) {
            (Ok(_), Some(line)) => Ok(Time { first_line: line - start, whole }),
            _ => Err(self.fail(&ended.report)),
        }
    }

    fn get_ready(&self) -> Result<Warm, Error> {
        let language = self.name.to_owned();
        let kind = Kind { language, compile: Vec::new(), run: Vec::new(), arguments: Vec::new() };
        let warm = self.room.warm(&kind)?.ok_or_else(|| self.fail("nothing can get ready here: root can"))?;
        let begin = Instant::now();
        while !warm.is_ready() {
            if !warm.stands() || begin.elapsed() > HANG {
                return Err(self.fail("it does not get ready"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(warm)
    }

    fn fail(&self, why: &str) -> Error {
        Error::read(self.name.as_ref(), io::Error::other(why.trim_end().to_owned()))
    }
}

fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
