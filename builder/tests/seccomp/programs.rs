//! Real programs under the default filter, on this machine's kernel: they work, and attacks die.
//!
//! A program that is not installed is reported, and fails the test if `CI` is set.
// Unsafe: `pre_exec`, and raw system calls that the kernel must answer as the filter says.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Output};

use builder::tool::seccomp::policy::arch::X86_64;
use builder::tool::seccomp::policy::emit::program;
use builder::tool::seccomp::policy::rules::Policy;
use seccompiler::sock_filter;
use tempfile::TempDir;

use crate::machine::{DEFAULT, LOOPBACK, NONE};

/// A directory to work in, and programs that run there under the filter.
struct Sandbox {
    mode: usize,
    directory: TempDir,
}

impl Sandbox {
    fn new(mode: usize) -> Self {
        Sandbox { mode, directory: tempfile::tempdir().unwrap() }
    }

    fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.directory.path().join(name), content).unwrap();
        self
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).env("HOME", self.directory.path());
        command.env("TMPDIR", self.directory.path());
        let filter = filter(self.mode);
        // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
        unsafe { command.pre_exec(move || seccompiler::apply_filter(&filter).map_err(io::Error::other)) };
        command
    }

    /// Runs to the end; it has to succeed without output on stderr.
    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words[0]).args(&words[1..]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{words:?}: {:?}\n{stderr}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn filter(mode: usize) -> Vec<sock_filter> {
    let policy = Policy::parse(DEFAULT, &X86_64).unwrap();
    let instruction = |i: builder::tool::seccomp::policy::emit::Instruction| sock_filter {
        code: i.code,
        jt: i.jt,
        jf: i.jf,
        // Without a listener: as init does it where another sandbox listens.
        k: if i.k == libc::SECCOMP_RET_USER_NOTIF { libc::SECCOMP_RET_KILL_PROCESS } else { i.k },
    };
    program(&policy, mode).into_iter().map(instruction).collect()
}

/// Whether a program is installed; a failure in CI if it is not.
fn have(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed, and this is CI");
        eprintln!("NOT TESTED: {program} is not installed");
    }
    found
}

#[test]
fn python_runs_threads_processes_sqlite_and_asyncio() {
    const SCRIPT: &str = r#"
import asyncio, concurrent.futures, mmap, multiprocessing, os, signal, sqlite3, subprocess, tempfile, threading, time
results = []
threads = [threading.Thread(target=lambda: results.append(1)) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(results) == 8
assert subprocess.run(["echo", "x"], capture_output=True).stdout == b"x\n"
assert subprocess.check_output("echo $((1+1)) | cat", shell=True) == b"2\n"
place = tempfile.mkdtemp()
one = sqlite3.connect(place + "/db")
one.execute("create table t(a)")
one.executemany("insert into t values(?)", [(i,) for i in range(1000)])
one.commit()
two = sqlite3.connect(place + "/db")
assert two.execute("select count(*) from t").fetchone()[0] == 1000
two.execute("delete from t where a=1")
two.commit()
one.close()
two.close()
async def main():
    process = await asyncio.create_subprocess_exec("echo", "y", stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"y\n"
    await asyncio.gather(*[asyncio.sleep(0.01) for _ in range(5)])
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), place + "/s")
    reader, writer = await asyncio.open_unix_connection(place + "/s")
    await reader.read()
    writer.close()
    server.close()
asyncio.run(main())
def square(x): return x * x
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    with concurrent.futures.ProcessPoolExecutor(2) as pool: assert list(pool.map(square, [3])) == [9]
    queue = multiprocessing.Queue()
    queue.put(1)
    assert queue.get() == 1
mmap.mmap(-1, 4096)[0] = 1
os.mkfifo(place + "/fifo")
signal.signal(signal.SIGALRM, lambda *ignored: None)
signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.05)
child = os.fork()
if child == 0: os._exit(3)
assert os.waitpid(child, 0)[1] == 3 << 8
os.close(os.memfd_create("x"))
os.sched_getaffinity(0)
print("done")
"#;
    if have("python3") {
        assert_eq!(Sandbox::new(NONE).file("t.py", SCRIPT).run(&["python3", "t.py"]), "done\n");
    }
}

#[test]
fn python_serves_itself_over_loopback_when_the_net_allows_it() {
    const SCRIPT: &str = "
import socket
try: listener = socket.create_server(('127.0.0.1', 0))
except OSError as error: print(error.errno); raise SystemExit
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.sendall(b'hello')
print(server.recv(5).decode())
";
    if have("python3") {
        assert_eq!(Sandbox::new(LOOPBACK).file("t.py", SCRIPT).run(&["python3", "t.py"]), "hello\n");
        assert_eq!(Sandbox::new(NONE).file("t.py", SCRIPT).run(&["python3", "t.py"]), "97\n");
    }
}

