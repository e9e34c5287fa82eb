//! What the server answers.

use std::os::fd::OwnedFd;

use super::Done;

/// An answer about a run, by the name that the request gave it.
#[derive(Debug)]
pub(super) enum Answer {
    /// A supervisor has it. The kernel drops the pidfd where this process has no number left for it (MSG_CTRUNC, recvmsg(2)).
    Taken { name: u64, pid: i32, pidfd: Option<OwnedFd> },
    /// It is over.
    Done { name: u64, done: Done },
    /// A message that was no request, and had no name by which its run could be told.
    Nameless,
}

impl Answer {
    /// `None` for a message that is not one of these, or about no run of ours.
    pub(super) fn parse(message: &[u8], descriptor: Option<OwnedFd>) -> Option<Answer> {
        let mut parts = message.splitn(3, |byte| *byte == 0);
        let name = match parts.next()? {
            b"" if parts.next()? == b"done" => return Some(Answer::Nameless),
            name => text(name)?.parse().ok()?,
        };
        match (parts.next()?, parts.next()?) {
            (b"taken", pid) => Some(Answer::Taken { name, pid: text(pid)?.parse().ok()?, pidfd: descriptor }),
            (b"done", rest) => {
                let mut rest = rest.splitn(2, |byte| *byte == 0);
                let code = text(rest.next()?)?.parse().ok()?;
                Some(Answer::Done { name, done: Done { code, report: text(rest.next()?)?.to_owned() } })
            }
            _ => None,
        }
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_run() {
        let done = Answer::parse(b"7\0done\x00124\0{\"status\":\"ok\"}\n", None);
        let Some(Answer::Done { name: 7, done }) = done else { panic!("{done:?}") };
        assert_eq!(done, Done { code: 124, report: "{\"status\":\"ok\"}\n".to_owned() });
        let pidfd = std::fs::File::open("/dev/null").unwrap().into();
        let taken = Answer::parse(b"8\0taken\x0042", Some(pidfd));
        assert!(matches!(taken, Some(Answer::Taken { name: 8, pid: 42, pidfd: Some(_) })), "{taken:?}");
        let dropped = Answer::parse(b"8\0taken\x0042", None);
        assert!(matches!(dropped, Some(Answer::Taken { name: 8, pid: 42, pidfd: None })), "{dropped:?}");
    }

    #[test]
    fn a_refusal_without_a_name_is_one() {
        let refused = Answer::parse(b"\0done\x00125\0{}\n", None);
        assert!(matches!(refused, Some(Answer::Nameless)), "{refused:?}");
    }

    #[test]
    fn what_is_not_an_answer_is_none() {
        for bad in
            ["", "7", "7\0done", "7\0done\x00256\0x", "x\0done\x000\0{}", "7\0taken\x00x", "7\0frob\x000"]
        {
            assert!(Answer::parse(bad.as_bytes(), None).is_none(), "{bad:?}");
        }
    }
}
