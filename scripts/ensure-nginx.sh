# Sets $nginx to the program. Where there is none, Debian's and Ubuntu's package is taken apart below $tools: an installed one
# would be started, at port 80. To be sourced.
nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
if [ -z "$nginx" ]; then
  nginx=$tools/nginx/usr/sbin/nginx
  if [ ! -x "$nginx" ]; then
    echo "nginx: fetching the package (apt-get)"
    mkdir -p "$tools/nginx"
    (
      cd "$tools/nginx"
      { apt-get download -qq nginx || { apt-get update -qq && apt-get download -qq nginx; }; } 2>fetch.log && dpkg -x nginx_*.deb .
    ) || { cat "$tools/nginx/fetch.log" >&2; echo "nginx: it is not installed, and can't be fetched: install it" >&2; exit 3; }
  fi
fi
