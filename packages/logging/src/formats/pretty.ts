import { recordError, stackChain } from '../internal/error-record.ts';
import { toJson } from '../internal/json.ts';
import { CENSOR, type Redactor } from '../internal/redact.ts';
import { cut, entries } from '../internal/safe.ts';
import { LOG_LEVELS } from '../levels.ts';
import { type Encoder, fieldSources, type LogEntry } from './encoder.ts';
import { isErrorKey } from './json-encoder.ts';

const COLORS = ['36', '32', '33', '31', '1;37;41'] as const;
const LABELS = LOG_LEVELS.map((level) => level.toUpperCase().padEnd(8));
const BARE = /^[\w./:@+-]+$/;
// Control characters, C1 ones included, and those that change the direction of text: what somebody typed into a form
// must not move the cursor of whoever reads the log.
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const INDENT = '    ';

/** A form for people: `12:03:04.123 INFO     message key=value`, local time, errors with their stacks below. */
export class PrettyEncoder implements Encoder {
  readonly #redactor: Redactor;
  readonly #colors: boolean;

  constructor(redactor: Redactor, colors: boolean) {
    this.#redactor = redactor;
    this.#colors = colors;
  }

  encode(entry: LogEntry): string {
    const values = new Map<string, unknown>();
    for (const source of fieldSources(entry)) {
      if (source === undefined) continue;
      for (const [name, value] of entries(source)) {
        if (value !== undefined) values.set(isErrorKey(name) ? 'error' : name, value);
      }
    }
    let fields = '';
    for (const [name, value] of values) {
      if (name !== 'error') fields += this.#field(name, value);
    }
    const span = entry.span && this.#paint('2', ` trace=${entry.span.traceId}`);
    const label = this.#paint(COLORS[entry.level] as string, LABELS[entry.level] as string);
    const time = this.#paint('2', localTime(entry.time));
    const error = values.get('error');
    const below = error === undefined || error === null ? '' : `\n${stackChain(recordError(error))}`;
    return `${time} ${label} ${indent(cut(entry.message))}${fields}${span ?? ''}${indent(below)}\n`;
  }

  encodeSafely(entry: LogEntry): string {
    return this.encode(entry);
  }

  #field(name: string, value: unknown): string {
    const { hidden, place } = this.#redactor.top(name);
    const bare = typeof value === 'string' && BARE.test(value);
    const text = hidden ? CENSOR : bare ? cut(value) : toJson(value, this.#redactor, place);
    return ` ${this.#paint('2', indent(`${cut(name, 256)}=`))}${indent(text)}`;
  }

  #paint(color: string, text: string): string {
    return this.#colors ? `\u001B[${color}m${text}\u001B[0m` : text;
  }
}

/** Line feeds stay, but what follows one is indented, so that no text can pass for a record of its own. */
function indent(text: string): string {
  return text.replace(UNSAFE, escape).replaceAll('\n', `\n${INDENT}`);
}

function escape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function localTime(time: number): string {
  const at = new Date(time);
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}
