#!/usr/bin/env python3
"""How far times are apart, and whether the stated error holds: equal programs of 5, 50 and 500 ms, in turns judged and run
without a sandbox, alone and with all CPUs busy with the work of others. A table, and a plot as SVG.

    just bench timing [RUNS] [PLOT.svg]

The true value of a program is the median of its quiet runs, each way of measuring for itself. A run that says `reliable` is
right if that value lies within its stated error."""
import json
import os
import subprocess
import sys
import tempfile

CAPSULE = os.path.abspath(sys.argv[1])
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
PLOT = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
# As many of one kind before the other kind has its turn.
TURN = 10

C = """#include <stdio.h>
int main(void) {
    unsigned long rounds, state = 1;
    if (scanf("%lu", &rounds) != 1) return 1;
    while (rounds--) state = state * 6364136223846793005UL + 1442695040888963407UL;
    printf("%d\\n", state != 0);
}
"""
PYTHON = """rounds = int(input())
state = 1
while rounds > 0:
    state = (state * 25214903917 + 11) & 281474976710655
    rounds -= 1
print(int(state != 0))
"""
SOURCES = {"c": ("spin.c", C), "python": ("spin.py", PYTHON)}
BUSY = "while True: pass"


def percentile(values, share):
    values = sorted(values)
    return values[round((len(values) - 1) * share)]


def bare(command, rounds):
    """CPU time in microseconds, by wait4(2)."""
    with tempfile.TemporaryFile() as given:
        given.write(f"{rounds}\n".encode())
        given.seek(0)
        child = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
    assert status == 0, command
    return (usage.ru_utime + usage.ru_stime) * 1e6


def judged(problem, source):
    command = [CAPSULE, "judge", "bundle", problem, source, "--stop", "never", "--cache", "cache", "--format", "json"]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)
    assert report["verdict"] == "AC", report
    return [(test["time_us"], test["error_us"], test["reliable"]) for test in report["tests"]]


def rounds_for(command, milliseconds):
    """How many rounds of the program take this long here, beyond its start."""
    many = 20_000_000 if command[0].startswith("./") else 400_000
    start = min(bare(command, 0) for _ in range(5))
    whole = min(bare(command, many) for _ in range(5))
    return max(1, round(many * milliseconds * 1000 / (whole - start)))


def measure(command, source, problem, rounds):
    found = {"capsule": [], "bare": []}
    while len(found["bare"]) < RUNS:
        found["capsule"] += judged(problem, source)
        found["bare"] += [bare(command, rounds) for _ in range(TURN)]
    return found


def main():
    os.chdir(place := tempfile.mkdtemp(prefix="capsule-bench-timing.", dir="/var/tmp"))
    subprocess.run([CAPSULE, "build", "--pack", "c,python", "-o", "bundle", "--format", "dir"], check=True, stderr=subprocess.DEVNULL)
    rows, quiet = [], {}
    print(f"{RUNS} runs each, in turns of {TURN}; CPU time in ms; load {os.getloadavg()[0]:.2f}")
    print("program         who      median   p5-p95     error  reliable  right")
    for others in ("alone", "busy"):
        spinners = []
        if others == "busy":
            spinners = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in os.sched_getaffinity(0)]
        try:
            for language, (source, text) in SOURCES.items():
                with open(source, "w") as file:
                    file.write(text)
                if language == "c":
                    subprocess.run(["gcc", "-O1", "-o", "spin", source], check=True)
                command = ["./spin"] if language == "c" else [sys.executable, source]
                for milliseconds in (5, 50, 500):
                    key = (language, milliseconds)
                    rounds = quiet.get((key, "rounds")) or rounds_for(command, milliseconds)
                    quiet[key, "rounds"] = rounds
                    problem = f"problem-{language}-{milliseconds}"
                    os.makedirs(problem, exist_ok=True)
                    for test in range(TURN):
                        for ending, content in (("in", rounds), ("ans", 1)):
                            with open(f"{problem}/{test}.{ending}", "w") as file:
                                file.write(f"{content}\n")
                    found = measure(command, source, problem, rounds)
                    rows.append((others, key, found))
                    report(others, key, found, quiet)
        finally:
            for spinner in spinners:
                spinner.kill()
                spinner.wait()
    if PLOT:
        plot(rows)
        print(PLOT)
    subprocess.run(["rm", "-rf", place], check=True)


def report(others, key, found, quiet):
    times = {"capsule": [time for time, _, _ in found["capsule"]], "bare": found["bare"]}
    for who, values in times.items():
        truth = quiet.setdefault((key, who), percentile(values, 0.5))
        middle = percentile(values, 0.5)
        spread = (percentile(values, 0.95) - percentile(values, 0.05)) / 2 / middle
        line = f"{key[0]:6} {key[1]:3} {others:5} {who:8} {middle / 1000:7.2f}  ± {100 * spread:5.1f} %"
        if who == "capsule":
            reliable = [(time, error) for time, error, is_reliable in found["capsule"] if is_reliable]
            right = sum(abs(time - truth) <= error for time, error in reliable)
            error = percentile([error / time for time, error, _ in found["capsule"]], 0.5)
            line += f"  ± {100 * error:5.1f} %  {100 * len(reliable) / len(values):5.1f} %"
            line += f"  {100 * right / len(reliable):5.1f} %" if reliable else "      -"
        print(line, flush=True)


def plot(rows):
    """Each run as a dot, one row for each program and each way, from half to twice its median."""
    height, width, left = 16, 900, 220
    lines = []
    for others, key, found in rows:
        for who in ("capsule", "bare"):
            values = [time for time, _, _ in found[who]] if who == "capsule" else found[who]
            middle = percentile(values, 0.5)
            y = height * (len(lines) + 1)
            dots = "".join(f'<circle cx="{left + (min(max(value / middle, 0.5), 2) - 0.5) / 1.5 * (width - left - 10):.1f}" cy="{y - 4}" r="1.5"/>' for value in values)
            lines.append(f'<text x="4" y="{y}" font-size="11">{key[0]} {key[1]} ms {others} {who}</text><g fill="#3465a4" opacity="0.3">{dots}</g>')
    with open(PLOT, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height * (len(lines) + 1)}" font-family="sans-serif">')
        file.write("".join(lines) + "</svg>\n")


main()
