// What the panel shows of a pair of ends, a statement, a role or a node: a title, a sentence to be told, and the rest.
function witness(found) {
    if (!found) return el("p", { class: "nothing" }, "The rules were asked about no packet of it.");
    const ends = [found.sender ? `from ${found.sender}` : "", found.receiver ? `to ${found.receiver}` : ""].filter(
        Boolean,
    );
    const way = `${found.passes ? "passes" : "does not pass"}${ends.length ? ", " + ends.join(" ") : ""}.`;
    const rule = found.rule
        ? ["Rule ", String(found.rule), " of ", code(found.chain)]
        : ["The policy of ", code(found.chain)];
    const holder = found.node ? ` on ${found.node}` : "";
    return el(
        "div",
        { class: "witness" },
        el("div", null, code(found.packet), " ", way),
        el("div", null, ...rule, holder, found.line ? ": " : "", found.line ? code(found.line) : null),
    );
}

const fullText = (one) => `${one.verb} ${one.text}`;

function statement(id) {
    const one = rules.get(id);
    if (!one) return el("li", null, code(id));
    const told = [one.owner ? `owner ${one.owner}` : "no owner", one.because ? `because ${one.because}` : "no reason"];
    return el(
        "li",
        null,
        ruleLink(id),
        " ",
        code(fullText(one)),
        " ",
        place(one.file, one.line),
        el("span", { class: "hint" }, told.join("; ")),
    );
}

function service(one) {
    return el(
        "section",
        { class: "service" },
        el("h3", null, one.text, " ", risk(one.risk)),
        one.reasons.length ? el("p", { class: "hint" }, one.reasons.join("; ")) : null,
        ...first(20, one.statements, (ids) => el("ul", { class: "statements" }, ids.map(statement))),
        witness(one.witness),
    );
}

function cellView(source, destination) {
    if (!roles.has(source) || !roles.has(destination)) return null;
    const found = cells.get(pair(source, destination));
    const title = `${source} → ${destination}`;
    const ends = el("p", null, "From ", roleLink(source), " to ", roleLink(destination), ".");
    if (!found) {
        return {
            title,
            told: `Nothing passes from ${source} to ${destination}.`,
            body: [ends, el("p", null, "Nothing passes.")],
        };
    }
    const told = `${many(found.services.length, "service")}, risk ${found.risk}.`;
    return {
        title,
        told: `From ${source} to ${destination}: ${told}`,
        body: [ends, el("p", null, told), ...first(30, found.services, (list) => el("div", null, list.map(service)))],
    };
}

function suppression(at) {
    const one = audit.exceptions.suppressions[at];
    return one ? `${one.code} until ${one.until || "further notice"}: ${one.reason} (${one.state})` : null;
}

function compiledTo(each) {
    const where = [
        "Rule ",
        String(each.rule),
        " of ",
        code(each.chain),
        ", IP",
        each.family,
        ", on ",
        many(each.nodes, "node"),
        " of class ",
        code(each.class.slice(0, 12)),
    ];
    return el("li", null, ...where, el("div", null, code(each.text)));
}

function hitsText(hits) {
    const shared = hits.shared ? ", together with other statements" : "";
    return `${many(hits.packets, "packet")}, ${many(hits.bytes, "byte")} on ${many(hits.nodes, "node")}${shared}`;
}

// The part of a statement's account that the register unfolds.
function account(one) {
    const hits = one.hits ? hitsText(one.hits) : "not collected";
    const change = one.last_change;
    const parts = [
        el("pre", null, code(fullText(one))),
        facts(
            ["Services", one.ports],
            ["Sources", one.sources.join(", ")],
            ["Said again", (one.repeated || []).flatMap((each) => [place(each.file, each.line), " "])],
            ["Last change", change ? [change.date, " by ", change.author, " in ", code(change.commit)] : "not known"],
            ["Hits", hits],
            ["Risk", [risk(one.risk), ` ${one.score}: ${one.reasons.join("; ") || "nothing counts"}`]],
            ["Suppressed", one.suppressions.map(suppression).filter(Boolean).join("; ")],
        ),
    ];
    const lines = (list) => el("ol", { class: "compiled" }, list.map(compiledTo));
    parts.push(el("h3", null, "Compiled to"));
    if (one.compiled.length) parts.push(...first(20, one.compiled, lines));
    else parts.push(el("p", { class: "nothing" }, "Compiled to no rule."));
    if (one.more_classes)
        parts.push(
            el("p", null, `And in ${number(one.more_classes)} more ${one.more_classes === 1 ? "class" : "classes"}.`),
        );
    const grouped = (list) =>
        table(
            ["Group", "Direction", "Rule", "Text"],
            list.map((each) => [each.group, each.direction, code(String(each.rule)), each.text]),
            "Security groups",
        );
    if (one.groups.length) parts.push(...first(20, one.groups, grouped));
    return parts;
}

