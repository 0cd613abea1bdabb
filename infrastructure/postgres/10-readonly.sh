#!/bin/bash
# Runs once, when the data folder is new: a role that can look at everything and change nothing, for tools and assistants.
set -euo pipefail

psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
  --set=password="$POSTGRES_READONLY_PASSWORD" --set=database="$POSTGRES_DB" <<'SQL'
create role ent_readonly login password :'password' connection limit 10;
grant connect on database :"database" to ent_readonly;
grant pg_read_all_data, pg_monitor to ent_readonly;
alter role ent_readonly set default_transaction_read_only = on;
alter role ent_readonly set statement_timeout = '30s';
SQL
