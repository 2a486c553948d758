#!/usr/bin/env bash
# The scaled form on one machine, for `make test-scaled`: PostgreSQL, a Temporal server on it, an S3 server, a registry
# on that, all with the files of deploy/scaled, below a scratch folder and on free ports of loopback. The contract and
# end-to-end tests of the embedded form then run on them. All that was started ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
data=${WASMILL_TEST_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmill-test}
toolchain=pyemscripten_2026_5
tools=$PWD/bin/scaled
began=$SECONDS

say() { echo "scaled: $* ($((SECONDS - began)) s)"; }
give_up() { echo "scaled: $*" >&2; exit 3; }

scratch=$(mktemp -d "${TMPDIR:-/tmp}/wasmill-scaled-XXXXXX")
started=()
clean_up() {
  status=$?
  trap '' INT TERM
  # The last that was started ends first: nothing loses what it stands on.
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do
    kill "${started[i]}" 2>/dev/null || continue
    for _ in $(seq 50); do kill -0 "${started[i]}" 2>/dev/null || continue 2; sleep 0.1; done
    kill -9 "${started[i]}" 2>/dev/null || true
  done
  if [ -f "$scratch/postgres/data/postmaster.pid" ]; then
    as_postgres "$postgres/pg_ctl" stop --mode immediate --pgdata "$scratch/postgres/data" >/dev/null || true
  fi
  if [ $status = 0 ]; then rm -rf "$scratch"; else echo "scaled: the logs are in $scratch" >&2; fi
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

run() { # NAME COMMAND…: in the background, until the end
  local name=$1
  shift
  "$@" >"$scratch/$name.log" 2>&1 &
  started+=($!)
}
await() { # WHAT COMMAND…: until the command succeeds
  local what=$1
  shift
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    kill -0 "${started[-1]}" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$scratch/$what.log" >&2 || true
  give_up "$what does not answer"
}
# Ports that are free now, all held at the same time, so that none comes twice. On PostgreSQL, Temporal can't note a membership
# port above 32767, and below that the kernel gives none to anybody else meanwhile. perl is part of every Debian.
mapfile -t port < <(perl -MIO::Socket::INET -e '
  while (@s < 11) { my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 20000 + int rand 12000); push @s, $s if $s }
  print $_->sockport, "\n" for @s')
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

scripts/ensure-docker.sh
. scripts/ensure-postgres.sh
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && exec setpriv --reuid postgres --regid postgres --init-groups "$@"); else "$@"; fi; }

say "building the servers"
mkdir -p "$tools"
go build -trimpath -modfile=tools/scaled/registry.mod -o "$tools/" github.com/distribution/distribution/v3/cmd/registry github.com/versity/versitygw/cmd/versitygw
go build -trimpath -modfile=tools/scaled/temporal.mod -o "$tools/temporal-server" go.temporal.io/server/cmd/server
go build -trimpath -modfile=tools/scaled/temporal.mod -o "$tools/temporal-sql-tool" go.temporal.io/server/cmd/tools/sql

