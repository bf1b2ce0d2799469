/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_words.h"

#include "ng_flags.h"

#define SERVED(word, bits)                                     \
	{                                                      \
		.name = word, .effect = NG_SERVED, .set = bits \
	}
#define TAKES(word, bits)                                        \
	{                                                        \
		.name = word, .effect = NG_SERVED, .clear = bits \
	}
#define SRTP(word, bits)                                        \
	{                                                       \
		.name = word, .effect = NG_SERVED, .srtp = bits \
	}
#define SRTP_TAKES(word, bits)                                        \
	{                                                             \
		.name = word, .effect = NG_SERVED, .srtp_clear = bits \
	}
#define SDP(word, bits)                                        \
	{                                                      \
		.name = word, .effect = NG_SERVED, .sdp = bits \
	}
#define SUITES(word, what)                                                    \
	{                                                                     \
		.name = word, .effect = NG_SERVED, .suites = NG_SUITES_##what \
	}
#define PREFIX(word, key)                                    \
	{                                                    \
		.name = word, .effect = NG_SERVED, .of = key \
	}
#define HARMLESS(word)                              \
	{                                           \
		.name = word, .effect = NG_HARMLESS \
	}
#define REFUSED(word)                              \
	{                                          \
		.name = word, .effect = NG_REFUSED \
	}
#define END                  \
	{                    \
		.name = NULL \
	}

enum {
	WEBRTC = NG_ICE_FORCE | NG_MUX_OFFER | NG_MUX_REQUIRE | NG_NO_RTCP | NG_WEBRTC,
};

static const struct ng_word flag_words[] = {
	TAKES("trust-address", NG_SIP_SOURCE),
	SERVED("SIP-source-address", NG_SIP_SOURCE),
	TAKES("symmetric", NG_ASYMMETRIC),
	SERVED("asymmetric", NG_ASYMMETRIC),
	SERVED("strict-source", NG_STRICT_SOURCE),
	SERVED("no-rtcp-attribute", NG_NO_RTCP),
	SERVED("full-rtcp-attribute", NG_FULL_RTCP),
	SERVED("loop-protect", NG_LOOP_PROTECT),
	SERVED("fatal", NG_FATAL),
	SERVED("directional", NG_DIRECTIONAL),
	SERVED("block-DTMF", NG_NO_EVENTS),
	{ .name = "WebRTC",
	  .effect = NG_SERVED,
	  .set = WEBRTC,
	  .srtp = NG_SDES_OFF,
	  .sdp = NG_SDP_BUNDLE | NG_SDP_TRICKLE },
	SDP("trickle-ICE", NG_SDP_TRICKLE),
	SDP("fragment", NG_SDP_FRAGMENT),
	SDP("ICE-reject", NG_SDP_ICE_REJECT),
	SDP("reject-ICE", NG_SDP_ICE_REJECT),
	SRTP("recrypt", NG_RECRYPT),
	SERVED("tls-client", NG_TLS_CLIENT),
	SERVED("tls-server", NG_TLS_SERVER),
	SERVED("single-codec", NG_SINGLE_CODEC),
	SERVED("generate-mid", NG_GENERATE_MID),
	SERVED("strip-extmap", NG_STRIP_EXTMAP),
	SERVED("no-tls-id", NG_NO_TLS_ID),
	SERVED("to-tag", NG_TO_TAG),
	PREFIX("replace-*", "replace"),
	PREFIX("rtcp-mux-*", "rtcp-mux"),
	PREFIX("endpoint-learning-*", "endpoint-learning"),
	PREFIX("SDES-*", "SDES"),
	PREFIX("OSRTP-*", "OSRTP"),
	PREFIX("BUNDLE-*", "bundle"),
	PREFIX("T.38-*", "T.38"),
	PREFIX("T38-*", "T.38"),
	PREFIX("codec-*", "codec"),
	PREFIX("transcode-*", "codec"),
	PREFIX("sdp-attr-*", "sdp-attr"),
	/* Remotes are learnt anew with each message of their side, never without one. */
	HARMLESS("media-handover"),
	HARMLESS("reset"),
	HARMLESS("NAT-wait"),
	HARMLESS("pierce-NAT"),
	HARMLESS("unidirectional"),
	/* Ports are kept, directions are left as they are. */
	HARMLESS("port-latching"),
	HARMLESS("no-port-latching"),
	HARMLESS("original-sendrecv"),
	SDP("provisional", NG_SDP_PROVISIONAL),
	/* An answer of another to-tag is a branch of its own; counters are told always. */
	HARMLESS("new-branch"),
	HARMLESS("fast"),
	/* Words of rtpproxy. */
	HARMLESS("auto"),
	HARMLESS("force"),
	HARMLESS("loop"),
	/* No codec is changed, and RTCP goes from end to end. */
	HARMLESS("allow-transcoding"),
	HARMLESS("no-codec-renegotiation"),
	HARMLESS("reuse-codecs"),
	HARMLESS("static-codec*"),
	HARMLESS("reorder-codecs"),
	HARMLESS("symmetric-codecs"),
	HARMLESS("asymmetric-codecs"),
	HARMLESS("allow-asymmetric-codec*"),
	HARMLESS("allow-no-codec-media*"),
	HARMLESS("allow-empty-codec-media*"),
	HARMLESS("generate-RTCP"),
	HARMLESS("mirror-RTCP"),
	HARMLESS("RTCP-mirror"),
	HARMLESS("no-jitter-buffer"),
	HARMLESS("passthrough"),
	HARMLESS("no-passthrough"),
	HARMLESS("early-media"),
	HARMLESS("pad-crypto"),
	HARMLESS("audio-player"),
	HARMLESS("player"),
	HARMLESS("no-player"),
	HARMLESS("no-audio-player"),
	HARMLESS("detect-DTMF"),
	HARMLESS("inject-DTMF"),
	/* Of commands and services that are not here. */
	HARMLESS("all"),
	HARMLESS("block-short*"),
	HARMLESS("from-tags-*"),
	HARMLESS("bidirectional"),
	HARMLESS("inactive"),
	HARMLESS("unsubscribe"),
	HARMLESS("mix"),
	HARMLESS("mixed"),
	HARMLESS("SIPREC"),
	HARMLESS("pause"),
	HARMLESS("no-redis-update"),
	HARMLESS("debug"),
	HARMLESS("debugging"),
	HARMLESS("discard-recording"),
	HARMLESS("exclude-recording"),
	HARMLESS("skip-recording-db"),
	HARMLESS("skip-recording-database"),
	HARMLESS("recording-vsc"),
	HARMLESS("recording-announcement"),
	/* What would be sent is to be blocked, not what comes. */
	REFUSED("egress"),
	REFUSED("block-egress"),
	REFUSED("record-call"),
	REFUSED("always-transcode"),
	REFUSED("force-transcoding"),
	END,
};

