import { execFileSync } from 'node:child_process';
import { createDatabase, type DatabaseDriver, defineEntity, type DriverCall } from '@ent/database';
import { pooledSessions, type SqlNative, withoutValues } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialect } from '../src/drivers/mysql/dialect.ts';
import { rowsOf } from '../src/internal/sql/rows.ts';

const call = (signal = new AbortController().signal): DriverCall => ({ deadlineAt: Infinity, signal });

/** A pool that counts; `end` is what happens to a broken one. */
function poolOf(max: number, end: () => Promise<void> | void = () => {}) {
  const log: string[] = [];
  let made = 0;
  const sessions = pooledSessions<{ id: number }>({
    max,
    take: async () => ({ id: (made += 1) }),
    give: ({ id }) => void log.push(`give ${id}`),
    end: ({ id }) => {
      log.push(`end ${id}`);
      return end();
    },
    total: () => made,
  });
  return { sessions, log };
}

describe('pooledSessions', () => {
  it('hands out in the order of asking, and who gives up is out of the queue', async () => {
    const { sessions, log } = poolOf(1);
    const first = await sessions.acquire('read', false, call());
    const controller = new AbortController();
    const hasty = sessions.acquire('read', false, call(controller.signal));
    const next = sessions.acquire('read', false, call());
    expect(sessions.stats()).toEqual({ total: 1, idle: 0, inUse: 1, waiting: 2 });
    controller.abort(new Error('gone'));
    await expect(hasty).rejects.toThrow('gone');
    expect(sessions.stats().waiting).toBe(1);
    sessions.release(first, false);
    sessions.release(await next, true);
    expect(log).toEqual(['give 1', 'end 2']);
    await expect.poll(() => sessions.stats().inUse).toBe(0);
  });

  describe('one that is ending', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    /** Whether a session has come by now. */
    function watched(session: Promise<{ id: number }>) {
      const seen: { id?: number } = {};
      void session.then(({ id }) => (seen.id = id));
      return seen;
    }

    it('keeps its place until it has ended', async () => {
      const gate = Promise.withResolvers<void>();
      const { sessions } = poolOf(1, () => gate.promise);
      sessions.release(await sessions.acquire('read', false, call()), true);
      const next = watched(sessions.acquire('read', false, call()) as Promise<{ id: number }>);
      expect(sessions.stats()).toMatchObject({ inUse: 1, waiting: 1 });
      await vi.advanceTimersByTimeAsync(200);
      expect(next).toEqual({});
      gate.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(next).toEqual({ id: 2 });
      expect(sessions.stats()).toMatchObject({ inUse: 1, waiting: 0 });
    });

    it('is replaced when that takes longer, and there are never more than twice as many', async () => {
      const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
      let ends = 0;
      const { sessions } = poolOf(2, () => gates[ends++]?.promise);
      const take = (): Promise<{ id: number }> => Promise.resolve(sessions.acquire('read', false, call()));
      for (const session of [await take(), await take()]) sessions.release(session, true);
      const others = Promise.all([take(), take()]);
      await vi.advanceTimersByTimeAsync(300);
      for (const session of await others) sessions.release(session, true);
      const late = watched(take());
      await vi.advanceTimersByTimeAsync(4000);
      expect([late, sessions.stats()]).toMatchObject([{}, { inUse: 4, waiting: 1 }]);
      expect(late).toEqual({});
      // The place of one that was replaced is not free, since its successor is ending too; that of the successor is.
      gates[0]?.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(late).toEqual({});
      gates[2]?.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(late).toEqual({ id: 5 });
    });

    it('is given up after a while', async () => {
      const { sessions } = poolOf(1, () => new Promise(() => {}));
      for (let n = 0; n < 2; n += 1) {
        const session = sessions.acquire('read', false, call()) as Promise<{ id: number }>;
        await vi.advanceTimersByTimeAsync(300);
        sessions.release(await session, true);
      }
      await vi.advanceTimersByTimeAsync(6000);
      expect(sessions.stats()).toMatchObject({ inUse: 0, waiting: 0 });
      expect(await sessions.acquire('read', false, call())).toEqual({ id: 3 });
    });
  });

  it('gives the place back when no connection comes', async () => {
    let fail = true;
    const sessions = pooledSessions<object>({
      max: 1,
      async take() {
        if (fail) throw new Error('refused');
        return {};
      },
      give() {},
      end() {},
      total: () => 0,
    });
    await expect(sessions.acquire('read', false, call())).rejects.toThrow('refused');
    fail = false;
    sessions.release(await sessions.acquire('read', false, call()), false);
    expect(sessions.stats()).toEqual({ total: 0, idle: 0, inUse: 0, waiting: 0 });
  });

  it('ends what is in use when it closes, waits for that, and takes it back once only', async () => {
    const gate = Promise.withResolvers<void>();
    const { sessions, log } = poolOf(2, () => gate.promise);
    const session = await sessions.acquire('read', false, call());
    let closed = false;
    const closing = sessions.close().then(() => (closed = true));
    sessions.release(session, true);
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    gate.resolve();
    await closing;
    expect(log).toEqual(['end 1']);
  });
});

