// SPDX-License-Identifier: BSD-3-Clause
// Looks at the operator's page: page.cjs CHROMIUM PROFILE-DIRECTORY URL PICTURES-PREFIX STATE. In light and dark, as
// wide as a desk's screen and as a phone's, the pill must say STATE, and then: nothing is wider than the screen but
// what scrolls by itself, all text stands out from what is behind it (WCAG 2.1 1.4.3), the keyboard reaches all that
// scrolls or can be moved and is seen there (2.4.7), and a screen reader is told what each part is. Prints the words of
// the page, and leaves a picture of each.
"use strict";

const fs = require("fs");
const { Browser, until } = require("./devtools.cjs");

const CONTRAST = 4.5, STOPS = 40;
const SCREENS = [["desk", 1280, 900, false], ["phone", 390, 844, true]];
const [program, profile, url, pictures, wanted] = process.argv.slice(2);

// ---- what runs in the page ----

// Elements that stick out of the screen, but for what a scrolling part holds.
function wide() {
	return [...document.querySelectorAll("body *")].filter((e) => !e.parentElement.closest(".scroll") &&
		e.getClientRects().length && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		.map((e) => e.tagName + "#" + e.id + "." + e.className).slice(0, 5);
}

// Text that does not stand out from the first background behind it.
function faint(least) {
	const numbers = (c) => c.match(/[\d.]+/g).map(Number);
	const luminance = (c) => {
		const [r, g, b] = numbers(c).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = getComputedStyle(e).backgroundColor;
			if (numbers(c)[3] !== 0)
				return c;
		}
		return "rgb(255, 255, 255)";
	};
	const found = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode());) {
		const e = n.parentElement;
		if (!n.textContent.trim() || !e.getClientRects().length || e.closest("noscript, script"))
			continue;
		const a = luminance(getComputedStyle(e).color), b = luminance(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < least)
			found.push(`"${n.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
	}
	return found.slice(0, 5);
}

// Where the keyboard is, and whether that is seen.
function focused() {
	const e = document.activeElement;
	if (!e || e === document.body)
		return null;
	const s = getComputedStyle(e), r = e.getBoundingClientRect();
	return { what: e.getAttribute("aria-label") ?? e.getAttribute("aria-labelledby") ?? e.textContent.trim(),
		outlined: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2,
		inside: r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth };
}

// What can be moved or scrolled and so must be reached.
function movable() {
	return [...document.querySelectorAll("[role=slider], .scroll")].map((e) =>
		e.getAttribute("aria-label") ?? e.getAttribute("aria-labelledby"));
}

// ---- the test ----

function must(condition, text) {
	if (!condition)
		throw new Error(text);
}

async function keyboard(key, browser, session) {
	for (const type of ["rawKeyDown", "keyUp"])
		await browser.call("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: key === "Tab" ? 9 : 37 }, session);
}

// All stops of the tabulator, in order.
async function stops(browser, session, page) {
	const list = [];
	for (let i = 0; i < STOPS; i++) {
		await keyboard("Tab", browser, session);
		const at = await page(`(${focused})()`);
		if (!at)
			break;
		must(at.outlined, `the keyboard is not seen at "${at.what}"`);
		must(at.inside, `"${at.what}" is not on the screen while the keyboard is there`);
		list.push(at.what);
	}
	for (const what of await page(`(${movable})()`))
		must(list.includes(what), `the keyboard does not come to "${what}", but to ${list.join(", ")}`);
	return list;
}

// Each node that is told, with its role and name.
async function told(browser, session) {
	const { nodes } = await browser.call("Accessibility.getFullAXTree", {}, session);
	return nodes.filter((n) => !n.ignored).map((n) => ({ role: n.role?.value, name: n.name?.value ?? "" }));
}

async function roles(browser, session) {
	const all = await told(browser, session), of = (role) => all.filter((n) => n.role === role);
	for (const role of ["banner", "main", "contentinfo", "status"])
		must(of(role).length === 1, `${of(role).length} of role ${role}`);
	for (const role of ["region", "slider", "table", "meter", "figure"])
		must(of(role).length > 0 && of(role).every((n) => n.name), `${of(role).length} of role ${role}, of which ` +
			`${of(role).filter((n) => !n.name).length} have no name`);
	must(of("columnheader").length > 20, `${of("columnheader").length} heads of columns`);
	must(all.some((n) => n.role === "list" && n.name === "What is wrong"), "no list of what is wrong");
}

async function arrows(browser, session, page) {
	await page(`document.querySelector("[role=slider]").focus()`);
	const value = () => page(`document.activeElement.getAttribute("aria-valuetext")`);
	// A point that comes in between makes the one before it what was the newest.
	await until("an arrow moves the slider", async () => {
		const before = await value();
		await keyboard("ArrowLeft", browser, session);
		return await value() !== before;
	});
}

// On a screen as high as all of it: what is beyond one may not have been drawn.
async function picture(browser, session, page, file, { width, height, mobile }) {
	const all = await page("document.documentElement.scrollHeight");
	const screen = (h) => browser.call("Emulation.setDeviceMetricsOverride", { width, height: h, mobile, deviceScaleFactor: 1 }, session);
	await screen(all);
	await page("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
	const { data } = await browser.call("Page.captureScreenshot", { format: "png" }, session);
	fs.writeFileSync(file, Buffer.from(data, "base64"));
	await screen(height);
}

async function look(browser, theme, [screen, width, height, mobile]) {
	const session = await browser.session(), page = browser.evaluator(session);
	await browser.call("Emulation.setDeviceMetricsOverride", { width, height, mobile, deviceScaleFactor: 1 }, session);
	await browser.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] }, session);
	await browser.call("Page.navigate", { url }, session);
	await until(`"${wanted}", ${theme}, ${screen}`, () =>
		page(`document.getElementById("state")?.textContent === ${JSON.stringify(wanted)} &&
			document.querySelectorAll("#history .chart").length > 0 && seen - drawn < 60000`));
	const text = await page("document.body.innerText");
	await picture(browser, session, page, `${pictures}-${theme}-${screen}.png`, { width, height, mobile });
	const out = await page(`(${wide})()`), pale = await page(`(${faint})(${CONTRAST})`);
	must(out.length === 0, `wider than the screen: ${out.join(", ")}`);
	must(pale.length === 0, `text that does not stand out: ${pale.join(", ")}`);
	await roles(browser, session);
	const list = await stops(browser, session, page);
	await arrows(browser, session, page);
	console.error(`${theme}, ${screen}: ${list.length} stops of the keyboard`);
	return text;
}

(async () => {
	const browser = new Browser(program, profile);
	let text = "", where = "";
	try {
		for (const theme of ["light", "dark"])
			for (const screen of SCREENS) {
				where = `${theme}, ${screen[0]}`;
				text = await look(browser, theme, screen);
			}
	} catch (e) {
		console.log(`page: ${where}: ${e.message}`);
		process.exitCode = 1;
	}
	await browser.close();
	if (!process.exitCode)
		console.log(text);
})();