function ruleView(id) {
    const one = rules.get(id);
    if (!one) return null;
    const flows = audit.matrix.filter((cell) => cell.services.some((each) => each.statements.includes(id)));
    const links = (list) =>
        bullets(
            list.map((cell) => link(to.cell(cell.source, cell.destination), `${cell.source} → ${cell.destination}`)),
        );
    const known = facts(
        ["Place", place(one.file, one.line)],
        ["Owner", one.owner || "none"],
        ["Because", one.because || "no reason"],
        ["Ticket", one.ticket],
        ["State", one.state.join(", ")],
        ["Tags", one.tags.join(", ")],
        ["Review by", one.review],
        ["Expires", one.expires],
        ["Nodes", `${number(one.nodes.from)} → ${number(one.nodes.to)}`],
    );
    const used = flows.length ? [el("h3", null, "Flows that it takes part in"), ...first(20, flows, links)] : [];
    return {
        title: `Statement ${id}`,
        told: `Statement ${id}: ${fullText(one)}`,
        body: [known, ...account(one), ...used],
    };
}

function flowsOf(name, here, there) {
    const found = audit.matrix.filter((cell) => cell[here] === name);
    if (!found.length) return el("p", { class: "nothing" }, "Nothing.");
    const line = (cell) => [
        link(to.cell(cell.source, cell.destination), cell[there]),
        risk(cell.risk),
        cell.services.map((one) => one.text).join(", "),
    ];
    return table([there === "source" ? "From" : "To", "Risk", "Services"], found.map(line));
}

function roleView(name) {
    const one = roles.get(name);
    if (!one) return null;
    const received = audit.matrix.filter((cell) => cell.destination === name).length;
    const sent = audit.matrix.filter((cell) => cell.source === name).length;
    const members = one.members.map((node) => (nodes.has(node) ? link(to.node(node), node) : node));
    const body = [
        one.description ? el("p", null, one.description) : null,
        facts(
            ["Kind", one.kind],
            ["Nodes", one.kind === "role" ? number(one.nodes) : ""],
            ["Members", members.length ? [spaced(members), one.nodes > members.length ? " and more" : ""] : ""],
            ["Addresses", one.addresses.length ? spaced(one.addresses.map(code)) : ""],
        ),
        el("h3", null, "Who may reach it"),
        flowsOf(name, "destination", "source"),
        el("h3", null, "Whom it may reach"),
        flowsOf(name, "source", "destination"),
    ];
    return {
        title: `${one.kind === "role" ? "Role" : one.kind === "network" ? "Network" : "End"} ${name}`,
        told: `${name}: ${many(received, "end")} may reach it, it may reach ${number(sent)}.`,
        body,
    };
}

function stateOf(name) {
    if (unreached.has(name)) return "not reached";
    const report = reports.get(name);
    if (!report) return "not asked";
    return report.state;
}

function nodeView(name) {
    const one = nodes.get(name);
    if (!one) return null;
    const report = reports.get(name);
    const ruleset = rulesets.get(one.class);
    const files = ruleset
        ? Object.entries(ruleset.files).map(([file, digest]) => el("div", null, file, " ", code(digest)))
        : [];
    const body = [
        facts(
            ["State", stateOf(name)],
            ["Roles", one.roles.length ? spaced(one.roles.map(roleLink)) : "none"],
            ["Addresses", spaced(one.addresses.map(code))],
            ["Class", code(one.class)],
            ["Rules", ruleset ? `${number(ruleset.rules)}, the same on ${many(ruleset.nodes, "node")}` : ""],
            ["Files", files],
            ["Backend", report ? report.backend : ""],
            ["In force", report ? (report.in_force ? "yes" : "no") : ""],
        ),
        ...(report ? report.findings.map(finding) : []),
        report && report.more_findings ? el("p", null, `And ${many(report.more_findings, "more finding")}.`) : null,
    ];
    return { title: `Node ${name}`, told: `Node ${name}: ${stateOf(name)}`, body };
}
