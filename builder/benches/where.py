#!/usr/bin/env python3
"""Where the time of a run goes: a trace of the system calls, page faults and turns on a CPU of all processes that a run is made
of, for `init run` and for `init-serve`, as tables of shares.

    just bench where [RUNS]

The kernel's own tracer counts (ftrace, Documentation/trace/ftrace.rst), in an instance that is this program's. What a trace
costs is in it, more for many short calls: so there are no times here, and `just bench floor` measures without it. What the
kernel does later, for no process (freeing namespaces and cgroups), is not seen."""
import array
import collections
import os
import re
import socket
import subprocess
import sys
import tempfile

INIT, SERVER = map(os.path.abspath, sys.argv[1:3])
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 300
WARM_UP = 20
EVENTS = ["raw_syscalls/sys_enter", "raw_syscalls/sys_exit", "sched/sched_switch", "exceptions/page_fault_user",
          "sched/sched_process_fork"]
KILOBYTES = 4096
EXIT = b".globl _start\n_start: mov $231, %eax\nxor %edi, %edi\nsyscall\n"

# What the calls of a run are for. The rest is `other calls`.
KINDS = {
    "processes": "clone3 execve exit exit_group wait4 waitid kill pidfd_send_signal getpid getppid setsid",
    "mounts": "fsopen fsconfig fsmount move_mount mount_setattr open_tree pivot_root umount2 openat2 mknodat symlinkat chroot"
              " fchdir chdir getcwd statx umask fchownat sethostname",
    "namespaces": "unshare setns",
    "filter": "seccomp",
    "rights and limits": "prctl prlimit64 capget capset setgroups setresuid setresgid geteuid getegid sched_setattr"
                         " sched_setaffinity sched_getaffinity getcpu ioprio_set personality close_range",
    "files of cgroups and /proc": "openat read write close mkdir mkdirat unlink unlinkat rmdir faccessat2 fstat newfstatat"
                                  " fstatfs uname",
    "messages, streams, waiting": "sendmsg recvmsg sendto recvfrom ppoll poll socketpair socket setsockopt pipe2 splice dup2"
                                  " dup3 fcntl ioctl eventfd2 signalfd4 clock_gettime setitimer rt_sigprocmask rt_sigaction"
                                  " rt_sigreturn getrusage",
}
OWN = "own code, page faults"
START = "start and end of a process"


def call_names():
    """The numbers of this machine's system calls, from the C library's header."""
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


