# SPDX-License-Identifier: GPL-2.0-only
"""tests/bench/plots RESULTS FOLDER: pictures and tables of what was counted.

Reads results.json, which tests/bench/report writes, and writes into FOLDER each
figure as SVG and PNG, by gnuplot, and table.rst. The same results make the same
bytes. Documentation/mm/virt_as/benchmarks.rst says how to read them.
"""

import sys
from pathlib import Path

from figures import FIGURES
from results import PEERS, Results
from tables import tables


def main():
    """Does what the arguments say."""
    results, folder = Results(sys.argv[1]), Path(sys.argv[2])
    missing = {"virt_as", *PEERS} - {row["system"] for row in results.rows}
    if missing:
        sys.exit(f"there is nothing of {', '.join(sorted(missing))} in {sys.argv[1]}; "
                 "run \"make bench\" first, which counts all systems")
    for name, draw in FIGURES.items():
        figure = draw(results)
        if figure:
            figure.write(folder / name)
        else:
            print(f"there are no rows for the figure {name}", file=sys.stderr)
    (folder / "table.rst").write_text(tables(results), encoding="utf-8")


main()
