# SPDX-License-Identifier: GPL-2.0-only
"""What is drawn: a function for each figure, which returns None if it has no rows."""

from gnuplot import COLOURS, Bars, Curves
from results import PEERS, number, span_of, title_of

MET, MISSED = "fc rgb '#009e73'", "fc rgb '#d55e00' fs pattern 4 border rgb '#d55e00'"
COPIES = {"copy-from": "read, in a bracket that is open",
          "copy-to": "write, in a bracket that is open",
          "copy-to-logged": "write, in a bracket, to a page that is marked in a log",
          "single-read": "read, bracket included",
          "single-write": "write, bracket included",
          "thread-read": "read, from a kernel thread",
          "thread-write": "write, from a kernel thread"}
UNITS = {"overhead": " insn over raw", "ratio": ""}


def copies(results):
    """What a copy of 64 bytes takes beside what the same takes the others."""
    cases = [case for case in COPIES if results.of(case, "virt_as")]
    if not cases:
        return None
    rows = [row for case in cases for row in results.of(case)]
    peers = max(row["regions"] for row in rows if row["system"] in PEERS)
    figure = Bars("What a copy of 64 bytes takes, over the raw copy",
                  f"bar: 1 region; whisker: up to {peers:,} regions, of virt_as "
                  f"{max(row['regions'] for row in rows):,}; dashed: the limit of a goal",
                  sum(1 + len(results.systems(case)) for case in cases), 0.41)
    for case in cases:
        figure.head(f"{case}: {COPIES[case]}")
        for system in results.systems(case):
            rows = list(results.best(case, system).values())
            values = [rows[0]["value"], max(row["value"] for row in rows)]
            text = " to ".join(map(number, values[:1 + (values[0] < values[1])]))
            limit = min((row["limit"] for row in rows if "goal" in row), default=0)
            call = rows[0]["call"].removeprefix(f"{system} ")
            figure.bar(f"{system}: {call}", values, text, f"fc rgb '{COLOURS[system]}'", limit)
    figure.plot("instructions over the raw copy")
    return figure


def lookups(results):
    """What a lookup takes in maps of more and more regions."""
    hit, systems = results.best("lookup", "virt_as"), ["virt_as", "kvm", "vhost"]
    if not hit or not results.of("lookup-scattered", "virt_as"):
        return None
    return Curves("What a lookup takes, in ever larger maps", "of a peer, its best call",
                  "instructions a lookup", [
        ("the same region again (lookup)", results.curves("lookup", systems), []),
        ("always another region (lookup-scattered)",
         results.curves("lookup-scattered", systems),
         results.limits("lookup-miss", hit[max(hit)]["value"], "a hit + "))])


def maps(results):
    """What it takes to make a map, and to replace it."""
    cases = {"map-build": "from nothing", "map-change": "every region gets another hva"}
    if not all(results.of(case, "virt_as") for case in cases):
        return None
    systems = ["virt_as", "kvm", "vhost", "iommufd"]
    return Curves("What a new map takes, a region", "of a peer, its best call; logarithmic",
                  "instructions a region",
                  [(f"{what} ({case})", results.curves(case, systems), results.limits(case))
                   for case, what in cases.items()], log=True)


def harvests(results):
    """What it takes to read a log in which nothing is dirty."""
    case = "harvest-clean"
    if not results.of(case, "virt_as"):
        return None
    return Curves("What a harvest of a clean log takes", "both axes logarithmic",
                  "instructions a harvest",
                  [(f"nothing is dirty ({case})", results.curves(case, ["virt_as", "kvm"]),
                    results.limits(case), "GiB of guest memory")], log=True)


def harvested_pages(results):
    """What it takes to read dirty pages."""
    cases = {"harvest-dirty": ("of 1 TiB", "dirty pages, scattered"),
             "harvest-space": ("1,000 dirty pages", "GiB of guest memory"),
             "harvest-logs": ("1,000 dirty pages of 16 GiB", "logs open")}
    if not all(results.of(case, "virt_as") for case in cases):
        return None
    return Curves("What a harvest takes, a dirty page", "both axes logarithmic",
                  "instructions a dirty page",
                  [(f"{what} ({case})", results.curves(case, ["virt_as"]),
                    results.limits(case), xlabel)
                   for case, (what, xlabel) in cases.items()], log=True)


def goals(results):
    """How far each figure is from its limit; where there are several, the worst."""
    found = [(key, rows) for key, rows in results.goals() if rows[0]["limit"]]
    if not found:
        return None
    figure = Bars("Which goals are met", "each figure as a part of its limit, which is dashed; "
                  "of several sizes the worst", len(found), 0.46)
    for (_, case, unit, _, _), rows in found:
        row = max(rows, key=lambda row: row["value"] / row["limit"])
        calls = {key[3] for key, _ in found if (case, unit) == key[1:3]}
        name = title_of(row, len(calls) > 1)
        if not case.endswith(" regions"):
            name += f", {span_of(rows)}"
        met = all(row["goal_met"] for row in rows)
        figure.bar(f"{row['goal']}: {name}", [row["value"] / row["limit"]],
                   f"{'met' if met else 'MISSED'}: {row['value']:.4g} of {row['limit']:g}"
                   f"{UNITS.get(unit, f' {unit}')}", MET if met else MISSED, 1)
    figure.plot("part of the limit")
    return figure


def native_lookups(results):
    """Nanoseconds of a lookup on this machine."""
    def curves(*cases):
        return [(f"{system}, {'hit' if 'hit' in case else 'miss'}", system, rows)
                for case in cases for system in ("virt_as", "rbtree")
                if (rows := results.calls(case, system).get("virt_as_lookup")
                    or results.best(case, system))]

    miss, hit = "native-lookup-miss", "native-lookup-hit"
    if not results.of(miss):
        return None
    return Curves("The time of a lookup on a real CPU", "in user space, one thread; logarithmic",
                  "ns a lookup", [
        ("lookups that may overlap", curves(miss, hit), results.limits(miss)),
        ("each waits for the one before (-chained)", curves(f"{miss}-chained"),
         results.limits(f"{miss}-chained"))], log=True)


def native_readers(results):
    """What another thread costs a reader."""
    cases = {"native-reader-beside-committer": "beside a committer, 1,000 commits a second",
             "native-readers-2-to-1": "beside another reader"}
    lines = sum(1 + len(results.systems(case)) for case in cases if results.of(case))
    if not lines:
        return None
    figure = Bars("What another thread costs a reader", "CPU time of the reader, as a multiple "
                  "of what it takes alone; dashed: the limit of a goal", lines, 0.36)
    for case, what in cases.items():
        if results.of(case):
            figure.head(what)
        for system in results.systems(case):
            row = results.of(case, system)[0]
            figure.bar(f"{system}: {row['call']}", [row["value"]], f"{row['value']:.2f}",
                       f"fc rgb '{COLOURS[system]}'", row.get("limit", 0))
    figure.plot("CPU time / CPU time alone")
    return figure


FIGURES = {"copies": copies, "lookups": lookups, "maps": maps, "harvests": harvests,
           "harvested-pages": harvested_pages, "goals": goals,
           "native-lookups": native_lookups, "native-readers": native_readers}
