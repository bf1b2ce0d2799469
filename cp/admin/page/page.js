// SPDX-License-Identifier: BSD-3-Clause
// Looks at /status every two seconds and shows it. All text goes in as text, never as HTML.
"use strict";

const EVERY_MS = 2000, PATIENCE_MS = 5000;
const number = new Intl.NumberFormat("en");
const STATES = { waiting: "waiting for the controller", connecting: "connecting",
	unjudged: "waiting for a fingerprint", up: "up", ending: "one connection ended",
	ended: "ended, and kept" };
let before = null, seen = 0;

const at = (id) => document.getElementById(id);

function el(tag, text, name) {
	const e = document.createElement(tag);
	if (text !== undefined)
		e.textContent = text;
	if (name)
		e.className = name;
	return e;
}

function count(n) {
	return typeof n === "number" ? number.format(n) : "–";
}

function rate(n) {
	if (n === null)
		return "–";
	for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e4]])
		if (n >= size)
			return (n / (unit === "k" ? 1e3 : size)).toFixed(2) + "\u00a0" + unit;
	return count(Math.round(n));
}

function span(s) {
	const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
	if (d)
		return `${d} d ${h} h`;
	return h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
}

// What a counter gained a second; null without an earlier look. One that fell was started again.
function gained(now, was, seconds) {
	return was === undefined || seconds <= 0 ? null : (now >= was ? now - was : now) / seconds;
}

function meter(share) {
	const m = el("meter");
	m.max = 1;
	m.low = 0.7;
	m.high = 0.9;
	m.optimum = 0;
	m.value = share;
	return m;
}

function tile(title, n, max) {
	const t = el("div", undefined, "tile"), p = el("p", count(n));
	p.append(el("small", ` of ${count(max)}`));
	t.append(el("h3", title), p, meter(max > 0 ? n / max : 0));
	return t;
}

function tiles(s) {
	const list = [tile("Allocations", s.allocations.count, s.allocations.max)];
	if (s.dataplane.attached)
		list.push(tile("TCP connections", s.dataplane.connections, s.dataplane.connections_max));
	if (s.gateway)
		list.push(tile("Gateway contexts", s.gateway.contexts, s.gateway.contexts_max));
	list.push(tile("Permissions", s.allocations.permissions, s.allocations.permissions_max));
	at("tiles").replaceChildren(...list);
}

function row(cells) {
	const tr = el("tr");
	for (const [text, name] of cells)
		tr.append(el("td", text, name));
	return tr;
}

function nothing(columns, text) {
	const tr = row([[text, "none"]]);
	tr.firstChild.colSpan = columns;
	return tr;
}

function worker(w, i, was, seconds) {
	const busy = gained(w.busy_cycles, was?.busy_cycles, seconds);
	const idle = gained(w.idle_cycles, was?.idle_cycles, seconds);
	const load = busy + idle > 0 ? busy / (busy + idle) : null;
	const dropped = gained(w.dropped, was?.dropped, seconds);
	const percent = load === null ? "–" : `${(100 * load).toFixed(0)} %`;
	const tr = row([[i, "text"], [w.cpu], [percent, "load"],
		[rate(gained(w.rx, was?.rx, seconds))], [rate(gained(w.tx, was?.tx, seconds))],
		[rate(dropped), dropped > 0 ? "warn" : ""], [count(w.sessions)], [count(w.connections)],
		[count(w.contexts)]]);
	if (load !== null)
		tr.children[2].append(meter(load));
	return tr;
}

function port(p, was, seconds) {
	const info = p.info ?? {}, then = was?.info ?? {};
	const t = p.traffic.total, past = was?.traffic.total;
	const link = info.out ? "away" : info.link_up ? "up" : "down";
	const missed = gained(info.rx_missed, then.rx_missed, seconds);
	return row([[info.name ?? p.port, "text"], [link, `text ${link === "up" ? "good" : "bad"}`],
		[rate(gained(t.rx_packets, past?.rx_packets, seconds))],
		[rate(gained(t.tx_packets, past?.tx_packets, seconds))],
		[rate(missed), missed > 0 ? "warn" : ""], [count(info.rx_missed)]]);
}

function drop(d, was, seconds) {
	const r = was ? gained(d.total, was.get(d.name) ?? 0, seconds) : null;
	const color = d.severity === "error" ? "bad" : d.severity === "warn" ? "warn" : "";
	return row([[d.name, `text ${color}`], [count(d.total)], [rate(r)], [d.help, "text"]]);
}

// Pairs of words and numbers; those that are 0 only where they are `always` of interest.
function pairs(id, always, some) {
	const list = [];
	for (const [k, v] of always)
		list.push(el("dt", k), el("dd", typeof v === "string" ? v : count(v)));
	for (const [k, v] of some)
		if (v)
			list.push(el("dt", k), el("dd", count(v)));
	at(id).replaceChildren(...list);
}

