// SPDX-License-Identifier: BSD-3-Clause
// Looks at /status every two seconds and at /history every five, and shows them. All text goes in as text, never
// as HTML.
"use strict";

const EVERY_MS = 2000, HISTORY_MS = 5000, PATIENCE_MS = 5000;
const DAYS_WARN = 14; // as in health.h
const number = new Intl.NumberFormat("en");
const STATES = { waiting: "waiting for the controller", connecting: "connecting",
	unjudged: "waiting for a fingerprint", up: "up", ending: "one connection ended",
	ended: "ended, and kept" };
let before = null, seen = 0, drawn = 0, charts = null;

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

// what: for a screen reader.
function meter(share, what) {
	const m = el("meter");
	m.setAttribute("aria-label", what);
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
	t.append(el("h3", title), p, meter(max > 0 ? n / max : 0, `${title}, of all there may be`));
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
		tr.children[2].append(meter(load, `load of worker ${i}`));
	return tr;
}

function speed(mbps) {
	return !mbps ? "–" : mbps >= 1000 ? `${mbps / 1000} Gb/s` : `${mbps} Mb/s`;
}

function port(p, was, seconds) {
	const info = p.info ?? {}, then = was?.info ?? {};
	const t = p.traffic.total, past = was?.traffic.total;
	const link = info.out ? "away" : info.link_up ? "up" : "down";
	const missed = gained(info.rx_missed, then.rx_missed, seconds);
	const errors = (info.rx_errors ?? 0) + (info.tx_errors ?? 0) + (info.rx_nombuf ?? 0);
	return row([[info.name ?? p.port, "text"], [link, `text ${link === "up" ? "good" : "bad"}`],
		[speed(info.speed_mbps)], [rate(gained(t.rx_packets, past?.rx_packets, seconds))],
		[rate(gained(t.tx_packets, past?.tx_packets, seconds))],
		[rate(missed), missed > 0 ? "warn" : ""], [count(info.rx_missed)], [count(errors)],
		[count(t.tx_full)]]);
}

function listener(l, was, seconds) {
	return row([[l.address, "text address"], [l.transport, "text"], [l.service ?? "TURN", "text"],
		[rate(gained(l.requests, was?.requests, seconds))], [count(l.requests)]]);
}

function relay(r) {
	const ports = r.port_max - r.port_min + 1, taken = ports > 0 ? (r.used + r.resting) / ports : 0;
	const uses = [r.turn ? "TURN" : "", r.realm ? `realm ${r.realm}` : ""].filter((t) => t).join(", ");
	const tr = row([[r.address, "text address"], [`${(100 * taken).toFixed(0)} %`, "load"], [count(r.used)],
		[count(r.resting)], [`${r.port_min}–${r.port_max}`], [uses, "text names"]]);
	tr.children[1].append(meter(taken, `ports taken of ${r.address}`));
	return tr;
}

function certificate(c) {
	if (!c.loaded)
		return row([[c.domain, "text"], ["–"], ["not loaded", "text bad"],
			[c.error, "text names bad"], ["", "text"]]);
	const ends = new Date(1000 * c.not_after).toISOString().slice(0, 10);
	const over = c.days_left < 0, color = over ? "bad" : c.days_left < DAYS_WARN ? "warn" : "";
	const ago = -c.days_left - 1; // days_left is rounded down
	const days = !over ? count(c.days_left) : ago ? `ended ${count(ago)} d ago` : "ended today";
	return row([[c.domain, "text"], [days, color], [ends, `text ${color}`],
		[c.names.join(" ") || c.subject, "text names"], [c.type, "text"]]);
}

function rows(id, list, columns, without) {
	at(id).replaceChildren(...(list.length ? list : [nothing(columns, without)]));
}

// A name breaks behind its underscores, where there is no room, and is copied as it is.
function breaks(td) {
	td.replaceChildren(...td.textContent.split(/(?<=_)/).flatMap((part) => [part, el("wbr")]).slice(0, -1));
}

