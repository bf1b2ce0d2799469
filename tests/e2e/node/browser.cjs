// SPDX-License-Identifier: BSD-3-Clause
// Drives two pages of chromium_test.sh: browser.cjs CHROMIUM PROFILE-DIRECTORY udp|tcp|tls. With tls certificates are
// checked: the relay's CA must be in the NSS database of $HOME.
"use strict";

const fs = require("fs");
const path = require("path");
const { Browser, until } = require("./devtools.cjs");

const FILE_SIZE = 1 << 20, FRAMES = 60;
const [program, profile, transport] = process.argv.slice(2);
const server = transport === "tls" ? "turns:10.1.0.1:443?transport=tcp" : "turn:10.1.0.1:3478?transport=" + transport;
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

const browser = new Browser(program, profile);
main().catch((error) => browser.fail(error.message));
