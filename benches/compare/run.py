#!/usr/bin/env python3
"""Compares Airside with its peers on the same files, in one run, and prints ratios.

    python3 benches/compare/run.py                 everything, 2 GB; the page of results is kept in benches/RESULTS.md
    python3 benches/compare/run.py --check         small data, one run: do all agree? exit code 1 if not
    python3 benches/compare/run.py --size 500000000 --only airside,duckdb-load --datasets plain,gzip
                                                   a part: the page is printed, not kept
    python3 benches/compare/run.py --ten-times     ten times the size as well (20 GB on disk)
    python3 benches/compare/run.py --airside path/to/airside   another build than target/release

What it needs: a built Airside (`cargo build --release`), Rust, Python 3.11 with venv, jq, and the
registries of Rust and Python for the first run. Everything else is made in a cache folder,
`${AIRSIDE_CACHE:-~/.cache/airside}/compare`: the peers, the data (see `src/bin/make_data.rs` for what
makes it unflattering), the floors (`src/bin/floor.rs`).

How it measures: each contender is a process; after one pass over the bytes, which fills the page cache,
the contenders take turns, each round beginning with the next one. Wall time is that of the process for
Airside and the floors, and that of the work alone for peers in Python (`peers.py`): their start and
imports are not held against them (in their CPU time they are). Peak memory is `ru_maxrss` of the largest process. jq and rsigma run
as two processes side by side, jq on a share of the files with its time scaled up; the table says so.

A contender's count of records is compared with what the generator wrote. One that counts wrongly has
no place in the table. The page says how much of the processors others used meanwhile: with more than a
twentieth, its figures do not count.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = HERE.parent / "RESULTS.md"

THREADS = 2
SEED = 7

# `rsigma` without its daemon; without `rsigma-runtime` this version does not compile.
RSIGMA = ("0.23.0", ["--no-default-features", "--features", "rsigma-runtime"])

# Share of the bytes that is the tenant's own: DBMI and ADAC are then some 4 % of the records.
TENANT_SHARE = 0.055
# Bytes of a record as the tenant has it.
RECORD_BYTES = 1_650
TENANT_DAYS = 2
# Records of the incidents, and fewest of honest work beside them.
INCIDENT_RECORDS = 1_500
LEAST_EVENTS = 200

# Size and rounds of a comparison that may be kept, and size of a check: with less, the incidents alone
# are more than their share.
WHOLE_BYTES = 2_000_000_000
WHOLE_RUNS = 5
CHECK_BYTES = 60_000_000

# Size of a small file is about 4.2 KB; with these bytes there are 100,000 of them.
SMALL_BYTES = 425_000_000

# Share of the files that peers behind `cat` read; jq is too slow for more.
SHARES = {"jq": 0.04, "rsigma": 1.0}

# Share of the processors that others may use beside a comparison that counts.
MOST_OTHERS = 0.05

# The smallest limit that Airside takes: what does not fit goes to temporary files.
LEAST_MEMORY = "256MiB"

CONFIG = """[network]
allowed_ip = ["203.0.113.0/24"]
"""

# What each data set is for, and who reads it.
DATASETS = {
    "plain": [
        "airside", "airside-limited", "duckdb-load", "duckdb-query", "clickhouse-aggregate", "clickhouse-query",
        "datafusion-query", "rsigma", "jq", "read", "sonic-rs", "simd-json",
    ],
    "gzip": [
        "airside", "duckdb-load", "clickhouse-aggregate", "datafusion-query", "read", "sonic-rs", "simd-json",
    ],
    "shuffled": ["airside", "duckdb-load", "read", "sonic-rs"],
    "small": ["airside", "read"],
    "tenth": ["airside", "airside-limited"],
    "tenfold": ["airside", "airside-limited"],
}

WHAT = {
    "airside": "`airside scan`: split, all default rules, evidence",
    "airside-limited": f"the same with `--memory-limit {LEAST_MEMORY}`",
    "duckdb-load": "DuckDB loads the needed columns",
    "duckdb-query": "DuckDB classifies, one detection",
    "clickhouse-aggregate": "ClickHouse local (chdb) aggregates the needed columns",
    "clickhouse-query": "ClickHouse local (chdb) classifies, one detection",
    "datafusion-query": "DataFusion classifies, one detection",
    "rsigma": "rsigma, five Sigma rules",
    "jq": "jq, one detection",
    "read": "floor: the bytes read (and inflated), lines counted",
    "sonic-rs": "floor: sonic-rs extracts the fields",
    "simd-json": "floor: simd-json extracts the fields",
}


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def stop(text):
    say(text)
    sys.exit(2)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="small data, one run: exit code 1 where anything differs")
    parser.add_argument("--size", type=int, help="bytes of the plain data set (2 GB; 60 MB with --check)")
    parser.add_argument("--runs", type=int, help="rounds of the contenders (5; 1 with --check)")
    parser.add_argument("--only", help="these contenders, comma separated: " + ", ".join(WHAT))
    parser.add_argument("--datasets", help="these data sets, comma separated: " + ", ".join(DATASETS))
    parser.add_argument("--ten-times", action="store_true", help="a data set of ten times --size, too")
    parser.add_argument("--airside", type=Path, help="the program (${CARGO_TARGET_DIR:-target}/release/airside)")
    parser.add_argument("--fresh", action="store_true", help="make the data anew")
    options = parser.parse_args()
    options.size = options.size or (CHECK_BYTES if options.check else WHOLE_BYTES)
    options.runs = options.runs or (1 if options.check else WHOLE_RUNS)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    options.airside = (options.airside or target / "release" / "airside").resolve()
    if not options.airside.exists():
        stop(f"there is no {options.airside}: run cargo build --release, or name it with --airside")
    known = set(WHAT)
    parts = (options.check, options.only, options.datasets, options.size < WHOLE_BYTES, options.runs < WHOLE_RUNS)
    options.is_whole = not any(parts)
    options.only = set(options.only.split(",")) if options.only else known
    if options.only - known:
        stop(f"--only: unknown {', '.join(sorted(options.only - known))}; known are {', '.join(WHAT)}")
    # A tenth of a check's size has hardly more than the incidents.
    skipped = {"tenfold"} - ({"tenfold"} if options.ten_times else set()) | ({"tenth"} if options.check else set())
    default = [name for name in DATASETS if name not in skipped]
    options.datasets = options.datasets.split(",") if options.datasets else default
    for name in options.datasets:
        if name not in DATASETS:
            stop(f"--datasets: unknown {name}; known are {', '.join(DATASETS)}")
    return options


# Set-up ---------------------------------------------------------------------------------------------


@dataclass
class Tools:
    cache: Path
    airside: Path
    python: Path
    make_data: Path
    floor: Path
    rsigma: Path | None
    jq: str | None
    config: Path


def command(words, **more):
    """Runs a command that must succeed, and returns what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
    if done.returncode != 0:
        stop(f"{' '.join(str(word) for word in words[:6])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def set_up(options):
    cache = Path(os.environ.get("AIRSIDE_CACHE") or Path.home() / ".cache" / "airside") / "compare"
    cache.mkdir(parents=True, exist_ok=True)
    floors = cache / "target" / "release"
    tools = Tools(
        cache=cache,
        airside=options.airside,
        python=cache / "venv" / "bin" / "python",
        make_data=floors / "make_data",
        floor=floors / "floor",
        rsigma=cache / "rsigma" / "bin" / "rsigma" if "rsigma" in options.only else None,
        jq=shutil.which("jq") if "jq" in options.only else None,
        config=cache / "airside.toml",
    )
    tools.config.write_text(CONFIG)
    requirements = (HERE / "requirements.txt").read_text()
    stamp = cache / "venv" / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements:
        say("installing the peers from PyPI")
        command([sys.executable, "-m", "venv", "--clear", cache / "venv"])
        command([tools.python, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"])
        stamp.write_text(requirements)
    say("building the floors")
    # sonic-rs uses what the processor has only if it is told so when it is built.
    build = os.environ | {"CARGO_TARGET_DIR": str(cache / "target"), "RUSTFLAGS": "-C target-cpu=native"}
    command(["cargo", "build", "--release", "--locked", "--manifest-path", HERE / "Cargo.toml"], env=build)
    if tools.rsigma and not tools.rsigma.exists():
        version, features = RSIGMA
        say(f"installing rsigma {version} (some ten minutes)")
        build = os.environ | {"CARGO_TARGET_DIR": str(cache / "rsigma" / "target")}
        root = ["--root", cache / "rsigma"]
        command(["cargo", "install", "rsigma", "--version", version, "--locked", *features, *root], env=build)
        shutil.rmtree(cache / "rsigma" / "target", ignore_errors=True)
    if "jq" in options.only and not tools.jq:
        say("there is no jq on PATH (Debian has one): left out")
        options.only.discard("jq")
    return tools


# Data -----------------------------------------------------------------------------------------------


@dataclass
class Dataset:
    name: str
    folder: Path
    made: dict
    tenant: Path


def sizes(options):
    return {
        "plain": options.size,
        "gzip": options.size,
        "shuffled": options.size,
        "small": min(SMALL_BYTES, options.size // 4) if options.size < WHOLE_BYTES else SMALL_BYTES,
        "tenth": options.size // 10,
        "tenfold": options.size * 10,
    }


def make_data(options, tools):
    """Makes what is not there yet: a data set is as good as the sources that made it."""
    sources = sorted([*HERE.glob("src/**/*.rs"), HERE / "Cargo.lock"])
    recipe = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    data = tools.cache / "data"
    for old in data.glob("*"):
        if old.name != recipe or options.fresh:
            shutil.rmtree(old)
    made = {}
    for name in options.datasets:
        size = sizes(options)[name]
        mode = name if name in ("gzip", "shuffled", "small") else "plain"
        tenant = make_tenant(tools, data / recipe, size)
        folder = data / recipe / f"{mode}-{size}-of-{tenant.name}"
        told = folder.parent / f"{folder.name}.json"
        if not told.exists():
            say(f"making {name}: {size:,} bytes")
            shutil.rmtree(folder, ignore_errors=True)
            words = [tools.make_data, tenant, folder, "--mode", mode, "--size", size, "--seed", SEED]
            text = command(words)
            told.write_text(text)
        made[name] = Dataset(name, folder, json.loads(told.read_text()), tenant)
    return made


def make_tenant(tools, data, size):
    records = size * TENANT_SHARE / RECORD_BYTES - INCIDENT_RECORDS
    events = max(LEAST_EVENTS, int(records / TENANT_DAYS))
    tenant = data / f"tenant-{events}"
    if not (tenant / "truth.json").exists():
        shutil.rmtree(tenant, ignore_errors=True)
        words = [tools.airside, "generate", tenant, "--seed", SEED, "--workspaces", 4, "--days", TENANT_DAYS]
        command([*words, "--events-per-day", events, "--progress", "never"])
    return tenant


# Contenders -----------------------------------------------------------------------------------------


@dataclass
class Run:
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    errors: str


@dataclass
class Contender:
    name: str
    words: list
    # Share of the records that it reads, and how many these are.
    share: float = 1.0
    records: int = 0
    runs: list = field(default_factory=list)
    # Peers in Python tell the time of their work.
    tells_seconds: bool = False


# Starts a process and waits for it. A process counts as its own peak what its parent held when it was
# started, so the parent is one that holds next to nothing.
STARTER = """
import json, os, sys, time
output, words = sys.argv[1], sys.argv[2:]
files = [(os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
         (os.POSIX_SPAWN_OPEN, 2, output + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)]
begin = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(words[0], words, os.environ, file_actions=files), 0)
seconds = time.perf_counter() - begin
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""


def measure(words, output):
    """Runs a process, its standard output into a file, and tells what it took."""
    words = [str(word) for word in words]
    seconds, cpu_seconds, peak, code = json.loads(command([sys.executable, "-SE", "-c", STARTER, output, *words]))
    text, errors = (Path(path).read_text(errors="replace") for path in (output, f"{output}.err"))
    if code != 0:
        raise RuntimeError(f"{words[0]} ended with {code}: {errors[-3000:]}")
    # Linux counts it in KiB, macOS in bytes.
    return Run(seconds, cpu_seconds, peak * (1 if sys.platform == "darwin" else 1024), text, errors)


def scan_words(tools, folder, threads=THREADS, more=(), paths=None):
    return [
        tools.airside, "scan", *(paths or [folder]), "--config", tools.config, "--threads", threads,
        "--format", "ndjson", "--progress", "never", "--force", *more,
    ]  # fmt: skip


def logs_of(folder):
    """Log files of an archive, by name."""
    return sorted(path for path in folder.rglob("*.json*") if path.relative_to(folder).parts[0] != "inventory")


def share_of(dataset, share):
    """About so much of the files, taken evenly: two lists of equal size, the records in them, the share of the bytes."""
    step = max(1, round(1 / share))
    # One in so many of each size.
    files = sorted(logs_of(dataset.folder), key=lambda path: (path.stat().st_size, str(path)))[step // 2 :: step]
    if step == 1:
        return [files[0::2], files[1::2]], dataset.made["records"], 1.0
    records = size = 0
    for path in files:
        content = path.read_bytes()
        records += content.count(b"\n")
        size += len(content)
    return [files[0::2], files[1::2]], records, size / dataset.made["bytes"]


def contender(tools, dataset, name):
    folder, records = dataset.folder, dataset.made["records"]
    work = tools.cache / "work"
    work.mkdir(exist_ok=True)
    if name.startswith("airside"):
        more = ["--coverage", work / f"{dataset.name}.coverage.json"]
        if name == "airside-limited":
            more += ["--memory-limit", LEAST_MEMORY]
        return Contender(name, scan_words(tools, folder, more=more), records=records)
    if name in ("read", "sonic-rs", "simd-json"):
        return Contender(name, [tools.floor, name, folder, "--threads", THREADS], records=records)
    if name in SHARES:
        lists, records, share = share_of(dataset, SHARES[name])
        parts = []
        for index, files in enumerate(lists):
            listed = work / f"{dataset.name}.{name}.{index}.files"
            listed.write_bytes(b"\0".join(os.fsencode(path) for path in files) + b"\0")
            parts.append(f"xargs -0 cat < '{listed}' | {analyst(tools, dataset, name)} & of{index}=$!")
        script = "\n".join(["set -o pipefail", *parts, "wait $of0 && wait $of1"])
        return Contender(name, ["bash", "-c", script], share=share, records=records)
    return Contender(name, [tools.python, HERE / "peers.py", name, folder], records=records, tells_seconds=True)


def analyst(tools, dataset, name):
    """The filter that stands behind `cat`: rsigma with its rules, jq with one question."""
    if name == "rsigma":
        return f"'{tools.rsigma}' engine eval --rules '{HERE / 'sigma'}'"
    rows = json.loads((dataset.folder / "inventory" / "service-principals.json").read_text())
    ids = {row["id"]: True for row in rows if row["displayName"] == "dbmanagedidentity"}
    program = (
        f"{json.dumps(ids)} as $dbmi | reduce inputs as $r ({{records: 0, found: 0}}; .records += 1 "
        "| if $r.statusCode < 400 and ($r.identity | type == \"object\") "
        "and $dbmi[$r.identity.requester.objectId? // \"\"] then .found += 1 else . end)"
    )
    return f"'{tools.jq}' --null-input --compact-output '{program}'"


def counted(one, run, coverage):
    """Records that a contender says it has read."""
    if one.name.startswith("airside"):
        told = json.loads(coverage.read_text())
        # Grants and the like of the inventory are events, too, but no records of a log.
        logs = sum(source["events"] for name, source in told["sources"].items() if name != "inventory")
        return logs + told["records"]["duplicates"] + told["records"]["rejected"]
    if one.name == "rsigma":
        told = [line.split() for line in run.errors.splitlines() if line.startswith("Processed ")]
        return sum(int(words[1]) for words in told)
    return sum(json.loads(line)["records"] for line in run.output.splitlines() if line.startswith("{"))


# Rounds ---------------------------------------------------------------------------------------------


def race(options, tools, dataset):
    """Lets the contenders of a data set take turns; returns those that count rightly."""
    names = [name for name in DATASETS[dataset.name] if name in options.only]
    contenders = [contender(tools, dataset, name) for name in names]
    work = tools.cache / "work"
    measure([tools.floor, "read", dataset.folder, "--threads", THREADS], work / "warm")
    problems = []
    for number in range(options.runs):
        shift = number % max(1, len(contenders))
        for one in contenders[shift:] + contenders[:shift]:
            output = work / f"{dataset.name}.{one.name}.out"
            try:
                run = measure(one.words, output)
                count = counted(one, run, work / f"{dataset.name}.coverage.json")
                if count is not None and count != one.records:
                    raise RuntimeError(f"counts {count:,} records instead of {one.records:,}")
            except (RuntimeError, ValueError, KeyError) as error:
                problems.append(f"{dataset.name}: {one.name}: {error}")
                say(problems[-1])
                one.runs = []
                one.words = ["false"]
                continue
            if one.tells_seconds:
                run.seconds = json.loads(run.output)["seconds"]
            run.seconds /= one.share
            one.runs.append(run)
            rate = dataset.made["bytes"] / run.seconds / 1e6
            say(f"{dataset.name} {number + 1}/{options.runs} {one.name}: {run.seconds:.2f} s, {rate:,.0f} MB/s")
    return {one.name: one for one in contenders if one.runs}, problems


# Checks ---------------------------------------------------------------------------------------------


def findings(tools, folder, threads=THREADS, paths=None):
    """Findings of a scan as they are printed, and its coverage."""
    work = tools.cache / "work"
    coverage = work / "check.coverage.json"
    words = scan_words(tools, folder, threads, ["--coverage", coverage], paths)
    run = measure(words, work / "check.out")
    return run.output, json.loads(coverage.read_text())


def fingerprints(output):
    """Who is found doing what, whatever file it stands in."""
    rows = [json.loads(line) for line in output.splitlines()]
    return {row["fingerprint"]: (row["rule_id"], row["principal_name"], row["events"]) for row in rows}


def compare_findings(one, other, what):
    lost = [one[key] for key in one.keys() - other.keys()]
    new = [other[key] for key in other.keys() - one.keys()]
    changed = [(one[key], other[key]) for key in one.keys() & other.keys() if one[key] != other[key]]
    if lost or new or changed:
        return [f"{what}: lost {lost[:5]}, new {new[:5]}, changed {changed[:5]}"]
    return []


def check_data(dataset):
    """Whether the data is as unflattering as it should be."""
    made, problems = dataset.made, []
    records = made["records"]
    if dataset.name != "shuffled" and made["layouts"] < 200:
        problems.append(f"only {made['layouts']} layouts")
    if not 0.015 < made["records_escaped"] / records < 0.025:
        problems.append(f"{made['records_escaped']} records of {records} escaped")
    permuted = made["records_permuted"] / records
    if not (permuted == 1 if dataset.name == "shuffled" else 0.045 < permuted < 0.055):
        problems.append(f"{made['records_permuted']} records of {records} permuted")
    # The incidents alone are more than that of anything smaller.
    if made["bytes"] >= 50_000_000 and made["records_naming_databricks"] > 0.05 * records:
        problems.append(f"{made['records_naming_databricks']} records of {records} name Databricks identities")
    return [f"{dataset.name}: {problem}" for problem in problems]


def check_scan(tools, datasets):
    """Whether findings depend on nothing but the records: what does, and in a sentence what was looked at."""
    problems = []
    tenants = {}
    told = []
    for dataset in datasets.values():
        output, coverage = findings(tools, dataset.folder)
        found = fingerprints(output)
        if dataset.tenant not in tenants:
            tenants[dataset.tenant] = fingerprints(findings(tools, dataset.tenant)[0])
        problems += compare_findings(tenants[dataset.tenant], found, f"{dataset.name} against its tenant")
        rules = coverage["rules"]
        if rules["not_evaluable"] or rules.get("partial"):
            problems.append(f"{dataset.name}: not evaluable: {rules['not_evaluable']}, {rules.get('partial')}")
        outcomes = coverage["records"]
        if outcomes["duplicates"] or outcomes["rejected"] or coverage["skipped"].keys() - {"inventory"}:
            problems.append(f"{dataset.name}: {outcomes}, {coverage['skipped']}")
        for threads in (1, 2, 8):
            if findings(tools, dataset.folder, threads)[0] != output:
                problems.append(f"{dataset.name}: other findings with {threads} threads")
        files = [*logs_of(dataset.folder), *sorted((dataset.folder / "inventory").iterdir())]
        # As many as a command line takes.
        if sum(len(str(path)) + 9 for path in files) < 1_500_000:
            random.Random(SEED).shuffle(files)
            if findings(tools, dataset.folder, paths=files)[0] != output:
                problems.append(f"{dataset.name}: other findings with the files in another order")
        rules = len({row[0] for row in found.values()})
        told.append(f"{dataset.name} {len(found)} findings of {rules} rules")
        say(f"checked {told[-1]}")
    return problems, "; ".join(told)


def check_peers(races):
    """Whether the peers that answer the same question answer it alike."""
    problems = []
    answers = {}
    for contenders in races.values():
        for name in ("duckdb-query", "clickhouse-query", "datafusion-query"):
            if name in contenders:
                told = json.loads(contenders[name].runs[0].output)
                answers[name] = {key: told[key] for key in ("by_stream", "found")}
        if len({json.dumps(told, sort_keys=True) for told in answers.values()}) > 1:
            problems.append(f"the peers disagree: {answers}")
        answers.clear()
        sums = [json.loads(contenders[name].runs[0].output) for name in ("sonic-rs", "simd-json") if name in contenders]
        if len({told["checksum"] for told in sums}) > 1 or any(told["failed"] for told in sums):
            problems.append(f"the parsers disagree: {sums}")
    return problems


def percent(share):
    return f"{100 * share:.1f} %"


def reached(one):
    """Airside's own figures: records that it read by their members, and by a layout that it knew."""
    lines = [line.split() for line in one.runs[0].errors.splitlines() if line.startswith("reached: ")]
    return (int(lines[0][1]), int(lines[0][5])) if lines else None


class Watch:
    """Watches how much of the processors others use: what they take, the contenders cannot have."""

    def __init__(self):
        self.begin = self.read()

    @staticmethod
    def read():
        """Seconds of all processors, of these the busy ones, and of these our own."""
        own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        try:
            ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        except OSError:
            return 0, own, own
        every = sum(ticks) / os.sysconf("SC_CLK_TCK")
        return every, every - (ticks[3] + ticks[4]) / os.sysconf("SC_CLK_TCK"), own

    def others(self):
        """Share of the processors that others have used since; 0 where the system does not tell."""
        every, busy, own = (now - then for now, then in zip(self.read(), self.begin))
        return max(0, busy - own) / every if every else 0


# Results --------------------------------------------------------------------------------------------


def median(runs):
    return statistics.median(run.seconds for run in runs)


def ratio(contenders, peer):
    """How many times longer a peer takes than Airside: median, least and most of the rounds; the same of the CPU time."""
    pairs = list(zip(contenders[peer].runs, contenders["airside"].runs))
    each = [other.seconds / own.seconds for other, own in pairs]
    cpu = statistics.median(other.cpu_seconds / own.cpu_seconds for other, own in pairs) / contenders[peer].share
    return statistics.median(each), min(each), max(each), cpu


GOALS = [
    ("plain", "duckdb-load", 4.0),
    ("gzip", "duckdb-load", 3.0),
    ("plain", "clickhouse-aggregate", 2.0),
    ("gzip", "clickhouse-aggregate", 2.0),
    ("plain", "sonic-rs", 1.0),
    ("plain", "simd-json", 1.0),
    ("gzip", "sonic-rs", 1.0),
    ("gzip", "simd-json", 1.0),
    ("shuffled", "duckdb-load", 2.0),
]


def goal_rows(datasets, races):
    rows = []
    for name, peer, goal in GOALS:
        contenders = races.get(name, {})
        if "airside" in contenders and peer in contenders:
            middle, least, most, cpu = ratio(contenders, peer)
            verdict = "met" if middle >= goal else "not met"
            told = f"{middle:.2f} ({least:.2f} to {most:.2f}); by CPU time {cpu:.2f}"
            rows.append((f"{name}: {WHAT[peer]}, time over Airside's", f"at least {goal:g}", told, verdict))

    def rate(name, peer):
        return datasets[name].made["bytes"] / median(races[name][peer].runs)

    if all("airside" in races.get(name, {}) for name in ("small", "plain")):
        share = rate("small", "airside") / rate("plain", "airside")
        told = f"{share:.2f}"
        if "read" in races["small"]:
            each = median(races["small"]["read"].runs) / datasets["small"].made["files"] * 1e6
            own = median(races["small"]["airside"].runs) / datasets["small"].made["files"] * 1e6
            told += f"; {own:.0f} µs a file, of which opening and reading it alone takes {each:.0f} µs on two threads"
        files = datasets["small"].made["files"]
        rows.append((f"{files:,} files of 4 KB: byte rate over that of large files", "at least 0.5", told,
                     "met" if share >= 0.5 else "not met"))  # fmt: skip
    for less, more, who in (
        (less, more, who)
        for less, more in (("tenth", "plain"), ("plain", "tenfold"))
        for who in ("airside", "airside-limited")
    ):
        if all(who in races.get(name, {}) for name in (less, more)):
            size = datasets[more].made["bytes"] / datasets[less].made["bytes"]
            times = median(races[more][who].runs) / median(races[less][who].runs)
            scaled = times * 10 / size
            peaks = [statistics.median(run.peak_bytes for run in races[name][who].runs) for name in (less, more)]
            told = f"{scaled:.2f}; peak memory {peaks[0] / 1e6:,.0f} MB and {peaks[1] / 1e6:,.0f} MB"
            limit = f", `--memory-limit {LEAST_MEMORY}`" if who == "airside-limited" else ""
            rows.append((f"time of ten times the data ({less} to {more}){limit}", "at most 10.5", told,
                         "met" if scaled <= 10.5 else "not met"))  # fmt: skip
    return rows


def table(head, rows, right=()):
    marks = ["---:" if index in right else "---" for index in range(len(head))]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(marks) + "|"]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def result_table(dataset, contenders):
    rows = []
    for name, one in contenders.items():
        seconds = [run.seconds for run in one.runs]
        cpu = statistics.median(run.cpu_seconds for run in one.runs) / one.share
        peak = max(run.peak_bytes for run in one.runs)
        share = "" if one.share == 1 else f", from {percent(one.share)} of the bytes, scaled up"
        over = f"{ratio(contenders, name)[0]:.2f}" if "airside" in contenders else ""
        rows.append((
            WHAT[name] + share, f"{median(one.runs):.2f}", f"{min(seconds):.2f} to {max(seconds):.2f}", f"{cpu:.2f}",
            f"{dataset.made['bytes'] / median(one.runs) / 1e6:,.0f}", f"{peak / 1e6:,.0f}", over,
        ))  # fmt: skip
    head = ["who", "s, median", "s, spread", "CPU s", "MB/s", "peak MB", "time over Airside's"]
    return table(head, rows, right=range(1, len(head)))


def machine():
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
        memory = f", {int(total.split()[1]) / 2**20:.0f} GiB"
    except (OSError, StopIteration):
        memory = ""
    return f"{model}, {os.cpu_count()} cores{memory}, {platform.system()} {platform.release().split('-')[0]} {platform.machine()}"


def versions(options, tools):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    words = [
        f"{command([tools.airside, '--version']).strip()} ({commit.stdout.strip() or 'no commit'})",
        command(["rustc", "--version"]).split(" (")[0],
        f"Python {platform.python_version()}",
    ]
    words += [line.replace("==", " ") for line in (HERE / "requirements.txt").read_text().split()]
    lock = (HERE / "Cargo.lock").read_text().split("[[package]]")
    for crate in ("sonic-rs", "simd-json", "libdeflater"):
        part = next((part for part in lock if f'name = "{crate}"' in part), "")
        words.append(f"{crate} {part.split('version = ')[1].split(chr(34))[1]}" if part else crate)
    if tools.rsigma:
        words.append(f"rsigma {RSIGMA[0]}")
    if tools.jq:
        words.append(command([tools.jq, "--version"]).strip().replace("-", " "))
    return ", ".join(words)


def data_rows(datasets):
    rows = []
    for name, dataset in datasets.items():
        made = dataset.made
        records = made["records"]
        rows.append((
            name, f"{made['bytes'] / 1e6:,.0f}", f"{made['bytes_on_disk'] / 1e6:,.0f}", f"{made['files']:,}", f"{records:,}",
            f"{made['layouts']:,}" if name != "shuffled" else "each its own", percent(made["records_permuted"] / records),
            percent(made["records_escaped"] / records), percent(made["records_naming_databricks"] / records),
        ))  # fmt: skip
    head = ["data", "MB", "MB on disk", "files", "records", "layouts", "permuted", "escaped", "name DBMI or ADAC"]
    return table(head, rows, right=range(1, len(head)))


def report(options, tools, datasets, races, goals, others, problems):
    """The page of results."""
    lines = [
        "# Airside and its peers",
        "",
        f"{datetime.date.today().isoformat()}, {machine()}. {options.runs} interleaved rounds, {THREADS} threads each. "
        f"Others used {percent(others)} of the processors meanwhile"
        + (": **too much for these figures to count**." if others > MOST_OTHERS else "."),
        "",
        f"Versions: {versions(options, tools)}.",
        "",
        "Made by `python3 benches/compare/run.py" + "".join(f" {word}" for word in told_flags()) + "`, whose "
        "head says how it measures. A ratio is the other's time over Airside's: above 1, Airside is faster.",
        "",
        "## Goals",
        "",
        *table(["what", "goal", "measured: median (least to most of the rounds)", ""], goals),
        "",
    ]
    rates = []
    for name, contenders in races.items():
        told = reached(contenders["airside"]) if "airside" in contenders else None
        if told:
            by_members, known = (percent(records / datasets[name].made["records"]) for records in told)
            rates.append(f"{name} {known} ({by_members} without a tape)")
    if rates:
        lines += [f"Records that Airside read by a key layout it knew: {', '.join(rates)}.", ""]
    if "plain" in datasets:
        made = datasets["plain"].made
        lines += [
            f"Layouts of the plain data: {made['layouts']:,}, of which {made['layouts_of_90_percent']:,} cover 90 % and "
            f"{made['layouts_of_99_percent']:,} cover 99 % of the records; the commonest has "
            f"{percent(made['commonest_layout_share'])}.",
            "",
        ]
    lines += ["## Data", "", *data_rows(datasets), ""]
    for name, contenders in races.items():
        lines += [f"## {name}", "", *result_table(datasets[name], contenders), ""]
    lines += notes()
    if problems:
        lines += ["## What went wrong", "", *[f"* {problem}" for problem in problems], ""]
    return "\n".join(lines).rstrip() + "\n"


def told_flags():
    """The flags of this run, without paths of this machine."""
    words, skip = [], False
    for word in sys.argv[1:]:
        if not skip and not word.startswith("--airside"):
            words.append(word)
        skip = word == "--airside"
    return words


def notes():
    return [
        "## How the peers run",
        "",
        "* Columns: those that Airside decodes, named once in `peers.py` for all engines.",
        "* DuckDB: `read_ndjson` with explicit columns, `preserve_insertion_order=false` (a fifth faster here, and",
        "  half the memory); a smaller `maximum_object_size` and flat columns changed nothing or made it slower.",
        "* ClickHouse: `JSONEachRow` with an explicit structure, hive partitioning off (the archive's folders say `m=`",
        "  for month and minute), files mapped into memory. *Aggregates* reads all needed columns and adds up their",
        "  lengths; *classifies* reads only the columns of its one question.",
        "* DataFusion: NDJSON with an explicit schema, listing below folders.",
        "* jq and rsigma: two processes side by side behind `cat`; jq asks one question, rsigma has the rules in `sigma/`.",
        "* The floors are built for the machine's own processor (`-C target-cpu=native`), know each file's log from",
        "  its folder, and keep nothing. Airside is built without that flag.",
        "",
    ]


def main():
    # Airside then says how many records it read in the fast way.
    os.environ["AIRSIDE_BENCH"] = "1"
    options = arguments()
    tools = set_up(options)
    datasets = make_data(options, tools)
    problems = [problem for dataset in datasets.values() for problem in check_data(dataset)]
    (tools.cache / "work").mkdir(exist_ok=True)
    wrong, looked_at = check_scan(tools, datasets) if "airside" in options.only else ([], "")
    problems += wrong
    same = [("findings: those of the tenant; for 1, 2 and 8 threads and files in any order (but `small`: too many for a command line)", "identical", looked_at,
             "not met" if wrong else "met")] if looked_at else []  # fmt: skip
    races = {}
    watch = Watch()
    for name, dataset in datasets.items():
        races[name], wrong = race(options, tools, dataset)
        problems += wrong
    others = watch.others()
    if others > MOST_OTHERS:
        say(f"others used {percent(others)} of the processors: the figures are worse than on an idle machine")
    problems += check_peers(races)
    if not options.check:
        page = report(options, tools, datasets, races, goal_rows(datasets, races) + same, others, problems)
        print(page)
        if options.is_whole:
            RESULTS.write_text(page)
            say(f"written: {RESULTS.relative_to(ROOT)}")
    for problem in problems:
        say(f"PROBLEM {problem}")
    if options.check:
        say("all agree" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
