#!/usr/bin/env bash
# Brings the database of user-service up to date: waits until its server answers, then applies the migrations that it
# lacks, and says which. To do so again, or twice at once, is safe: what is applied is left alone.
#
#   scripts/init-db.sh                                      the PostgreSQL of docker-compose.yml, by .env
#   DATABASE_URL=mysql://... scripts/init-db.sh             another one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${DATABASE_URL-} ]]; then
  if [[ ! -e .env ]]; then
    echo 'init-db: there is neither a DATABASE_URL nor .env; scripts/start-all.sh makes .env and starts the servers' >&2
    exit 1
  fi
  # shellcheck disable=SC1091 # made by start-all.sh
  . ./.env
  DATABASE_URL=postgres://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/$POSTGRES_DB
fi
export DATABASE_URL

case $DATABASE_URL in
  sqlite:* | mongodb+srv:*) ;;
  *) scripts/wait-for.sh "$DATABASE_URL" ;;
esac
exec node scripts/bootstrap.mjs migrate
