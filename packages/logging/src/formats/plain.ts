import { recordError } from '../internal/error-record.ts';
import { errorMembers, quote, toJson } from '../internal/json.ts';
import { LOG_LEVELS } from '../levels.ts';
import type { LogEntry } from './encoder.ts';
import { isErrorKey, JsonEncoder } from './json-encoder.ts';

/** Fields under the names that the caller gave them, for the memory driver. */
export class PlainEncoder extends JsonEncoder {
  protected override line(entry: LogEntry, members: string): string {
    const level = LOG_LEVELS[entry.level] as string;
    const trace = entry.span && `,"traceId":"${entry.span.traceId}","spanId":"${entry.span.spanId}"`;
    return `{"time":${entry.time},"level":"${level}","message":${quote(entry.message)}${trace ?? ''},"fields":{${members.slice(1)}}}\n`;
  }

  protected override nameOf(key: string): string {
    return isErrorKey(key) ? 'error' : key;
  }

  protected override errorMembers(value: unknown): string {
    return `"error":{${errorMembers(recordError(value), (more) => toJson(more, this.redactor))}}`;
  }
}
