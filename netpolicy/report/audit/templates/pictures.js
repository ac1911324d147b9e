// The pictures are one stop for the Tab key each; arrow keys move inside them.
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function picture(id) {
    const drawn = document.getElementById(id);
    if (!drawn) return null;
    const squares = [...drawn.querySelectorAll("[data-row]")];
    const at = new Map(squares.map((one) => [`${one.dataset.row},${one.dataset.column}`, one]));
    let stop = squares.find((one) => one.getAttribute("tabindex") === "0");
    function focus(one) {
        stop.setAttribute("tabindex", "-1");
        stop = one;
        stop.setAttribute("tabindex", "0");
        stop.focus({ preventScroll: false });
    }
    drawn.addEventListener("keydown", (event) => {
        const here = event.target.closest("[data-row]");
        if (!here || event.ctrlKey || event.altKey || event.metaKey) return;
        const step = STEPS[event.key];
        if (!step) return;
        // A circle has one line: up and down go along it as well.
        const [down, right] = at.has("1,0") ? step : [0, step[0] + step[1]];
        const next = at.get(`${Number(here.dataset.row) + down},${Number(here.dataset.column) + right}`);
        event.preventDefault();
        if (next) focus(next);
    });
    drawn.addEventListener("focusin", (event) => {
        const here = event.target.closest("[data-row]");
        if (here && here !== stop) focus(here);
    });
    return { drawn, squares };
}

const heatmap = picture("heatmap");
const graph = picture("rolegraph");

function markCell(where) {
    if (!heatmap) return;
    for (const one of heatmap.squares) one.classList.toggle("chosen", one.dataset.to === where);
}

function markRole(name) {
    const listed = filters.get("matrix-table");
    if (listed && listed.role !== name) {
        listed.role = name;
        listed.chip.hidden = name === null;
        listed.chip.textContent = name === null ? "" : `only ${name}: show all`;
        listed.apply();
    }
    if (!graph) return;
    graph.drawn.classList.toggle("narrowed", name !== null);
    const near = new Set([name]);
    for (const one of graph.drawn.querySelectorAll(".arrow")) {
        const { source, destination } = one.dataset;
        one.classList.toggle("sends", source === name);
        one.classList.toggle("receives", destination === name);
        if (source === name) near.add(destination);
        if (destination === name) near.add(source);
    }
    for (const one of graph.squares) {
        one.classList.toggle("chosen", one.dataset.name === name);
        one.classList.toggle("far", name !== null && !near.has(one.dataset.name));
    }
}
