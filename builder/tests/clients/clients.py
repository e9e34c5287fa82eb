"""The clients that the registries have, unchanged, against a running `capsule serve`: clients.py http://ADDRESS

Each check is what the client's own documentation promises. The first one that fails ends this with its line.
"""

import asyncio
import base64
import sys
import urllib.error
import urllib.request

SERVER = sys.argv[1]
# In five languages: Judge0's number, Piston's name, and the program.
HELLO = [
    (71, "python", 'print("hello", input())'),
    (54, "c++", '#include <iostream>\nint main() { std::string s; std::cin >> s; std::cout << "hello " << s << "\\n"; }'),
    (50, "c", '#include <stdio.h>\nint main(void) { char s[9]; scanf("%8s", s); printf("hello %s\\n", s); }'),
    (46, "bash", 'read s; echo hello $s'),
    (62, "java", "public class Main { public static void main(String[] a) { System.out.println(\"hello \" + "
                 "new java.util.Scanner(System.in).next()); } }"),
]
BAD = "int main( {"
ENDLESS = "while True: pass"
HUNGRY = "x = bytearray(1 << 30)"


def equal(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def official_judge0():
    import judge0
    from judge0 import Client, Submission, TestCase
    from judge0.base_types import Status

    client = Client(SERVER, {"X-Auth-Token": "none"})
    for number, _, source in HELLO:
        done = judge0.run(client=client, source_code=source, language=number, stdin="w", expected_output="hello w")
        equal((done.status, done.stdout), (Status.ACCEPTED, "hello w\n"))
        assert done.time >= 0 and done.memory > 0 and done.finished_at >= done.created_at

    def status(source, **more):
        return judge0.run(client=client, source_code=source, **{"language": 71, **more}).status

    equal(status("print(1)", expected_output="2"), Status.WRONG_ANSWER)
    equal(status(BAD, language=54), Status.COMPILATION_ERROR)
    equal(status(ENDLESS, cpu_time_limit=0.5), Status.TIME_LIMIT_EXCEEDED)
    equal(status(HUNGRY, memory_limit=65536), Status.RUNTIME_ERROR_OTHER)
    equal(status("exit(3)"), Status.RUNTIME_ERROR_NZEC)
    equal(status("int main() { return *(volatile int *)0; }", language=54), Status.RUNTIME_ERROR_SIGSEGV)

    batch = [Submission(source_code=f"print({n})", language=71) for n in range(20)]
    done = judge0.run(client=client, submissions=batch)
    equal([one.stdout for one in done], [f"{n}\n" for n in range(20)])
    cases = [TestCase(str(n), str(n * n)) for n in range(5)]
    done = judge0.run(client=client, source_code="print(int(input()) ** 2)", language=71, test_cases=cases)
    equal({one.status for one in done}, {Status.ACCEPTED})
    try:
        judge0.run(client=client, source_code="x", language=43)
        raise AssertionError("an unknown language ran")
    except (RuntimeError, ValueError):
        pass


async def judge0_client():
    from judge0_client import Judge0Client
    from judge0_client.models.single_file_submission import SingleFileSubmission

    client = Judge0Client(SERVER, auth_token="none")
    client.open()
    try:
        equal((await client.get_about()).version, "1.13.1")
        for source, wanted in [(HELLO[0][2], 3), ("exit(3)", 11), ("import", 6)]:
            made = await client.create_submission(SingleFileSubmission(source_code=source, language_id=71, stdin="w"))
            for _ in range(600):
                found = await client.get_submission(made.token)
                if int(found.status.id) > 2:
                    break
                await asyncio.sleep(0.1)
            equal(int(found.status.id), wanted)
    finally:
        await client.aclose()


async def aiopyston():
    from pyston import File, PystonClient

    client = PystonClient(base_url=SERVER + "/api/v2/")
    try:
        names = [runtime.language for runtime in await client.runtimes()]
        assert {"python", "c++", "java"} <= set(names), names
        for _, name, source in HELLO:
            done = await client.execute(name, [File(source)], stdin="w")
            equal((done.run_stage.output, done.run_stage.code), ("hello w\n", 0))
        done = await client.execute("c++", [File(BAD)])
        assert done.compile_stage.code == 1 and "error" in done.compile_stage.output
        done = await client.execute("python", [File(ENDLESS)], run_timeout=500)
        equal(done.run_stage.signal, "SIGKILL")
        done = await client.execute("python", [File("import sys; print(sys.argv[1:]); exit(3)")], args=["a", "b"])
        equal((done.run_stage.output, done.run_stage.code), ("['a', 'b']\n", 3))
        try:
            await client.execute("cobol", [File("x")])
            raise AssertionError("an unknown language ran")
        except Exception as error:
            assert "cobol" in str(error), error
    finally:
        await client.close_session()


def ultra_piston():
    from ultra_piston import File, PistonClient

    client = PistonClient(base_url=SERVER + "/api/v2/", rate_limit=0.01)
    assert "python" in [runtime.language for runtime in client.get_runtimes()]
    for _, name, source in HELLO:
        done = client.post_execute(name, "*", File(content=source), stdin="w")
        equal((done.run.output, done.run.code), ("hello w\n", 0))
    done = client.post_execute("python", "3.x", File(content=HUNGRY), run_memory_limit=64 << 20)
    equal(done.run.signal, "SIGKILL")


def too_large():
    body = b'{"language": "python", "version": "*", "files": [{"content": "' + b"x" * (40 << 20) + b'"}]}'
    request = urllib.request.Request(SERVER + "/api/v2/execute", body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request)
        raise AssertionError("40 MB were taken")
    except urllib.error.HTTPError as error:
        equal(error.code, 413)
    except urllib.error.URLError as error:
        # Refused before all of it was sent.
        assert isinstance(error.reason, (BrokenPipeError, ConnectionResetError)), error


def binary():
    import json

    source = base64.b64encode(b"import sys; sys.stdout.buffer.write(bytes(range(256)))").decode()
    body = json.dumps({"source_code": source, "language_id": 71}).encode()
    url = SERVER + "/submissions?base64_encoded=true&wait=true"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    found = json.load(urllib.request.urlopen(request))
    equal(base64.b64decode(found["stdout"]), bytes(range(256)))


for check in [official_judge0, judge0_client, aiopyston, ultra_piston, binary, too_large]:
    made = check()
    if made is not None:
        asyncio.run(made)
    print(f"{check.__name__}: ok", flush=True)
