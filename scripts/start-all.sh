#!/usr/bin/env bash
# Starts what stands in docker-compose.yml, waits until all of it is healthy, and prints the URLs. To do so again is
# safe: what runs is left alone, and so is what .env says.
#
#   scripts/start-all.sh                       the profiles of COMPOSE_PROFILES in .env: core
#   scripts/start-all.sh full observability    these profiles: core, full, observability, apps
#   scripts/start-all.sh postgres redis        these servers
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'start-all: %s\n' "$*"; }
fail() {
  printf 'start-all: %s\n' "$*" >&2
  exit 1
}

# What a person needs to know comes first: is there Docker, does it have Compose, does it run?
command -v docker >/dev/null ||
  fail 'Docker is not installed; see https://docs.docker.com/get-docker/. On Debian, tests need no Docker: scripts/install-services.sh'
docker compose version >/dev/null 2>&1 ||
  fail 'Docker has no "compose" command; install the Compose plugin, see https://docs.docker.com/compose/install/'
docker info >/dev/null 2>&1 ||
  fail 'Docker does not answer; start it, and check that this user may use it (docker info)'

if [[ ! -e .env ]]; then
  cp .env.example .env
  say 'made .env from .env.example; it has the passwords'
fi

# What is newer than an .env is added to it, with the value for development: on lines of its own, also where an editor has left
# the last one without its end.
[[ -z $(tail -c 1 .env) ]] || echo >>.env
while IFS= read -r line; do
  name=${line%%=*}
  grep -q "^$name=" .env && continue
  printf '%s\n' "$line" >>.env
  say "added $name to .env"
done < <(grep -E '^[A-Z_]+=' .env.example)

if grep -q '^JWT_PRIVATE_KEY=$' .env; then
  if key=$(openssl genpkey -algorithm ed25519 2>/dev/null); then
    sed -i.before "s|^JWT_PRIVATE_KEY=\$|JWT_PRIVATE_KEY='${key//$'\n'/\\\\n}'|" .env
    rm -f .env.before
    say 'made a JWT_PRIVATE_KEY in .env'
  else
    say 'no openssl: set JWT_PRIVATE_KEY in .env before you start the profile apps'
  fi
fi

profiles=() services=()
for name in "$@"; do
  case $name in
    core | full | observability | apps) profiles+=(--profile "$name") ;;
    *) services+=("$name") ;;
  esac
done

say 'starting; the first time fetches images, which takes minutes'
# With nothing in it, a list is unbound for the bash of macOS.
docker compose ${profiles[@]+"${profiles[@]}"} up --detach --build --wait ${services[@]+"${services[@]}"} ||
  fail 'not all became healthy; see "docker compose ps" and "docker compose logs SERVICE"'

set -a
# shellcheck disable=SC1091 # made above
. ./.env
set +a

cat <<URLS

core            PostgreSQL      postgres://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/$POSTGRES_DB
                Redis           redis://:$REDIS_PASSWORD@127.0.0.1:$REDIS_PORT
                RabbitMQ        amqp://$RABBITMQ_USER:$RABBITMQ_PASSWORD@127.0.0.1:$RABBITMQ_PORT
                  management    http://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT
full            MySQL           mysql://$MYSQL_USER:$MYSQL_PASSWORD@127.0.0.1:$MYSQL_PORT/$MYSQL_DATABASE
                MongoDB         mongodb://$MONGO_USER:$MONGO_PASSWORD@127.0.0.1:$MONGO_PORT/?authSource=admin&directConnection=true
                Memcached       memcached://127.0.0.1:$MEMCACHED_PORT
                Kafka           127.0.0.1:$KAFKA_PORT
observability   Grafana         http://127.0.0.1:$GRAFANA_PORT ($GRAFANA_USER, $GRAFANA_PASSWORD)
                Prometheus      http://127.0.0.1:$PROMETHEUS_PORT
                Jaeger          http://127.0.0.1:$JAEGER_PORT
                Kibana          http://127.0.0.1:$KIBANA_PORT (elastic, $ELASTICSEARCH_PASSWORD)
apps            user-service    http://127.0.0.1:$USER_SERVICE_PORT/docs
                user-events     http://127.0.0.1:$USER_EVENTS_PORT/health
                order-service   http://127.0.0.1:$ORDER_SERVICE_PORT/docs
                gateway         http://127.0.0.1:$GATEWAY_SERVICE_PORT/docs

Tests use a server with its URL in ENT_TEST_POSTGRES_URL, ENT_TEST_REDIS_URL and so on.
Stop all: docker compose --profile '*' down; the data stays.
URLS
