#!/usr/bin/env bash
# Says how logs are stored in an OpenSearch of yours, and for how long; doing so again changes nothing.
#
#   OPENSEARCH_URL=https://user:password@host:9200 infrastructure/opensearch/setup.sh
#
# With DASHBOARDS_URL too, the saved view goes into its OpenSearch Dashboards.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${OPENSEARCH_URL:?such as http://127.0.0.1:9200}"

# send PATH MORE...: a request; what the answer is, where it is a refusal.
send() {
  printf 'opensearch-setup: %s\n' "${1##*/}"
  curl --silent --show-error --fail-with-body --output /dev/stderr "${@:2}" "$1"
  echo >&2
}
json=(--header 'content-type: application/json' --request PUT)

send "$OPENSEARCH_URL/_index_template/logs-ent" "${json[@]}" --data-binary "@$here/logs-template.json"

# The plugin for policies does not take one that is there already, unless it is told which state of it is meant.
policy=$OPENSEARCH_URL/_plugins/_ism/policies/logs-ent
there=$(curl --silent --show-error --write-out '\n%{http_code}' "$policy")
case ${there##*$'\n'} in
  404) send "$policy" "${json[@]}" --data-binary "@$here/logs-policy.json" ;;
  200) printf 'opensearch-setup: the policy is there\n' ;;
  *) printf 'opensearch-setup: no policy, so nothing is removed by itself: %s\n' "$there" ;;
esac

if [[ -n ${DASHBOARDS_URL:-} ]]; then
  send "$DASHBOARDS_URL/api/saved_objects/_import?overwrite=true" --header 'osd-xsrf: true' --form "file=@$here/../kibana/logs.ndjson"
fi
