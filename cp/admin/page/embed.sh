#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# embed.sh FILE... makes page.c's arrays of them: page_html of page.html, and so on.
set -eu
for file; do
	name=$(basename "$file" | tr . _)
	printf 'static const unsigned char %s[] = {\n' "$name"
	od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
	printf '};\n'
done