static const struct ng_word replace_words[] = {
	SERVED("origin", NG_ORIGIN),
	SERVED("origin-full", NG_ORIGIN | NG_USERNAME),
	SERVED("username", NG_USERNAME),
	SERVED("session-name", NG_SESSION_NAME),
	SERVED("zero-address", NG_ZERO),
	HARMLESS("session-connection"), /* always */
	SDP("SDP-version", NG_SDP_VERSION),
	SDP("force-increment-sdp-ver", NG_SDP_VERSION_FORCE),
	END,
};

static const struct ng_word mux_words[] = {
	SERVED("offer", NG_MUX_OFFER),	 SERVED("require", NG_MUX_REQUIRE | NG_MUX_OFFER),
	SERVED("demux", NG_MUX_DEMUX),	 SERVED("accept", NG_MUX_ACCEPT),
	SERVED("reject", NG_MUX_REJECT), END,
};

static const struct ng_word ice_words[] = {
	SERVED("force", NG_ICE_FORCE),
	SERVED("remove", NG_ICE_REMOVE),
	SERVED("default", NG_ICE_DEFAULT),
	SERVED("optional", NG_ICE_DEFAULT),
	SDP("trickle", NG_SDP_TRICKLE),
	SDP("ice2", NG_SDP_ICE2),
	/* Candidates of the other side that would leave us out are never passed on. */
	SERVED("force-relay", NG_ICE_DEFAULT),
	HARMLESS("lite*"), /* we always are */
	HARMLESS("no-lite"),
	END,
};

static const struct ng_word dtls_words[] = {
	SRTP("off", NG_DTLS_OFF),
	SRTP("no", NG_DTLS_OFF),
	SRTP("disable", NG_DTLS_OFF),
	SRTP("disabled", NG_DTLS_OFF),
	SRTP("passive", NG_DTLS_PASSIVE),
	SRTP_TAKES("active", NG_DTLS_PASSIVE),
	HARMLESS("reverse"),
	END,
};