say "starting PostgreSQL"
secret() { head -c 18 /dev/urandom | base64 | tr -d '+/='; }
admin_password=$(secret) POSTGRES_PASSWORD=$(secret) PGPASSWORD=$(secret)
export PGPASSWORD # of the farm; the programs take it from here
mkdir "$scratch/postgres"
# Its certificate is its own authority. openssl comes with Debian's postgresql.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$scratch/postgres/key.pem" -out "$scratch/postgres.pem" 2>"$scratch/openssl.log" || { cat "$scratch/openssl.log" >&2; give_up "no certificate for PostgreSQL"; }
chmod 600 "$scratch/postgres/key.pem"
(umask 077 && printf %s "$admin_password" >"$scratch/postgres/password")
chmod 755 "$scratch"
[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$scratch/postgres"
as_postgres "$postgres/initdb" --pgdata "$scratch/postgres/data" --username admin --pwfile "$scratch/postgres/password" --auth scram-sha-256 \
  --encoding UTF8 --no-sync >"$scratch/initdb.log"
as_postgres "$postgres/pg_ctl" start --wait --pgdata "$scratch/postgres/data" --log "$scratch/postgres/log" \
  --options "-c listen_addresses=127.0.0.1 -c port=${port[0]} -c unix_socket_directories=$scratch/postgres -c max_connections=300 -c ssl=on -c ssl_cert_file=$scratch/postgres.pem -c ssl_key_file=$scratch/postgres/key.pem" >/dev/null
sql() { PGSSLMODE=verify-full PGSSLROOTCERT=$scratch/postgres.pem PGPASSWORD=$admin_password "$postgres/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "${port[0]}" --username admin postgres; }
sql <<EOF
CREATE ROLE wasmill LOGIN PASSWORD '$PGPASSWORD';
CREATE DATABASE wasmill OWNER wasmill;
CREATE ROLE temporal LOGIN PASSWORD '$POSTGRES_PASSWORD';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
EOF

say "starting Temporal"
for db in temporal visibility; do
  schema() {
    local name=temporal
    [ $db = temporal ] || name=temporal_visibility
    SQL_PASSWORD=$POSTGRES_PASSWORD "$tools/temporal-sql-tool" --plugin postgres12_pgx --endpoint 127.0.0.1 --port "${port[0]}" --user temporal --database $name --tls --tls-ca-file "$scratch/postgres.pem" "$@" \
      >>"$scratch/schema.log" 2>&1 || { tail "$scratch/schema.log" >&2; give_up "the schema of $name could not be made"; }
  }
  schema setup-schema --version 0.0
  schema update-schema --schema-name postgresql/v12/$db
done
POSTGRES_ADDRESS=127.0.0.1:${port[0]} POSTGRES_PASSWORD=$POSTGRES_PASSWORD POSTGRES_CA=$scratch/postgres.pem NUM_HISTORY_SHARDS=4 DYNAMIC_CONFIG=$PWD/deploy/scaled/temporal-settings.yaml \
  FRONTEND_PORT=${port[1]} HISTORY_PORT=${port[2]} MATCHING_PORT=${port[3]} WORKER_PORT=${port[4]} \
  FRONTEND_MEMBERSHIP_PORT=${port[5]} HISTORY_MEMBERSHIP_PORT=${port[6]} MATCHING_MEMBERSHIP_PORT=${port[7]} WORKER_MEMBERSHIP_PORT=${port[8]} \
  run temporal "$tools/temporal-server" --config-file deploy/scaled/temporal.yaml --allow-no-auth start
await temporal listens "${port[1]}"

say "starting S3 and the registry"
mkdir -p "$scratch/s3/wasmill"
access=$(secret) s3_secret=$(secret)
ROOT_ACCESS_KEY=$access ROOT_SECRET_KEY=$s3_secret run s3 "$tools/versitygw" --port "127.0.0.1:${port[9]}" --quiet posix "$scratch/s3"
await s3 listens "${port[9]}"
registry=127.0.0.1:${port[10]}
REGISTRY_HTTP_ADDR=$registry REGISTRY_STORAGE_S3_REGIONENDPOINT=http://127.0.0.1:${port[9]} REGISTRY_STORAGE_S3_ACCESSKEY=$access \
  REGISTRY_STORAGE_S3_SECRETKEY=$s3_secret run registry "$tools/registry" serve deploy/scaled/registry.yml
await registry listens "${port[10]}"
say "all servers run"

# The toolchain's images: of the registry that was named, or of the one that `make test` keeps.
from=${WASMILL_TEST_REGISTRY:-}
if [ -z "$from" ]; then
  from=127.0.0.1:7481
  run baker bin/orchestrator --data "$data" --listen 127.0.0.1:7480 --registry-listen "$from" --temporal-listen 127.0.0.1:0
  await baker bin/wasmill up --where --data "$data"
  bin/wasmill toolchain bake --data "$data" $toolchain
fi
bin=${WASMILL_BIN:-$PWD/bin}
export WASMILL_BIN=$bin WASMILL_TEST_REGISTRY=$registry WASMILL_TEST_BLOBS=$registry WASMILL_TEST_TEMPORAL=127.0.0.1:${port[1]}
export WASMILL_TEST_POSTGRES=postgres://wasmill@127.0.0.1:${port[0]}/wasmill?sslmode=verify-full\&sslrootcert=$scratch/postgres.pem
mkdir "$scratch/farm"
run farm "$bin/orchestrator" --data "$scratch/farm" --listen 127.0.0.1:0 --database "$WASMILL_TEST_POSTGRES" --temporal "$WASMILL_TEST_TEMPORAL" --registry "$registry"
await farm "$bin/wasmill" up --where --data "$scratch/farm"
"$bin/wasmill" toolchain copy --data "$scratch/farm" --from "$from" $toolchain
kill "${started[-1]}"
wait "${started[-1]}" || true
unset 'started[-1]'
say "the registry has the toolchain's images"

if [ $# -gt 0 ]; then # a command of one's own, instead of the tests
  "$@"
  exit
fi
go test -count=1 ./internal/store -run 'TestPostgres|TestBlobsExternalRegistry|Orchestrator|TestMigrations'
say "the contracts hold"
go test -count=1 -tags integration -timeout 5m ./workflows
say "the workflows run on the cluster"
go test -count=1 -tags engine -timeout 20m ./test/e2e
say "the farm's stories are true of the scaled form"
