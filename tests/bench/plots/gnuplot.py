# SPDX-License-Identifier: GPL-2.0-only
"""Figures, as scripts for gnuplot."""

import subprocess

from results import SYSTEMS

COLOURS = {"virt_as": "#0b4f9e", "kvm": "#e69f00", "vhost": "#009e73",
           "iommufd": "#cc79a7", "xinterface": "#7f7f7f", "process_vm": "#a6761d",
           "rbtree": "#d55e00", "rwlock": "#882255"}
POINTS = {"virt_as": 7, "kvm": 5, "vhost": 9, "iommufd": 11, "rbtree": 13}
DASHES = ["solid", "(3,2)", "(1,1.5)", "(6,2,1,2)"]  # of one system
SCALE = 2  # points of a PNG for each unit of the SVG


class Figure:
    """A script for gnuplot, written from the top to the bottom."""

    def __init__(self, title, note, width, height):
        self.size, self.blocks = (width, height), 0
        self.text = ["set encoding utf8", "set border 3", "set key noenhanced",
                     "set tics nomirror out scale 0.5", "set format '%g'",
                     "set style fill solid noborder", "unset key",
                     "set grid lc rgb '#dddddd' lt 1 lw 1"]
        self.label(title, f"screen 0.5, screen {1 - 20 / height:g} center", "font ',17'", True)
        self.label(note, f"screen 0.5, screen {1 - 43 / height:g} center",
                   "textcolor rgb '#444444'")

    def add(self, *lines):
        """Commands, as they are."""
        self.text += lines

    def data(self, rows):
        """Numbers, and the name by which a plot has them."""
        self.blocks += 1
        name = f"$d{self.blocks}"
        self.add(f"{name} << END", *(" ".join(f"{cell:g}" for cell in row) for row in rows),
                 "END")
        return name

    def label(self, text, place, style="", bold=False):
        """Writes something somewhere. An SVG knows bold as markup only."""
        if bold:
            text = "{/:Bold " + text.replace("_", "\\\\_") + "}"
        self.add(f'set label "{text}" at {place} {"" if bold else "noenhanced"} {style}')

    def write(self, path):
        """As SVG and as PNG."""
        width, height = self.size
        terminals = {
            "svg": f"svg size {width},{height} font 'sans-serif,13' background 'white'",
            # Its points are 4/3 as large as the units of an SVG.
            "png": f"pngcairo size {SCALE * width},{SCALE * height} font 'sans-serif,13' "
                   f"fontscale {SCALE * 3 / 4} linewidth {SCALE} pointscale {SCALE} "
                   f"dashlength {SCALE} background 'white'",
        }
        for suffix, terminal in terminals.items():
            script = [f"set terminal {terminal}", f"set output '{path}.{suffix}'", *self.text]
            subprocess.run(["gnuplot", "-d", "-"], input="\n".join(script) + "\n", text=True,
                           check=True)