/* What is offered leaves the choice to who answers: only an answer of ours has one. */
static const struct ng_word dtls_reverse_words[] = {
	HARMLESS("off"),
	HARMLESS("no"),
	HARMLESS("disable"),
	HARMLESS("disabled"),
	SRTP("passive", NG_DTLS_BACK_PASSIVE),
	SRTP_TAKES("active", NG_DTLS_BACK_PASSIVE),
	END,
};

static const struct ng_word sdes_words[] = {
	SRTP("off", NG_SDES_OFF),
	SRTP("no", NG_SDES_OFF),
	SRTP("disable", NG_SDES_OFF),
	SRTP("disabled", NG_SDES_OFF),
	SUITES("no-*", NO),
	SUITES("only-*", ONLY),
	SRTP("nonew", NG_SDES_NONEW),
	SUITES("order:*", ORDER),
	SUITES("offerer-pref:*", LIKED),
	SRTP("lifetime", NG_SDES_LIFETIME),
	SRTP("unencrypted-srtp", NG_SDES_CLEAR_RTP),
	SRTP("unencrypted-srtcp", NG_SDES_CLEAR_RTCP),
	SRTP_TAKES("encrypted-srtp", NG_SDES_CLEAR_RTP),
	SRTP_TAKES("encrypted-srtcp", NG_SDES_CLEAR_RTCP),
	SRTP("prefer", NG_SDES_PREFER),
	SRTP("priority", NG_SDES_PREFER),
	/* Keys end with "=" as RFC 4568 has it, those that are the same go on, and what is not
	 * authenticated is not taken. */
	HARMLESS("pad"),
	HARMLESS("static"),
	HARMLESS("unauthenticated-srtp"),
	HARMLESS("authenticated-srtp"),
	END,
};

static const struct ng_word osrtp_words[] = {
	SRTP("offer", NG_OSRTP_OFFER),
	SRTP("offer-RFC", NG_OSRTP_OFFER),
	SRTP("accept", NG_OSRTP_ACCEPT),
	SRTP("accept-RFC", NG_OSRTP_ACCEPT),
	/* m-lines of their own for it. */
	HARMLESS("offer-legacy"),
	HARMLESS("accept-legacy"),
	END,
};

/* Without these who offers a bundle is answered by one of its first m-line alone. */
static const struct ng_word bundle_words[] = {
	SDP("offer", NG_SDP_BUNDLE),  SDP("require", NG_SDP_BUNDLE),   SDP("strict", NG_SDP_BUNDLE),
	SDP("accept", NG_SDP_ACCEPT), SDP("reject", NG_SDP_UNBUNDLED), END,
};

/* Its datagrams pass. */
static const struct ng_word t38_words[] = {
	HARMLESS("stop"),  HARMLESS("no-*"), HARMLESS("FEC"),
	REFUSED("decode"), REFUSED("force"), END,
};

static const struct ng_word record_words[] = {
	HARMLESS("no"), HARMLESS("off"), REFUSED("yes"), REFUSED("on"), END,
};

static const struct ng_word learning_words[] = {
	HARMLESS("delayed"),
	HARMLESS("immediate"),
	HARMLESS("heuristic"),
	SERVED("off", NG_ASYMMETRIC),
	END,
};

static const struct ng_word traffic_words[] = {
	SERVED("start", NG_DROP),
	SERVED("stop", NG_DROP_STOP),
	END,
};

/* Nothing is sent back to who sent it. */
static const struct ng_word echo_words[] = {
	SERVED("blackhole", NG_DROP),
	SERVED("sinkhole", NG_DROP),
	REFUSED("*"),
	END,
};

/* What blocks events drops them. */
static const struct ng_word security_words[] = {
	HARMLESS("off"),
	HARMLESS("drop"),
	REFUSED("*"),
	END,
};

/* Digits that begin or end it are not looked for. */
static const struct ng_word trigger_words[] = { HARMLESS("off"), REFUSED("*"), END };

#define KEY_SERVED(name, take, values)                        \
	{                                                     \
		name, NG_SERVED, NG_TAKE_##take, NULL, values \
	}
#define KEY_HARMLESS(name, values)                            \
	{                                                     \
		name, NG_HARMLESS, NG_TAKE_NONE, NULL, values \
	}
#define KEY_OF_WORDS(name, words)                          \
	{                                                  \
		name, NG_SERVED, NG_TAKE_NONE, words, NULL \
	}

