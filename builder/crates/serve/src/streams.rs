//! The streams of programs: files in memory, and pipes between programs that run at the same time.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};

/// The stdout or stderr of one program as the stdin of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pipe {
    pub(crate) from: usize,
    /// 1 or 2.
    pub(crate) stream: usize,
    pub(crate) to: usize,
}

/// What a program reads, and what of it is collected.
pub(crate) struct Plan<'a> {
    /// Without it, it reads nothing.
    pub(crate) stdin: Option<&'a [u8]>,
    /// stdout and stderr; the others are dropped.
    pub(crate) collects: [bool; 2],
}

/// The streams of a program.
pub(crate) struct Streams {
    stdin: OwnedFd,
    /// stdout and stderr.
    outputs: [OwnedFd; 2],
    /// What is collected of them.
    pub(crate) collected: [Option<File>; 2],
}

/// The middle of a pipe that is passed on by this process.
pub(crate) struct Middle {
    /// Its number.
    pub(crate) pipe: usize,
    pub(crate) from: PipeReader,
    pub(crate) to: PipeWriter,
}

impl Pipe {
    /// Whether two of them want one stream.
    pub(crate) fn collides(&self, other: &Pipe) -> bool {
        other.to == self.to || (other.from, other.stream) == (self.from, self.stream)
    }
}

impl Streams {
    /// For the start of the program.
    pub(crate) fn ends(&self) -> [BorrowedFd<'_>; 3] {
        let [stdout, stderr] = &self.outputs;
        [self.stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]
    }
}

/// A program's own streams: files in memory, or nothing.
fn own(plan: &Plan<'_>) -> io::Result<Streams> {
    let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let stdin = match plan.stdin {
        None => null()?,
        Some(content) => filled("stdin", content)?.into(),
    };
    let (mut outputs, mut collected) = ([null()?, null()?], [None, None]);
    for (stream, _) in plan.collects.iter().enumerate().filter(|(_, is_wanted)| **is_wanted) {
        let file = in_memory("output")?;
        outputs[stream] = file.try_clone()?.into();
        collected[stream] = Some(file);
    }
    Ok(Streams { stdin, outputs, collected })
}

/// The streams of all programs, with the pipes in place of their own; and the middles of those pipes that this process has to
/// pass on.
///
/// Each end is open here until it is dropped: before, the program at the other end sees no end.
pub(crate) fn connected(
    programs: &[Plan<'_>],
    pipes: &[Pipe],
    is_passed_on: impl Fn(usize) -> bool,
) -> io::Result<(Vec<Streams>, Vec<Middle>)> {
    let mut all: Vec<Streams> = programs.iter().map(own).collect::<io::Result<_>>()?;
    let mut middles = Vec::new();
    for (number, one) in pipes.iter().enumerate() {
        let (reader, writer) = pipe()?;
        all[one.from].outputs[one.stream - 1] = writer.into();
        all[one.from].collected[one.stream - 1] = None;
        all[one.to].stdin = if is_passed_on(number) {
            let (end, to) = pipe()?;
            middles.push(Middle { pipe: number, from: reader, to });
            end.into()
        } else {
            reader.into()
        };
    }
    Ok((all, middles))
}

/// A file that only its descriptors name.
pub(crate) fn in_memory(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// The same with a content that is read from its beginning.
pub(crate) fn filled(name: &str, content: &[u8]) -> io::Result<File> {
    let mut file = in_memory(name)?;
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// All that was written to a file.
pub(crate) fn content(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects(pipes: &[Pipe]) -> (Vec<Streams>, Vec<Middle>) {
        let plan = |stdin| Plan { stdin, collects: [true, true] };
        connected(&[plan(Some(&b"in"[..])), plan(None)], pipes, |number| number == 1).unwrap()
    }

    /// Writes to an output of a program.
    fn write(streams: &Streams, stream: usize, text: &str) {
        File::from(streams.outputs[stream - 1].try_clone().unwrap()).write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_program_without_pipes_reads_its_own_and_is_collected() {
        let (all, middles) = connects(&[]);
        assert!(middles.is_empty());
        write(&all[0], 1, "out");
        assert_eq!(content(all[0].collected[0].as_ref().unwrap()).unwrap(), b"out");
        let mut read = String::new();
        File::from(all[0].stdin.try_clone().unwrap()).read_to_string(&mut read).unwrap();
        assert_eq!(read, "in");
    }

    #[test]
    fn a_pipe_leads_from_an_output_to_an_input_and_ends_with_its_writer() {
        let pipe = |from, stream, to| Pipe { from, stream, to };
        let (mut all, mut middles) = connects(&[pipe(0, 2, 1), pipe(1, 1, 0)]);
        assert!(all[0].collected[1].is_none() && all[0].collected[0].is_some());
        write(&all[0], 2, "there");
        write(&all[1], 1, "back");
        let second = all.pop().unwrap();
        let mut middle = middles.pop().unwrap();
        // The ends of the programs are closed here.
        drop(all);
        let mut there = String::new();
        File::from(second.stdin.try_clone().unwrap()).read_to_string(&mut there).unwrap();
        drop(second);
        let mut back = String::new();
        middle.from.read_to_string(&mut back).unwrap();
        assert_eq!((middle.pipe, there.as_str(), back.as_str()), (1, "there", "back"));
        assert!(pipe(0, 1, 1).collides(&pipe(1, 1, 1)) && !pipe(0, 1, 1).collides(&pipe(0, 2, 0)));
    }
}
