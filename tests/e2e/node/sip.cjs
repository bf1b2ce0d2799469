// SPDX-License-Identifier: BSD-3-Clause
// A page of Chromium with JsSIP as a phone of media_webrtc_test.sh, by DTLS-SRTP, ICE and BUNDLE as browsers have
// them: sip.cjs CHROMIUM PROFILE-DIRECTORY JSSIP WS-URL AOR HZ [URI]. It sends a tone of HZ, calls URI or waits to be
// called, holds and resumes, and says what it hears; then it hangs up where it called. With "held" behind the URI it
// stays on hold. JSSIP is a script that defines JsSIP.
"use strict";

const fs = require("fs");
const path = require("path");
const { Browser, until } = require("./devtools.cjs");

const [program, profile, library, server, aor, hz, uri, stays] = process.argv.slice(2);

// ---- what runs in the page ----

function pageSetup(server, aor, hz) {
	const audio = new AudioContext();
	const tone = audio.createOscillator(), out = audio.createMediaStreamDestination();
	const analyser = audio.createAnalyser();
	tone.frequency.value = hz;
	tone.connect(out);
	tone.start();
	analyser.fftSize = 8192;
	window.state = { registered: false, confirmed: false, ended: "", errors: [] };
	window.ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(server)], uri: aor, register: true,
		session_timers: false });
	const options = { mediaStream: out.stream, pcConfig: { iceServers: [] } };
	const heard = (stream) => {
		// Chromium plays a remote stream to WebAudio only if an element has it, too.
		const element = document.body.appendChild(document.createElement("audio"));
		element.muted = true;
		element.srcObject = stream;
		element.play();
		audio.createMediaStreamSource(stream).connect(analyser);
	};
	const watch = (pc) => {
		window.pc = pc;
		pc.addEventListener("track", (event) => heard(event.streams[0] || new MediaStream([event.track])));
	};
	ua.on("registered", () => (state.registered = true));
	ua.on("registrationFailed", (event) => state.errors.push("registration: " + event.cause));
	ua.on("newRTCSession", ({ session, originator }) => {
		window.session = session;
		session.on("peerconnection", (event) => watch(event.peerconnection));
		session.on("confirmed", () => (state.confirmed = true));
		session.on("ended", (event) => (state.ended = event.cause));
		session.on("failed", (event) => state.errors.push("call: " + event.cause));
		if (session.connection)
			watch(session.connection);
		if (originator === "remote")
			session.answer(options);
	});
	// The remote may be there before its events are watched.
	window.call = (uri) => void ua.call(uri, options);
	window.loudest = () => {
		const level = new Float32Array(analyser.frequencyBinCount);
		analyser.getFloatFrequencyData(level);
		const at = level.indexOf(Math.max(...level));
		return { hz: (at * audio.sampleRate) / analyser.fftSize, db: level[at] };
	};
	window.held = (on) => new Promise((done) => (on ? session.hold({}, () => done(true)) : session.unhold({}, () => done(true))));
	window.stats = async () => {
		const all = [...(await pc.getStats()).values()];
		const of = (type) => all.find((s) => s.type === type) || {};
		const transport = of("transport"), rtp = all.find((s) => s.type === "inbound-rtp") || {};
		return { state: pc.connectionState, dtls: transport.dtlsState, srtp: transport.srtpCipher,
			packets: rtp.packetsReceived || 0, lost: rtp.packetsLost || 0 };
	};
	ua.start();
}

async function main() {
	const file = path.join(profile, "page.html");
	fs.writeFileSync(file, "<!doctype html><title>phone</title><body></body>");
	const page = await browser.page(file);
	const good = async () => {
		const errors = await page("state.errors.join()");
		if (errors)
			throw new Error(errors);
		return true;
	};
	const hears = async (other) => until(`a tone of ${other} Hz`, async () => {
		const { hz, db } = (await good()) && (await page("loudest()"));
		return Math.abs(hz - other) < 20 && db > -60;
	});
	await page(fs.readFileSync(library, "utf8") + ";0");
	await page(`(${pageSetup})(${JSON.stringify(server)}, ${JSON.stringify(aor)}, ${hz})`);
	await until("the registration", async () => (await good()) && page("state.registered"));
	console.log("registered");
	if (uri)
		await page(`call(${JSON.stringify(uri)})`);
	await until("the call", async () => (await good()) && page("state.confirmed"));
	await until("media", async () => (await good()) && (await page("stats()")).packets >= 100);
	await hears(1000);
	console.log("hears " + JSON.stringify(await page("stats()")));
	if (uri) {
		await page("held(true)");
		if (stays === "held") {
			console.log("held");
			await new Promise((done) => setTimeout(done, 300000)); // killed before
		}
		await page("held(false)");
		const before = (await page("stats()")).packets;
		await until("media again", async () => (await good()) && (await page("stats()")).packets >= before + 100);
		await hears(1000);
		console.log("resumed");
		await page("session.terminate()");
	}
	await until("the end", async () => page("state.ended"));
	console.log("ended " + (await page("state.ended")));
	await page("ua.stop()");
	await browser.close();
}

const browser = new Browser(program, profile, ["--autoplay-policy=no-user-gesture-required"]);
main().catch((error) => browser.fail(error.message));
