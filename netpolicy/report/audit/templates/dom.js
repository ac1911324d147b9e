// What the page shows comes from the document in it, and is only ever set as text.
const audit = JSON.parse(document.getElementById("document").textContent);
const byName = (list, key) => new Map(list.map((one) => [one[key], one]));
const roles = byName(audit.roles, "name");
const rules = byName(audit.register, "id");
const nodes = byName(audit.list_of_nodes, "name");
const rulesets = byName(audit.rulesets, "class");
const reports = byName(audit.nodes ? audit.nodes.reports : [], "node");
const unreached = new Set(audit.nodes ? audit.nodes.not_reached : []);
const pair = (source, destination) => JSON.stringify([source, destination]);
const cells = new Map(audit.matrix.map((one) => [pair(one.source, one.destination), one]));

function el(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
        else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
}

const fragment = (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => "%" + sign.charCodeAt(0).toString(16).toUpperCase());
const to = {
    cell: (source, destination) => `cell=${fragment(source)}/${fragment(destination)}`,
    rule: (id) => `rule=${fragment(id)}`,
    role: (name) => `role=${fragment(name)}`,
    node: (name) => `node=${fragment(name)}`,
};

const number = (count) => count.toLocaleString("en-GB");
const many = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
const link = (where, ...text) => el("a", { href: "#" + where }, ...text);
const code = (text) => el("code", null, text);
const risk = (level) => el("span", { class: `risk r-${level}` }, level);
const spaced = (list) => list.flatMap((one, at) => (at ? [" ", one] : [one]));
const place = (file, line) => el("span", { class: "place" }, line ? `${file}:${line}` : file);
// What stands in backticks is set as code, as it is in the rest of the page.
function marked(text) {
    const parts = text.split("`");
    return parts.length % 2 ? parts.map((part, at) => (at % 2 ? code(part) : part)) : [text];
}
const roleLink = (name) => (roles.has(name) ? link(to.role(name), name) : name);
const ruleLink = (id) => el("a", { href: "#" + to.rule(id), class: "id" }, id);

// A list of pairs of a term and what it is; what is not known is left out.
function facts(...pairs) {
    const known = pairs.filter(
        ([, value]) => value !== null && value !== undefined && value !== "" && value.length !== 0,
    );
    return el(
        "dl",
        { class: "facts" },
        known.map(([term, value]) => el("div", null, el("dt", null, term), el("dd", null, value))),
    );
}

function table(heads, rows, caption) {
    const head = el(
        "tr",
        null,
        heads.map((text) => el("th", { scope: "col" }, text)),
    );
    const lines = rows.map((row) =>
        el(
            "tr",
            null,
            row.map((cell) => el("td", null, cell)),
        ),
    );
    const made = el(
        "table",
        null,
        caption ? el("caption", null, caption) : null,
        el("thead", null, head),
        el("tbody", null, lines),
    );
    return el("div", { class: "scroll" }, made);
}

// The first of a long list, and a button that shows the rest.
function first(most, list, draw) {
    if (list.length <= most) return [draw(list)];
    const holder = el("div", null, draw(list.slice(0, most)));
    const more = el(
        "button",
        { type: "button", onclick: () => holder.replaceChildren(draw(list)) },
        `Show all ${number(list.length)}`,
    );
    holder.append(more);
    return [holder];
}

function finding(one) {
    const where = one.place ? [" ", el("span", { class: "place" }, one.place)] : [];
    const hint = [one.consequence, one.hint].filter(Boolean).map((more) => el("span", { class: "hint" }, marked(more)));
    return el(
        "div",
        { class: "finding" },
        code(one.code),
        " ",
        el("span", { class: "sev" }, one.severity),
        " ",
        ...marked(one.message),
        ...where,
        ...hint,
    );
}

const bullets = (list) =>
    el(
        "ul",
        null,
        list.map((one) => el("li", null, one)),
    );
