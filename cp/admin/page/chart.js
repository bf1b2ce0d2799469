// SPDX-License-Identifier: BSD-3-Clause
// A number over the last minutes, drawn as a line. It is a slider for keyboards and screen readers: arrows go
// from point to point, and each says its value and time.
"use strict";

const SVG = "http://www.w3.org/2000/svg", WIDTH = 300, HEIGHT = 64;

function svg(tag, attributes) {
	const e = document.createElementNS(SVG, tag);
	for (const [k, v] of Object.entries(attributes))
		e.setAttribute(k, v);
	return e;
}

// The end of the scale: 1, 2 or 5 times a power of ten, not below a value.
function scaleEnd(most) {
	const power = 10 ** Math.floor(Math.log10(most > 0 ? most : 1));
	return power * [1, 2, 5, 10].find((n) => n * power >= most);
}

class Chart {
	constructor(title, format) {
		this.format = format;
		this.at = null; // the point that is looked at; null: the newest
		this.times = [];
		this.values = [];
		this.now = el("p", "–", "now");
		this.when = el("small");
		this.top = el("span", "", "top");
		this.from = el("span");
		this.area = svg("path", { class: "area" });
		this.line = svg("path", { class: "line" });
		this.mark = svg("line", { class: "mark", y1: 0, y2: HEIGHT });
		this.plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
			"aria-hidden": "true" });
		this.plot.append(this.area, this.line, this.mark);
		this.slider = el("div", undefined, "plot");
		this.slider.append(this.plot, this.top);
		for (const [k, v] of [["role", "slider"], ["tabindex", "0"], ["aria-label", title],
			["aria-valuemin", "0"]])
			this.slider.setAttribute(k, v);
		const axis = el("p", undefined, "axis"), figure = el("figure", undefined, "chart");
		axis.setAttribute("aria-hidden", "true");
		axis.append(this.from, el("span", "now"));
		figure.setAttribute("aria-label", title);
		figure.append(el("h3", title), this.now, this.slider, axis);
		this.figure = figure;
		this.slider.addEventListener("keydown", (e) => this.key(e));
		this.slider.addEventListener("pointermove", (e) => this.point(e));
		this.slider.addEventListener("pointerleave", () => this.look(null));
		this.slider.addEventListener("blur", () => this.look(null));
	}

	x(i) {
		return WIDTH * (1 - (this.times.at(-1) - this.times[i]) / this.span);
	}

	// Runs of points that are known.
	paths() {
		let line = "", area = "", begun = null;
		for (let i = 0; i <= this.values.length; i++) {
			const v = this.values[i];
			if (v === null || v === undefined) {
				if (begun !== null)
					area += `L${this.x(i - 1).toFixed(1)} ${HEIGHT}Z`;
				begun = null;
				continue;
			}
			const x = this.x(i).toFixed(1), y = (HEIGHT * (1 - v / this.end)).toFixed(1);
			line += begun === null ? `M${x} ${y}h0.1` : `L${x} ${y}`;
			area += begun === null ? `M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
			begun = begun ?? i;
		}
		return [line, area];
	}

	show(times, values, span) {
		const behind = this.at === null ? null : this.times.length - this.at;
		this.times = times;
		this.values = values;
		this.span = span;
		this.end = scaleEnd(Math.max(0, ...values.map((v) => v ?? 0)));
		const [line, area] = this.paths();
		this.line.setAttribute("d", line);
		this.area.setAttribute("d", area);
		this.top.textContent = this.format(this.end).replace(".00", "");
		this.from.textContent = `${Math.round(span / 60)} min ago`;
		this.slider.setAttribute("aria-valuemax", String(Math.max(0, times.length - 1)));
		this.look(behind === null ? null : Math.max(0, times.length - behind));
	}

	// Tells of one point, or of the newest.
	look(at) {
		const last = this.times.length - 1;
		this.at = at === null || at >= last ? null : Math.max(0, at);
		if (last < 0)
			return;
		const i = this.at ?? last, v = this.values[i], clock = new Date(1000 * this.times[i]).toLocaleTimeString();
		const text = v === null ? "not known" : this.format(v);
		this.now.replaceChildren(text, this.when);
		this.when.textContent = this.at === null ? "" : ` at ${clock}`;
		this.mark.setAttribute("x1", String(this.x(i)));
		this.mark.setAttribute("x2", String(this.x(i)));
		this.mark.classList.toggle("on", this.at !== null);
		this.slider.setAttribute("aria-valuenow", String(i));
		this.slider.setAttribute("aria-valuetext", `${text} at ${clock}`);
	}

	key(e) {
		const last = this.times.length - 1, i = this.at ?? last;
		const to = { ArrowLeft: i - 1, ArrowDown: i - 1, ArrowRight: i + 1, ArrowUp: i + 1, PageUp: i + 12,
			PageDown: i - 12, Home: 0, End: last }[e.key];
		if (to === undefined)
			return;
		e.preventDefault();
		this.look(Math.max(0, to));
	}

	point(e) {
		const box = this.slider.getBoundingClientRect(), last = this.times.length - 1;
		const time = this.times[last] - this.span * (1 - (e.clientX - box.left) / box.width);
		let i = last;
		while (i > 0 && this.times[i - 1] >= time)
			i--;
		this.look(i);
	}
}
