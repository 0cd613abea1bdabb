#!/usr/bin/env bash
# Waits until servers answer, and says for which one it waits.
#
#   scripts/wait-for.sh 127.0.0.1:5432 http://127.0.0.1:8000/readyz
#   scripts/wait-for.sh --timeout 120 postgres://127.0.0.1:5432/ent
#
# An http:// or https:// address has to answer with success, any other URL and HOST:PORT to accept a connection. It ends
# with 0 when all of them do, with 1 after the time (60 seconds), and with 64 for arguments that it cannot read.
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
    redis) echo 6379 ;;
    memcached) echo 11211 ;;
    amqp) echo 5672 ;;
  esac
}

# address TEXT: HOST PORT of a URL or of HOST:PORT. What stands before "@" is nobody's business.
address() {
  [[ $1 =~ ^(([a-z0-9+]+)://)?([^/@]*@)?(\[[0-9a-fA-F:.]+\]|[^:/?@]+)(:([0-9]+))?([/?].*)?$ ]] || return 1
  local host=${BASH_REMATCH[4]} port=${BASH_REMATCH[6]:-$(port_of "${BASH_REMATCH[2]}")}
  [[ -n $port ]] && printf '%s %s\n' "${host//[\[\]]/}" "$port"
}

answers() {
  case $1 in
    http://* | https://*) curl --silent --fail --output /dev/null --max-time 5 "$1" ;;
    # shellcheck disable=SC2016 # the inner shell puts them in
    *) timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>/dev/null ;;
  esac
}

for target in "$@"; do
  host='' port=''
  if [[ $target != http://* && $target != https://* ]]; then
    read -r host port < <(address "$target") || usage "cannot read \"${target##*@}\" as HOST:PORT or a URL with a port"
  fi
  # Without what may be a password.
  name=$([[ -n $host ]] && echo "$host:$port" || echo "$target")
  began=$SECONDS
  until answers "$target" "$host" "$port"; do
    if ((SECONDS - began >= timeout)); then
      printf 'wait-for: %s does not answer after %s s\n' "$name" "$timeout" >&2
      exit 1
    fi
    ((SECONDS % 5)) || printf 'wait-for: %s: not yet, %s s\n' "$name" "$((SECONDS - began))"
    sleep 1
  done
  printf 'wait-for: %s answers\n' "$name"
done
