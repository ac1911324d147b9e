// Tables that the page came with: each heading sorts, a box filters.
const FEW = 8; // so many lines are seen at a glance
const filters = new Map();
const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

function bodyRows(listed) {
    return [...listed.tBodies[0].rows].filter((row) => !row.classList.contains("details"));
}

function sortable(listed) {
    const heads = [...listed.tHead.rows[0].cells];
    const buttons = heads.map((head, at) => {
        if (!head.textContent) return null;
        const button = el("button", { type: "button", class: "sort", onclick: () => sort(at) }, head.textContent);
        head.replaceChildren(button);
        return button;
    });
    const order = new Intl.Collator("en", { numeric: true });
    const value = (row, at) => row.cells[at].dataset.sort ?? row.cells[at].textContent.trim();
    function sort(at) {
        const head = buttons[at].parentElement;
        const highFirst = listed.querySelector(`tbody td:nth-child(${at + 1})[data-sort]`) !== null;
        const before = head.getAttribute("aria-sort");
        const falling = before === null ? highFirst : before === "ascending";
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        listed.dispatchEvent(new Event("sorting"));
        const sorted = bodyRows(listed).map((row) => [value(row, at), row]);
        sorted.sort(([a], [b]) => (falling ? order.compare(b, a) : order.compare(a, b)));
        listed.tBodies[0].append(...sorted.map(([, row]) => row));
    }
}

// A filter holds the words of its box and, for the matrix, the role that was chosen elsewhere.
function filtered(listed) {
    const rows = bodyRows(listed);
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const box = el("input", { type: "search", id: listed.id + "-filter", autocomplete: "off", spellcheck: "false" });
    const count = el("output", { for: box.id, "aria-live": "polite" });
    const chip = el("button", { type: "button", class: "chip", hidden: true });
    const tools = el("div", { class: "tools" }, el("label", { for: box.id }, "Filter"), box, chip, count);
    tools.hidden = rows.length < FEW;
    listed.closest(".scroll").before(tools);
    const state = { role: null, chip, apply };
    function apply() {
        const wanted = words(box.value);
        let shown = 0;
        for (const row of rows) {
            const ofRole =
                state.role === null || row.dataset.source === state.role || row.dataset.destination === state.role;
            const stays = ofRole && wanted.every((word) => texts.get(row).includes(word));
            row.hidden = !stays;
            const below = row.nextElementSibling;
            if (below && below.classList.contains("details")) below.hidden = !stays;
            shown += stays;
        }
        count.textContent =
            shown === rows.length ? many(shown, "line") : `${number(shown)} of ${many(rows.length, "line")}`;
    }
    box.addEventListener("input", apply);
    filters.set(listed.id, state);
    apply();
}

document.querySelectorAll("table.filtered").forEach(filtered);
document.querySelectorAll("table.sortable").forEach(sortable);
