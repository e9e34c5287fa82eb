#!/usr/bin/env python3
"""How far times are apart, and whether the stated error holds: equal programs of 5, 50 and 500 ms in C, Python and Java, in
turns judged and run without a sandbox, alone and with all CPUs busy with the work of others. A table, and if wanted a plot
as SVG and all values as CSV.

    just bench timing [RUNS] [PLOT.svg] [VALUES.csv]

The machine is calibrated first, or CAPSULE_CALIBRATION names a file. The true value of a program is the median of its quiet
runs, each way of measuring for itself. `right` is how many of the runs that say `reliable` have that value within their
stated error. `upset` is how many reliable verdicts another run contradicts: for 61 limits from half of the true value to
twice as much, the next run of the same program is on the other side of a limit that the error of this one does not reach."""
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile

CAPSULE = os.path.abspath(sys.argv[1])
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
PLOT = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
VALUES = os.path.abspath(sys.argv[4]) if len(sys.argv) > 4 else None
# As many of one kind before the other kind has its turn.
TURN = 10
LIMITS = [0.5 * 4 ** (step / 60) for step in range(61)]

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
JAVA = """class spin {
    public static void main(String[] arguments) {
        long state = 1;
        for (long rounds = new java.util.Scanner(System.in).nextLong(); rounds > 0; rounds--)
            state = state * 6364136223846793005L + 1442695040888963407L;
        System.out.println(state != 0 ? 1 : 0);
    }
}
"""
# Source, its text, how it is made ready and started without a sandbox, and rounds that take about 100 ms.
LANGUAGES = {
    "c": ("spin.c", C, ["gcc", "-O1", "-o", "spin", "spin.c"], ["./spin"], 80_000_000),
    "python": ("spin.py", PYTHON, ["true"], [sys.executable, "-S", "spin.py"], 700_000),
    "java": ("spin.java", JAVA, ["javac", "spin.java"], ["java", "spin"], 80_000_000),
}
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
    # No limit: `reliable` is that of the run.
    return [(test["time_us"], test["error_us"], test["reliable"], test["run"]["timing"]["causes"]) for test in report["tests"]]


def rounds_for(command, many, milliseconds):
    """How many rounds of the program take this long here, beyond its start."""
    start = min(bare(command, 0) for _ in range(5))
    whole = min(bare(command, many) for _ in range(5))
    return max(1, round(many * milliseconds * 1000 / (whole - start)))


def measure(command, source, problem, rounds):
    found = {"capsule": [], "bare": []}
    while len(found["bare"]) < RUNS:
        found["capsule"] += judged(problem, source)
        found["bare"] += [bare(command, rounds) for _ in range(TURN)]
    return found


def calibrated():
    if not os.environ.get("CAPSULE_CALIBRATION"):
        os.environ["CAPSULE_CALIBRATION"] = os.path.abspath("calibration.json")
        said = subprocess.run([CAPSULE, "calibrate"], stdout=subprocess.PIPE, text=True, check=True).stdout
        print(said.splitlines()[-2])


def main():
    os.chdir(place := tempfile.mkdtemp(prefix="capsule-bench-timing.", dir="/var/tmp"))
    packs = ",".join(LANGUAGES)
    subprocess.run([CAPSULE, "build", "--pack", packs, "-o", "bundle", "--format", "dir"], check=True, stderr=subprocess.DEVNULL)
    rows, quiet = [], {}
    print(f"{RUNS} runs each, in turns of {TURN}; CPU time in ms; load {os.getloadavg()[0]:.2f}")
    calibrated()
    print("program         who      median   p5-p95     error  reliable    right   upset")
    for others in ("alone", "busy"):
        spinners = []
        if others == "busy":
            spinners = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in os.sched_getaffinity(0)]
        try:
            for language, (source, text, prepare, command, many) in LANGUAGES.items():
                with open(source, "w") as file:
                    file.write(text)
                subprocess.run(prepare, check=True)
                for milliseconds in (5, 50, 500):
                    key = (language, milliseconds)
                    rounds = quiet.get((key, "rounds")) or rounds_for(command, many, milliseconds)
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
    if VALUES:
        write_values(rows)
        print(VALUES)
    subprocess.run(["rm", "-rf", place], check=True)


def upsets(found, truth):
    """How many reliable verdicts there are, and how many of them the next run contradicts."""
    verdicts = upset = 0
    for (time, error, is_reliable, _), (after, *_) in zip(found, found[1:]):
        for limit in (truth * times for times in LIMITS):
            if is_reliable and abs(time - limit) > error:
                verdicts += 1
                upset += (time > limit) != (after > limit)
    return verdicts, upset


def report(others, key, found, quiet):
    times = {"capsule": [time for time, *_ in found["capsule"]], "bare": found["bare"]}
    for who, values in times.items():
        truth = quiet.setdefault((key, who), percentile(values, 0.5))
        middle = percentile(values, 0.5)
        spread = (percentile(values, 0.95) - percentile(values, 0.05)) / 2 / middle
        line = f"{key[0]:6} {key[1]:3} {others:5} {who:8} {middle / 1000:7.2f}  ± {100 * spread:5.1f} %"
        if who == "capsule":
            reliable = [(time, error) for time, error, is_reliable, _ in found["capsule"] if is_reliable]
            right = sum(abs(time - truth) <= error for time, error in reliable)
            error = percentile([error / time for time, error, *_ in found["capsule"]], 0.5)
            line += f"  ± {100 * error:5.1f} %  {100 * len(reliable) / len(values):5.1f} %"
            verdicts, upset = upsets(found["capsule"], truth)
            line += f"  {100 * right / len(reliable):5.1f} %  {upset}/{verdicts}" if reliable else "      -        -"
            causes = {cause.split(":")[0] for *_, causes in found["capsule"] for cause in causes}
            line += "  " + " ".join(sorted(causes))
        print(line.rstrip(), flush=True)


def write_values(rows):
    with open(VALUES, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["others", "language", "ms", "who", "time_us", "error_us", "reliable", "causes"])
        for others, (language, milliseconds), found in rows:
            place = [others, language, milliseconds]
            for time, error, is_reliable, causes in found["capsule"]:
                writer.writerow([*place, "capsule", time, error, is_reliable, "; ".join(causes)])
            for time in found["bare"]:
                writer.writerow([*place, "bare", round(time), "", "", ""])


def plot(rows):
    """Each run as a dot, one row for each program and each way, from half to twice its median."""
    height, width, left = 16, 900, 220
    lines = []
    for others, key, found in rows:
        for who in ("capsule", "bare"):
            values = [time for time, *_ in found[who]] if who == "capsule" else found[who]
            middle = percentile(values, 0.5)
            y = height * (len(lines) + 1)
            dots = "".join(f'<circle cx="{left + (min(max(value / middle, 0.5), 2) - 0.5) / 1.5 * (width - left - 10):.1f}" cy="{y - 4}" r="1.5"/>' for value in values)
            lines.append(f'<text x="4" y="{y}" font-size="11">{key[0]} {key[1]} ms {others} {who}</text><g fill="#3465a4" opacity="0.3">{dots}</g>')
    with open(PLOT, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height * (len(lines) + 1)}" font-family="sans-serif">')
        file.write("".join(lines) + "</svg>\n")


# What keeps the CPUs busy ends with this program.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
