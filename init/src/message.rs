//! What the sandbox's own processes report to the supervisor: short records on a socket that the submission never has.

use rustix::io::Errno;

use crate::error::Error;
use crate::sys::{self, Notification, Usage};

/// Bytes of a record; each is sent and received whole (SOCK_SEQPACKET).
pub(crate) const LEN: usize = size_of::<Record>();

/// Kind and three zeros, a 32-bit number; then four 64-bit numbers.
pub(crate) type Record = [[u8; 8]; 5];
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Message {
    /// The submission's process is about to exec; the clocks start.
    Started {
        /// CLOCK_MONOTONIC, in nanoseconds.
        at: u64,
        /// CPU time that set-up has cost in the run's cgroup, in nanoseconds.
        cpu: u64,
    },
    /// The submission's main process ended.
    Exited {
        /// CLOCK_MONOTONIC, in nanoseconds.
        at: u64,
        /// Raw wait status.
        status: i32,
        /// What it and its reaped descendants used.
        usage: Usage,
    },
    /// The submission's process is made; with the message comes its pidfd.
    Made {
        /// Whether PID 1 learns of forbidden calls, so that SIGSYS is a signal like others.
        is_heard: bool,
    },
    /// The submission's process has stopped itself: it is warm.
    Warm,
    /// How long and how often the submission's processes went without a CPU. Sent before [`Message::Exited`].
    Turns(Turns),
    /// A forbidden call was made.
    Forbidden(Notification),
    /// The terminal is made; with the message comes its master.
    Terminal,
    /// The program could not be executed.
    NotExecuted(Errno),
    /// Set-up failed.
    Failed(Error),
}

/// How long and how often processes went without a CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turns {
    /// See [`crate::waiting::before_reaping`].
    pub(crate) waited: u64,
    /// How often one left its CPU because another had its turn.
    pub(crate) forced: u64,
}

impl Message {
    pub(crate) fn encode(self) -> Record {
        // Both ends are the same program, so the numbers of the kinds mean nothing outside of this file.
        let (kind, number, [first, second, third, fourth]) = match self {
            Message::Started { at, cpu } => (1, 0, [at, cpu, 0, 0]),
            Message::Exited { at, status, usage } => {
                (2, status, [at, usage.user, usage.system, usage.max_rss])
            }
            Message::Forbidden(call) => (7, 0, [call.number.into(), call.arch.into(), 0, 0]),
            Message::Turns(Turns { waited, forced }) => (9, 0, [waited, forced, 0, 0]),
            Message::Terminal => (6, 0, [0; 4]),
            Message::Warm => (8, 0, [0; 4]),
            Message::Made { is_heard } => (5, i32::from(is_heard), [0; 4]),
            Message::NotExecuted(errno) => (3, errno.raw_os_error(), [0; 4]),
            Message::Failed(error) => (4, 0, [error.encode(), 0, 0, 0]),
        };
        let [n0, n1, n2, n3] = number.to_ne_bytes();
        [
            [kind, 0, 0, 0, n0, n1, n2, n3],
            u64::to_ne_bytes(first),
            u64::to_ne_bytes(second),
            u64::to_ne_bytes(third),
            u64::to_ne_bytes(fourth),
        ]
    }

    /// From bytes; `None` if they are not a record.
    pub(crate) fn decode(record: Record) -> Option<Message> {
        let [[kind, _, _, _, n0, n1, n2, n3], numbers @ ..] = record;
        let number = i32::from_ne_bytes([n0, n1, n2, n3]);
        let [first, second, third, fourth] = numbers.map(u64::from_ne_bytes);
        match kind {
            1 => Some(Message::Started { at: first, cpu: second }),
            2 => {
                let usage = Usage { user: second, system: third, max_rss: fourth };
                Some(Message::Exited { at: first, status: number, usage })
            }
            3 => Some(Message::NotExecuted(sys::errno(number))),
            4 => Error::decode(first).map(Message::Failed),
            5 => Some(Message::Made { is_heard: number != 0 }),
            6 => Some(Message::Terminal),
            8 => Some(Message::Warm),
            9 => Some(Message::Turns(Turns { waited: first, forced: second })),
            7 => Some(Message::Forbidden(Notification { number: first as u32, arch: second as u32 })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Call, Step, Subject, at};

    #[test]
    fn every_message_arrives_as_it_was_sent() {
        let error = at(Step::Mounts, Call::OpenTree, Subject::BindTarget(3))(Errno::NOENT);
        for message in [
            Message::Started { at: 1 << 40, cpu: 77 },
            Message::Exited { at: 3, status: 0x8b, usage: Usage { user: 4, system: 5, max_rss: 6 } },
            Message::Turns(Turns { waited: 1, forced: 2 }),
            Message::Made { is_heard: false },
            Message::Made { is_heard: true },
            Message::Forbidden(Notification { number: 169, arch: 0xc000_003e }),
            Message::Terminal,
            Message::Warm,
            Message::NotExecuted(Errno::NOEXEC),
            Message::Failed(error),
        ] {
            assert_eq!(Message::decode(message.encode()), Some(message));
        }
        assert_eq!(Message::decode(Record::default()), None);
    }
}
