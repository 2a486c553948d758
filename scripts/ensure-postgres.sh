# Sets $postgres to the folder of PostgreSQL's programs, and installs them on Debian and Ubuntu where there are none. To be
# sourced.
postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$postgres" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "postgres: PostgreSQL is not installed, and only root on Debian or Ubuntu can do that here: apt-get install postgresql" >&2
    exit 3
  fi
  echo "postgres: installing postgresql (apt-get)"
  apt-get update -qq
  # No cluster of the package's own: it would listen on the port that people expect theirs at.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
  postgres=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
fi
