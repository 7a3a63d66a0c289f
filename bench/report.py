"""What was measured, as a table to read (Markdown) and as pictures. The numbers themselves are in the JSON."""

from plot import bars, lines
from turns import SUBJECTS


def spread(value, form=".2f"):
    return f"{value['median']:{form}} ({value['least']:{form}} to {value['most']:{form}})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def reached(value, aim, least=True):
    if aim is None:
        return ""
    return f"{'at least' if least else 'at most'} {aim:g}: {'yes' if (value >= aim) == least else '**no**'}"


def throughput(ratios):
    head = ["apps", "in flight", "", "ratio", "its events/s to each app", "the relay's", "aim"]
    rows = [
        (
            row["apps"],
            row["in_flight"],
            f"{row['subject']} ÷ {row['of']}",
            spread(row["ratio"]),
            spread(row["events_s"], ",.0f"),
            spread(row["reference_events_s"], ",.0f"),
            reached(row["ratio"]["median"], row["aim"]),
        )
        for row in ratios
    ]
    return "### Throughput\n\n" + table(head, rows)


def latency(rows, ingest, probes):
    head = ["apps", "", "requests/s", "p50 µs", "p99 µs", "p99.9 µs", "longest sync beside it, µs"]
    told = [
        (row["apps"], row["subject"], f"{row['rate']['median']:,.0f}")
        + tuple(spread(row[name], ",.0f") for name in ("p50_us", "p99_us", "p999_us", "sync_us"))
        for row in rows
    ]
    syncs = "; ".join(f"{probe['p50_us']:,} / {probe['p99_us']:,} / {probe['max_us']:,}" for probe in probes)
    limits = [
        (row["apps"], row["subject"], f"{row['times']:.2f}", reached(row["times"], row["aim_at_most"], least=False))
        for row in ingest
    ]
    return (
        "### Latency of the answer at half load, 64 connections\n\n"
        + table(head, told)
        + f"\nA sync of 4 KiB, p50 / p99 / longest in µs, in the same rounds: {syncs}.\n\n"
        + table(["apps", "", "p99 ÷ (the relay's p99 + the sync's p99)", "aim"], limits)
    )


def isolation(rows):
    head = ["one of three", "the others' rate", "and while it catches up", "it catches up at", "memory MiB", "aims"]
    told = []
    for row in rows:
        names = ("others", "others_while_it_catches_up", "catches_up")
        aims = ", ".join(reached(row[name]["median"], row["aims"][name]) for name in names)
        memory = f"{row['memory']['median'] / 2**20:.0f}, then {row['grown']['median'] / 2**20:+.0f}"
        told.append((row["state"], *(spread(row[name]) for name in names), memory, aims))
    seconds = rows[0]["seconds"]
    return f"### One app of three is away for {seconds:g} s, as ratios to when it is not\n\n" + table(head, told)


def threads(found):
    aims = found["aims"]
    commit = max(25, 3 * found["longest_sync_ms"])
    least = lambda name: reached(found[name]["median"], aims[name], least=False)
    rows = [
        ("rate by that with 1,000 threads", spread(found["ratio"]), reached(found["ratio"]["median"], aims["ratio"])),
        ("no commit longer than, ms", f"{found['commit_at_most_ms']:.1f}", reached(found["commit_at_most_ms"], commit, False)),
        ("longest sync of the probe, ms", f"{found['longest_sync_ms']:.1f}", ""),
        ("state of a thread on disk, bytes", found["state_bytes"], reached(found["state_bytes"], aims["state_bytes"], False)),
        ("memory that it takes at rest, bytes", found["memory_bytes"], ""),
        ("its entry in the list, bytes", found["list_bytes"], reached(found["list_bytes"], aims["list_bytes"], False)),
        ("first answer after a cold start, s", spread(found["cold_start_s"]), least("cold_start_s")),
        ("first answer after a kill at full load, s", spread(found["after_kill_s"]), least("after_kill_s")),
    ]
    return f"### {found['threads']:,} threads\n\n" + table(["", "", "aim"], rows)


def postgres(found):
    rows = [
        (
            f"{row['nodes']} node{'s' if row['nodes'] > 1 else ''}",
            spread(row["events_s"], ",.0f"),
            spread(row["ratio"]),
            reached(row["ratio"]["median"], row["aim"]),
            spread(row["by_one"]),
            f"{row['p50_us']['median'] / 1000:.1f} / {row['p99_us']['median'] / 1000:.1f}",
        )
        for row in found["nodes"]
    ]
    head = ["", "events/s to one app", "÷ pgbench", "aim", "÷ one node", "answer, p50 / p99 ms"]
    words = "### PostgreSQL, 256 requests in flight\n\n" + table(head, rows)
    words += f"\n`pgbench -N` at its best: {spread(found['pgbench'], ',.0f')} transactions a second.\n"
    alone = [
        (
            row["drivers"],
            row["batch"],
            spread(row["events_s"], ",.0f"),
            spread(row["ratio"]),
            reached(row["ratio"]["median"], row["aim"]),
            f"{row['p50_us']['median'] / 1000:.1f} / {row['max_us']['median'] / 1000:.1f}",
        )
        for row in found["alone"]
    ]
    head = ["streams at once", "events in a batch", "events/s", "÷ pgbench", "aim", "commit, p50 / longest ms"]
    return words + "\nThe store alone:\n\n" + table(head, alone)


