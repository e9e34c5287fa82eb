//! The helper: root's process that does for ordinary users of one group what isolate does as a setuid program.
//!
//! The user's process opens the meta file, sends its arguments, variables and streams over a unix socket, and afterwards
//! each signal that it gets; it receives the exit code. Who it is says the kernel (SO_PEERCRED, unix(7)). Each connection
//! has a process of its own, whose stdin it is: so systemd can start one as well (`Accept=yes`).

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg, sockopt,
};

use crate::call::Call;
use crate::codec;
use crate::config::Config;
use crate::fault::Fault;
use crate::signals;

/// What an ordinary user's process asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) args: Vec<OsString>,
    pub(crate) variables: Vec<(OsString, OsString)>,
    pub(crate) streams: [OwnedFd; 3],
    pub(crate) meta: Option<File>,
    pub(crate) connection: Option<OwnedFd>,
}

/// The most bytes of arguments and variables: what execve(2) takes of both.
const LARGEST: u64 = 4 << 20;
/// Three streams and the meta file.
const MOST_DESCRIPTORS: usize = 4;
const FAULT: u8 = 2;

/// How long a request may take to come: an ordinary user sends it at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often processes that have ended are looked for.
const MOMENT: Duration = Duration::from_secs(1);
/// How long nothing is tried after a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks the helper, and waits for its answer.
pub(crate) fn ask(args: &[OsString], call: &Call) -> u8 {
    let answer = Config::load().and_then(|config| {
        let path = &config.socket;
        let connection = UnixStream::connect(path).map_err(|error| {
            let hint = format!("Must be started as root, or reach the helper: {}", path.display());
            Fault::because(hint, error)
        })?;
        exchange(connection, args, call).map_err(|error| Fault::because("The helper does not answer", error))
    });
    answer.unwrap_or_else(|Fault(line)| {
        call.complain(&line);
        FAULT
    })
}

