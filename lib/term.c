/* SPDX-License-Identifier: BSD-3-Clause */
#include "term.h"
#include "srtp_suite.h"

#include <string.h>

enum {
	UDP_FLAGS = TERM_RTP | TERM_RTCP_MUX | TERM_ICE | TERM_SRTP | TERM_DTLS,
	STREAM_FLAGS = TERM_CONNECT | TERM_TLS_CLIENT,
	RELEARN_FLAGS = TERM_RELEARN | TERM_RELEARN_RTCP,
	ALL_FLAGS = TERM_IN | TERM_OUT | TERM_LATCH | TERM_LATCH_ADDR | RELEARN_FLAGS | UDP_FLAGS |
		    STREAM_FLAGS | TERM_NO_EVENTS | TERM_SILENT | TERM_BUNDLED,
	BUNDLED_FLAGS = TERM_RTP | TERM_RTCP_MUX | TERM_SRTP,
	UFRAG_MIN = 4, /* RFC 8445 5.3 */
	PWD_MIN = 22,
};

const struct term_field term_fields[TERM_FIELDS] = {
#define TERM_FIELD(name, of, kind, help) { #name, TERM_OF_##of, TERM_KIND_##kind },
#include "term.def"
#undef TERM_FIELD
};

enum term_field_id term_field_find(const char *name)
{
	unsigned int i = 0;

	while (i < TERM_FIELDS && strcmp(term_fields[i].name, name) != 0)
		i++;
	return (enum term_field_id)i;
}

/* ---- whether it can be ---- */

/* Flags that contradict each other or the transport. */
static const char *flags_wrong(const struct ctl_term *t)
{
	const bool stream = t->transport > TERM_UDP;
	const uint32_t flags = t->flags;

	if (flags & ~(uint32_t)ALL_FLAGS)
		return "unknown flag";
	if (stream && flags & UDP_FLAGS)
		return "RTP, SRTP, RTCP multiplexing and ICE are for UDP";
	if (!stream && flags & (flags & TERM_DTLS ? TERM_CONNECT : STREAM_FLAGS))
		return "only TCP, TLS and DTLS have clients and servers";
	if (flags & TERM_TLS_CLIENT && t->transport != TERM_TLS && !(flags & TERM_DTLS))
		return "a TLS client needs the transport TLS";
	if (flags & TERM_DTLS && !(flags & TERM_SRTP))
		return "DTLS brings the keys of SRTP";
	if (flags & TERM_RTCP_MUX && !(flags & TERM_RTP))
		return "RTCP multiplexing needs RTP";
	if (flags & TERM_SRTP && !(flags & TERM_RTP))
		return "SRTP is a kind of RTP";
	if (flags & TERM_BUNDLED && (flags & BUNDLED_FLAGS) != BUNDLED_FLAGS)
		return "a bundle is of SRTP, with RTCP on the same port";
	if (flags & TERM_LATCH_ADDR && !(flags & TERM_LATCH) && (stream || flags & TERM_ICE))
		return "only UDP without ICE is heard from any port of an address";
	if (flags & TERM_LATCH_ADDR && !addr_given(&t->remote[0]))
		return "one address, whatever its port, needs that address";
	if (flags & TERM_LATCH && flags & TERM_CONNECT)
		return "a TCP client learns no remote address";
	if (addr_given(&t->remote[1]) && !(flags & TERM_RTP))
		return "only RTP has a remote address of RTCP";
	return NULL;
}

static const char *profiles_wrong(const struct ctl_term *t)
{
	if (t->n_profile > CTL_PROFILES_MAX)
		return "too many profiles of SRTP";
	for (int i = 0; i < t->n_profile; i++) {
		if (!srtp_suite_by_dtls(t->profile[i]))
			return "a profile of SRTP that DTLS has not";
	}
	return t->n_profile && !(t->flags & TERM_DTLS) ? "only DTLS agrees on profiles" : NULL;
}

static const char *fingerprints_wrong(const struct ctl_term *t)
{
	if (t->transport != TERM_TLS && !(t->flags & TERM_DTLS))
		return t->n_fingerprint ? "only TLS and DTLS have fingerprints" : NULL;
	if (t->n_fingerprint > CTL_FINGERPRINTS_MAX)
		return "too many fingerprints";
	for (int i = 0; i < t->n_fingerprint; i++) {
		if (fp_len(t->fingerprint[i].hash) == 0)
			return "a fingerprint of an unknown hash";
	}
	return NULL;
}

static const char *formats_wrong(const struct ctl_term *t)
{
	for (int i = 0; i < CTL_FORMATS_MAX; i++) {
		if (t->format[i].type > 127 || t->format[i].codec >= CODECS)
			return "no such payload type or codec";
	}
	return NULL;
}

static const char *bundle_wrong(const struct ctl_term *t)
{
	if (!(t->flags & TERM_BUNDLED) != !t->bundle.gen)
		return "a bundle is carried by a context";
	return memchr(t->demux.mid, '\0', sizeof(t->demux.mid))
		   ? NULL
		   : "the name of an m-line is too long";
}

const char *term_wrong(const struct ctl_term *t)
{
	const char *wrong;

	if (t->transport == TERM_NONE || t->transport > TERM_TLS)
		return "a termination needs a transport: UDP, TCP or TLS";
	if (t->dscp > TERM_DSCP_MAX && t->dscp != CTL_DSCP_KEEP)
		return "a DSCP is 0 to 63";
	if (!t->rate != !t->burst)
		return "a rate and a burst go together";
	if (!memchr(t->host, '\0', sizeof(t->host)))
		return "the host name is too long";
	wrong = flags_wrong(t);
	if (!wrong)
		wrong = profiles_wrong(t);
	if (!wrong)
		wrong = formats_wrong(t);
	if (!wrong)
		wrong = bundle_wrong(t);
	return wrong ? wrong : fingerprints_wrong(t);
}

bool term_addr_fits(const struct sock_addr *a, bool v6)
{
	return addr_given(a) ? ip_is_v4(&a->ip) != v6 : be16_get(a->port) == 0;
}

/* Also those that are not in use: they may be again. */
static bool credentials_valid(const struct ctl_term *t)
{
	const bool ice = t->flags & TERM_ICE;

	return memchr(t->ufrag, '\0', sizeof(t->ufrag)) && memchr(t->pwd, '\0', sizeof(t->pwd)) &&
	       (!ice || (strlen(t->ufrag) >= UFRAG_MIN && strlen(t->pwd) >= PWD_MIN));
}

bool term_valid(const struct ctl_term *t, bool v6)
{
	const bool latches = t->transport == TERM_UDP && t->flags & TERM_LATCH;

	if (term_wrong(t) || !credentials_valid(t) || (t->flags & RELEARN_FLAGS && !latches) ||
	    (t->flags & TERM_RTP && be16_get(t->local.port) % 2))
		return false;
	for (int i = 0; i < 2; i++) {
		if (!term_addr_fits(&t->remote[i], v6) || !term_addr_fits(&t->latched[i], v6))
			return false;
	}
	return true;
}

void term_dtls_clear(struct ctl_term *t)
{
	t->flags &= (uint16_t) ~(TERM_DTLS | TERM_TLS_CLIENT);
	t->dtls_id = 0;
	t->n_fingerprint = 0;
	memset(t->fingerprint, 0, sizeof(t->fingerprint));
}
