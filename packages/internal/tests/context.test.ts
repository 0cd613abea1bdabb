import { describe, expect, it } from 'vitest';
import { currentContext, runWithContext } from '../src/index.ts';

describe('the request context', () => {
  it('is seen by everything that the work starts, and by nothing else', async () => {
    const seen: unknown[] = [];
    await Promise.all(
      Array.from({ length: 100 }, (_, id) =>
        runWithContext({ id }, async () => {
          await new Promise((resolve) => setImmediate(resolve));
          await new Promise((resolve) => setTimeout(resolve, id % 3));
          seen[id] = currentContext()?.['id'];
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 100 }, (_, id) => id));
    expect(currentContext()).toBeUndefined();
  });

  it('adds to the outer context, wins over it, and gives it back', () => {
    runWithContext({ a: 1, b: 1 }, () => {
      runWithContext({ b: 2 }, () => expect(currentContext()).toEqual({ a: 1, b: 2 }));
      expect(currentContext()).toEqual({ a: 1, b: 1 });
    });
  });

  it('cannot be changed, neither in place nor through the fields it was made from', () => {
    const fields = { id: 'mine' };
    runWithContext(fields, () => {
      fields.id = 'other';
      expect(() => Object.assign(currentContext() as object, { id: 'other' })).toThrow(TypeError);
      expect(currentContext()).toEqual({ id: 'mine' });
    });
  });

  it('has what can be read of fields whose getters throw', () => {
    const bad = Object.defineProperty({ a: 1 }, 'b', {
      enumerable: true,
      get() {
        throw new Error('from a getter');
      },
    });
    runWithContext(bad, () => expect(currentContext()).toEqual({ a: 1, b: '[unreadable]' }));
  });

  it('is one for all copies of this module in a process', async () => {
    const copy: { currentContext: typeof currentContext } = await import(
      `${new URL('../src/context.ts', import.meta.url).href}?copy`
    );
    expect(copy.currentContext).not.toBe(currentContext);
    runWithContext({ id: 'shared' }, () => expect(copy.currentContext()).toEqual({ id: 'shared' }));
  });

  it('gives what the work gives, and passes on what it throws', () => {
    expect(runWithContext({}, () => 7)).toBe(7);
    const fault = new Error('from the work');
    expect(() =>
      runWithContext({}, () => {
        throw fault;
      }),
    ).toThrow(fault);
  });
});
