// Lines of the register unfold in place; so do security groups, whose rules are drawn when they are asked for.
const register = document.getElementById("register-table");
if (register) {
    const width = register.tHead.rows[0].cells.length;
    const fold = (button, row) => {
        button.setAttribute("aria-expanded", "false");
        button.textContent = "+";
        if (row.nextElementSibling && row.nextElementSibling.classList.contains("details"))
            row.nextElementSibling.remove();
    };
    const unfold = (button, row) => {
        button.setAttribute("aria-expanded", "true");
        button.textContent = "−";
        row.after(el("tr", { class: "details" }, el("td", { colspan: width }, account(rules.get(row.dataset.id)))));
    };
    const buttons = bodyRows(register).map((row) => {
        const button = el(
            "button",
            { type: "button", class: "fold", "aria-expanded": "false", "aria-label": `Details of ${row.dataset.id}` },
            "+",
        );
        button.addEventListener("click", () =>
            (button.getAttribute("aria-expanded") === "true" ? fold : unfold)(button, row),
        );
        row.cells[0].prepend(button);
        return [button, row];
    });
    register.addEventListener("sorting", () => buttons.forEach(([button, row]) => fold(button, row)));
}

document.querySelectorAll("details.group").forEach((held) => {
    held.addEventListener("toggle", () => {
        if (!held.open || held.children.length > 1) return;
        const group = audit.groups[Number(held.dataset.group)];
        const line = (rule) => [
            rule.direction,
            rule.family || "",
            rule.service,
            rule.peer,
            spaced(rule.statements.map(ruleLink)),
        ];
        const draw = (list) => table(["Direction", "Family", "Service", "Peer", "Statements"], list.map(line));
        held.append(
            ...(group.rules.length
                ? first(200, group.rules, draw)
                : [el("p", { class: "nothing" }, "No rule: nothing passes.")]),
        );
    });
});