class Tracer:
    """An instance of ftrace that follows this process's children."""

    def __init__(self, scratch):
        self.mount = os.path.join(scratch, "tracing")
        os.mkdir(self.mount)
        subprocess.run(["mount", "-t", "tracefs", "none", self.mount], check=True)
        self.place = os.path.join(self.mount, "instances", f"capsule-{os.getpid()}")
        os.mkdir(self.place)

    def set(self, name, value):
        with open(os.path.join(self.place, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def start(self):
        """Of each event the kernel keeps some fifty bytes, and a run has some thousand."""
        self.set("tracing_on", 0)
        self.set("buffer_size_kb", KILOBYTES + 60 * RUNS)
        self.set("trace_clock", "mono")
        self.set("options/event-fork", 1)
        self.set("set_event_pid", os.getpid())
        for event in EVENTS:
            self.set(f"events/{event}/enable", 1)

    def lines(self):
        self.set("tracing_on", 0)
        with open(os.path.join(self.place, "trace"), encoding="utf-8", errors="replace") as file:
            yield from file

    def end(self):
        if os.path.isdir(self.place):
            os.rmdir(self.place)
        subprocess.run(["umount", self.mount], check=True)
        os.rmdir(self.mount)


LINE = re.compile(r"^\s*.+?-(\d+)\s+\[\d+\]\s+\S+\s+([\d.]+): (\w+): (.*)$")


class Account:
    """The time on a CPU, by how deep a process is below this one, and by what it does."""

    def __init__(self, kinds):
        self.kinds = kinds
        self.depth = {os.getpid(): 0}
        self.doing = {}
        self.since = {}
        self.time = collections.Counter()
        self.calls = collections.Counter()
        self.faults = collections.Counter()
        self.sleeps = collections.Counter()

    def spend(self, pid, now):
        if pid in self.since:
            self.time[self.depth.get(pid), self.doing.get(pid, START)] += now - self.since[pid]
        self.since[pid] = now

    def take(self, line):
        found = LINE.match(line)
        if not found:
            return
        pid, now, event, rest = int(found[1]), float(found[2]), found[3], found[4]
        depth = self.depth.get(pid)
        if event == "sched_switch":
            before = re.search(r"prev_pid=(\d+) prev_prio=\S+ prev_state=(\S+)", rest)
            after = int(re.search(r"next_pid=(\d+)", rest)[1])
            before_pid = int(before[1])
            self.spend(before_pid, now)
            self.since.pop(before_pid, None)
            self.sleeps[self.depth.get(before_pid)] += before[2].startswith("S")
            if after in self.depth:
                self.since[after] = now
            return
        self.spend(pid, now)
        if event == "sys_enter":
            number = int(re.match(r"NR (\d+)", rest)[1])
            self.doing[pid] = self.kinds.get(number, "other calls")
            self.calls[depth] += 1
        elif event == "sys_exit":
            self.doing[pid] = OWN
        elif event == "page_fault_user":
            self.faults[depth] += 1
        elif event == "sched_process_fork" and depth is not None:
            self.depth[int(re.search(r"child_pid=(\d+)", rest)[1])] = depth + 1

    def table(self, title, roles):
        roles = dict(enumerate(roles, 1))
        own = {key: time for key, time in self.time.items() if key[0] in roles}
        whole = sum(own.values())
        kinds = [kind for kind in [*KINDS, "other calls", OWN, START] if any(key[1] == kind for key in own)]
        print(f"\n## {title}\n\n| share of the CPU time, % | {' | '.join(roles.values())} | all |")
        print("|---|" + "--:|" * (len(roles) + 1))
        share = lambda part: f"{100 * part / whole:.1f}"
        for kind in kinds:
            cells = [own.get((depth, kind), 0) for depth in roles]
            print(f"| {kind} | {' | '.join(map(share, cells))} | {share(sum(cells))} |")
        cells = [sum(time for key, time in own.items() if key[0] == depth) for depth in roles]
        print(f"| all | {' | '.join(map(share, cells))} | 100 |")
        for name, counter in [("system calls of a run", self.calls), ("page faults of a run", self.faults),
                              ("times that it sleeps in a run", self.sleeps)]:
            cells = [counter[depth] / RUNS for depth in roles]
            print(f"| {name} | {' | '.join(f'{cell:.0f}' for cell in cells)} | {sum(cells):.0f} |")


def one_shot(root):
    """Two functions: one makes a run, the other ends what the first one needs."""
    def once():
        if subprocess.run([INIT, "run", "--root", root, "--report", "/dev/null", "--", "/exit"], check=False).returncode:
            sys.exit("error: a run of init failed")
    return once, lambda: None


def pooled(root):
    """The same with a server (init/src/serve.rs)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen([SERVER, "serve", "--slots", "1", "--socket", f"fd:{theirs.fileno()}"],
                              pass_fds=[theirs.fileno()])
    theirs.close()
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    request = b"".join(word.encode() + b"\0" for word in ["r", "run", "--root", root, "--", "/exit"])
    streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [nothing] * 3))]

    def once():
        ours.sendmsg([request], streams)
        while True:
            answer, passed, _, _ = ours.recvmsg(32768, 64)
            for _, _, data in passed:
                for number in array.array("i", data):
                    os.close(number)
            parts = answer.split(b"\0")
            if len(parts) < 3 or parts[1] == b"done":
                if parts[2:3] != [b"0"]:
                    sys.exit(f"error: a run of init-serve failed: {answer!r}")
                return

    def end():
        ours.close()
        server.wait()
    return once, end


def measure(title, roles, starter, root, scratch, kinds):
    tracer = Tracer(scratch)
    try:
        tracer.start()
        once, end = starter(root)
        for _ in range(WARM_UP):
            once()
        tracer.set("tracing_on", 1)
        for _ in range(RUNS):
            once()
        account = Account(kinds)
        # The server was started before: its depth is known, the pids of its children come with the events.
        for line in open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii").read().split():
            account.depth[int(line)] = 1
        for line in tracer.lines():
            account.take(line)
        end()
        account.table(title, roles)
    finally:
        tracer.end()


def main():
    names = call_names()
    kinds = {number: kind for kind, words in KINDS.items() for number, name in names.items() if name in words.split()}
    with tempfile.TemporaryDirectory() as scratch:
        root = os.path.join(scratch, "root")
        for directory in ["proc", "dev/shm", "tmp", "home/judge"]:
            os.makedirs(os.path.join(root, directory))
        os.chmod(scratch, 0o755)
        subprocess.run(["cc", "-nostdlib", "-static", "-x", "assembler", "-o", os.path.join(root, "exit"), "-"], input=EXIT,
                       check=True)
        print(f"{RUNS} runs each of a program that only exits, Linux {os.uname().release}.")
        measure("init run", ["supervisor", "PID 1", "submission"], one_shot, root, scratch, kinds)
        measure("init-serve", ["server", "supervisor", "PID 1", "submission"], pooled, root, scratch, kinds)


main()