function named(prefix, o) {
	return Object.entries(o).map(([k, v]) => [`${prefix} ${k.replaceAll("_", " ")}`, v]);
}

function gateway(g, m, was, seconds) {
	const packets = gained(m.packets, was?.packets, seconds);
	const bytes = gained(m.bytes, was?.bytes, seconds);
	if (!g)
		pairs("gateway", [["gateway.contexts is 0", "no gateway"]], []);
	else
		pairs("gateway", [["contexts", g.contexts], ["of TCP and TLS", m.streams],
			...Object.entries(g.states).map(([k, v]) => [STATES[k] ?? k, v]),
			["datagrams passed a second", rate(packets)],
			["bits passed a second", rate(bytes === null ? null : 8 * bytes)]],
			[["contexts added", g.added], ["terminations that came up", m.up],
				["terminations that ended", m.ended], ["addresses learnt", m.latched],
				["terminations moved", g.moved], ["events told", g.events],
				["events lost", g.events_lost], ...named("ended:", g.ended),
				...named("refused:", g.refused), ...named("ng", g.ng ?? {})]);
}

function turn(s) {
	const a = s.allocations;
	pairs("turn", [["users with allocations", s.users.active], ["allocations made", a.made]],
		[["expired", a.expired], ["deleted", a.deleted], ["gone with their connection", a.gone],
			["refused", a.refused], ["channels", a.channels], ...named("requests:", s.requests),
			...named("replies:", s.replies), ["peers denied", s.peers_denied],
			...named("lost:", s.lost)]);
}

// Each in words, with how bad it is beside the colour.
function problems(list) {
	at("problems").replaceChildren(...list.map((p) => {
		const li = el("li", undefined, p.severity === "error" ? "bad" : "warn");
		li.append(el("b", p.severity === "error" ? "error" : "warning"), `: ${p.what}`);
		return li;
	}));
}

function show(page) {
	const s = page.status, dp = s.dataplane;
	const same = before && dp.attached && before.status.dataplane.generation === dp.generation;
	const seconds = same ? (page.time_us - before.time_us) / 1e6 : 0;
	const drops = same ? new Map(before.drops.map((d) => [d.name, d.total])) : null;
	const pill = at("state");

	at("version").textContent = s.version;
	at("uptime").textContent = `up ${span(s.uptime_s)}` +
		(dp.attached ? `, dataplane ${span(dp.uptime_s)}, ABI ${dp.abi}` : "");
	const errors = s.problems.filter((p) => p.severity === "error").length;
	pill.textContent = !dp.attached ? "no dataplane" : dp.replaying ? "replaying" :
		!s.problems.length ? "running" : `${errors || s.problems.length} ` +
		(errors ? "error" : "warning") + ((errors || s.problems.length) > 1 ? "s" : "");
	pill.className = `pill ${errors ? "bad" : s.problems.length ? "warn" : "good"}`;
	problems(s.problems);
	tiles(s);
	at("workers").replaceChildren(...page.workers.map((w, i) =>
		worker(w, i, same ? before.workers[i] : undefined, seconds)));
	if (!page.workers.length)
		at("workers").append(nothing(9, "The dataplane is not attached."));
	at("ports").replaceChildren(...page.ports.map((p, i) =>
		port(p, same ? before.ports[i] : undefined, seconds)));
	if (!page.ports.length)
		at("ports").append(nothing(6, "The dataplane is not attached."));
	page.drops.sort((a, b) => b.total - a.total);
	at("drops").replaceChildren(...page.drops.map((d) => drop(d, drops, seconds)));
	if (!page.drops.length)
		at("drops").append(nothing(4, "Nothing was dropped."));
	gateway(s.gateway, page.media, same ? before.media : undefined, seconds);
	turn(s);
	before = page;
}

async function look() {
	try {
		const answer = await fetch("status", { cache: "no-store",
			signal: AbortSignal.timeout(PATIENCE_MS) });
		if (!answer.ok)
			throw new Error(`HTTP ${answer.status}`);
		show(await answer.json());
		seen = Date.now();
		document.body.classList.remove("stale");
		at("age").textContent = `as of ${new Date(seen).toLocaleTimeString()}`;
	} catch (e) {
		document.body.classList.add("stale");
		at("state").textContent = "no answer";
		at("state").className = "pill bad";
		at("age").textContent = seen ? `as of ${new Date(seen).toLocaleTimeString()}` : "";
	}
}

// The second look, which has rates, comes soon after the first.
async function again(wait) {
	if (!document.hidden)
		await look();
	setTimeout(again, wait, EVERY_MS);
}

again(EVERY_MS / 4);
