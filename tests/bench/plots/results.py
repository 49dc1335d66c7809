# SPDX-License-Identifier: GPL-2.0-only
"""What tests/bench/report wrote, and how it is named and selected."""

import json

# Also the order in which they are shown.
SYSTEMS = ["virt_as", "kvm", "vhost", "iommufd", "xinterface", "process_vm", "rbtree",
           "rwlock"]
PEERS = SYSTEMS[1:6]


def number(value):
    """No more digits than tell something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 10 else f"{value:.3g}"


def regions_of(rows):
    """In words."""
    first, last = min(row["regions"] for row in rows), max(row["regions"] for row in rows)
    span = f"{last:,}" if first == last else f"{first:,} to {last:,}"
    return f"{span} region{'s' if last > 1 else ''}"


def at_of(row):
    """The number that rows of a case differ in: mostly that of regions."""
    return row.get("size", row["regions"])


def call_of(row):
    """Its call, without the size that stands behind it."""
    return row["call"].rpartition(", ")[0] if "size" in row else row["call"]


def span_of(rows):
    """The sizes or numbers of regions, in words."""
    if "size" not in rows[0]:
        return regions_of(rows)
    first, last = min(map(at_of, rows)), max(map(at_of, rows))
    unit = rows[0]["call"].rpartition(" ")[2]
    return f"{last:,} {unit}" if first == last else f"{first:,} to {last:,} {unit}"


def title_of(row, several=False):
    """What a row is about, with the call if there are several."""
    case = row["case"]
    if case.endswith(" regions"):
        case = case.replace(" to ", f", {row['regions']:,} to ")
    return f"{case}, {call_of(row).split(', ')[-1]}" if several else case


class Results:
    """The rows of results.json."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.rows = json.load(file)

    def of(self, case, system=None):
        """The figures of a case that count: of a copy, what is over the raw copy."""
        return [row for row in self.rows if row["case"] == case
                and system in (None, row["system"])
                and (row["unit"] in ("overhead", "ns") or not row["len"])]

    def systems(self, case):
        """Who has a figure of a case."""
        there = {row["system"] for row in self.of(case)}
        return [system for system in SYSTEMS if system in there]

    def calls(self, case, system):
        """{call: {regions or size: row}}"""
        found = {}
        for row in sorted(self.of(case, system), key=at_of):
            found.setdefault(call_of(row), {})[at_of(row)] = row
        return found

    def best(self, case, system):
        """{regions or size: the row of the best call}"""
        found = {}
        for rows in self.calls(case, system).values():
            for regions, row in rows.items():
                if regions not in found or row["value"] < found[regions]["value"]:
                    found[regions] = row
        return dict(sorted(found.items()))

    def curves(self, case, systems):
        """[(name, system, {regions or size: row})]: each call of virt_as, of a peer the best."""
        found = []
        for system in systems:
            calls = self.calls(case, system)
            if len(calls) > 1 and system == "virt_as":
                found += [(f"{system}, {call.split(', ')[-1]}", system, rows)
                          for call, rows in calls.items()]
            elif calls:
                found.append((system, system, self.best(case, system)))
        return found

    def limits(self, case, offset=0, words=""):
        """[(name, from where, to where, limit)] of the goals about a case."""
        found = {}
        for row in self.of(case):
            if "goal" in row:
                found.setdefault((row["goal"], row["limit"]), []).append(at_of(row))
        return [(f"goal {goal}: {words}{limit:,}", min(at), max(at), limit + offset)
                for (goal, limit), at in found.items()]

    def goals(self):
        """{what a goal speaks of: its rows}, in the order of the goals."""
        found = {}
        for row in self.rows:
            if "goal" in row:
                key = (int(row["goal"][1:]), row["case"], row["unit"], call_of(row),
                       row["limit"])
                found.setdefault(key, []).append(row)
        return sorted(found.items(), key=lambda item: item[0][0])