const struct ng_key ng_keys[] = {
	KEY_HARMLESS("command", "its name"),
	KEY_SERVED("call-id", CALL, "text"),
	KEY_SERVED("from-tag", FROM, "text"),
	KEY_SERVED("to-tag", TO, "text"),
	KEY_SERVED("sdp", SDP, "text"),
	KEY_SERVED("received-from", SOURCE, "`[\"IP4\", ADDRESS]`, or an address"),
	KEY_SERVED("direction", DIRECTION,
		   "realms, one or two: of who sends the SDP, of who gets it"),
	KEY_SERVED("from-interface", INTERFACE_FROM, "a realm"),
	KEY_SERVED("to-interface", INTERFACE_TO, "a realm"),
	KEY_SERVED("transport-protocol", PROTO,
		   "`RTP/AVP`, `RTP/AVPF`, `RTP/SAVP`, `RTP/SAVPF`, `UDP/TLS/RTP/SAVP`, "
		   "`UDP/TLS/RTP/SAVPF`; ours: `TCP/MSRP`, `TCP/TLS/MSRP`, "
		   "`TCP/BFCP`, `TCP/TLS/BFCP`; `accept`: what was offered, as without"),
	KEY_SERVED("address-family", FAMILY, "`IP4`, `IP6`: of our address for who gets the offer"),
	KEY_SERVED("media-address", ADDRESS, "what SDP shows in place of our address"),
	KEY_SERVED("TOS", TOS, "DSCP of packets to both sides, as the byte it is part of"),
	KEY_SERVED("sip-code", CODE, "of the response that an answer came with"),
	KEY_SERVED("sip-response-code", CODE, "the same"),
	KEY_SERVED("via-branch", BRANCH, "text: tells branches of a call apart"),
	KEY_SERVED("delete-delay", DELAY, "seconds; 0: at once; without it `gateway.delete-delay`"),
	KEY_SERVED(
	    "codec", CODEC,
	    "a dictionary: codecs by `strip`, `except`, `offer`, `ignore`; `mask` is `strip`; "
	    "`accept` keeps; "
	    "`consume` has no effect; `transcode` and `set` keep one that is offered, another "
	    "is refused"),
	KEY_SERVED("codecs", CODEC, "the same"),
	KEY_SERVED("codec-*", CODEC_OP, "a codec, or a list, of one of these"),
	KEY_SERVED("sdp-media-remove", REMOVE, "kinds of media: their m-lines get port 0"),
	KEY_SERVED("extmap", EXTMAP,
		   "a dictionary: names of header extensions by `strip`, or `all` of them; `strip` "
		   "alone is the same"),
	KEY_SERVED(
	    "sdp-attr", ATTR,
	    "a dictionary by `none` (the session) or a kind of media, of dictionaries of lists: "
	    "`add`, `remove`, and `substitute` of pairs"),
	KEY_SERVED("label", LABEL,
		   "text of up to 31 bytes: a name for who sends the offer or answer, which "
		   "`query` tells; of commands that block and unblock, who is meant"),
	KEY_SERVED("from-label", LABEL, "the same"),
	KEY_SERVED("address", PARTY,
		   "of commands that block and silence: whose SDP has that address is meant"),
	KEY_SERVED("rtpp-flags", RTPP, "text: all of these as words, `key=value` and `key=[a b]`"),
	KEY_OF_WORDS("flags", flag_words),
	KEY_OF_WORDS("replace", replace_words),
	KEY_OF_WORDS("rtcp-mux", mux_words),
	KEY_OF_WORDS("ICE", ice_words),
	KEY_OF_WORDS("endpoint-learning", learning_words),
	KEY_OF_WORDS("DTLS", dtls_words),
	KEY_OF_WORDS("DTLS-reverse", dtls_reverse_words),
	KEY_OF_WORDS("SDES", sdes_words),
	KEY_OF_WORDS("OSRTP", osrtp_words),
	KEY_OF_WORDS("bundle", bundle_words),
	KEY_OF_WORDS("T.38", t38_words),
	KEY_OF_WORDS("T38", t38_words),
	KEY_OF_WORDS("record-call", record_words),
	KEY_OF_WORDS("drop-traffic", traffic_words),
	KEY_OF_WORDS("media-echo", echo_words),
	KEY_OF_WORDS("DTMF-security", security_words),
	KEY_OF_WORDS("DTMF-security-trigger", trigger_words),
	KEY_OF_WORDS("DTMF-security-trigger-end", trigger_words),
	KEY_HARMLESS("DTLS-fingerprint", "a hash"),
	KEY_HARMLESS("ICE-lite", "any: it always is"),
	KEY_HARMLESS("set-label", "of commands that are not here"),
	KEY_HARMLESS("to-label", "the same"),
	KEY_HARMLESS("metadata", "text"),
	KEY_HARMLESS("supports", "`load limit`"),
	KEY_HARMLESS("limit", "of `list`"),
	KEY_HARMLESS("cursor", "of `list`"),
	KEY_HARMLESS("sip-message-type", "`request`, `reply`"),
	KEY_HARMLESS("peer", "an address"),
	KEY_HARMLESS("inbound-peer", "an address"),
	KEY_HARMLESS("outbound-peer", "an address"),
	KEY_HARMLESS("all", "of commands that are not here, as those up to `instance`"),
	KEY_HARMLESS("interface", "a name"),
	KEY_HARMLESS("from-tags", "a list"),
	KEY_HARMLESS("to-call-id", "text"),
	KEY_HARMLESS("source-tag", "text"),
	KEY_HARMLESS("source-call-id", "text"),
	KEY_HARMLESS("calls", "a list"),
	KEY_HARMLESS("tags", "a list"),
	KEY_HARMLESS("media", "any"),
	KEY_HARMLESS("medias", "a list"),
	KEY_HARMLESS("file", "text"),
	KEY_HARMLESS("blob", "text"),
	KEY_HARMLESS("blob64", "text"),
	KEY_HARMLESS("db-id", "a number"),
	KEY_HARMLESS("repeat-times", "a number"),
	KEY_HARMLESS("repeat-duration", "milliseconds"),
	KEY_HARMLESS("start-pos", "milliseconds"),
	KEY_HARMLESS("duration", "milliseconds"),
	KEY_HARMLESS("pause", "milliseconds"),
	KEY_HARMLESS("digit", "a digit"),
	KEY_HARMLESS("code", "a digit"),
	KEY_HARMLESS("volume", "a number"),
	KEY_HARMLESS("frequency", "a number"),
	KEY_HARMLESS("frequencies", "numbers"),
	KEY_HARMLESS("instance", "any"),
	KEY_HARMLESS("T.38-version", "a number"),
	KEY_HARMLESS("T38-version", "a number"),
	KEY_HARMLESS("generate-RTCP", "`on`, `off`"),
	KEY_HARMLESS("passthrough", "`on`, `off`"),
	KEY_HARMLESS("passthru", "the same"),
	KEY_HARMLESS("ptime", "milliseconds"),
	KEY_HARMLESS("ptime-reverse", "milliseconds"),
	KEY_HARMLESS("reverse-ptime", "the same"),
	KEY_HARMLESS("repacketize", "milliseconds"),
	KEY_HARMLESS("delay-buffer", "milliseconds"),
	KEY_HARMLESS("audio-player", "`off` and others"),
	KEY_HARMLESS("player", "the same"),
	KEY_HARMLESS("moh", "a dictionary"),
	KEY_HARMLESS("recording-*", "of a recording"),
	KEY_HARMLESS("output-*", "of a recording"),
	KEY_HARMLESS("vsc-*", "of a recording"),
	KEY_HARMLESS("DTMF-delay", "milliseconds"),
	KEY_HARMLESS("DTMF-log-dest*", "an address"),
	KEY_HARMLESS("trigger*", "of `DTMF-security-trigger`"),
	KEY_HARMLESS("end-trigger*", "the same"),
	KEY_HARMLESS("xmlrpc-callback", "an address"),
	KEY_HARMLESS("template", "a name"),
	KEY_HARMLESS("alias-key", "any"),
	{ NULL, NG_HARMLESS, NG_TAKE_NONE, NULL, NULL },
};

/* rtpengine has most names in both cases, and scripts have them as their writers like. */
static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == ' ' || c == '_' ? '-' : c;
}

static bool name_is(const char *given, const char *name)
{
	char last = '-';

	for (; *given && *name; given++, name++) {
		if (*name == '*')
			return true;
		if (plain(*given) != plain(*name))
			return false;
		last = *name;
	}
	/* What follows a word may be nothing, what follows its hyphen may not. */
	return *given == *name || (*name == '*' && last != '-' && last != ':');
}

const struct ng_key *ng_key_find(const char *given)
{
	const struct ng_key *k = ng_keys;

	while (k->name && !name_is(given, k->name))
		k++;
	return k->name ? k : NULL;
}

const struct ng_word *ng_word_find(const struct ng_word *words, const char *given)
{
	while (words->name && !name_is(given, words->name))
		words++;
	return words->name ? words : NULL;
}
