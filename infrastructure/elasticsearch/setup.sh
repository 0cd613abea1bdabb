#!/bin/bash
# Gives Kibana its password, makes a user that can only read and one that can only add to the log, and says how logs are stored; doing so again
# changes nothing. Then it stays, so that "docker compose up --wait" takes it for a service that is well.
set -euo pipefail

# put METHOD PATH BODY
put() {
  printf 'elasticsearch-setup: %s %s\n' "$1" "$2"
  curl --silent --show-error --fail-with-body --retry 10 --retry-all-errors --user "elastic:$ELASTICSEARCH_PASSWORD" \
    --request "$1" --header 'content-type: application/json' --data "$3" "http://elasticsearch:9200/$2"
  echo
}

put POST _security/user/kibana_system/_password "{\"password\":\"$KIBANA_SYSTEM_PASSWORD\"}"
put PUT _security/role/ent_readonly \
  '{"cluster":["monitor"],"indices":[{"names":["*"],"privileges":["read","view_index_metadata","monitor"]}]}'
put PUT _security/user/ent_readonly "{\"password\":\"$ELASTICSEARCH_READONLY_PASSWORD\",\"roles\":[\"ent_readonly\"]}"
put PUT _security/role/ent_logs '{"indices":[{"names":["logs-ent-*"],"privileges":["auto_configure","create_doc"]}]}'
put PUT _security/user/ent_logs "{\"password\":\"$ELASTICSEARCH_LOGS_PASSWORD\",\"roles\":[\"ent_logs\"]}"
put PUT _ilm/policy/logs-ent "$(cat /setup/logs-policy.json)"
put PUT _index_template/logs-ent "$(cat /setup/logs-template.json)"

touch /tmp/done
exec sleep infinity
