"""A picture of how time and memory grow with the nodes of a cluster."""

from __future__ import annotations

from pathlib import Path

Series = dict[str, list[tuple[int, float, float]]]
"""By name: nodes, seconds of CPU, peak MiB. A name that ends in `*` is an estimate."""

_COLOURS = ("#0b6e99", "#3aa6c9", "#b4451f", "#e08e45", "#666666")


def draw(series: Series, path: Path) -> None:
    """Writes the picture, SVG or PNG by its name; both axes are logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "netpolicy"  # else every drawing has other ids
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullFormatter

    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for (name, points), colour in zip(series.items(), _COLOURS, strict=False):
        style = "--" if name.endswith("*") else "-"
        nodes = [point[0] for point in points]
        for axes, place in ((time, 1), (memory, 2)):
            if place == 1 or style == "-":
                values = [point[place] for point in points]
                axes.plot(nodes, values, style, marker="o", markersize=4, color=colour, label=name)
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    for axes, title in ((time, "CPU seconds, whole process"), (memory, "Peak memory, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="nodes", title=title)
        axes.xaxis.set_major_formatter(plain)
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(which="major", color="#dddddd", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    memory.set_yticks([25, 50, 100, 200, 400])
    time.legend(frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    pyplot.close(figure)
