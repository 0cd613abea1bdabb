#!/usr/bin/env bash
# Waits until servers answer, and says for which one it waits.
#
#   scripts/wait-for.sh 127.0.0.1:5432 http://127.0.0.1:8000/readyz
#   scripts/wait-for.sh --timeout 120 postgres://127.0.0.1:5432/ent
#
# An http:// or https:// address has to answer with success, any other URL and HOST:PORT to accept a connection; of a URL
# with several hosts one of them. It ends with 0 when all of them do, with 1 after the time (60 seconds), and with 64 for
# arguments that it cannot read.
set -euo pipefail

timeout=60
usage() {
  printf 'wait-for: %s\nusage: scripts/wait-for.sh [--timeout SECONDS] (HOST:PORT | URL)...\n' "$1" >&2
  exit 64
}
if [[ ${1-} == --timeout ]]; then
  [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage "--timeout takes whole seconds"
  timeout=$2
  shift 2
fi
[[ $# -gt 0 ]] || usage 'nothing to wait for'

# The port of a URL that names none.
port_of() {
  case $1 in
    postgres | postgresql) echo 5432 ;;
    mysql | mariadb) echo 3306 ;;
    mongodb) echo 27017 ;;
    redis | rediss) echo 6379 ;;
    memcached) echo 11211 ;;
    amqp) echo 5672 ;;
    amqps) echo 5671 ;;
  esac
}

# addresses TEXT: HOST PORT of each host of a URL, or of HOST:PORT. What stands before the last "@" is nobody's business.
addresses() {
  local hosts host port default
  [[ $1 =~ ^(([a-z0-9+]+)://)?([^/]*@)?([^/?@]+)([/?].*)?$ ]] || return 1
  IFS=, read -ra hosts <<<"${BASH_REMATCH[4]}"
  default=$(port_of "${BASH_REMATCH[2]}")
  for host in "${hosts[@]}"; do
    [[ $host =~ ^(\[[0-9a-fA-F:.]+\]|[^:]+)(:([0-9]+))?$ ]] || return 1
    port=${BASH_REMATCH[3]:-$default}
    [[ -n $port ]] || return 1
    host=${BASH_REMATCH[1]#[}
    printf '%s %s\n' "${host%]}" "$port"
  done
}

# answers URL ADDRESSES: does the URL, or where there are addresses one of these?
answers() {
  if [[ -z $2 ]]; then
    curl --silent --fail --output /dev/null --max-time 5 "$1"
    return
  fi
  local host port
  while read -r host port; do
    # shellcheck disable=SC2016 # the inner shell puts them in
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null </dev/null && return
  done <<<"$2"
  return 1
}

for target in "$@"; do
  # What is told of it is without what may be a password, or a token.
  if [[ $target =~ ^(https?://)([^/?]*@)?([^?]*) ]]; then
    found='' name=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
  else
    found=$(addresses "$target") || usage "cannot read \"${target##*@}\" as HOST:PORT or a URL with a port"
    name=${found// /:}
    name=${name//$'\n'/,}
  fi
  began=$SECONDS
  until answers "$target" "$found"; do
    if ((SECONDS - began >= timeout)); then
      printf 'wait-for: %s does not answer after %s s\n' "$name" "$timeout" >&2
      exit 1
    fi
    ((SECONDS % 5)) || printf 'wait-for: %s: not yet, %s s\n' "$name" "$((SECONDS - began))"
    sleep 1
  done
  printf 'wait-for: %s answers\n' "$name"
done
