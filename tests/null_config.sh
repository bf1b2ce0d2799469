# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause

# null_config SAMPLE: the sample configuration on ports of no network, in ordinary pages, for one CPU.
null_config()
{
	sed -e 's|device: "net_af_xdp\([0-9]*\),.*|device: net_null\1|' -e 's/^  hugepages:.*/  hugepages: no/' \
		-e 's/^  memory-mb:.*/  memory-mb: 256/; s/^  mbufs:.*/  mbufs: 24576/' \
		-e 's/^  workers:.*/  workers: [0]/; s/^  main-cpu:.*/  main-cpu: 0/' "$1"
}
