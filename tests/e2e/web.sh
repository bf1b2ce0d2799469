# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real web server in fl-peer, at port 8080 of both families.

# web_files MEGABYTES: of $TMP/www/file, which is random.
web_files()
{
	mkdir "$TMP/www"
	head -c $(($1 << 20)) /dev/urandom >"$TMP/www/file"
	chmod -R a+rX "$TMP"
	cat >"$TMP/nginx.conf" <<-END
	daemon off;
	worker_processes 1;
	pid $TMP/nginx.pid;
	error_log stderr;
	events { worker_connections 64; }
	http {
		access_log off;
		client_body_temp_path $TMP/body;
		proxy_temp_path $TMP/proxy;
		fastcgi_temp_path $TMP/fastcgi;
		uwsgi_temp_path $TMP/uwsgi;
		scgi_temp_path $TMP/scgi;
		server { listen 8080; listen [::]:8080; root $TMP/www; }
	}
	END
}

# web_start: again after a restart of the relay, which makes the namespaces anew.
web_start()
{
	start "$TMP/nginx.log" in_peer nginx -c "$TMP/nginx.conf"
	await 10 listens_tcp fl-peer 8080 || fail "nginx does not listen: $(tail -n 2 "$TMP/nginx.log")"
}