/// Each sets the socket options that its runtime sets by itself, and those that servers set.
#[test]
fn servers_of_other_languages_answer_over_loopback() {
    const NODE: &str = "
const net = require('net'), http = require('http'), dgram = require('dgram');
const server = http.createServer((_, answer) => answer.end('node')).listen(0, '::', () =>
  http.get({ port: server.address().port, agent: new http.Agent({ keepAlive: true }) }, answer => answer.on('data', data => {
    const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1', () => { udp.setRecvBufferSize(65536); udp.setTTL(9); udp.close(); });
    console.log(String(data)); process.exitCode = 0; server.close(); server.closeAllConnections();
  })));
server.on('connection', peer => { peer.setNoDelay(true); peer.setKeepAlive(true, 1000); });
";
    const JAVA: &str = r#"
import java.net.*; import java.nio.channels.*; import java.util.*;
public class Main { public static void main(String[] words) throws Exception {
  ServerSocket listener = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
  Socket client = new Socket(listener.getInetAddress(), listener.getLocalPort()), peer = listener.accept();
  client.setTcpNoDelay(true); client.setKeepAlive(true); client.setSoLinger(true, 1); client.setTrafficClass(4); client.setSoTimeout(1000);
  peer.getOutputStream().write("java".getBytes()); peer.close();
  System.out.println(new String(client.getInputStream().readAllBytes()));
  DatagramSocket udp = new DatagramSocket(); udp.setReceiveBufferSize(65536); udp.setTrafficClass(4); udp.close();
  DatagramChannel channel = DatagramChannel.open(); channel.supportedOptions(); channel.close();
  Collections.list(NetworkInterface.getNetworkInterfaces()).get(0).getMTU();
} }"#;
    const GO: &str = r#"package main
import ("fmt"; "io"; "net"; "net/http")
func main() {
	listener, err := net.Listen("tcp", "localhost:0"); if err != nil { panic(err) }
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "go") }))
	answer, err := http.Get("http://" + listener.Addr().String()); if err != nil { panic(err) }
	body, _ := io.ReadAll(answer.Body); fmt.Println(string(body))
	udp, err := net.ListenPacket("udp", "127.0.0.1:0"); if err != nil { panic(err) }
	udp.Close()
}"#;
    let sandbox = Sandbox::new(LOOPBACK).file("t.js", NODE).file("Main.java", JAVA);
    let sandbox = sandbox.file("t.go", GO);
    if have("node") {
        assert_eq!(sandbox.run(&["node", "t.js"]), "node\n");
    }
    if have("java") {
        assert_eq!(sandbox.run(&["java", "Main.java"]), "java\n");
    }
    if have("go") {
        assert_eq!(sandbox.run(&["go", "run", "t.go"]), "go\n");
    }
}

/// The ordinary tests try no C#, and CI does not install Mono.
#[test]
#[ignore = "`just test languages` runs it: only the pack of C# needs Mono"]
fn a_server_of_mono_answers_over_loopback() {
    const MONO: &str = r#"
using System; using System.IO; using System.Net; using System.Net.Sockets;
class Program { static void Main() {
  var listener = new TcpListener(IPAddress.Loopback, 0); listener.Start();
  var client = new TcpClient("127.0.0.1", ((IPEndPoint) listener.LocalEndpoint).Port) { NoDelay = true, ReceiveTimeout = 1000 };
  client.LingerState = new LingerOption(true, 1);
  using (var peer = listener.AcceptTcpClient()) using (var text = new StreamWriter(peer.GetStream())) text.Write("mono");
  Console.WriteLine(new StreamReader(client.GetStream()).ReadToEnd());
} }"#;
    if have("mcs") && have("mono") {
        let sandbox = Sandbox::new(LOOPBACK).file("t.cs", MONO);
        sandbox.run(&["mcs", "t.cs"]);
        assert_eq!(sandbox.run(&["mono", "t.exe"]), "mono\n");
    }
}

#[test]
fn the_jvm_compiles_and_runs_threads_locks_maps_and_processes() {
    const SOURCE: &str = r#"
import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*;
public class Main { public static void main(String[] words) throws Exception {
  ExecutorService pool = Executors.newFixedThreadPool(8); List<Future<Long>> sums = new ArrayList<>();
  for (int i = 0; i < 16; i++) { final int k = i; sums.add(pool.submit(() -> { long s = 0; for (int j = 0; j < 100000; j++) s += j ^ k; return s; })); }
  for (Future<Long> sum : sums) sum.get();
  pool.shutdown();
  Path path = Files.createTempFile("t", "x");
  try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
    file.lock(); file.write(ByteBuffer.wrap("hi".getBytes())); file.map(FileChannel.MapMode.READ_WRITE, 0, 2).put(0, (byte) 'H'); }
  Process echo = new ProcessBuilder("echo", "sub").start();
  System.out.print(new String(echo.getInputStream().readAllBytes())); echo.waitFor();
  System.gc(); Files.delete(path); System.out.println("done");
} }"#;
    if have("javac") && have("java") {
        let sandbox = Sandbox::new(NONE).file("Main.java", SOURCE);
        sandbox.run(&["javac", "Main.java"]);
        assert_eq!(sandbox.run(&["java", "-Xmx128m", "Main"]), "sub\ndone\n");
    }
}

