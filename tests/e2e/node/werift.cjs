// SPDX-License-Identifier: BSD-3-Clause
// Two peers of werift_test.sh: werift.cjs DIRECTORY-OF-MODULES udp|tcp|tls. A passes a file of random
// bytes to B, which answers with its hash. With tls NODE_EXTRA_CA_CERTS must name the relay's CA.
"use strict";

const crypto = require("crypto");
const [modules, transport] = process.argv.slice(2);
const { RTCPeerConnection } = require(require.resolve("werift", { paths: [modules] }));

const SIZE = 1 << 20, CHUNK = 8192, HIGH_WATER = 128 * 1024;
const server = transport === "tls" ? "turns:10.1.0.1:443?transport=tcp" : `turn:10.1.0.1:3478?transport=${transport}`;
const config = {
	iceServers: [{ urls: server, username: "demo", credential: "fairlead" }],
	iceTransportPolicy: "relay",
};

function fail(text) {
	console.error("werift: " + text);
	process.exit(1);
}

// The description, once all candidates are in it: relayed ones and no others.
async function description(peer) {
	const end = Date.now() + 20000;
	while (peer.iceGatheringState !== "complete") {
		if (Date.now() > end)
			fail("gathering does not end");
		await new Promise((done) => setTimeout(done, 50));
	}
	const candidates = peer.localDescription.sdp.split(/\r?\n/).filter((line) => line.startsWith("a=candidate"));
	if (candidates.length === 0 || !candidates.every((line) => / typ relay/.test(line) && / 10\.2\.0\.1 /.test(line)))
		fail("candidates that are not relayed: " + candidates);
	return peer.localDescription;
}

async function introduce(a, b) {
	await a.setLocalDescription(await a.createOffer());
	await b.setRemoteDescription(await description(a));
	await b.setLocalDescription(await b.createAnswer());
	await a.setRemoteDescription(await description(b));
}

async function sendFile(channel, file) {
	for (let at = 0; at < file.length; at += CHUNK) {
		while (channel.bufferedAmount > HIGH_WATER)
			await new Promise((done) => setTimeout(done, 5));
		channel.send(file.subarray(at, at + CHUNK));
	}
}

async function main() {
	const a = new RTCPeerConnection(config), b = new RTCPeerConnection(config);
	const file = crypto.randomBytes(SIZE);
	const want = crypto.createHash("sha256").update(file).digest("hex");
	const channel = a.createDataChannel("file");

	b.onDataChannel.subscribe((incoming) => {
		const hash = crypto.createHash("sha256");
		let got = 0;
		incoming.onMessage.subscribe((chunk) => {
			hash.update(chunk);
			got += chunk.length;
			if (got === SIZE)
				incoming.send(Buffer.from(hash.digest("hex")));
		});
	});
	const answer = new Promise((done) => channel.onMessage.subscribe((data) => done(data.toString())));
	channel.stateChanged.subscribe((state) => state === "open" && sendFile(channel, file));
	await introduce(a, b);
	if ((await answer) !== want)
		fail("the file arrived with another hash");
	console.log(`ok: ${SIZE} bytes, relay to relay, ${transport} to the relay`);
	await Promise.all([a.close(), b.close()]);
	process.exit(0);
}

setTimeout(() => fail("it takes too long"), 60000).unref();
main().catch((error) => fail(error.stack));
