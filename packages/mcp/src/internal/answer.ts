import { type Limits, plain, type Redactor } from '@ent/internal';

/** Some 16,000 tokens: more than that fills the context of a model, and is not read. */
export const MAX_BYTES = 64 * 1024;

// From all that a person would read down to what is surely short.
const LIMITS: readonly Limits[] = [
  { items: 1000, chars: 16_384, depth: 12, values: 20_000 },
  { items: 200, chars: 4096, depth: 10, values: 5000 },
  { items: 50, chars: 1024, depth: 8, values: 1500 },
  { items: 20, chars: 256, depth: 6, values: 400 },
  { items: 5, chars: 64, depth: 4, values: 100 },
];

/** An answer as it goes to a client. */
export interface Answer {
  readonly text: string;
  /** Something was left out for its size. */
  readonly isCut: boolean;
}

/** The text of what a tool answers: without secrets, of at most {@link MAX_BYTES} bytes. */
export function answerOf(given: unknown, redactor: Redactor): Answer {
  if (typeof given === 'string') return linesOf(redactor.text(given));
  for (const limits of LIMITS) {
    const { value, isCut } = plain(given, limits, redactor);
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) <= MAX_BYTES) return { text, isCut };
  }
  return { text: '"[too large]"', isCut: true };
}

/** As many whole lines as there is room for. */
function linesOf(text: string): Answer {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_BYTES) return { text, isCut: false };
  const head = bytes.subarray(0, MAX_BYTES).toString();
  const end = head.lastIndexOf('\n');
  return { text: end === -1 ? head.replace(/\ufffd+$/, '') : head.slice(0, end + 1), isCut: true };
}
