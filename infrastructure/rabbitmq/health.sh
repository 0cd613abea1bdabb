#!/bin/bash
# Whether the broker is well. The first time it is, it gets a user that can look at all queues and neither make, fill nor drain one, for
# tools and assistants.
set -euo pipefail

rabbitmq-diagnostics --quiet check_running
rabbitmq-diagnostics --quiet check_port_connectivity
[[ ! -e /tmp/ent_readonly ]] || exit 0

# The user is kept with the broker's data, which outlives this container.
if ! rabbitmqctl --quiet list_users | grep -q '^ent_readonly\b'; then
  rabbitmqctl --quiet add_user ent_readonly <<<"$RABBITMQ_READONLY_PASSWORD"
fi
rabbitmqctl --quiet set_user_tags ent_readonly monitoring
rabbitmqctl --quiet set_permissions --vhost / ent_readonly '^$' '^$' '^$'
touch /tmp/ent_readonly
