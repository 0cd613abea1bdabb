import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What is known about the work in hand (a request, a message, a job), such as
 * `requestId`. Frozen: a snapshot is a reference.
 */
export type ContextFields = Readonly<Record<string, unknown>>;

/**
 * A context as it is stored: its fields, and one place where a reader (the logger) may keep what it derived from them.
 */
export interface ContextRecord {
  readonly fields: ContextFields;
  memo: unknown;
  /** The same object in the outermost context and in all within it: what belongs to a whole request goes by it. */
  readonly root: object;
}

// One storage for the whole process: on Node 22 every enabled AsyncLocalStorage makes each `await` dearer. This file is
// bundled into several packages (and a package can be installed twice), so the storage is kept where all copies look.
const KEY = Symbol.for('@ent/context@1');
let storage: AsyncLocalStorage<ContextRecord> | undefined;

function contextStorage(): AsyncLocalStorage<ContextRecord> {
  const shared = globalThis as { [KEY]?: AsyncLocalStorage<ContextRecord> };
  if (shared[KEY] === undefined) Object.defineProperty(globalThis, KEY, { value: new AsyncLocalStorage() });
  storage = shared[KEY] as AsyncLocalStorage<ContextRecord>;
  return storage;
}

/**
 * Runs `work` with `fields` as its context, and everything it starts: callbacks, timers,
 * promises. The fields of an outer context stay visible, the inner ones win. A context never
 * changes; to add a field, run the rest inside another call.
 */
export function runWithContext<T>(fields: ContextFields, work: () => T): T {
  const als = storage ?? contextStorage();
  const outer = als.getStore();
  return als.run({ fields: merge(outer?.fields, fields), memo: undefined, root: outer?.root ?? {} }, work);
}

function merge(outer: ContextFields | undefined, fields: ContextFields): ContextFields {
  try {
    return Object.freeze({ ...outer, ...fields });
  } catch {
    // A getter threw. A field that nobody can read is no reason not to do the work.
    const merged: Record<string, unknown> = { ...outer };
    for (const key of Object.keys(fields)) {
      try {
        merged[key] = fields[key];
      } catch {
        merged[key] = '[unreadable]';
      }
    }
    return Object.freeze(merged);
  }
}

/** The fields of the context we are in; `undefined` outside of any. */
export function currentContext(): ContextFields | undefined {
  return currentContextRecord()?.fields;
}

/** {@link currentContext} with its memo. */
export function currentContextRecord(): ContextRecord | undefined {
  return (storage ?? contextStorage()).getStore();
}
