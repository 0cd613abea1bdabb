import { type ErrorRecord, recordError, stackChain } from '../internal/error-record.ts';
import { quote, toJson } from '../internal/json.ts';
import type { Redactor } from '../internal/redact.ts';
import { cut } from '../internal/safe.ts';
import { flagsOf } from '../internal/trace.ts';
import { LOG_LEVELS, OTEL_SEVERITY } from '../levels.ts';
import type { ServiceInfo } from '../options.ts';
import { isoTime, type LogEntry } from './encoder.ts';
import { isErrorKey, JsonEncoder } from './json-encoder.ts';
import { knownName } from './names.ts';

const MIDDLE = LOG_LEVELS.map(
  (level, i) => `","severity_text":"${level.toUpperCase()}","severity_number":${OTEL_SEVERITY[i]},"body":`,
);

/**
 * One JSON document a line in the OpenTelemetry log data model
 * (https://opentelemetry.io/docs/specs/otel/logs/data-model), with the attribute names of the semantic conventions.
 */
export class OtelEncoder extends JsonEncoder {
  readonly #resource: string;

  constructor(redactor: Redactor, service: ServiceInfo | undefined) {
    super(redactor, '');
    this.#resource = resource(service);
  }

  protected override line(entry: LogEntry, members: string): string {
    let text = `{"timestamp":"${isoTime(entry.time)}${MIDDLE[entry.level] as string}${quote(entry.message)}`;
    const span = entry.span;
    if (span !== undefined) {
      text += `,"trace_id":"${span.traceId}","span_id":"${span.spanId}","trace_flags":"${flagsOf(span)}"`;
    }
    return `${text}${this.#resource},"attributes":{${members.slice(1)}}}\n`;
  }

  protected override nameOf(key: string): string {
    if (isErrorKey(key)) return 'exception';
    return key.startsWith('exception.') ? `field.${key}` : (knownName(key) ?? key);
  }

  /**
   * The `exception.*` attributes; the stacks of the whole chain of causes
   * stand in the one text, as the conventions ask.
   */
  protected override errorMembers(value: unknown): string {
    const record: ErrorRecord = recordError(value);
    const encode = (more: unknown): string => toJson(more, this.redactor);
    let text = `"exception.type":${quote(record.type)},"exception.message":${quote(record.message)}`;
    text += `,"exception.stacktrace":${quote(cut(stackChain(record), 32_768))}`;
    for (const [key, more] of Object.entries(record.more)) text += `,${quote(`exception.${key}`)}:${encode(more)}`;
    return text;
  }
}

function resource(service: ServiceInfo | undefined): string {
  if (service === undefined) return '';
  const members = {
    'service.name': service.name,
    'service.version': service.version,
    'deployment.environment.name': service.environment,
    'service.instance.id': service.instance,
  };
  return `,"resource":${JSON.stringify(members)}`;
}
