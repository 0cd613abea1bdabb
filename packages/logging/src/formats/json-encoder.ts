import { flat, quote, toJson, writeScalar } from '../internal/json.ts';
import { CENSOR, type RedactNode, type Redactor } from '../internal/redact.ts';
import { cut, entries } from '../internal/safe.ts';
import { type Encoder, fieldSources, type LogEntry, type Memo } from './encoder.ts';

/** A field name, worked out once: how it is written, and what happens to its values. */
interface Key {
  /** `,"name":` */
  readonly lead: string;
  readonly kind: 'plain' | 'hidden' | 'error';
  readonly place: RedactNode | undefined;
  readonly slot: Slot;
}

/** A name in the line. Several fields can have the same one (`requestId`, `http.request.id`). */
interface Slot {
  /** The last line in which the name stood. */
  stamp: number;
}

/** Fields as they stand in the line: computed once for a logger and once for a context. */
interface Chunk {
  readonly owner: JsonEncoder;
  readonly generation: number;
  readonly text: string;
  readonly slots: readonly Slot[];
}

/** Different names that a process may use before the table starts afresh: names made of data would fill it for ever. */
const MAX_NAMES = 2000;
const MAX_FIELDS = 200;
const MAX_LINE = 262_144;

/** What the JSON formats share: the fields of a line as `,"name":value` members, each name once. */
export abstract class JsonEncoder implements Encoder {
  protected readonly redactor: Redactor;
  readonly #keys = new Map<string, Key>();
  readonly #slots = new Map<string, Slot>();
  /** What stands before the fields of a logger. */
  readonly #prefix: string;
  #generation = 0;
  #stamp = 0;

  constructor(redactor: Redactor, prefix: string) {
    this.redactor = redactor;
    this.#prefix = prefix;
  }

  encode(entry: LogEntry): string {
    return this.line(entry, this.#members(entry));
  }

  encodeSafely(entry: LogEntry): string {
    return this.line(entry, this.#merged(entry));
  }

  /** The line around the members; they are `''` or start with a comma. */
  protected abstract line(entry: LogEntry, members: string): string;

  /** The name under which a field is written. */
  protected abstract nameOf(key: string): string;

  /** The members of the line's error. */
  protected abstract errorMembers(value: unknown): string;

  /**
   * The quick way: the texts of logger and context are ready, and the call's fields are appended. A name that comes a
   * second time would make the document invalid for Elasticsearch, so then the fields are merged first.
   */
  #members(entry: LogEntry): string {
    const bound = this.#chunk(entry.bound, this.#prefix);
    const context = entry.context && this.#chunk(entry.context, '');
    const stamp = ++this.#stamp;
    for (const slot of bound.slots) slot.stamp = stamp;
    let text = bound.text;
    if (context !== undefined) {
      for (const slot of context.slots) {
        if (slot.stamp === stamp) return this.#merged(entry);
        slot.stamp = stamp;
      }
      text += context.text;
    }
    const fields = entry.fields;
    let count = 0;
    for (const name in fields) {
      const value = fields[name];
      if (value === undefined) continue;
      if (++count > MAX_FIELDS || text.length > MAX_LINE) return this.#merged(entry);
      const key = this.#keys.get(name) ?? this.#addKey(name);
      if (key.slot.stamp === stamp) return this.#merged(entry);
      key.slot.stamp = stamp;
      text += this.#member(key, value);
    }
    // A toJSON that logs by itself has moved the stamps under us; a full table of names starts afresh.
    return this.#stamp === stamp && bound.generation === this.#generation ? text : this.#merged(entry);
  }

  #merged(entry: LogEntry): string {
    const values = new Map<string, readonly [name: string, value: unknown]>();
    for (const source of fieldSources(entry)) {
      if (source === undefined) continue;
      for (const [name, value] of entries(source, MAX_FIELDS + 1)) {
        if (value !== undefined) values.set(this.#key(name).lead, [name, value]);
      }
    }
    let text = this.#prefix;
    let count = 0;
    for (const [name, value] of values.values()) {
      if (++count > MAX_FIELDS || text.length > MAX_LINE) {
        return `${text},${quote(this.nameOf('log_truncated'))}:true`;
      }
      text += this.#member(this.#key(name), value);
    }
    return text;
  }

  #member(key: Key, value: unknown): string {
    if (key.kind === 'plain') {
      if (typeof value === 'string') return key.lead + quote(value);
      const object = typeof value === 'object' && value !== null;
      const json = object ? toJson(value, this.redactor, key.place) : writeScalar(value);
      return json === undefined ? '' : key.lead + json;
    }
    return key.kind === 'hidden' ? `${key.lead}"${CENSOR}"` : value === null ? '' : `,${this.errorMembers(value)}`;
  }

  /** The text of a set of fields: kept with them, so that it is made once. */
  #chunk(from: Memo, prefix: string): Chunk {
    const memo = from.memo as Chunk[] | undefined;
    const first = memo?.[0];
    if (first?.owner === this && first.generation === this.#generation) return first;
    return (
      memo?.find((chunk) => chunk.owner === this && chunk.generation === this.#generation) ?? this.#make(from, prefix)
    );
  }

  #make(from: Memo, prefix: string): Chunk {
    const slots: Slot[] = [];
    const stamp = ++this.#stamp;
    let text = prefix;
    for (const name in from.fields) {
      const value = from.fields[name];
      const key = this.#key(name);
      if (value === undefined || key.slot.stamp === stamp) continue;
      key.slot.stamp = stamp;
      slots.push(key.slot);
      text += this.#member(key, value);
      if (slots.length === MAX_FIELDS) break;
    }
    // The fields of a logger stay for long, those of a context for a few lines.
    if (prefix !== '' || slots.length > 4) text = flat(text);
    const chunk: Chunk = { owner: this, generation: this.#generation, text, slots };
    // A long-lived context can meet loggers that are long closed.
    const others = (from.memo as Chunk[] | undefined)?.filter((other) => other.owner !== this).slice(-3) ?? [];
    from.memo = [chunk, ...others];
    return chunk;
  }

  #key(name: string): Key {
    return this.#keys.get(name) ?? this.#addKey(name);
  }

  #addKey(name: string): Key {
    if (this.#keys.size >= MAX_NAMES) {
      this.#keys.clear();
      this.#slots.clear();
      this.#generation++;
    }
    const lead = flat(`,${quote(cut(this.nameOf(name), 256))}:`);
    const slot = this.#slots.get(lead) ?? { stamp: 0 };
    this.#slots.set(lead, slot);
    const { hidden, place } = this.redactor.top(name);
    const key: Key = { lead, kind: hidden ? 'hidden' : isErrorKey(name) ? 'error' : 'plain', place, slot };
    this.#keys.set(name, key);
    return key;
  }
}

/** `err` and `error` are one field: the error that the line is about. */
export function isErrorKey(name: string): boolean {
  return name === 'err' || name === 'error';
}
