#!/usr/bin/env bash
# The scaled form on one machine, for `make test-scaled`: PostgreSQL, a Temporal server on it, an S3 server, a registry
# on that behind nginx, all with the files of deploy/scaled, below a scratch folder and on free ports of loopback. All speak TLS
# and ask who is there, as between machines. The contract and end-to-end tests of the embedded form then run on them. All that
# was started ends with this script.
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
  while (@s < 12) { my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 20000 + int rand 12000); push @s, $s if $s }
  print $_->sockport, "\n" for @s')
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

scripts/ensure-docker.sh
. scripts/ensure-postgres.sh
. scripts/ensure-nginx.sh
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && exec setpriv --reuid postgres --regid postgres --init-groups "$@"); else "$@"; fi; }

say "building the servers"
mkdir -p "$tools"
go build -trimpath -modfile=tools/scaled/registry.mod -o "$tools/" github.com/distribution/distribution/v3/cmd/registry github.com/versity/versitygw/cmd/versitygw
go build -trimpath -modfile=tools/scaled/temporal.mod -o "$tools/temporal-server" go.temporal.io/server/cmd/server
go build -trimpath -modfile=tools/scaled/temporal.mod -o "$tools/temporal-sql-tool" go.temporal.io/server/cmd/tools/sql

say "starting PostgreSQL"
secret() { head -c 18 /dev/urandom | base64 | tr -d '+/='; }
# One authority for all. openssl comes with Debian's postgresql.
keys=$scratch/keys
mkdir "$keys"
certify() { openssl "$@" >>"$scratch/openssl.log" 2>&1 || { tail "$scratch/openssl.log" >&2; give_up "no certificate could be made"; }; }
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
certify req -x509 "${new_key[@]}" -days 2 -subj "/CN=authority of a test" -keyout "$keys/ca.key" -out "$keys/ca.pem"
sign() { # NAME ADDRESS USAGES: writes NAME.pem and NAME.key
  certify req "${new_key[@]}" -subj "/CN=$1" -keyout "$keys/$1.key" -out "$keys/$1.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$2" "$3" >"$keys/$1.ext"
  certify x509 -req -days 2 -in "$keys/$1.csr" -CA "$keys/ca.pem" -CAkey "$keys/ca.key" -CAcreateserial -extfile "$keys/$1.ext" -out "$keys/$1.pem"
}
sign postgres IP:127.0.0.1 serverAuth
sign s3 IP:127.0.0.1 serverAuth
sign registry IP:127.0.0.1 serverAuth
sign temporal DNS:temporal.test serverAuth,clientAuth   # the four services speak with each other
sign farm IP:127.0.0.2,IP:127.0.0.1 serverAuth,clientAuth # and shows it to Temporal
admin_password=$(secret) POSTGRES_PASSWORD=$(secret) PGPASSWORD=$(secret)
export PGPASSWORD # of the farm; the programs take it from here
mkdir "$scratch/postgres"
cp "$keys/postgres.pem" "$keys/postgres.key" "$scratch/postgres/"
(umask 077 && printf %s "$admin_password" >"$scratch/postgres/password")
chmod 755 "$scratch"
[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$scratch/postgres"
as_postgres "$postgres/initdb" --pgdata "$scratch/postgres/data" --username admin --pwfile "$scratch/postgres/password" --auth scram-sha-256 \
  --encoding UTF8 --no-sync >"$scratch/initdb.log"
as_postgres "$postgres/pg_ctl" start --wait --pgdata "$scratch/postgres/data" --log "$scratch/postgres/log" \
  --options "-c listen_addresses=127.0.0.1 -c port=${port[0]} -c unix_socket_directories=$scratch/postgres -c max_connections=300 -c ssl=on -c ssl_cert_file=$scratch/postgres/postgres.pem -c ssl_key_file=$scratch/postgres/postgres.key" >/dev/null
sql() { PGSSLMODE=verify-full PGSSLROOTCERT=$keys/ca.pem PGPASSWORD=$admin_password "$postgres/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "${port[0]}" --username admin postgres; }
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
    SQL_PASSWORD=$POSTGRES_PASSWORD "$tools/temporal-sql-tool" --plugin postgres12_pgx --endpoint 127.0.0.1 --port "${port[0]}" --user temporal --database $name --tls --tls-ca-file "$keys/ca.pem" "$@" \
      >>"$scratch/schema.log" 2>&1 || { tail "$scratch/schema.log" >&2; give_up "the schema of $name could not be made"; }
  }
  schema setup-schema --version 0.0
  schema update-schema --schema-name postgresql/v12/$db
done
POSTGRES_ADDRESS=127.0.0.1:${port[0]} POSTGRES_PASSWORD=$POSTGRES_PASSWORD POSTGRES_CA=$keys/ca.pem TLS_CERT=$keys/temporal.pem TLS_KEY=$keys/temporal.key TLS_CA=$keys/ca.pem TLS_NAME=temporal.test \
  NUM_HISTORY_SHARDS=4 DYNAMIC_CONFIG=$PWD/deploy/scaled/temporal-settings.yaml \
  FRONTEND_PORT=${port[1]} HISTORY_PORT=${port[2]} MATCHING_PORT=${port[3]} WORKER_PORT=${port[4]} \
  FRONTEND_MEMBERSHIP_PORT=${port[5]} HISTORY_MEMBERSHIP_PORT=${port[6]} MATCHING_MEMBERSHIP_PORT=${port[7]} WORKER_MEMBERSHIP_PORT=${port[8]} \
  run temporal "$tools/temporal-server" --config-file deploy/scaled/temporal.yaml --allow-no-auth start
await temporal listens "${port[1]}"

say "starting S3, the registry and nginx"
mkdir -p "$scratch/s3/wasmill"
access=$(secret) s3_secret=$(secret)
ROOT_ACCESS_KEY=$access ROOT_SECRET_KEY=$s3_secret run s3 "$tools/versitygw" --port "127.0.0.1:${port[9]}" --cert "$keys/s3.pem" --key "$keys/s3.key" --quiet posix "$scratch/s3"
await s3 listens "${port[9]}"
AWS_CA_BUNDLE=$keys/ca.pem REGISTRY_HTTP_ADDR=127.0.0.1:${port[10]} REGISTRY_STORAGE_S3_REGIONENDPOINT=https://127.0.0.1:${port[9]} REGISTRY_STORAGE_S3_SECURE=true \
  REGISTRY_STORAGE_S3_ACCESSKEY=$access REGISTRY_STORAGE_S3_SECRETKEY=$s3_secret run registry "$tools/registry" serve deploy/scaled/registry.yml
await registry listens "${port[10]}"
mkdir -p "$scratch/nginx/temp"
cp "$keys/registry.pem" "$keys/registry.key" "$scratch/nginx/"
registry=127.0.0.1:${port[11]}
for account in farm workers; do # farm writes, workers only pull; and the Docker configuration of each
  password=$(secret)
  echo "$account:$(openssl passwd -6 "$password")" >>"$scratch/nginx/htpasswd"
  mkdir "$keys/$account.docker"
  echo "{\"auths\": {\"$registry\": {\"auth\": \"$(printf %s "$account:$password" | base64 -w 0)\"}}}" >"$keys/$account.docker/config.json"
done
sed -e "s/127.0.0.1:5000/127.0.0.1:${port[10]}/" -e "s/listen 5443/listen $registry/" deploy/scaled/nginx.conf >"$scratch/nginx/nginx.conf"
run nginx "$nginx" -p "$scratch/nginx" -c "$scratch/nginx/nginx.conf" -e "$scratch/nginx/error.log" -g "daemon off;"
await nginx listens "${port[11]}"
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
export WASMILL_BIN=$bin WASMILL_TEST_REGISTRY=$registry WASMILL_TEST_BLOBS=$registry WASMILL_TEST_TEMPORAL=127.0.0.1:${port[1]} WASMILL_TEST_KEYS=$keys
export WASMILL_TEST_POSTGRES=postgres://wasmill@127.0.0.1:${port[0]}/wasmill?sslmode=verify-full\&sslrootcert=$keys/ca.pem
mkdir "$scratch/farm"
DOCKER_CONFIG=$keys/farm.docker run farm "$bin/orchestrator" --data "$scratch/farm" --listen 127.0.0.1:0 --ca "$keys/ca.pem" --database "$WASMILL_TEST_POSTGRES" --registry "$registry" \
  --temporal "$WASMILL_TEST_TEMPORAL" --temporal-server-name temporal.test --temporal-cert "$keys/farm.pem" --temporal-key "$keys/farm.key"
await farm "$bin/wasmill" up --where --data "$scratch/farm"
DOCKER_CONFIG=$keys/farm.docker "$bin/wasmill" toolchain copy --ca "$keys/ca.pem" --data "$scratch/farm" --from "$from" $toolchain
kill "${started[-1]}"
wait "${started[-1]}" || true
unset 'started[-1]'
say "the registry has the toolchain's images"

if [ $# -gt 0 ]; then # a command of one's own, instead of the tests
  "$@"
  exit
fi
SSL_CERT_FILE=$keys/ca.pem DOCKER_CONFIG=$keys/farm.docker go test -count=1 ./internal/store -run 'TestPostgres|TestBlobsExternalRegistry|Orchestrator|TestMigrations'
say "the contracts hold"
go test -count=1 -tags integration -timeout 5m ./workflows
say "the workflows run on the cluster"
go test -count=1 -tags engine -timeout 20m ./test/e2e
say "the farm's stories are true of the scaled form"