def growth(found):
    ms = lambda what, kind: spread(found[what][kind], ",.0f")
    names = {"state": "its state", "key": "its key", "list": "its place in the list", "event": "its event", "place": "the event's key"}
    rows = [
        ("store alone, rate by that with 1,000 threads", spread(found["ratio"]), reached(found["ratio"]["median"], found["aims"]["ratio"])),
        ("that rate, events/s", spread(found["many_events_s"], ",.0f"), ""),
        ("rate while retention deletes, by that without", spread(found["forgetting_ratio"]), ""),
        ("rows that it deletes in a second", spread(found["forgotten_s"], ",.0f"), ""),
        ("commit, p99 / longest ms", f"{ms('p99_ms', 'many')} / {ms('longest_ms', 'many')}", ""),
        ("the same while retention deletes", f"{ms('p99_ms', 'forgetting')} / {ms('longest_ms', 'forgetting')}", ""),
        ("the same with 1,000 threads", f"{ms('p99_ms', 'few')} / {ms('longest_ms', 'few')}", ""),
        ("longest sync of the probe, ms", f"{found['longest_sync_ms']:.1f}", ""),
        *((f"bytes on disk for a thread: {names[what]}", took, "") for what, took in found["sizes"].items()),
    ]
    return f"### PostgreSQL with {found['threads']:,} threads\n\n" + table(["", "", "aim"], rows)


def soak(found):
    flat = found["flat"]
    rows = [
        ("memory, second half by the first", flat["memory"]),
        ("p50, the same", flat["p50"]),
        ("p99, the same", flat["p99"]),
        ("most that waited at a look", flat["pending"]),
        ("slices of ten seconds with a p99 over 0.1 s; in so many of them the disk's own sync took over 50 ms", f"{flat['slow']}; {flat['slow_by_the_disk']}"),
    ]
    return f"### {found['rows'][-1]['seconds']} s at {found['rate']:,.0f} events/s to three apps\n\n" + table(["", ""], rows)


def told(found):
    """All of it, as Markdown."""
    machine = found["machine"]
    head = (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}; load, "
        f"server and receivers share them. Commit {found['commit']}. Load of the machine before: {machine['load']:.1f}.\n"
    )
    what = "\n".join(f"- `{name}`: {words}" for name, (words, *_) in SUBJECTS.items())
    parts = [head, what + "\n"]
    if found.get("ratios"):
        parts.append(throughput(found["ratios"]))
    if found.get("latency"):
        parts.append(latency(found["latency"], found["ingest"], found["latency_probes"]))
    if found.get("isolation"):
        parts.append(isolation(found["isolation"]))
    if found.get("threads"):
        parts.append(threads(found["threads"]))
    if found.get("postgres"):
        parts.append(postgres(found["postgres"]))
    if found.get("growth"):
        parts.append(growth(found["growth"]))
    if found.get("soak"):
        parts.append(soak(found["soak"]))
    verdict = "\n".join(f"- {fault}" for fault in found["faults"])
    parts.append(f"**Wrong:**\n\n{verdict}\n" if verdict else "Nothing was lost, doubled or wrongly signed.\n")
    return "\n".join(parts)


def pictures(found):
    """Names and SVG."""
    made = {}
    if found.get("ratios"):
        rows = [
            (
                f"{row['subject']} ÷ {row['of']}, N={row['apps']}, {row['in_flight']} in flight",
                row["ratio"]["median"],
                row["ratio"]["least"],
                row["ratio"]["most"],
                row["aim"],
                f"{row['ratio']['median']:.2f}",
            )
            for row in found["ratios"]
        ]
        made["ratios.svg"] = bars("Events per second, as a ratio to the relay in the same round", rows)
    if found.get("soak"):
        rows = found["soak"]["rows"]
        xs = [row["seconds"] for row in rows]
        column = lambda name, by=1: [row[name] / by for row in rows]
        latency = {"p50": column("p50_us", 1000), "p99": column("p99_us", 1000), "p99.9": column("p999_us", 1000)}
        made["soak.svg"] = lines(
            f"Half load: {found['soak']['rate']:,.0f} events a second to each of three apps",
            [
                ("Latency of the answer", "ms", xs, latency),
                ("Longest sync beside it", "ms", xs, {"the disk's own": column("sync_us", 1000)}),
                ("Memory", "MiB", xs, {"resident": column("memory", 2**20)}),
                ("Lag", "events that wait", xs, {"all apps": column("pending")}),
                ("Processor", "cores", xs, {"baton": column("processor")}),
            ],
        )
    return made