function drop(d, was, seconds) {
	const r = was ? gained(d.total, was.get(d.name) ?? 0, seconds) : null;
	const color = d.severity === "error" ? "bad" : d.severity === "warn" ? "warn" : "";
	const tr = row([[d.name, "text"], [d.severity, `text ${color}`], [count(d.total)], [rate(r)], [d.help, "text"]]);
	breaks(tr.firstChild);
	return tr;
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

// A screen reader tells of it when it becomes another one.
function state(text, name) {
	const pill = at("state");
	if (pill.textContent !== text)
		pill.textContent = text;
	pill.className = `pill ${name}`;
}

// In a word; the reasons are in the list below it.
function health(s) {
	const errors = s.problems.some((p) => p.severity === "error");
	document.title = `${errors ? "failing" : s.problems.length ? "warning" : "well"} – Fairlead`;
	if (errors)
		state("failing", "bad");
	else if (s.problems.length)
		state(s.drain?.on ? "draining" : "warning", "warn");
	else
		state("well", "good");
	problems(s.problems);
}

function show(page) {
	const s = page.status, dp = s.dataplane, away = "The dataplane is not attached.";
	const same = before && dp.attached && before.status.dataplane.generation === dp.generation;
	const once = before && before.status.pid === s.pid ? before : undefined;
	const seconds = before ? (page.time_us - before.time_us) / 1e6 : 0;
	const drops = same ? new Map(before.drops.map((d) => [d.name, d.total])) : null;

	at("version").textContent = s.version;
	at("uptime").textContent = `up ${span(s.uptime_s)}` +
		(dp.attached ? `, dataplane ${span(dp.uptime_s)}, ABI ${dp.abi}` : "");
	health(s);
	tiles(s);
	rows("workers", page.workers.map((w, i) =>
		worker(w, i, same ? before.workers[i] : undefined, seconds)), 9, away);
	rows("ports", page.ports.map((p) =>
		port(p, same ? before.ports.find((q) => q.port === p.port) : undefined, seconds)), 9, away);
	rows("listeners", page.listeners.map((l, i) => listener(l, once?.listeners[i], seconds)), 5,
		"There are no listeners.");
	rows("relays", page.relays.map(relay), 6, "There are no relays.");
	rows("certificates", page.certificates.map(certificate), 5,
		dp.attached ? "There are no certificates." : away);
	page.drops.sort((a, b) => b.total - a.total);
	rows("drops", page.drops.map((d) => drop(d, drops, seconds)), 5, "Nothing was dropped.");
	gateway(s.gateway, page.media, same ? before.media : undefined, seconds);
	turn(s);
	before = page;
}

// ---- history ----

const CHARTS = [["packets", "Packets received a second", rate], ["drops", "Packets dropped a second", rate],
	["sessions", "Allocations", count], ["contexts", "Gateway contexts", count],
	["load", "Load of the workers", (n) => `${(n / 10).toFixed(n < 100 ? 1 : 0)} %`],
	["latency_us", "Time until a request is answered", (n) => n < 1000 ? `${Math.round(n)} µs` :
		`${(n / 1000).toFixed(2)} ms`]];

function chartsDraw(h) {
	if (!charts) {
		charts = CHARTS.map(([key, title, format]) => [key, new Chart(title, format)]);
		at("history").replaceChildren(...charts.map(([, c]) => c.figure));
	}
	for (const [key, chart] of charts)
		chart.show(h.time, h[key], h.every_s * h.points);
}

async function ask(what) {
	const answer = await fetch(what, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
	if (!answer.ok)
		throw new Error(`HTTP ${answer.status}`);
	return answer.json();
}

async function look() {
	try {
		show(await ask("status"));
		seen = Date.now();
		if (seen - drawn >= HISTORY_MS) {
			chartsDraw(await ask("history"));
			drawn = seen;
		}
		document.body.classList.remove("stale");
		at("age").textContent = `as of ${new Date(seen).toLocaleTimeString()}`;
	} catch (e) {
		document.body.classList.add("stale");
		state("no answer", "bad");
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
