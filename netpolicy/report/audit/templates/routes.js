// What is open stands in the address: a link opens it again, and the back button goes back.
const panel = document.getElementById("panel");
const panelTitle = document.getElementById("panel-title");
const panelBody = document.getElementById("panel-body");
const told = document.getElementById("told");
let opener = null;
let shown = null;

function parsed(hash) {
    const [, kind, rest] = /^#(cell|rule|role|node)=(.+)$/.exec(hash) || [];
    if (!kind) return null;
    try {
        const names = rest.split("/").map(decodeURIComponent);
        return names.length === (kind === "cell" ? 2 : 1) ? { kind, names, where: hash.slice(1) } : null;
    } catch {
        return null; // a broken escape in an address that somebody typed
    }
}

const views = { cell: cellView, rule: ruleView, role: roleView, node: nodeView };

// The square, line or dot of the page that the panel belongs to.
function target(asked) {
    if (asked.kind === "cell")
        return heatmap && heatmap.squares.find((one) => one.dataset.to === to.cell(...asked.names));
    if (asked.kind === "role") return graph && graph.squares.find((one) => one.dataset.name === asked.names[0]);
    if (asked.kind === "rule") return register && bodyRows(register).find((row) => row.dataset.id === asked.names[0]);
    return document.getElementById("nodes");
}

function show(fromLink) {
    if (location.hash === shown) return;
    shown = location.hash;
    const asked = parsed(location.hash);
    const view = asked && views[asked.kind](...asked.names);
    markCell(view && asked.kind === "cell" ? to.cell(...asked.names) : null);
    markRole(view && asked.kind === "role" ? asked.names[0] : null);
    if (!view) {
        hide();
        return;
    }
    panelTitle.textContent = view.title;
    panelBody.replaceChildren(...view.body.filter(Boolean));
    panel.hidden = false;
    panel.scrollTop = 0;
    document.body.classList.add("has-panel");
    told.textContent = view.told;
    const of = target(asked);
    if (fromLink && of) {
        of.scrollIntoView({ block: "center", inline: "nearest" });
        opener = of.querySelector("a") && asked.kind === "rule" ? of.querySelector("a") : of;
    } else if (opener) opener.scrollIntoView({ block: "nearest", inline: "nearest" });
    panelTitle.focus({ preventScroll: true });
}

function hide() {
    if (panel.hidden) return;
    const inside = panel.contains(document.activeElement) || document.activeElement === document.body;
    panel.hidden = true;
    document.body.classList.remove("has-panel");
    told.textContent = "Closed.";
    if (inside && opener && opener.isConnected) opener.focus({ preventScroll: true });
    opener = null;
}

function go(where, by) {
    // An arrow takes no focus; the square of the same pair does.
    if (!panel.contains(by)) opener = by.matches("a, [tabindex]") ? by : target(parsed("#" + where));
    if (location.hash !== "#" + where) history.pushState(null, "", "#" + where);
    show(false);
}

function close() {
    history.pushState(null, "", "#");
    show(false);
}

document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const by = event.target.closest('a[href^="#"], [data-to]');
    if (!by) return;
    const where = by.dataset.to || by.getAttribute("href").slice(1);
    if (!parsed("#" + where)) return;
    event.preventDefault();
    go(where, by);
});
document.addEventListener("keydown", (event) => {
    const by = event.target.closest && event.target.closest("[data-to]");
    if (by && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        go(by.dataset.to, by);
    } else if (event.key === "Escape" && !panel.hidden && !(event.target.type === "search" && event.target.value))
        close();
});
document.getElementById("panel-close").addEventListener("click", close);
for (const { chip } of filters.values()) chip.addEventListener("click", close);
addEventListener("popstate", () => show(false));
addEventListener("hashchange", () => show(false));
show(true);
