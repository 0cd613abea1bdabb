import { itemsOf, read } from './safe.ts';

/** As many as a client is shown issues. */
const MAX_TEXTS = 100;

/** What an error tells in words. */
export interface Told {
  /** `undefined` where its message is no more than the words of its class. */
  readonly message: string | undefined;
  /** Where there are several. */
  readonly texts?: readonly string[];
}

/**
 * An exception of Nest that is given no text for a message has the words of its class there (`Http Exception`), which
 * tell nobody anything: what it is about stands in its response. Its validation pipes write one text for each rejected
 * value, with the name of the value in it.
 */
export function toldBy(error: object): Told {
  const own = read(error, 'message');
  const message = typeof own === 'string' ? own : '';
  const given = typeof read(error, 'getStatus') === 'function' ? responseOf(error) : undefined;
  if (typeof given !== 'object' || given === null) return { message };
  const told = isList(given) ? given : read(given, 'message');
  if (typeof told === 'string') return { message: told };
  const texts = textsIn(told);
  return texts.length < 2 ? { message: texts[0] } : { message: texts.join('; '), texts };
}

function responseOf(error: object): unknown {
  try {
    return (error as { getResponse?(): unknown }).getResponse?.();
  } catch {
    return undefined;
  }
}

/** The texts of a list; of lists by the name of a value, as `errorFormat: 'grouped'` has them. */
function textsIn(told: unknown): string[] {
  const lists = isList(told) ? [told] : listsOf(told);
  const texts = lists.flatMap((list) => itemsOf(list, MAX_TEXTS)).slice(0, MAX_TEXTS);
  return texts.filter((text) => typeof text === 'string');
}

function listsOf(told: unknown): unknown[] {
  try {
    return typeof told === 'object' && told !== null ? Object.values(told).slice(0, MAX_TEXTS) : [];
  } catch {
    return [];
  }
}

function isList(value: unknown): boolean {
  try {
    return Array.isArray(value); // throws for a revoked proxy
  } catch {
    return false;
  }
}
