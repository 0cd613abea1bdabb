#!/bin/bash
# Makes the key of the replica set at the first start, then does what the image does.
set -euo pipefail

key=/data/configdb/replica-set.key
if [[ ! -s $key ]]; then
  (umask 077 && head --bytes=756 /dev/urandom | base64 --wrap=0 >"$key")
  chown mongodb:mongodb "$key"
fi
chmod 400 "$key" # mongod refuses a key that others can read

exec docker-entrypoint.sh "$@"
