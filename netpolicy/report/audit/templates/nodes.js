// All nodes, a page at a time: a cluster may have thousands.
{
    const PAGE = 50;
    const holder = document.getElementById("node-list");
    const all = audit.list_of_nodes;
    let texts = null;
    let found = all;
    let from = 0;
    const box = el("input", { type: "search", id: "nodes-filter", autocomplete: "off", spellcheck: "false" });
    const states = ["", "as it must be", "drifted", "another build", "not reached", "not asked"];
    const choice = el(
        "select",
        { id: "nodes-state" },
        states.map((text) => el("option", { value: text }, text || "any state")),
    );
    const count = el("output", { "aria-live": "polite" });
    const back = el("button", { type: "button", onclick: () => turn(-PAGE) }, "Previous");
    const next = el("button", { type: "button", onclick: () => turn(PAGE) }, "Next");
    const body = el("tbody");
    const heads = ["Node", "Roles", "Addresses", "Class", "State"].map((text) => el("th", { scope: "col" }, text));
    const listed = el("table", { id: "nodes-table" }, el("thead", null, el("tr", null, heads)), body);

    function line(one) {
        const cellsOf = [
            spaced(one.roles.map(roleLink)),
            one.addresses.join(", "),
            code(one.class.slice(0, 12)),
            stateOf(one.name),
        ];
        return el(
            "tr",
            null,
            el("th", { scope: "row" }, link(to.node(one.name), one.name)),
            cellsOf.map((cell) => el("td", null, cell)),
        );
    }
    function draw() {
        const last = Math.min(from + PAGE, found.length);
        body.replaceChildren(...found.slice(from, last).map(line));
        count.textContent = found.length
            ? `${number(from + 1)} to ${number(last)} of ${many(found.length, "node")}`
            : "No node.";
        back.disabled = from === 0;
        next.disabled = last === found.length;
    }
    function turn(by) {
        from += by;
        draw();
    }
    function filter() {
        texts =
            texts ||
            all.map((one) =>
                [one.name, ...one.roles, ...one.addresses, one.class, stateOf(one.name)].join(" ").toLowerCase(),
            );
        const wanted = words(box.value);
        const state = choice.value;
        found = all.filter(
            (one, at) => wanted.every((word) => texts[at].includes(word)) && (!state || stateOf(one.name) === state),
        );
        from = 0;
        draw();
    }
    box.addEventListener("input", filter);
    choice.addEventListener("change", filter);
    const label = (box_, text) => el("label", { for: box_.id }, text);
    holder.replaceChildren(
        el("div", { class: "tools" }, label(box, "Filter"), box, label(choice, "State"), choice, back, next, count),
        el("div", { class: "scroll" }, listed),
    );
    draw();
}
