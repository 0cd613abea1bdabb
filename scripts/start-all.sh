#!/usr/bin/env bash
# Starts the servers of docker-compose.yml, waits until all are healthy, and prints their URLs.
#
#   scripts/start-all.sh                  all of them
#   scripts/start-all.sh postgres redis   some of them
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

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
  echo 'Made .env from .env.example; it has the passwords.'
fi

docker compose up --detach --wait "$@" ||
  fail 'not all servers became healthy; see "docker compose ps" and "docker compose logs SERVICE"'

# The defaults for what an older .env lacks, then the settings themselves.
set -a
# shellcheck disable=SC1091
. ./.env.example
# shellcheck disable=SC1091 # made above
. ./.env
set +a

cat <<URLS

PostgreSQL   postgres://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/$POSTGRES_DB
MySQL        mysql://$MYSQL_USER:$MYSQL_PASSWORD@127.0.0.1:$MYSQL_PORT/$MYSQL_DATABASE
MongoDB      mongodb://$MONGO_USER:$MONGO_PASSWORD@127.0.0.1:$MONGO_PORT/?authSource=admin&directConnection=true
Redis        redis://:$REDIS_PASSWORD@127.0.0.1:$REDIS_PORT
Memcached    memcached://127.0.0.1:$MEMCACHED_PORT
RabbitMQ     amqp://$RABBITMQ_USER:$RABBITMQ_PASSWORD@127.0.0.1:$RABBITMQ_PORT
             http://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT (management)

Tests use one of them with its URL in ENT_TEST_POSTGRES_URL, ENT_TEST_MYSQL_URL, ENT_TEST_MONGODB_URL and so on.
Stop them with "docker compose down"; their data stays.
URLS
