// SPDX-License-Identifier: BSD-3-Clause
// Drives two pages of chromium_test.sh over the DevTools protocol on a pipe, with nothing but
// node's own modules: browser.cjs CHROMIUM PROFILE-DIRECTORY udp|tcp|tls. With tls certificates are
// checked: the relay's CA must be in the NSS database of $HOME.
"use strict";

const { spawn } = require("child_process");
const fs = require("fs");
const path = require("path");

const FILE_SIZE = 1 << 20, FRAMES = 60, SECONDS = 60;
const [program, profile, transport] = process.argv.slice(2);
const server = transport === "tls" ? "turns:10.1.0.1:443?transport=tcp" : "turn:10.1.0.1:3478?transport=" + transport;
const flags = [
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-dev-shm-usage", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
	"--remote-debugging-pipe", "--user-data-dir=" + profile,
];

// ---- what runs in a page ----

function pageSetup(fileSize, offers, server) {
	const pc = new RTCPeerConnection({
		iceTransportPolicy: "relay",
		iceServers: [{ urls: server, username: "demo", credential: "fairlead" }],
	});
	const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
	const hashOf = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));
	const opened = (channel) => new Promise((done) => {
		if (channel.readyState === "open")
			done();
		else
			channel.onopen = done;
	});
	window.pc = pc;
	window.video = document.body.appendChild(document.createElement("video"));
	video.muted = true;
	pc.ontrack = (event) => {
		video.srcObject = event.streams[0];
		video.play();
	};
	pc.onicecandidateerror = (event) => console.log("ICE error", event.errorCode, event.errorText);
	window.camera = async () => {
		const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
		stream.getTracks().forEach((track) => pc.addTrack(track, stream));
	};
	// Once all candidates are in it, so that nothing else needs to be carried over.
	window.description = () => new Promise((done) => {
		const look = () => pc.iceGatheringState === "complete" && done(JSON.stringify(pc.localDescription));
		pc.onicegatheringstatechange = look;
		look();
	});
	if (offers)
		window.channel = pc.createDataChannel("file");
	window.sendFile = async () => {
		const file = new Uint8Array(fileSize), chunk = 16384;
		for (let at = 0; at < fileSize; at += 65536)
			crypto.getRandomValues(file.subarray(at, at + 65536));
		await opened(channel);
		channel.bufferedAmountLowThreshold = 65536;
		for (let at = 0; at < fileSize; at += chunk) {
			if (channel.bufferedAmount > 262144)
				await new Promise((done) => (channel.onbufferedamountlow = done));
			channel.send(file.subarray(at, at + chunk));
		}
		return hashOf(file);
	};
	window.receivedFile = new Promise((done) => {
		pc.ondatachannel = ({ channel }) => {
			const file = new Uint8Array(fileSize);
			let got = 0;
			channel.binaryType = "arraybuffer";
			channel.onmessage = async ({ data }) => {
				file.set(new Uint8Array(data), got);
				got += data.byteLength;
				if (got === fileSize)
					done(await hashOf(file));
			};
		};
	});
	window.stats = async () => {
		const all = [...(await pc.getStats()).values()];
		const transport = all.find((s) => s.type === "transport");
		const pair = all.find((s) => s.id === (transport || {}).selectedCandidatePairId);
		const candidate = (id) => all.find((s) => s.id === id) || {};
		return {
			state: pc.connectionState,
			framesDecoded: (all.find((s) => s.type === "inbound-rtp" && s.kind === "video") || {}).framesDecoded || 0,
			local: pair ? candidate(pair.localCandidateId).candidateType : "",
			remote: pair ? candidate(pair.remoteCandidateId).candidateType : "",
			protocol: pair ? candidate(pair.localCandidateId).relayProtocol : "",
			gathered: all.filter((s) => s.type === "local-candidate").map((s) => s.candidateType),
		};
	};
}

// ---- DevTools ----

class Browser {
	constructor() {
		this.process = spawn(program, flags, { stdio: ["ignore", "inherit", "inherit", "pipe", "pipe"] });
		this.waiting = new Map();
		this.next = 1;
		this.rest = Buffer.alloc(0);
		this.process.stdio[4].on("data", (data) => this.received(data));
		this.process.on("exit", (code) => fail("Chromium ended with " + code));
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

	// A page of a file: cameras are for secure contexts.
	async page(file) {
		const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
		const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
		await this.call("Page.navigate", { url: "file://" + file }, sessionId);
		const page = async (expression) => {
			const { result, exceptionDetails } = await this.call("Runtime.evaluate",
				{ expression, awaitPromise: true, returnByValue: true, userGesture: true }, sessionId);
			if (exceptionDetails)
				throw new Error(exceptionDetails.exception ? exceptionDetails.exception.description : exceptionDetails.text);
			return result.value;
		};
		await until("the page", async () => page(`location.protocol === "file:" && document.readyState === "complete"`));
		return page;
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

function fail(text) {
	console.log("browser: " + text);
	browser.process.kill("SIGKILL");
	process.exit(1);
}

async function until(what, condition) {
	const end = Date.now() + SECONDS * 1000;
	while (!(await condition())) {
		if (Date.now() > end)
			throw new Error("never came: " + what);
		await new Promise((done) => setTimeout(done, 100));
	}
}

// ---- the call ----

async function call(a, b) {
	await a("camera()");
	await a("pc.createOffer().then((d) => pc.setLocalDescription(d))");
	await b(`pc.setRemoteDescription(${await a("description()")})`);
	await b("camera()");
	await b("pc.createAnswer().then((d) => pc.setLocalDescription(d))");
	await a(`pc.setRemoteDescription(${await b("description()")})`);
}

function check(name, stats) {
	if (stats.local !== "relay" || stats.remote !== "relay" || stats.protocol !== transport)
		throw new Error(`page ${name} is not relayed on both sides over ${transport}: ${JSON.stringify(stats)}`);
	if (!stats.gathered.every((type) => type === "relay"))
		throw new Error(`page ${name} gathered more than relay candidates: ${stats.gathered}`);
}

async function main() {
	const file = path.join(profile, "page.html");
	fs.writeFileSync(file, "<!doctype html><title>a</title><body></body>");
	const a = await browser.page(file), b = await browser.page(file);
	await a(`(${pageSetup})(${FILE_SIZE}, true, "${server}")`);
	await b(`(${pageSetup})(${FILE_SIZE}, false, "${server}")`);
	await call(a, b);
	for (const [name, page] of [["a", a], ["b", b]])
		await until("a connection of page " + name, async () => {
			const { state } = await page("stats()");
			if (state === "failed")
				throw new Error("the connection failed");
			return state === "connected";
		});
	const sent = await a("sendFile()");
	if (sent !== (await b("receivedFile")))
		throw new Error("the file arrived with another hash");
	console.log(`ok: a file of ${FILE_SIZE} bytes over ${transport}`);
	for (const [name, page] of [["a", a], ["b", b]]) {
		await until("video in page " + name, async () => (await page("stats()")).framesDecoded >= FRAMES);
		const stats = await page("stats()");
		check(name, stats);
		console.log(`ok: page ${name}: ${stats.local} to ${stats.remote}, ${stats.framesDecoded} frames decoded`);
	}
	await Promise.all([a("pc.close()"), b("pc.close()")]);
	await browser.close();
}

fs.mkdirSync(profile, { recursive: true });
const browser = new Browser();
setTimeout(() => fail("it takes too long"), SECONDS * 1000 + 10000).unref();
main().catch((error) => fail(error.message));