fn exchange(mut connection: UnixStream, args: &[OsString], call: &Call) -> io::Result<u8> {
    let signals = signals::block()?;
    let mut bytes = Vec::new();
    codec::put(&mut bytes, args);
    let (names, values): (Vec<OsString>, Vec<OsString>) = call.variables.iter().cloned().unzip();
    codec::put(&mut bytes, &names);
    codec::put(&mut bytes, &values);
    let mut descriptors: Vec<_> = call.streams.iter().map(AsFd::as_fd).collect();
    descriptors.extend(call.meta.as_ref().map(AsFd::as_fd));
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let length = (bytes.len() as u64).to_le_bytes();
    sendmsg(&connection, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
    connection.write_all(&bytes)?;
    let mut to_helper = connection.try_clone()?;
    thread::spawn(move || {
        while let Some(signal) = signals::wait(&signals) {
            // A signal's number is one byte.
            let _ended_meanwhile = to_helper.write_all(&signal.to_le_bytes()[..1]);
        }
    });
    let mut code = [FAULT];
    connection.read_exact(&mut code)?;
    Ok(code[0])
}

/// Serves the user at the other end of stdin, or all who connect to the socket, for ever.
pub(crate) fn serve(config: &Config, serve_one: impl FnOnce(Request) -> u8) -> Result<u8, Fault> {
    if !rustix::process::geteuid().is_root() {
        return Err(Fault("Must be started as root".into()));
    }
    // A user's program must not inherit what root's shell or the service manager left open.
    run::close_others_on_exec().map_err(|error| Fault::because("close_range", error))?;
    if sockopt::socket_peercred(rustix::stdio::stdin()).is_ok() {
        return answer(serve_one).map_err(|error| Fault::because("The request cannot be read", error));
    }
    let listener = listen(config)?;
    let mut children: Vec<Child> = Vec::new();
    loop {
        // Waited for, so that none stays as a zombie.
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        match accept(&listener, !children.is_empty()).and_then(|connection| connection.map(start).transpose())
        {
            Ok(child) => children.extend(child),
            // Too many descriptors, too little memory: that passes, and the other users are still to be served.
            Err(error) => {
                eprintln!("{}", Fault::because("Cannot start a process for a user", error).0);
                thread::sleep(PAUSE);
            }
        }
    }
}

/// The next connection; `None` if no client connects for a moment while processes wait to be reaped.
fn accept(listener: &UnixListener, has_children: bool) -> io::Result<Option<UnixStream>> {
    sockopt::set_socket_timeout(listener, sockopt::Timeout::Recv, has_children.then_some(MOMENT))?;
    match listener.accept() {
        Ok((connection, _)) => Ok(Some(connection)),
        Err(error) if is_timeout(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Starts the process of one connection.
fn start(connection: UnixStream) -> io::Result<Child> {
    let mut one = Command::new("/proc/self/exe");
    one.arg0("isolate").arg("--helper").stdin(Stdio::from(OwnedFd::from(connection)));
    one.spawn()
}

/// What a call says that SO_RCVTIMEO has ended (socket(7)).
fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn answer(serve_one: impl FnOnce(Request) -> u8) -> io::Result<u8> {
    let connection = rustix::stdio::stdin().try_clone_to_owned()?;
    let request = receive(&connection, PATIENCE)?;
    let code = serve_one(request);
    // The user's process may be gone.
    let _gone = File::from(connection).write_all(&[code]);
    Ok(code)
}

fn receive(connection: &OwnedFd, patience: Duration) -> io::Result<Request> {
    let deadline = Instant::now() + patience;
    wait_until(connection, deadline)?;
    let peer = sockopt::socket_peercred(connection)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0; 8];
    let received =
        recvmsg(connection, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)
            .map_err(|errno| late(errno.into()))?;
    let mut descriptors = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut next = || descriptors.next().ok_or_else(broken);
    let streams = [next()?, next()?, next()?];
    let meta = next().ok().map(File::from);
    let length = u64::from_le_bytes(length);
    if received.bytes != 8 || length > LARGEST {
        return Err(broken());
    }
    let bytes = read_until(connection, length, deadline)?;
    // From now on it is silent until a signal comes.
    sockopt::set_socket_timeout(connection, sockopt::Timeout::Recv, None)?;
    let mut rest = bytes.as_slice();
    let mut list = || codec::take(&mut rest).ok_or_else(broken);
    let (args, names, values) = (list()?, list()?, list()?);
    Ok(Request {
        uid: peer.uid.as_raw(),
        gid: peer.gid.as_raw(),
        args,
        variables: names.into_iter().zip(values).collect(),
        streams,
        meta,
        connection: Some(connection.try_clone()?),
    })
}

/// Reads up to so many bytes. Each call has what is left of the time, so that a byte now and then does not prolong it.
fn read_until(connection: &OwnedFd, length: u64, deadline: Instant) -> io::Result<Vec<u8>> {
    const PART: u64 = 64 << 10;
    let mut stream = File::from(connection.try_clone()?);
    let mut bytes = Vec::new();
    while let left @ 1.. = length - bytes.len() as u64 {
        wait_until(connection, deadline)?;
        let mut part = vec![0; left.min(PART) as usize];
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(late(error)),
        }
    }
    Ok(bytes)
}

/// The next call that reads waits no longer than up to a moment, SO_RCVTIMEO in socket(7).
fn wait_until(connection: &OwnedFd, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(late(io::ErrorKind::WouldBlock.into()));
    }
    Ok(sockopt::set_socket_timeout(connection, sockopt::Timeout::Recv, Some(left))?)
}

fn late(error: io::Error) -> io::Error {
    if is_timeout(&error) { io::Error::new(io::ErrorKind::TimedOut, "it does not come") } else { error }
}

/// A socket that root and the users of one group can connect to.
fn listen(config: &Config) -> Result<UnixListener, Fault> {
    let path = &config.socket;
    let fail = |error| Fault::because(format!("Cannot listen on {}", path.display()), error);
    let group = group(&config.group)?;
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(fail)?;
    if UnixStream::connect(path).is_ok() {
        return Err(Fault(format!("A helper listens on {} already", path.display())));
    }
    // What a helper has left that was killed.
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        fs::remove_file(path).map_err(fail)?;
    }
    // Nobody else can connect before the group and the mode are set.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path).map_err(fail);
    rustix::process::umask(mask);
    let listener = listener?;
    if let Some(group) = group {
        chown(path, None, Some(group)).map_err(fail)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(fail)?;
    }
    Ok(listener)
}

fn group(name: &str) -> Result<Option<u32>, Fault> {
    if name.is_empty() {
        return Ok(None);
    }
    // Not getgrnam(3): this program is static, and has no modules of the C library to ask.
    let text =
        fs::read_to_string("/etc/group").map_err(|error| Fault::because("Cannot read /etc/group", error))?;
    let number = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    });
    let absent =
        || Fault(format!("The operator's file names the group {name}, which /etc/group does not have"));
    number.map(Some).ok_or_else(absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_does_not_come_is_not_waited_for_for_ever() {
        let patience = Duration::from_millis(50);
        let late = |bytes: &[u8]| {
            let (mut user, helper) = UnixStream::pair().expect("made");
            let streams = File::open("/dev/null").expect("there");
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors = [streams.as_fd(); 3];
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            if let Some((length, rest)) = bytes.split_at_checked(8) {
                sendmsg(&user, &[IoSlice::new(length)], &mut control, SendFlags::NOSIGNAL).expect("sent");
                user.write_all(rest).expect("sent");
            }
            let error = receive(&OwnedFd::from(helper), patience).expect_err("it is not whole");
            drop(user);
            error.kind()
        };
        let begun = [&12_u64.to_le_bytes()[..], &[0; 11]].concat();
        for bytes in [&[][..], &begun[..8], &begun] {
            assert_eq!(late(bytes), io::ErrorKind::TimedOut, "{bytes:?}");
        }
    }
}
