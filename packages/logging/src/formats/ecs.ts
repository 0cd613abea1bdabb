import { errorMembers, escaped, flat, quote, toJson } from '../internal/json.ts';
import { recordError } from '../internal/error-record.ts';
import type { Redactor } from '../internal/redact.ts';
import { LOG_LEVELS } from '../levels.ts';
import type { ServiceInfo } from '../options.ts';
import { cut } from '../internal/safe.ts';
import type { LogEntry } from './encoder.ts';
import { isErrorKey, JsonEncoder } from './json-encoder.ts';
import { knownName } from './names.ts';

const MIDDLE = LOG_LEVELS.map((level) => `","log.level":"${level}","message":"`);
// What the encoder itself writes, and the field sets whose members would clash with it.
const OURS = /^(?:@timestamp|message|log\.level|trace\.id|span\.id|(?:ecs|service|error)\..*)$/;
const DOTTED = /^[^.\s]+(?:\.[^.\s]+)+$/;

/**
 * One JSON document a line in the Elastic Common Schema (https://www.elastic.co/guide/en/ecs-logging), ready for
 * Elasticsearch without a pipeline. A name with dots is taken for a field of the schema
 * (`http.response.status_code`); any other goes below `labels`, where it cannot clash with one: a `host` that is a
 * text makes Elasticsearch refuse the whole document.
 */
export class EcsEncoder extends JsonEncoder {
  constructor(redactor: Redactor, service: ServiceInfo | undefined) {
    super(redactor, prefix(service));
  }

  readonly #heads: string[] = [];
  #headTime = -1;

  protected override line(entry: LogEntry, members: string): string {
    const head = this.#head(entry.level, entry.time);
    const span = entry.span;
    if (span === undefined) return head + escaped(entry.message) + members + '}\n';
    return `${head}${escaped(entry.message)}${members},"trace.id":"${span.traceId}","span.id":"${span.spanId}"}\n`;
  }

  /** What all lines of one level and millisecond begin with. */
  #head(level: number, time: number): string {
    if (time !== this.#headTime) {
      this.#headTime = time;
      this.#heads.length = 0;
    }
    return (this.#heads[level] ??= flat(`{"@timestamp":"${new Date(time).toISOString()}${MIDDLE[level] as string}`));
  }

  protected override nameOf(key: string): string {
    if (isErrorKey(key)) return 'error';
    const known = knownName(key);
    if (known !== undefined) return known;
    if (DOTTED.test(key) && !OURS.test(key)) return key;
    // Elasticsearch refuses empty path parts.
    return `labels.${DOTTED.test(key) || /^[^.\s]+$/.test(key) ? key : key.replace(/^$|[.\s]/g, '_')}`;
  }

  protected override errorMembers(value: unknown): string {
    const record = recordError(value);
    return `"error":{${errorMembers(record, (more) => toJson(more, this.redactor))}}`;
  }
}

function prefix(service: ServiceInfo | undefined): string {
  let text = '","ecs.version":"8.11.0"';
  if (service === undefined) return text;
  const members = {
    'service.name': service.name,
    'service.version': service.version,
    'service.environment': service.environment,
    'service.node.name': service.instance,
    'event.dataset': service.name,
  };
  for (const [key, value] of Object.entries(members)) {
    if (value !== undefined) text += `,"${key}":${quote(cut(value))}`;
  }
  return text;
}
