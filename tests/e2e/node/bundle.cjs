// SPDX-License-Identifier: BSD-3-Clause
// A page of Chromium with a microphone and a camera in one bundle, for media_bundle_test.sh: bundle.cjs CHROMIUM
// PROFILE-DIRECTORY offer|answer OFFER-FILE ANSWER-FILE balanced|max-bundle. It writes the one file, waits for the
// other, and says what it hears and sees: over one transport, both.
"use strict";

const fs = require("fs");
const path = require("path");
const { Browser, until } = require("./devtools.cjs");

const [program, profile, role, offerFile, answerFile, policy] = process.argv.slice(2);

// ---- what runs in the page ----

function pageSetup(bundlePolicy) {
	window.pc = new RTCPeerConnection({ iceServers: [], bundlePolicy });
	window.capture = async () => {
		const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
		for (const kind of ["Audio", "Video"])
			window[kind] = pc.addTransceiver(stream[`get${kind}Tracks`]()[0], { streams: [stream] });
		return true;
	};
	window.play = () => {
		pc.addEventListener("track", (event) => {
			const element = document.body.appendChild(document.createElement(event.track.kind));
			element.muted = true;
			element.srcObject = new MediaStream([event.track]);
			element.play();
		});
		return true;
	};
	window.make = async (type) => {
		const description = await pc[type === "offer" ? "createOffer" : "createAnswer"]();
		await pc.setLocalDescription(description);
		return pc.localDescription.sdp;
	};
	window.stats = async () => {
		const all = [...(await pc.getStats()).values()];
		const heard = (kind) => all.find((s) => s.type === "inbound-rtp" && s.kind === kind) || {};
		const transports = all.filter((s) => s.type === "transport");
		return { state: pc.connectionState, transports: transports.length, dtls: transports.map((s) => s.dtlsState),
			audio: heard("audio").packetsReceived || 0, video: heard("video").framesDecoded || 0 };
	};
}

// ---- and beside it ----

// RFC 9429 5.2.1: by max-bundle all m-lines but the first have port 0 and nothing of the transport. Chromium, which
// needs not say so to another of its kind, writes port 9 in each.
function bundleOnly(sdp) {
	const transport = /^a=(candidate|end-of-candidates|fingerprint|ice-[a-z]+|rtcp|rtcp-mux|setup|tls-id)(:|$)/;
	const media = sdp.split(/^(?=m=)/m);
	const only = (part) => part.split("\r\n").filter((line) => !transport.test(line)).join("\r\n")
		.replace(/^m=(\S+) \d+/, "m=$1 0").replace(/^a=mid:[^\r]*/m, "$&\r\na=bundle-only");
	return media.map((part, i) => i < 2 || /^a=bundle-only/m.test(part) ? part : only(part)).join("");
}

function write(file, text) {
	fs.writeFileSync(file + ".part", text);
	fs.renameSync(file + ".part", file);
}

async function read(file) {
	await until(file, async () => fs.existsSync(file));
	return JSON.stringify({ type: file === offerFile ? "offer" : "answer", sdp: fs.readFileSync(file, "utf8") });
}

async function main() {
	const file = path.join(profile, "page.html");
	fs.writeFileSync(file, "<!doctype html><title>phone</title><body></body>");
	const page = await browser.page(file);
	await page(`(${pageSetup})("${policy}")`);
	await page("play()");
	if (role === "answer") {
		await page(`pc.setRemoteDescription(${await read(offerFile)})`);
		await page(`navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } }).then((s) =>
			s.getTracks().forEach((t) => pc.addTrack(t, s)))`);
		write(answerFile, await page(`make("answer")`));
	} else {
		await page("capture()");
		const offer = await page(`make("offer")`);
		write(offerFile, policy === "max-bundle" ? bundleOnly(offer) : offer);
		await page(`pc.setRemoteDescription(${await read(answerFile)})`);
	}
	await until("sound and pictures", async () => {
		const now = await page("stats()");
		if (now.state === "failed")
			throw new Error("the connection failed");
		return now.audio >= 100 && now.video >= 10;
	});
	console.log("hears and sees " + JSON.stringify(await page("stats()")));
	await browser.close();
}

const browser = new Browser(program, profile, ["--autoplay-policy=no-user-gesture-required"]);
main().catch((error) => browser.fail(error.message));