describe('withoutValues', () => {
  it('keeps what it is told to, and neither the message nor the stack repeats the value', () => {
    const error = Object.assign(new Error("Duplicate entry '$&hunter2' for key 'email'"), {
      errno: 1062,
      sql: 'hunter2',
    });
    const copy = withoutValues(error, ['errno', 'missing'], 'Duplicate entry');
    expect([copy.message, Object.keys(copy)]).toEqual(['Duplicate entry', ['errno']]);
    expect(copy.stack).toMatch(/^Error: Duplicate entry\n/);
    expect(copy.stack).not.toContain('hunter2');
  });
});

describe('an insert of many rows', () => {
  const notes = defineEntity({ name: 'notes', fields: { id: 'string', text: 'string', data: 'json' } });

  /** How many rows each statement has, of texts of these lengths. */
  async function parts(lengths: readonly number[]): Promise<number[]> {
    const sent: (readonly unknown[])[] = [];
    const execute = async (_session: object, _statement: unknown, values: readonly unknown[]) => {
      sent.push(values);
      return { rows: [] };
    };
    const { insert } = rowsOf({ ...dialect, rowsPerInsert: 8, bytesPerInsert: 1000 }, execute, {
      isOpen: () => true,
    } as never);
    const rows = lengths.map((length, n) => ({ id: `${n}`, text: 'x'.repeat(length), data: ['y'.repeat(length)] }));
    await insert({}, notes, rows, call());
    expect(sent.flat().filter((_, index) => index % 3 === 0)).toEqual(rows.map(({ id }) => id));
    return sent.map((values) => values.length / 3);
  }

  it('is sent in parts of as many rows and bytes as the server takes, and each row once', async () => {
    expect(await parts([])).toEqual([]);
    expect(await parts(Array.from({ length: 18 }, () => 1))).toEqual([8, 8, 2]);
    expect(await parts([1, 500, 500, 1, 1, 1])).toEqual([1, 1, 1, 1, 2]);
    expect(await parts([...Array.from({ length: 6 }, () => 50), 1, 1, 1, 1, 1, 1])).toEqual([3, 3, 6]);
  });
});

describe('a dead server', () => {
  it('holds up no transaction that rolls back: its session is given up as broken', async () => {
    const driver: DatabaseDriver<SqlNative> = sqlite({ file: ':memory:' });
    const released: boolean[] = [];
    const signals: AbortSignal[] = [];
    const db = createDatabase<SqlNative>({
      driver: {
        ...driver,
        rollback: (_session, { signal }) => {
          signals.push(signal);
          return new Promise(() => {});
        },
        release(session, broken) {
          released.push(broken);
          driver.release(session, broken);
        },
      },
    });
    const failing = db.transaction(async () => {
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    expect([released, signals[0]?.aborted]).toEqual([[true], true]);
    await db.close();
  });
});

describe('rows where code must not be made of text', () => {
  it('are the same, only later', () => {
    const program = `
      import { defineEntity, nullable } from '@ent/database';
      import { dialect } from '../src/drivers/postgres/dialect.ts';
      import { rowMaker } from '../src/internal/compiled.ts';
      import { decodersOf } from '../src/internal/sql/decoders.ts';
      const notes = defineEntity({ name: 'notes', fields: { id: 'string', at: 'date', of: nullable('int') } });
      const decode = decodersOf(dialect)(notes);
      const answerTo = (...values) => {
        try {
          return decode(rowMaker(['id', 'at', 'of'])(values));
        } catch ({ code, message }) {
          return [code, message];
        }
      };
      const time = '1970-01-01 00:00:00+00';
      const rows = [['a', time, '1'], ['b', time, null], ['c', 'now', null], [null, time, null]];
      console.log(JSON.stringify(rows.map((values) => answerTo(...values))));
    `;
    const run = (flag: string): unknown => {
      const all = ['--conditions=@ent/source', flag, '--input-type=module', '--eval', program];
      const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const;
      return JSON.parse(execFileSync(process.execPath, all, options)) as unknown;
    };
    const at = '1970-01-01T00:00:00.000Z';
    const expected = [
      { id: 'a', at, of: 1 },
      { id: 'b', at, of: null },
      ['database.bad_data', 'notes: a stored value of "at" is no date.'],
      ['database.bad_data', 'notes: a stored value of "id" is null, but the field is not nullable.'],
    ];
    expect(run('--disallow-code-generation-from-strings')).toEqual(expected);
  });
});
