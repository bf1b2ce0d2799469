/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `fairlead` prints. Pins: the units; how tables are aligned, folded and kept within 100
 * columns whatever they hold; that a name from outside cannot command the terminal; and, for each
 * command, one result and its text, byte for byte.
 */
#include "tests/world/unit.h"
#include "cli/grid.h"
#include "cli/show.h"
#include "cli/units.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t text_len;

static FILE *capture(void)
{
	return open_memstream(&text, &text_len);
}

static void expect(FILE *out, const char *want)
{
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static json_t *parse(const char *s)
{
	json_error_t e;
	json_t *j = json_loads(s, 0, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

/* ---- units ---- */

static void test_units(void **state)
{
	char b[UNIT_STR_MAX];

	(void)state;
	assert_string_equal(unit_count(0, b, sizeof(b)), "0");
	assert_string_equal(unit_count(999, b, sizeof(b)), "999");
	assert_string_equal(unit_count(-1234, b, sizeof(b)), "-1,234");
	assert_string_equal(unit_count(999999999, b, sizeof(b)), "999,999,999");
	assert_string_equal(unit_count(12345678901, b, sizeof(b)), "12.3 G");
	assert_string_equal(unit_exact(INT64_MIN, b, sizeof(b)), "-9,223,372,036,854,775,808");
	assert_string_equal(unit_bytes(999, b, sizeof(b)), "999 B");
	assert_string_equal(unit_bytes(1000, b, sizeof(b)), "1.00 kB");
	assert_string_equal(unit_bytes(999950, b, sizeof(b)), "1.00 MB");
	assert_string_equal(unit_bytes(INT64_MAX, b, sizeof(b)), "9.22 EB");
	assert_string_equal(unit_seconds(59, b, sizeof(b)), "59 s");
	assert_string_equal(unit_seconds(599, b, sizeof(b)), "9 min 59 s");
	assert_string_equal(unit_seconds(86399, b, sizeof(b)), "23 h 59 min");
	assert_string_equal(unit_seconds(90000, b, sizeof(b)), "1 d 1 h");
	assert_string_equal(unit_short(9999, b, sizeof(b)), "9,999");
	assert_string_equal(unit_short(UINT32_MAX, b, sizeof(b)), "4.29 G");
	assert_string_equal(unit_clock(7, b, sizeof(b)), "0:07");
	assert_string_equal(unit_clock(3599, b, sizeof(b)), "59:59");
	assert_string_equal(unit_clock(359999, b, sizeof(b)), "99:59:59");
	assert_string_equal(unit_clock(360000, b, sizeof(b)), "4 d 4 h");
	assert_string_equal(unit_micros(0, b, sizeof(b)), "-");
	assert_string_equal(unit_micros(999, b, sizeof(b)), "999 us");
	assert_string_equal(unit_micros(1234, b, sizeof(b)), "1.23 ms");
	assert_string_equal(unit_micros(999499, b, sizeof(b)), "999 ms");
	assert_string_equal(unit_micros(999500, b, sizeof(b)), "1.00 s");
	assert_string_equal(unit_rate(0, b, sizeof(b)), "0/s");
	assert_string_equal(unit_rate(1234567, b, sizeof(b)), "1.23 M/s");
	assert_string_equal(unit_speed(0, b, sizeof(b)), "-");
	assert_string_equal(unit_speed(10000, b, sizeof(b)), "10 Gb/s");
	assert_string_equal(unit_speed(2500, b, sizeof(b)), "2500 Mb/s");
}

/* ---- tables ---- */

static void test_grid(void **state)
{
	static const struct grid_col cols[] = { { "NAME", 0, 8 }, { "N", 1, 0 }, { "TEXT", 0, 0 } };
	struct grid *g = grid_new(cols, 3);
	FILE *out = capture();

	(void)state;
	grid_row(g, "a", "1", "x");
	grid_row(g, "two words", "22", NULL);
	grid_row(g, "unbreakable", "333", "j\xc3\xb6rg");
	grid_print(g, 1, out);
	expect(out, " NAME        N  TEXT\n"
		    " a           1  x\n"
		    " two        22\n"
		    " words\n"
		    " unbreaka  333  j\xc3\xb6rg\n"
		    " ble\n");
}

/* ESC, newline and the C1 form of CSI; what is UTF-8 stays. */
static void test_grid_terminal(void **state)
{
	static const struct grid_col cols[] = { { "USER", 0, 0 } };
	struct grid *g = grid_new(cols, 1);
	FILE *out = capture();

	(void)state;
	grid_row(g, "\033[2J\n\x7f\xc2\x9b"
		    "1m \xc2\xa3");
	grid_print(g, 0, out);
	expect(out, "USER\n?[2J????1m \xc2\xa3\n");
}

static size_t widest(const char *s)
{
	size_t max = 0, n = 0;

	for (; *s; s++) {
		n = *s == '\n' ? 0 : n + 1;
		max = n > max ? n : max;
	}
	return max;
}

/* ---- commands ---- */

static void test_status(void **state)
{
	json_t *r = parse("{\"version\":\"0.1.0\",\"pid\":4711,\"uptime_s\":3700,"
			  "\"config\":\"/etc/fairlead/fairlead.yaml\",\"problems\":[],"
			  "\"dataplane\":{\"attached\":true,\"pid\":4710,\"workers\":2,"
			  "\"generation\":\"00000000deadbeef\",\"abi\":1,\"uptime_s\":90061,"
			  "\"connections\":42,\"connections_max\":32768},"
			  "\"allocations\":{\"count\":12,\"max\":100000,\"permissions\":24,"
			  "\"permissions_max\":400000,\"channels\":3,\"channels_max\":200000,"
			  "\"reservations\":0,\"reservations_max\":1000},"
			  "\"peer_connections\":{\"pending\":2,\"max\":512,\"failed\":0},"
			  "\"users\":{\"active\":3,\"allocations_max\":10},"
			  "\"requests\":{\"allocate\":1024,\"refresh\":0,\"channel-bind\":3},"
			  "\"replies\":{\"success\":15,\"401\":12},\"peers_denied\":1007,"
			  "\"lost\":{\"too_old\":0},\"memory\":{"
			  "\"fairlead-cp\":{\"allocated\":1500000,\"active\":2000000,"
			  "\"resident\":4000000,\"retained\":512},"
			  "\"fairlead-dp\":{\"allocated\":0,\"active\":0,\"resident\":0,"
			  "\"retained\":0}}}");
	FILE *out = capture();

	(void)state;
	show_status(r, out);
	expect(out,
	       "fairlead       0.1.0, process 4711, up 1 h 1 min\n"
	       "problems       none\n"
	       "configuration  /etc/fairlead/fairlead.yaml\n"
	       "dataplane      attached: process 4710, up 1 d 1 h, 2 workers, ABI 1, generation "
	       "00000000deadbeef\n"
	       "connections    42 of 32,768\n"
	       "allocations    12 of 100,000\n"
	       "permissions    24 of 400,000\n"
	       "channels       3 of 200,000\n"
	       "reservations   0 of 1,000\n"
	       "users          3 with allocations, each may have 10\n"
	       "to peers       pending 2, max 512\n"
	       "requests       allocate 1,024, channel-bind 3\n"
	       "replies        success 15, 401 12\n"
	       "peers denied   1,007\n"
	       "lost           none\n"
	       "memory         fairlead-cp: 1.50 MB allocated, 2.00 MB active, 4.00 MB resident, "
	       "512 B retained\n");
	json_decref(r);
}

/* With problems, and all else missing. */
static void test_status_away(void **state)
{
	json_t *r =
	    parse("{\"dataplane\":{\"attached\":false},\"problems\":[{\"severity\":\"error\","
		  "\"what\":\"no dataplane\"},{\"severity\":\"warn\",\"what\":\"late\"}]}");
	FILE *out = capture();

	(void)state;
	show_status(r, out);
	expect(out, "fairlead       -, process 0, up 0 s\n"
		    "error          no dataplane\n"
		    "warn           late\n"
		    "configuration  -\n"
		    "dataplane      not attached\n"
		    "connections    0 of 0\n"
		    "allocations    0 of 0\n"
		    "permissions    0 of 0\n"
		    "channels       0 of 0\n"
		    "reservations   0 of 0\n"
		    "users          0 with allocations\n"
		    "to peers       none\n"
		    "requests       none\n"
		    "replies        none\n"
		    "peers denied   0\n"
		    "lost           none\n");
	json_decref(r);
}

#define WORKERS(time, rx, loops, idle)                                                             \
	"{\"attached\":true,\"time_us\":" time ",\"workers\":[{\"worker\":0,\"cpu\":2,"            \
	"\"dropped\":17,\"counters\":{\"sessions\":12,\"rx\":" rx ",\"tx\":5000,"                  \
	"\"relay_to_peer\":2000,\"relay_to_client\":1000,\"loops\":" loops ",\"loops_idle\":" idle \
	",\"punt\":30,\"reply\":29,\"cmd\":60,\"handover_out\":1,\"handover_in\":2,"               \
	"\"mbufs_free\":8100,\"held\":3}}]}"

static void test_workers(void **state)
{
	json_t *r = parse(WORKERS("1000000", "10000", "1000", "750"));
	FILE *out = capture();

	(void)state;
	show_workers(r, NULL, out);
	expect(out, "WORKER  CPU  SESSIONS      RX     TX  TO PEERS  TO CLIENTS  DROPPED  IDLE\n"
		    "     0    2        12  10,000  5,000     2,000       1,000       17   75%\n"
		    "\n"
		    "WORKER  PUNTED  REPLIES  COMMANDS  HANDED OUT  HANDED IN  MBUFS FREE  HELD\n"
		    "     0      30       29        60           1          2       8,100     3\n");
	json_decref(r);
}

/* Over two seconds: differences by the second, idle share of the interval. */
static void test_workers_rates(void **state)
{
	json_t *before = parse(WORKERS("1000000", "10000", "1000", "750"));
	json_t *now = parse(WORKERS("3000000", "2010000", "1200", "760"));
	FILE *out = capture();

	(void)state;
	show_workers(now, before, out);
	fclose(out);
	assert_non_null(strstr(text, "     0    2        12  1.00 M/s  0/s       0/s         0/s"
				     "      0/s    5%\n"));
	free(text);
	json_decref(before);
	json_decref(now);
}

/* Of what the driver counts, people see what is not zero, and whether there is more. */
static void test_ports_xstats(void **state)
{
	json_t *r = parse("{\"attached\":true,\"ports\":[{\"port\":0,\"info\":{\"name\":\"a\"},"
			  "\"xstats\":[{\"name\":\"rx_good_packets\",\"value\":1234},"
			  "{\"name\":\"rx_crc_errors\",\"value\":0},"
			  "{\"name\":\"rx_out_of_buffer\",\"value\":7}],\"xstats_total\":5}]}");
	FILE *out = capture();

	(void)state;
	show_ports(r, out);
	expect(out, "PORT  LINK  SPEED  RX  RX BYTES  MISSED  TX  TX BYTES  NOT TAKEN\n"
		    "a     down      -   0       0 B       0   0       0 B          0\n"
		    "\n"
		    "a\n"
		    "  device    -, -, MTU 0, untagged\n"
		    "  queues    0 rx of 0 descriptors, 0 tx of 0\n"
		    "  steering  -\n"
		    "  offloads  -\n"
		    "  bursts    -\n"
		    "  errors    0 received, 0 sent, 0 for want of buffers\n"
		    "  rx_good_packets   1234\n"
		    "  rx_out_of_buffer     7\n"
		    "  and 2 that are not looked at\n");
	json_decref(r);
}

static void test_ports(void **state)
{
	json_t *r =
	    parse("{\"attached\":true,\"ports\":[{\"port\":0,\"info\":{\"name\":\"access\","
		  "\"driver\":\"net_af_packet\",\"link_up\":true,\"speed_mbps\":10000,"
		  "\"mtu\":1500,\"vlan\":100,\"rx_queues\":2,\"tx_queues\":2,"
		  "\"mac\":\"02:00:00:00:00:01\",\"steering\":\"software hand-over\","
		  "\"offloads\":\"none\",\"bursts\":\"rx vector, tx plain\",\"rx_desc\":512,"
		  "\"tx_desc\":1024,\"rx_missed\":4,\"address_conflicts\":3},"
		  "\"traffic\":{\"total\":"
		  "{\"rx_packets\":1234567,\"rx_bytes\":1500000000,\"tx_packets\":99,"
		  "\"tx_bytes\":812,\"tx_full\":1}}},{\"port\":1,\"info\":null},"
		  "{\"port\":2,\"info\":{\"name\":\"b\",\"vlan\":200,\"device_of\":0,\"out\":true,"
		  "\"outages\":2}}]}");
	FILE *out = capture();

	(void)state;
	show_ports(r, out);
	expect(out, "PORT    LINK    SPEED         RX  RX BYTES  MISSED  TX  TX BYTES  NOT TAKEN\n"
		    "access  up    10 Gb/s  1,234,567   1.50 GB       4  99     812 B          1\n"
		    "-       down        -          0       0 B       0   0       0 B          0\n"
		    "b       out         -          0       0 B       0   0       0 B          0\n"
		    "\n"
		    "access\n"
		    "  device    net_af_packet, 02:00:00:00:00:01, MTU 1500, VLAN 100\n"
		    "  queues    2 rx of 512 descriptors, 2 tx of 1024\n"
		    "  steering  software hand-over\n"
		    "  offloads  none\n"
		    "  bursts    rx vector, tx plain\n"
		    "  errors    0 received, 0 sent, 0 for want of buffers\n"
		    "  claims    3 of others, for addresses of this port\n"
		    "\n"
		    "-\n"
		    "  device    -, -, MTU 0, untagged\n"
		    "  queues    0 rx of 0 descriptors, 0 tx of 0\n"
		    "  steering  -\n"
		    "  offloads  -\n"
		    "  bursts    -\n"
		    "  errors    0 received, 0 sent, 0 for want of buffers\n"
		    "\n"
		    "b\n"
		    "  device    -, -, MTU 0, VLAN 200 on the device of access\n"
		    "  queues    0 rx of 0 descriptors, 0 tx of 0\n"
		    "  steering  -\n"
		    "  offloads  -\n"
		    "  bursts    -\n"
		    "  errors    0 received, 0 sent, 0 for want of buffers\n"
		    "  outages   2 of the device: taken away, or opened anew\n");
	json_decref(r);
}

static void test_sessions(void **state)
{
	json_t *r =
	    parse("{\"cursor\":17,\"sessions\":[{\"user\":\"demo\",\"client\":\"10.1.0.2:40000\","
		  "\"relayed\":[\"10.2.0.1:50000\",\"[fd00:2::1]:50001\"],\"worker\":1,\"slot\":70,"
		  "\"expires_s\":600,\"age_s\":61,"
		  "\"to_peer\":{\"packets\":12345,\"bytes\":1234567,\"silent_s\":3,"
		  "\"packets_per_s\":50,\"bytes_per_s\":8600},"
		  "\"to_client\":{\"packets\":2,\"bytes\":40,\"silent_s\":62,"
		  "\"packets_per_s\":0,\"bytes_per_s\":0},"
		  "\"permissions\":[{\"peer\":\"10.2.0.2\",\"expires_s\":299}],\"channels\":"
		  "[{\"channel\":\"0x4000\",\"peer\":\"10.2.0.2:9\",\"expires_s\":599}]}]}");
	FILE *out = capture();

	(void)state;
	show_sessions(r, true, out);
	expect(out, "USER  CLIENT          RELAYED            SESSION     EXPIRES  PERMS  CHANS\n"
		    "demo  10.1.0.2:40000  10.2.0.1:50000        1/70  10 min 0 s      1      1\n"
		    "                      [fd00:2::1]:50001\n"
		    "\n"
		    "CLIENT           AGE  TO PEER    BYTES  TO CLIENT  BYTES  LAST\n"
		    "10.1.0.2:40000  1:01   12,345  1.23 MB          2   40 B  0:03\n"
		    "\n"
		    "CLIENT          NOW TO PEER      BYTES  NOW TO CLIENT  BYTES\n"
		    "10.1.0.2:40000         50/s  8.60 kB/s            0/s  0 B/s\n"
		    "\n"
		    "CLIENT          WHAT            PEER           EXPIRES\n"
		    "10.1.0.2:40000  permission      10.2.0.2    4 min 59 s\n"
		    "10.1.0.2:40000  channel 0x4000  10.2.0.2:9  9 min 59 s\n"
		    "\n"
		    "There may be more: see --limit.\n");
	json_decref(r);
	r = parse("{\"cursor\":null,\"sessions\":[]}");
	out = capture();
	show_sessions(r, false, out);
	expect(out, "No sessions.\n");
	json_decref(r);
	r = parse("{\"cursor\":null,\"sessions\":[{\"user\":\"demo\",\"client\":\"10.1.0.2:4000\","
		  "\"transport\":\"tcp\",\"relay_transport\":\"tcp\","
		  "\"relayed\":[\"10.2.0.1:50000\"],\"worker\":0,\"slot\":5,\"expires_s\":60}]}");
	out = capture();
	show_sessions(r, false, out);
	expect(out,
	       "USER  CLIENT             RELAYED             SESSION    EXPIRES  PERMS  CHANS\n"
	       "demo  10.1.0.2:4000 tcp  10.2.0.1:50000 tcp      0/5  1 min 0 s      0      0\n"
	       "\n"
	       "CLIENT          AGE  TO PEER  BYTES  TO CLIENT  BYTES   LAST\n"
	       "10.1.0.2:4000  0:00        -      -          -      -  never\n");
	json_decref(r);
}

/* The longest addresses and names there can be stay within the page. */
static void test_sessions_wide(void **state)
{
	const char *addr = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
	json_t *r = json_pack(
	    "{s:n, s:[{s:s, s:s, s:[s, s], s:i, s:i, s:i, s:{s:I, s:I, s:I, s:I}}]}", "cursor",
	    "sessions", "user", "a.very.long.user.name.indeed@ims.mnc001.mcc001.3gppnetwork.org",
	    "client", addr, "relayed", addr, addr, "worker", 63, "slot", 4194303, "expires_s", 3599,
	    "to_peer", "packets", (json_int_t)INT64_MAX, "bytes", (json_int_t)INT64_MAX,
	    "packets_per_s", (json_int_t)UINT32_MAX, "bytes_per_s", (json_int_t)UINT32_MAX);
	FILE *out = capture();

	(void)state;
	show_sessions(r, true, out);
	fclose(out);
	assert_in_range(widest(text), 50, GRID_WIDTH);
	free(text);
	json_decref(r);
}

#define DROPS                                                                                   \
	"{\"attached\":true,\"total\":1240,\"drops\":["                                         \
	"{\"name\":\"vlan\",\"severity\":\"info\",\"help\":\"other tag\",\"total\":0},"         \
	"{\"name\":\"udp_port\",\"severity\":\"info\",\"help\":\"no listener\",\"total\":3},"   \
	"{\"name\":\"no_mbuf\",\"severity\":\"error\",\"help\":\"no buffers\",\"total\":1234}," \
	"{\"name\":\"tx_full\",\"severity\":\"warn\",\"help\":\"queue full\",\"total\":3}]}"

static void test_drops(void **state)
{
	json_t *r = parse(DROPS);
	FILE *out = capture();

	(void)state;
	show_drops(r, false, out);
	expect(out, "PACKETS  SEVERITY  REASON    MEANING\n"
		    "  1,234  error     no_mbuf   no buffers\n"
		    "      3  info      udp_port  no listener\n"
		    "      3  warn      tx_full   queue full\n"
		    "  1,240            in all\n");
	out = capture();
	show_drops(r, true, out);
	expect(out, "PACKETS  SEVERITY  REASON    MEANING\n"
		    "  1,234  error     no_mbuf   no buffers\n"
		    "      3  info      udp_port  no listener\n"
		    "      3  warn      tx_full   queue full\n"
		    "      0  info      vlan      other tag\n"
		    "  1,240            in all\n");
	json_decref(r);
}

#define CONNECTION                                                                     \
	"{\"worker\":1,\"queue\":1,\"index\":7,\"local\":\"10.1.0.1:3478\","           \
	"\"remote\":\"10.1.0.2:51234\",\"state\":\"established\",\"role\":\"client\"," \
	"\"rtt_us\":1234,\"mss\":1448,\"cwnd\":14480,\"send_window\":64256,"           \
	"\"receive_window\":262144,\"unacked\":2896,\"send_queue\":10000,"             \
	"\"receive_queue\":0,\"retransmits\":3,\"session\":null,\"age_s\":3725,"       \
	"\"silent_s\":7,\"rx_bytes\":1500000,\"tx_bytes\":999,\"rx_packets\":12345,"   \
	"\"tx_packets\":6,\"rx_bytes_per_s\":8600,\"tx_bytes_per_s\":0,"               \
	"\"rx_packets_per_s\":50,\"tx_packets_per_s\":0}"

static void test_neighbours(void **state)
{
	json_t *r = parse("{\"attached\":true,\"cursor\":null,\"neighbours\":["
			  "{\"worker\":0,\"port\":\"core\",\"address\":\"10.2.0.2\","
			  "\"mac\":\"02:00:00:00:00:07\",\"state\":\"stale\",\"age_ms\":61500,"
			  "\"gateway\":false,\"waiting\":0},"
			  "{\"worker\":1,\"port\":\"core\",\"address\":\"fd00:2::9\","
			  "\"mac\":null,\"state\":\"failed\",\"age_ms\":1000,"
			  "\"gateway\":true,\"waiting\":2}]}");
	FILE *out = capture();

	(void)state;
	show_neighbours(r, out);
	expect(out, "WORKER  PORT  ADDRESS    MAC                STATE    FOR  WAITING\n"
		    "     0  core  10.2.0.2   02:00:00:00:00:07  stale   1:01        0\n"
		    "     1  core  fd00:2::9  -                  failed  0:01        2\n");
	json_decref(r);
}

/* A gateway that one worker finds dead is told as dead; of one of another port nothing is known. */
static void test_routes(void **state)
{
	json_t *r =
	    parse("{\"attached\":true,\"routes\":["
		  "{\"to\":\"10.2.0.0/24\",\"port\":\"core\",\"via\":null,\"link_up\":true},"
		  "{\"to\":\"0.0.0.0/0\",\"port\":\"core\",\"via\":\"10.2.0.9\","
		  "\"link_up\":true},"
		  "{\"to\":\"::/0\",\"port\":\"core\",\"via\":\"fd00:2::9\","
		  "\"link_up\":false}]}");
	json_t *n = parse("[{\"port\":\"core\",\"address\":\"10.2.0.9\",\"state\":\"failed\"},"
			  "{\"port\":\"core\",\"address\":\"10.2.0.9\",\"state\":\"reachable\"},"
			  "{\"port\":\"access\",\"address\":\"fd00:2::9\","
			  "\"state\":\"reachable\"}]");
	FILE *out = capture();

	(void)state;
	routes_join(r, n);
	show_routes(r, out);
	expect(out, "TO           PORT  LINK  VIA        GATEWAY\n"
		    "10.2.0.0/24  core  up    on link    -\n"
		    "0.0.0.0/0    core  up    10.2.0.9   failed\n"
		    "::/0         core  down  fd00:2::9  -\n");
	json_decref(r);
	json_decref(n);
}

static void test_connections(void **state)
{
	json_t *r = parse("{\"attached\":true,\"cursor\":512,\"connections\":[" CONNECTION "]}");
	FILE *out = capture();

	(void)state;
	show_connections(r, out);
	expect(
	    out,
	    "WORKER  LOCAL          REMOTE          STATE        ROLE\n"
	    "     1  10.1.0.1:3478  10.1.0.2:51234  established  client\n"
	    "\n"
	    "REMOTE              AGE      RX    BYTES  TX  BYTES  LAST\n"
	    "10.1.0.2:51234  1:02:05  12.3 k  1.50 MB   6  999 B  0:07\n"
	    "\n"
	    "REMOTE          NOW RX      BYTES  NOW TX  BYTES\n"
	    "10.1.0.2:51234    50/s  8.60 kB/s     0/s  0 B/s\n"
	    "\n"
	    "REMOTE              RTT     CWND   MSS     SEND    RECV  UNACKED     SEND   RECV  "
	    "RESENT\n"
	    "                                         WINDOW  WINDOW             QUEUE  QUEUE\n"
	    "10.1.0.2:51234  1.23 ms  14.5 kB  1448  64.3 kB  262 kB  2.90 kB  10.0 kB    0 B      "
	    " 3\n"
	    "\n"
	    "There may be more: see --limit.\n");
	json_decref(r);
	r = parse("{\"attached\":true,\"cursor\":null,\"connections\":[]}");
	out = capture();
	show_connections(r, out);
	expect(out, "No connections.\n");
	json_decref(r);
}

/* The longest addresses and the largest numbers there can be stay within the page. */
static void test_connections_wide(void **state)
{
	const char *addr = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
	const json_int_t max = UINT32_MAX;
	json_t *c =
	    json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "worker", 63,
		      "local", addr, "remote", "255.255.255.255:65535", "state", "syn_received",
		      "role", "client", "rtt_us", max, "age_s", max, "silent_s", max, "rx_bytes",
		      INT64_MAX, "tx_bytes", INT64_MAX, "retransmits", max, "mss", 65535);
	static const char *const bytes[] = { "cwnd",	"send_window", "receive_window",
					     "unacked", "send_queue",  "receive_queue" };
	json_t *r = json_pack("{s:b, s:n, s:[o]}", "attached", 1, "cursor", "connections", c);
	FILE *out = capture();

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		json_object_set_new(c, bytes[i], json_integer(999400000));
	show_connections(r, out);
	fclose(out);
	assert_in_range(widest(text), 90, GRID_WIDTH);
	free(text);
	json_decref(r);
}

static void test_tcp(void **state)
{
	json_t *r = parse("{\"attached\":true,\"connections\":12,\"connections_max\":32768,"
			  "\"buffers\":40,\"states\":[{\"name\":\"established\",\"help\":\"open\","
			  "\"total\":12},{\"name\":\"closing\",\"help\":\"both\",\"total\":0}],"
			  "\"events\":[{\"name\":\"tcp_rx\",\"help\":\"received\",\"total\":1234}],"
			  "\"ends\":[{\"name\":\"done\",\"help\":\"in order\",\"total\":0}]}");
	FILE *out = capture();

	(void)state;
	show_tcp(r, false, out);
	expect(out, "12 of 32,768 connections, which hold 40 packet buffers\n"
		    "\n"
		    "TOTAL  STATE        MEANING\n"
		    "   12  established  open\n"
		    "\n"
		    "TOTAL  EVENT   MEANING\n"
		    "1,234  tcp_rx  received\n");
	out = capture();
	show_tcp(r, true, out);
	expect(out, "12 of 32,768 connections, which hold 40 packet buffers\n"
		    "\n"
		    "TOTAL  STATE        MEANING\n"
		    "   12  established  open\n"
		    "    0  closing      both\n"
		    "\n"
		    "TOTAL  ENDED BY  MEANING\n"
		    "    0  done      in order\n"
		    "\n"
		    "TOTAL  EVENT   MEANING\n"
		    "1,234  tcp_rx  received\n");
	json_decref(r);
}

static void test_accounting(void **state)
{
	json_t *r = parse("{\"attached\":true,\"total\":{\"rx\":1000000,\"made\":50,"
			  "\"handover_in\":20,\"tx\":999000,\"consumed\":900,\"dropped\":140,"
			  "\"handover_out\":22,\"held\":7,\"difference\":1},"
			  "\"workers\":[{\"rx\":1000000,\"made\":50,\"handover_in\":20,"
			  "\"tx\":999000,\"consumed\":900,\"dropped\":140,\"handover_out\":22,"
			  "\"held\":7,\"difference\":1}]}");
	FILE *out = capture();

	(void)state;
	show_accounting(r, out);
	expect(out,
	       "                          TOTAL   WORKER 0\n"
	       "received              1,000,000  1,000,000\n"
	       "+ made here                  50         50\n"
	       "+ from other workers         20         20\n"
	       "- sent                  999,000    999,000\n"
	       "- consumed                  900        900\n"
	       "- dropped                   140        140\n"
	       "- to other workers           22         22\n"
	       "- held                        7          7\n"
	       "= difference                  1          1\n"
	       "\n"
	       "Counters are read while traffic goes on; a difference that stays at rest is an "
	       "error.\n");
	json_decref(r);
}

/* 64 workers with counters of nineteen digits: blocks below one another, within the page. */
static void test_many_workers(void **state)
{
	json_t *list = json_array(), *r;
	FILE *out = capture();
	size_t lines = 0;

	(void)state;
	for (int w = 0; w < 64; w++)
		json_array_append_new(list,
				      json_pack("{s:I, s:I}", "rx", INT64_MAX, "tx", INT64_MAX));
	r = json_pack("{s:b, s:O, s:{s:I}}", "attached", 1, "workers", list, "total", "rx",
		      INT64_MAX);
	show_accounting(r, out);
	fclose(out);
	assert_in_range(widest(text), 50, GRID_WIDTH);
	for (const char *p = text; (p = strstr(p, "WORKER ")); p++)
		lines++;
	assert_int_equal(lines, 64);
	free(text);
	json_decref(r);
	json_decref(list);
}

static void test_away(void **state)
{
	const char *want = "The dataplane is not attached: nothing to show.\n";
	json_t *r = parse("{\"attached\":false}");
	FILE *out = capture();

	(void)state;
	show_workers(r, NULL, out);
	expect(out, want);
	out = capture();
	show_ports(r, out);
	expect(out, want);
	out = capture();
	show_drops(r, true, out);
	expect(out, want);
	out = capture();
	show_accounting(r, out);
	expect(out, want);
	out = capture();
	show_connections(r, out);
	expect(out, want);
	out = capture();
	show_tcp(r, true, out);
	expect(out, want);
	json_decref(r);
}

#define CERT(more)                                                                              \
	"{\"domain\":\"default\",\"chain\":\"/c\",\"loaded\":1700000000,\"type\":\"EC P-256\"," \
	"\"names\":[\"a.example.org\",\"*.example.org\"],\"not_after\":1800000000,"             \
	"\"sha256\":\"abcdef0123456789ab\"," more "}"

static void test_certificates(void **state)
{
	json_t *r = parse("{\"certificates\":[" CERT("\"days_left\":71,\"error\":\"\"") "," CERT(
	    "\"days_left\":1,\"error\":\"x.yaml:7: it is gone\"") ","
								  "{\"domain\":\"ims\",\"loaded\":"
								  "false,\"error\":\"\"}]}");
	FILE *out = capture();

	(void)state;
	show_certificates(r, out);
	expect(out, "DOMAIN   NAMES          KEY       ENDS                    SHA-256           "
		    "READ (UTC)\n"
		    "default  a.example.org  EC P-256  2027-01-15, 71 days     abcdef0123456789  "
		    "11-14 22:13:20\n"
		    "         *.example.org\n"
		    "default  a.example.org  EC P-256  2027-01-15, 1 day ONLY  abcdef0123456789  "
		    "11-14 22:13:20\n"
		    "         *.example.org\n"
		    "ims      none in force\n"
		    "Not read again: x.yaml:7: it is gone\n");
	json_decref(r);
	r = parse("{\"certificates\":[" CERT("\"days_left\":-1") "]}");
	out = capture();
	show_certificates(r, out);
	fclose(out);
	assert_non_null(strstr(text, "2027-01-15, OVER"));
	free(text);
	json_decref(r);
	r = parse("{}");
	out = capture();
	show_certificates(r, out);
	expect(out, "No certificates.\n");
	json_decref(r);
}

static void test_tls(void **state)
{
	json_t *r = parse(
	    "{\"attached\":true,\"connections\":42,\"connections_max\":32768,"
	    "\"certificates\":[],\"handshakes\":{\"TLS 1.2\":{\"full\":1,\"resumed\":2},"
	    "\"TLS 1.3\":{\"full\":30000,\"resumed\":4},\"psk\":5,\"failed\":6,\"under_way\":8,"
	    "\"overdue\":7,\"waiting\":9},\"events\":[{\"name\":\"tls_alert_rx\",\"help\":"
	    "\"alerts\","
	    "\"total\":3},{\"name\":\"tls_alert_tx\",\"help\":\"more\",\"total\":0}],"
	    "\"ends\":[{\"name\":\"tls_plain\",\"help\":\"plain text\",\"total\":2}]}");
	FILE *out = capture();

	(void)state;
	show_tls(r, false, out);
	expect(out, "No certificates.\n"
		    "\n42 of 32,768 connections\n\n"
		    "HANDSHAKES    FULL  RESUMED\n"
		    "TLS 1.2          1        2\n"
		    "TLS 1.3     30,000        4\n"
		    "THE ACCELERATOR HAS STALLED and keeps 7 handshakes\n"
		    "5 with a pre-shared key, 6 failed; 8 under way, 9 wait\n\n"
		    "TOTAL  ENDED BY   MEANING\n"
		    "    2  tls_plain  plain text\n\n"
		    "TOTAL  EVENT         MEANING\n"
		    "    3  tls_alert_rx  alerts\n");
	out = capture();
	show_tls(r, true, out);
	fclose(out);
	assert_non_null(strstr(text, "    0  tls_alert_tx  more\n"));
	free(text);
	json_decref(r);
	r = parse("{\"attached\":false}");
	out = capture();
	show_tls(r, false, out);
	expect(out, "The dataplane is not attached: nothing to show.\n");
	json_decref(r);
}

/* Only connections whose handshake is over are in the third table, and only if there are any. */
/* On a narrow terminal what is last in a line is folded, and nothing is lost. */
static void test_narrow(void **state)
{
	static const struct grid_col cols[] = { { "", 0, 0 }, { "", 0, 0 } };
	static const char words[] = "attached: process 138, up 18 s, 1 worker, ABI 17, generation "
				    "879fc48e2e4e9f6f";
	static const size_t columns[] = { 0, 20, 80, 500 },
			    most[] = { GRID_WIDTH, 60, 80, GRID_WIDTH };

	(void)state;
	for (size_t i = 0; i < N_OF(columns); i++) {
		FILE *out = capture();
		struct grid *g = grid_new(cols, N_OF(cols));

		grid_fit(columns[i]);
		grid_row(g, "dataplane       ", words);
		grid_print(g, 0, out);
		fclose(out);
		assert_in_range(widest(text), 40, most[i]);
		assert_non_null(strstr(text, "879fc48e2e4e9f6f"));
		free(text);
	}
	grid_fit(0);
}

static void test_connections_tls(void **state)
{
	json_t *r = parse("{\"attached\":true,\"cursor\":null,\"connections\":["
			  "{\"remote\":\"10.0.0.1:1\",\"tls\":null},"
			  "{\"remote\":\"10.0.0.1:2\",\"tls\":{\"version\":\"TLS 1.3\",\"suite\":"
			  "\"TLS_AES_128_GCM_SHA256\",\"domain\":\"default\",\"resumed\":true}}]}");
	FILE *out = capture();

	(void)state;
	show_connections(r, out);
	fclose(out);
	assert_non_null(strstr(text,
			       "\n\nREMOTE      VERSION  SUITE                   DOMAIN   "
			       "HANDSHAKE\n"
			       "10.0.0.1:2  TLS 1.3  TLS_AES_128_GCM_SHA256  default  resumed\n"));
	free(text);
	json_object_set_new(json_array_get(json_object_get(r, "connections"), 1), "tls",
			    json_null());
	out = capture();
	show_connections(r, out);
	fclose(out);
	assert_null(strstr(text, "SUITE"));
	free(text);
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_grid),
		cmocka_unit_test(test_grid_terminal),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_away),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_workers_rates),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_ports_xstats),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_sessions_wide),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_accounting),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_connections_wide),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_connections_tls),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_many_workers),
		cmocka_unit_test(test_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
