// What might be rounded; nearly no JSON has it.
const LONG_NUMBER = /[\d.]{16}|\d[eE][+]?\d{2}/;

/** What a JSON text says. @throws RangeError when a number in it would be rounded */
export function jsonOf(text: string): unknown {
  return JSON.parse(text, LONG_NUMBER.test(text) ? (expectExact as Reviver) : undefined) as unknown;
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown;

function expectExact(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value === 'number' && !isExact(value, context.source ?? '')) {
    throw new RangeError('A number of the JSON text does not fit a JavaScript number.');
  }
  return value;
}

/** Whether a number stands for its text. 17 digits are what it takes to write any double. */
function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (/^-?\d+$/.test(source)) return BigInt(source) === BigInt(value);
  return source.replace(/[eE].*|\D|^\D*0+/g, '').length <= 17;
}

/** What a JSON text says; the text itself where a number in it would be rounded. */
export function parsedOrText(text: string): unknown {
  try {
    return jsonOf(text);
  } catch {
    return text;
  }
}
