import { numberOption, parseCommandLine, refuseOptions } from '@ent/internal';

export const HELP = `ent-mq: looks after topics, groups and dead letters of a message broker.

  ent-mq topics                                all topics, and how many groups each has
  ent-mq groups [TOPIC]                        all groups, or those of a topic
  ent-mq groups remove TOPIC GROUP --yes       removes a group with all that waits for it
  ent-mq lag [TOPIC [GROUP]] [--max N]         what waits for a group, and its dead letters; exit code 1 above N
  ent-mq dlq list LETTERS [--limit N]          dead letters, oldest first; LETTERS is a topic such as t.g.dead
  ent-mq dlq show LETTERS ID                   one of them, with its data
  ent-mq dlq replay LETTERS (ID... | --all) [--rate N]
                                               gives them to the group in which they died
  ent-mq dlq purge LETTERS (ID... | --all)     removes them
  ent-mq publish TOPIC [DATA]                  publishes JSON; without DATA each line of the standard input
      --id --type --subject --key --header NAME=VALUE --delay --ttl --priority 0..9 --mandatory
  ent-mq tail TOPIC [--count N]                shows new messages, in a group that is removed at the end

  --url URL       the broker; default BROKER_URL of the environment
  --timeout TIME  how long the broker may take; default 10s
  --json          each result as a line of JSON
  --help

TOPIC of lag and tail may be a pattern such as 'order.*', where the broker takes those.
Brokers that do not tell their topics (RabbitMQ) need the names of TOPIC and GROUP.
Exit codes: 0 done, 1 not as it was asked (a lag above --max, a letter or topic that is not there), 2 a wrong command,
3 the broker failed, 130 interrupted.
`;

const OPTIONS = {
  url: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  yes: { type: 'boolean' },
  max: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
  rate: { type: 'string' },
  id: { type: 'string' },
  type: { type: 'string' },
  subject: { type: 'string' },
  key: { type: 'string' },
  header: { type: 'string', multiple: true },
  delay: { type: 'string' },
  ttl: { type: 'string' },
  priority: { type: 'string' },
  mandatory: { type: 'boolean' },
  count: { type: 'string' },
} as const;

/** Options of every command. */
const COMMON = ['url', 'timeout', 'json', 'help'];

export type Values = ReturnType<typeof parse>['values'];

/** @throws UsageError */
export function parse(argv: readonly string[]) {
  return parseCommandLine(argv, OPTIONS);
}

/** Refuses options that the command does not read. */
export function expectOnly(command: string, values: Values, ...known: (keyof Values)[]): void {
  refuseOptions(command, values, [...COMMON, ...known]);
}

/** A number of an option, of at least 0. */
export function numberOf(values: Values, name: 'max' | 'limit' | 'rate' | 'count' | 'priority'): number | undefined {
  return numberOption(name, values[name]);
}