#[test]
fn node_runs_workers_children_crypto_and_local_servers() {
    const SCRIPT: &str = r#"
const fs = require('fs'), child = require('child_process'), net = require('net'), crypto = require('crypto'), zlib = require('zlib');
const { Worker, isMainThread } = require('worker_threads');
if (isMainThread) {
  fs.writeFileSync('a', 'x');
  console.log(child.execSync('echo sub').toString().trim());
  new Worker(__filename).on('exit', () => crypto.pbkdf2('a', 'b', 1000, 32, 'sha256', () => zlib.gzip('abc', () =>
    fs.promises.readFile('a').then(() => {
      const server = net.createServer(peer => peer.end('z')).listen('sock', () => {
        const peer = net.connect('sock');
        peer.on('data', () => {});
        peer.on('end', () => { server.close(); console.log('done'); });
      });
    }))));
}"#;
    if have("node") {
        assert_eq!(Sandbox::new(NONE).file("t.js", SCRIPT).run(&["node", "t.js"]), "sub\ndone\n");
    }
}

#[test]
fn gcc_compiles_c_and_cxx_with_threads_that_run() {
    const SOURCE: &str = r#"
#include <atomic>
#include <future>
#include <iostream>
#include <thread>
#include <vector>
int main() {
  std::vector<std::thread> threads; std::atomic<int> n{0};
  for (int i = 0; i < 8; i++) threads.emplace_back([&] { n++; });
  for (auto &thread : threads) thread.join();
  std::cout << n + std::async(std::launch::async, [] { return 5; }).get() << "\n";
}"#;
    if have("g++") && have("gcc") {
        let sandbox = Sandbox::new(NONE)
            .file("t.cc", SOURCE)
            .file("t.c", "int puts(const char*); int main(){puts(\"c\");}");
        sandbox.run(&["g++", "-O2", "-pthread", "-pipe", "t.cc", "-o", "cc"]);
        sandbox.run(&["gcc", "-O2", "-flto", "-static", "t.c", "-o", "c"]);
        assert_eq!(sandbox.run(&["./cc"]), "13\n");
        assert_eq!(sandbox.run(&["./c"]), "c\n");
    }
}

#[test]
fn rustc_compiles_a_program_with_threads_and_children_that_runs() {
    const SOURCE: &str = r#"
fn main() {
    let (sender, receiver) = std::sync::mpsc::channel();
    for i in 0..8 { let sender = sender.clone(); std::thread::spawn(move || sender.send(i)); }
    drop(sender);
    std::fs::write("a", "x").unwrap();
    std::fs::copy("a", "b").unwrap();
    let echo = std::process::Command::new("echo").arg("sub").output().unwrap();
    println!("{} {}", receiver.iter().sum::<i32>(), echo.stdout.len());
}"#;
    if have("rustc") {
        let sandbox = Sandbox::new(NONE).file("t.rs", SOURCE);
        let mut rustc = sandbox.command("rustc");
        rustc.args(["-O", "-C", "incremental=cache", "t.rs"]).env("HOME", std::env::var_os("HOME").unwrap());
        success(rustc.output().unwrap());
        assert_eq!(sandbox.run(&["./t"]), "28 4\n");
    }
}

fn success(output: Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{stderr}", output.status);
}

#[test]
fn go_compiles_a_program_with_goroutines_and_children_that_runs() {
    const SOURCE: &str = r#"package main
import ("fmt"; "os/exec"; "sync"; "time")
func main() {
	var group sync.WaitGroup; var lock sync.Mutex; n := 0
	for i := 0; i < 100; i++ { group.Add(1); go func() { defer group.Done(); lock.Lock(); n++; lock.Unlock(); time.Sleep(time.Millisecond) }() }
	group.Wait()
	echo, _ := exec.Command("echo", "sub").Output()
	fmt.Println(n, len(echo))
}"#;
    if have("go") {
        let sandbox = Sandbox::new(NONE).file("t.go", SOURCE);
        sandbox.run(&["go", "build", "-o", "t", "t.go"]);
        assert_eq!(sandbox.run(&["./t"]), "100 4\n");
    }
}

