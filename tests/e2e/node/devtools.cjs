// SPDX-License-Identifier: BSD-3-Clause
// Pages of a headless Chromium, driven over the DevTools protocol on a pipe, with nothing but node's own modules.
"use strict";

const { spawn } = require("child_process");
const fs = require("fs");

const SECONDS = 60;

// Its profile is in a directory of its own; flags are more of Chromium's.
class Browser {
	constructor(program, profile, flags = []) {
		fs.mkdirSync(profile, { recursive: true });
		this.process = spawn(program, [
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--disable-dev-shm-usage", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
			"--remote-debugging-pipe", "--user-data-dir=" + profile, ...flags,
		], { stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"] });
		this.waiting = new Map();
		this.next = 1;
		this.rest = Buffer.alloc(0);
		this.process.stdio[4].on("data", (data) => this.received(data));
		this.process.on("exit", (code) => this.fail("Chromium ended with " + code));
		setTimeout(() => this.fail("it takes too long"), SECONDS * 1000 + 10000).unref();
	}

	// Messages end with a NUL.
	received(data) {
		this.rest = Buffer.concat([this.rest, data]);
		for (let end; (end = this.rest.indexOf(0)) >= 0; this.rest = this.rest.subarray(end + 1)) {
			const message = JSON.parse(this.rest.toString("utf8", 0, end));
			const waiter = this.waiting.get(message.id);
			this.waiting.delete(message.id);
			if (waiter && message.error)
				waiter.reject(new Error(message.error.message));
			else if (waiter)
				waiter.resolve(message.result);
		}
	}

	call(method, params, sessionId) {
		const id = this.next++;
		this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
		return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
	}

	// A session with a page that is still empty.
	async session() {
		const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
		return (await this.call("Target.attachToTarget", { targetId, flatten: true })).sessionId;
	}

	// What evaluates expressions in the page of a session.
	evaluator(sessionId) {
		return async (expression) => {
			const { result, exceptionDetails } = await this.call("Runtime.evaluate",
				{ expression, awaitPromise: true, returnByValue: true, userGesture: true }, sessionId);
			if (exceptionDetails)
				throw new Error(exceptionDetails.exception ? exceptionDetails.exception.description : exceptionDetails.text);
			return result.value;
		};
	}

	// A page of a file: cameras are for secure contexts.
	async page(file) {
		const sessionId = await this.session(), page = this.evaluator(sessionId);
		await this.call("Page.navigate", { url: "file://" + file }, sessionId);
		await until("the page", async () => page(`location.protocol === "file:" && document.readyState === "complete"`));
		return page;
	}

	fail(text) {
		console.log("browser: " + text);
		this.process.removeAllListeners("exit");
		this.process.kill("SIGKILL");
		process.exit(1);
	}

	async close() {
		const ended = new Promise((done) => {
			this.process.removeAllListeners("exit");
			this.process.on("exit", done);
		});
		await this.call("Browser.close").catch(() => {});
		await ended;
	}
}

async function until(what, condition) {
	const end = Date.now() + SECONDS * 1000;
	while (!(await condition())) {
		if (Date.now() > end)
			throw new Error("never came: " + what);
		await new Promise((done) => setTimeout(done, 100));
	}
}

module.exports = { Browser, until };
