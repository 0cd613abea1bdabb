import { describe, expect, it, vi } from 'vitest';
import {
  exponentialBackoff,
  Fifo,
  outsideContext,
  pause,
  runWithContext,
  currentContext,
  Semaphore,
  startTimer,
} from '../src/index.ts';

const DAY = 86_400_000;

describe('startTimer', () => {
  it('waits for months, where setTimeout would ring at once', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const rings: number[] = [];
      startTimer(60 * DAY, () => rings.push(performance.now()));
      vi.advanceTimersByTime(60 * DAY - 1);
      expect(rings).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(rings).toHaveLength(1);
      vi.advanceTimersByTime(60 * DAY);
      expect(rings).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('can be cancelled in any stretch of its wait', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const ring = vi.fn<() => void>();
      const timer = startTimer(60 * DAY, ring);
      vi.advanceTimersByTime(40 * DAY);
      timer.cancel();
      vi.advanceTimersByTime(60 * DAY);
      expect(ring).not.toHaveBeenCalled();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('pause', () => {
  it('ends early, without an error, when the signal aborts', async () => {
    const controller = new AbortController();
    const paused = pause(60_000, controller.signal);
    controller.abort();
    await expect(paused).resolves.toBeUndefined();
    await expect(pause(60_000, controller.signal)).resolves.toBeUndefined();
  });

  it('waits by the clock that it is given', async () => {
    let ring: (() => void) | undefined;
    const paused = pause(60_000, undefined, (ms, work) => {
      expect(ms).toBe(60_000);
      ring = work;
      return () => {};
    });
    ring?.();
    await expect(paused).resolves.toBeUndefined();
  });
});

describe('exponentialBackoff', () => {
  it('doubles from its base up to its cap', () => {
    const wait = exponentialBackoff({ baseMs: 100, maxMs: 1000, jitter: 0 });
    expect([1, 2, 3, 4, 5, 1e6].map(wait)).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  it('leaves to chance what jitter says', () => {
    const waits = [0, 0.5, 1].map((chance) =>
      exponentialBackoff({ baseMs: 100, maxMs: 1000, jitter: 0.5, random: () => chance })(1),
    );
    expect(waits).toEqual([100, 75, 50]);
  });
});

describe('Semaphore', () => {
  it('hands permits out in the order of asking, and lets nobody slip in between', async () => {
    const semaphore = new Semaphore(1);
    const order: string[] = [];
    await semaphore.take();
    const waiting = ['a', 'b', 'c'].map((name) => semaphore.take().then(() => order.push(name)));
    expect(semaphore.waiting).toBe(3);
    semaphore.give();
    expect(semaphore.tryTake()).toBe(false);
    semaphore.give();
    semaphore.give();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b', 'c']);
    semaphore.give();
    expect(semaphore.tryTake()).toBe(true);
  });

  it('takes out who gives up, and keeps the permit for the next', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.take();
    const controller = new AbortController();
    const impatient = semaphore.take(controller.signal);
    const patient = semaphore.take();
    controller.abort(new Error('gone'));
    await expect(impatient).rejects.toThrow('gone');
    semaphore.give();
    await expect(patient).resolves.toBeUndefined();
    await expect(semaphore.take(controller.signal)).rejects.toThrow('gone');
    expect(semaphore.waiting).toBe(0);
  });
});

describe('Fifo', () => {
  it('is first come, first served, and lets anybody leave before', () => {
    const fifo = new Fifo<number>();
    const tickets = [1, 2, 3, 4, 5].map((n) => fifo.push(n));
    expect([fifo.remove(tickets[0]!), fifo.remove(tickets[2]!), fifo.remove(tickets[4]!)]).toEqual([true, true, true]);
    expect([fifo.remove(tickets[2]!), fifo.size]).toEqual([false, 2]);
    fifo.push(6);
    expect([fifo.shift(), fifo.shift(), fifo.shift(), fifo.shift()]).toEqual([2, 4, 6, undefined]);
    expect([fifo.remove(tickets[1]!), fifo.size]).toEqual([false, 0]);
    fifo.push(7);
    expect(fifo.shift()).toBe(7);
  });
});

describe('outsideContext', () => {
  it('runs what it is given, and all that it starts, outside of the context', async () => {
    const look = async (): Promise<unknown> => {
      const before = currentContext();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return [before, currentContext()];
    };
    const inside = { requestId: 'r1' };
    const [outside, within] = await runWithContext(inside, () => Promise.all([outsideContext(look), look()]));
    expect([outside, within]).toEqual([
      [undefined, undefined],
      [inside, inside],
    ]);
  });
});
