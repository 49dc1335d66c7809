# SPDX-License-Identifier: GPL-2.0-only
"""The tables, as reStructuredText."""

from results import PEERS, SYSTEMS, number, span_of, title_of

HEAD = """.. SPDX-License-Identifier: GPL-2.0-only
.. Written by "make plots".

:orphan:

.. tables

"""


def rst(title, head, lines):
    """A heading and a table, in which what is a number stands at the right."""
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    rule = "  ".join("=" * width for width in widths)

    def cells(line):
        return "  ".join(cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
                         for cell, width in zip(line, widths)).rstrip()

    return "\n".join([title, "-" * len(title), "", rule, cells(head), rule,
                      *map(cells, lines), rule]) + "\n\n"


def goals(results):
    """What is wanted and what is; of several numbers of regions the worst."""
    for (_, _, unit, call, _), rows in results.goals():
        row = max(rows, key=lambda row: row["value"])
        yield [row["goal"], title_of(row), call, span_of(rows), unit, f"{row['value']:g}",
               f"{row['limit']:g}", "met" if all(r["goal_met"] for r in rows) else "**missed**"]


def operations(results):
    """virt_as beside the best call of each peer."""
    for case in dict.fromkeys(row["case"] for row in results.rows):
        own = results.calls(case, "virt_as")
        peers = {peer: results.best(case, peer) for peer in PEERS}
        if " to " in case or case.startswith("native-") or not (own or any(peers.values())):
            continue
        for call, rows in own.items() or {"": {}}.items():
            name = f"{case}: {call}" if len(own) > 1 else case
            for at in sorted({*rows, *(n for found in peers.values() for n in found)}):
                beside = [found.get(at) for found in peers.values()]
                row = next(row for row in [rows.get(at), *beside] if row)
                of = span_of([row]) if "size" in row else f"{at:,}"
                yield line_of(name, of, row["unit"], rows.get(at), beside)


def line_of(name, regions, unit, own, beside):
    """A line of the table of operations."""
    least = min((row["value"] for row in beside if row), default=0)
    ratio = f"{own['value'] / least:.2f}" if own and least > 0 else ""
    return [name, regions, "over raw" if unit == "overhead" else unit,
            *(number(row["value"]) if row else "" for row in [own, *beside]), ratio]


def raw(results):
    """What everybody pays."""
    for row in results.rows:
        if row["system"] == "raw" and not row["case"].startswith("native-"):
            yield [row["case"], row["call"], number(row["value"])]


def native(results, counts):
    """Of each operation on this machine, a column for each number of regions."""
    for case in dict.fromkeys(row["case"] for row in results.rows):
        for system in (*SYSTEMS, "raw"):
            for call, rows in results.calls(case, system).items():
                if case.startswith("native-"):
                    unit = next(iter(rows.values()))["unit"]
                    yield [case, system, call, unit,
                           *(number(rows[n]["value"]) if n in rows else "" for n in counts)]


def tables(results):
    """All of them."""
    counts = sorted({row["regions"] for row in results.rows if row["case"][:7] == "native-"})
    return HEAD + (
        rst("Goals", ["goal", "operation", "call", "of", "unit", "value", "limit", ""],
            list(goals(results)))
        + rst("Operations", ["operation", "regions or size", "unit", "virt_as", *PEERS, "ratio"],
              list(operations(results)))
        + rst("What everybody pays", ["operation", "call", "insn"], list(raw(results)))
        + rst("Native", ["operation", "system", "call", "unit", *(f"{n:,}" for n in counts)],
              list(native(results, counts)))).rstrip() + "\n"