#[test]
fn bash_runs_pipelines_jobs_traps_and_process_substitution() {
    const SCRIPT: &str = r#"
cat <(echo one) | tr a-z A-Z
for code in 1 2 3; do (exit $code) & done
wait %3; echo $?
mkfifo fifo; (echo two > fifo) & cat fifo
(trap 'echo three' USR1; kill -USR1 $BASHPID)
sync; sort <<< $'b\na' | head -n1
tar cf - fifo | tar tf -
"#;
    if have("bash") {
        let out = Sandbox::new(NONE).file("t.sh", SCRIPT).run(&["bash", "t.sh"]);
        assert_eq!(out, "ONE\n3\ntwo\nthree\na\nfifo\n");
    }
}

#[test]
fn ps_ip_and_vim_work() {
    let sandbox = Sandbox::new(LOOPBACK);
    if have("ps") {
        assert!(sandbox.run(&["ps", "aux"]).contains("ps aux"));
    }
    if have("free") {
        assert!(sandbox.run(&["free"]).starts_with(' '));
    }
    if have("ip") {
        assert!(sandbox.run(&["ip", "addr"]).contains("lo:"));
    }
    if have("vim") {
        sandbox.run(&["vim", "-es", "-u", "NONE", "-c", "normal ihello", "-c", "w hello.txt", "-c", "q"]);
        let written = std::fs::read_to_string(sandbox.directory.path().join("hello.txt")).unwrap();
        assert_eq!(written, "hello\n");
    }
}

/// How a child ends: exit code, signal.
type End = (Option<i32>, Option<i32>);

const DIES: End = (None, Some(libc::SIGSYS));

fn refused(errno: i32) -> End {
    (Some(errno), None)
}

/// How a child ends that makes one attempt under the filter and exits with its errno, 0 for success.
fn ends(attempt: impl Fn() -> i64 + Send + Sync + 'static) -> End {
    let mut command = Command::new("/nonexistent");
    let filter = filter(LOOPBACK);
    let child = move || {
        seccompiler::apply_filter(&filter).map_err(io::Error::other)?;
        let result = attempt();
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        // SAFETY: _exit(2) ends the child at once, before it reaches exec.
        unsafe { libc::_exit(if result == -1 { errno } else { 0 }) }
    };
    // SAFETY: between fork and exec the closure makes system calls only.
    unsafe { command.pre_exec(child) };
    let status = command.status().unwrap();
    (status.code(), status.signal())
}

/// How a child ends that makes this system call.
fn call(number: i64, arguments: [u64; 4]) -> End {
    let [a, b, c, d] = arguments;
    // SAFETY: every caller passes numbers that no call takes for a pointer, and that do no harm if the
    // filter lets them through: a wrong magic, no flags, no terminal.
    ends(move || unsafe { libc::syscall(number, a, b, c, d) })
}

#[test]
fn the_kernel_kills_and_refuses_as_the_policy_says() {
    assert_eq!(call(libc::SYS_reboot, [0; 4]), DIES);
    assert_eq!(call(0x4000_0000 | libc::SYS_getpid, [0; 4]), DIES);
    assert_eq!(call(libc::SYS_unshare, [0; 4]), refused(libc::EPERM));
    assert_eq!(call(libc::SYS_clone3, [0; 4]), refused(libc::ENOSYS));
    assert_eq!(call(libc::SYS_seccomp, [2, 0, 0, 0]), refused(libc::ENOSYS));
    assert_eq!(call(libc::SYS_ioctl, [0, 0x1_0000_5412, 0, 0]), refused(libc::ENOTTY));
    assert_eq!(call(libc::SYS_socket, [0x1_0000_0028, 1, 0, 0]), refused(libc::EAFNOSUPPORT));
    assert_eq!(call(1000, [0; 4]), refused(libc::ENOSYS));
    assert_eq!(call(libc::SYS_sync, [0; 4]), refused(0));
}

#[test]
fn the_kernel_kills_a_32_bit_call_of_a_64_bit_program() {
    let getpid_as_on_i386 = || {
        let result: i64;
        // SAFETY: int 0x80 with number 20 is getpid of the i386 table; it takes no argument.
        unsafe {
            std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => result,
                lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _);
        }
        result
    };
    assert_eq!(ends(getpid_as_on_i386), DIES);
}

#[test]
fn a_submission_cannot_undo_the_filter() {
    let strict = [libc::PR_SET_SECCOMP as u64, 1, 0, 0];
    assert_eq!(call(libc::SYS_prctl, strict), refused(libc::EINVAL));
    let privileges = [libc::PR_SET_NO_NEW_PRIVS as u64, 0, 0, 0];
    assert_eq!(call(libc::SYS_prctl, privileges), refused(libc::EINVAL));
}

#[test]
fn the_policy_file_is_where_the_build_script_reads_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../init/policy/default.policy");
    assert_eq!(std::fs::read_to_string(path).unwrap(), DEFAULT);
}
