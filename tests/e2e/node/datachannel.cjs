// SPDX-License-Identifier: BSD-3-Clause
// Two peers of node_datachannel_test.sh: datachannel.cjs DIRECTORY-OF-MODULES. A passes a file of
// random bytes to B, which answers with its hash.
"use strict";

const crypto = require("crypto");
const nodeDataChannel = require(require.resolve("node-datachannel", { paths: [process.argv[2]] }));

const SIZE = 1 << 20, CHUNK = 16384, HIGH_WATER = 256 * 1024;
const config = {
	iceServers: [{ hostname: "10.1.0.1", port: 3478, username: "demo", password: "fairlead", relayType: "TurnUdp" }],
	iceTransportPolicy: "relay",
};

function fail(text) {
	console.error("datachannel: " + text);
	process.exit(1);
}

// Each hands its description and candidates to the other.
function introduce(from, to) {
	from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
	from.onLocalCandidate((candidate, mid) => {
		if (!/ typ relay /.test(candidate + " "))
			fail("a candidate that is not relayed: " + candidate);
		to.addRemoteCandidate(candidate, mid);
	});
	from.onStateChange((state) => {
		if (state === "failed")
			fail("the connection failed");
	});
}

// As fast as the channel takes it.
function sendFile(channel, file) {
	let at = 0;
	const more = () => {
		while (at < file.length && channel.bufferedAmount() < HIGH_WATER) {
			channel.sendMessageBinary(file.subarray(at, at + CHUNK));
			at += CHUNK;
		}
	};
	channel.setBufferedAmountLowThreshold(HIGH_WATER / 2);
	channel.onBufferedAmountLow(more);
	more();
}

const a = new nodeDataChannel.PeerConnection("a", config);
const b = new nodeDataChannel.PeerConnection("b", config);
introduce(a, b);
introduce(b, a);

const file = crypto.randomBytes(SIZE);
const want = crypto.createHash("sha256").update(file).digest("hex");

b.onDataChannel((channel) => {
	const hash = crypto.createHash("sha256");
	let got = 0;
	channel.onMessage((chunk) => {
		hash.update(chunk);
		got += chunk.length;
		if (got === SIZE)
			channel.sendMessage(hash.digest("hex"));
	});
});

const channel = a.createDataChannel("file");
channel.onOpen(() => sendFile(channel, file));
channel.onMessage((got) => {
	if (got !== want)
		fail("the file arrived with another hash");
	for (const peer of [a, b]) {
		const pair = peer.getSelectedCandidatePair();
		for (const side of [pair.local, pair.remote])
			if (side.type !== "relay" || side.address !== "10.2.0.1")
				fail("not relayed: " + JSON.stringify(pair));
	}
	console.log("ok: " + SIZE + " bytes, relay to relay");
	a.close();
	b.close();
	nodeDataChannel.cleanup();
	process.exit(0);
});