class Curves(Figure):
    """Plots beside each other, of what depends on the number of regions, or a size."""

    def __init__(self, title, note, ylabel, panels, log=False):
        """@panels: [(title, Results.curves(), Results.limits()[, what depends on])]"""
        super().__init__(title, note, max(500 * len(panels), 640), 460)
        rows = [row for panel in panels for curve in panel[1] for row in curve[2].values()]
        values = [row["value"] for row in rows] + [at[3] for panel in panels for at in panel[2]]
        least, most = min(values), max(values)
        self.add("set multiplot", f"set ylabel '{ylabel}'", "set logscale x 2",
                 "set tmargin at screen 0.79",
                 "set bmargin at screen 0.25", f"set yrange [0:{1.08 * most:g}]")
        if log:
            tics = ", ".join(f"'{n:,}' {n}" for n in
                             (k * 10 ** e for e in range(7) for k in (1, 2, 5)))
            self.add("set logscale y", f"set ytics ({tics})",
                     f"set yrange [{least / 1.5:g}:{most * 1.5:g}]")
        self.keys = {}  # style: name
        every = {n for panel in panels if len(panel) == 3 for curve in panel[1] for n in curve[2]}
        for at, (title, curves, limits, *xlabel) in enumerate(panels):
            self.xaxis(sorted({n for curve in curves for n in curve[2]} if xlabel else every),
                       *xlabel)
            self.add(f"set title '{title}' offset 0,-0.4",
                     f"set lmargin at screen {(at + 0.2) / len(panels):g}",
                     f"set rmargin at screen {(at + 0.95) / len(panels):g}",
                     "plot " + ", \\\n  ".join(self.curves(curves) + self.limits(limits)),
                     "unset label")  # the title is drawn once
        self.key()

    def xaxis(self, numbers, label="regions in the map"):
        """With the numbers that there are figures of."""
        tics = ", ".join(f"'{n:,}' {n}" for n in numbers)
        self.add(f"set xlabel '{label}'", f"set xtics ({tics})",
                 f"set xrange [{0.8 * numbers[0]:g}:{1.282 * numbers[-1]:g}]")

    def curves(self, curves):
        """What the plot command is told of curves; of a system, all but the first dashed."""
        plots, seen = [], []
        for name, system, rows in curves:
            style = (f"with linespoints lc rgb '{COLOURS[system]}' pt {POINTS[system]} "
                     f"dt {DASHES[seen.count(system)]} ps 0.9 "
                     f"lw {3 if system == 'virt_as' else 1.8}")
            plots.append(self.data([(at, row["value"]) for at, row in rows.items()]) + " " + style)
            seen.append(system)
            self.keys[style] = name
        return plots

    def limits(self, limits):
        """Of goals' limits."""
        plots, style = [], "with lines lc rgb 'black' lw 1.8 dt '-'"
        for name, first, last, limit in limits:
            wide = 1 if first < last else 2.2
            plots.append(self.data([(first / wide, limit), (last * wide, limit)]) + " " + style)
            names = self.keys.get(style, name)
            self.keys[style] = names if name in names else f"{names}; {name}"
        return plots

    def key(self):
        """What is what, below all plots."""
        def place(item):
            system = item[1].split(",")[0]
            return SYSTEMS.index(system) if system in SYSTEMS else len(SYSTEMS)

        entries = [f"keyentry {style} title '{name}'"
                   for style, name in sorted(self.keys.items(), key=place)]
        entries.append("-1 notitle")  # gnuplot does not plot entries alone
        self.add("unset title", "unset border", "unset tics", "unset xlabel", "unset ylabel",
                 "unset grid", "unset logscale", "set yrange [0:1]",
                 "set lmargin at screen 0.02", "set rmargin at screen 0.98",
                 "set tmargin at screen 0.1", "set bmargin at screen 0.02",
                 "set key center center horizontal Left reverse samplen 2.5 width 1",
                 "plot " + ", \\\n  ".join(entries))


class Bars(Figure):
    """Horizontal bars with names at their left, from the top down."""

    def __init__(self, title, note, lines, left):
        super().__init__(title, note, 900, 136 + 21 * lines)
        self.left, self.line, self.bars, self.most = left, 0, [], 0
        self.room = 0.96 * (0.98 - left) * self.size[0]

    def head(self, text):
        """A line above some bars."""
        self.line += 1
        self.label(text, f"graph 0, first {self.line + 0.1} right",
                   "offset char -1,0 textcolor rgb '#666666'")

    def bar(self, name, values, text, style, limit=0):
        """A bar to the first value, a whisker to the last, and what they are."""
        self.line += 1
        end = max(*values, limit)
        # The axis is so long that what is written fits.
        self.most = max(self.most, end / (1 - (12 + 7.3 * len(text)) / self.room))
        own = name.startswith("virt_as")
        self.label(name, f"graph 0, first {self.line} right", "offset char -1,0", own)
        self.label(text, f"{end:g}, first {self.line} left", "offset char 0.8,0", own)
        low, high = values[0], values[-1]
        block = self.data([(low, self.line, 0, low, self.line - 0.38, self.line + 0.38)])
        self.bars.append(f"{block} with boxxyerror {style}")
        if high > low:
            block = self.data([(low, self.line, low, high)])
            self.bars.append(f"{block} with xerrorbars lc rgb 'black' lw 1.2 pt -1")
        if limit:
            block = self.data([(limit, self.line - 0.5), (limit, self.line + 0.5)])
            self.bars.append(f"{block} with lines lc rgb 'black' lw 2 dt (3,1.5)")

    def plot(self, xlabel):
        """All of them."""
        self.add(f"set xlabel '{xlabel}'", f"set lmargin at screen {self.left}",
                 "set rmargin at screen 0.98", f"set tmargin at screen {1 - 58 / self.size[1]:g}",
                 f"set bmargin at screen {64 / self.size[1]:g}", "unset ytics",
                 f"set xrange [0:{self.most:g}]", f"set yrange [{self.line + 0.7}:0.3]",
                 "plot " + ", \\\n  ".join(self.bars))
