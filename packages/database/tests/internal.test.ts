import { uuidv7 } from '@ent/database';
import { describe, expect, it } from 'vitest';
import { Deadline } from '../src/internal/deadline.ts';
import { Semaphore } from '../src/internal/semaphore.ts';

const open = new AbortController().signal;

describe('uuidv7', () => {
  it('gives unique ids that sort by the order of their making, 20,000 in one millisecond included', () => {
    const now = Date.now();
    const ids = Array.from({ length: 20_000 }, () => uuidv7(now));
    expect(new Set(ids).size).toBe(20_000);
    expect([...ids].sort()).toEqual(ids);
  });

  it('holds its time, version and variant, also when the clock goes back', () => {
    const later = Date.now() + 60_000;
    const first = uuidv7(later);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16)).toBe(later);
    expect(uuidv7(later - 50_000) > first).toBe(true);
  });
});

describe('Semaphore', () => {
  it('hands its permits out in the order of asking, and passes over who gave up', async () => {
    const semaphore = new Semaphore(1);
    const order: string[] = [];
    expect(semaphore.tryTake()).toBe(true);
    expect(semaphore.tryTake()).toBe(false);
    const controller = new AbortController();
    const reason = new Error('gone');
    const first = semaphore.take(open).then(() => order.push('first'));
    const second = semaphore.take(controller.signal).catch((error: unknown) => order.push((error as Error).message));
    const third = semaphore.take(open).then(() => order.push('third'));
    controller.abort(reason);
    await second;
    expect(semaphore.waiting).toBe(2);
    semaphore.give();
    await first;
    expect(semaphore.tryTake()).toBe(false);
    semaphore.give();
    await third;
    semaphore.give();
    expect(order).toEqual(['gone', 'first', 'third']);
    expect([semaphore.tryTake(), semaphore.waiting]).toEqual([true, 0]);
  });

  it('refuses at once when the signal has aborted', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.take(open);
    await expect(semaphore.take(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(semaphore.waiting).toBe(0);
  });
});

describe('Deadline', () => {
  const late = (): Error => new Error('late');

  it('aborts its signal in time, with its error, whoever waits for it', async () => {
    const deadline = new Deadline(5, late);
    await expect(deadline.guard(new Promise(() => {}))).rejects.toThrow('late');
    expect(() => deadline.check()).toThrow('late');
    expect((deadline.signal.reason as Error).message).toBe('late');
  });

  it('ends with the deadline around it, and with its caller', async () => {
    const parent = new Deadline(5, () => new Error('parent'));
    await expect(new Deadline(Infinity, late, undefined, parent).guard(new Promise(() => {}))).rejects.toThrow(
      'parent',
    );
    const controller = new AbortController();
    const child = new Deadline(60_000, late, controller.signal);
    const waiting = child.guard(new Promise(() => {}));
    controller.abort(new Error('caller'));
    await expect(waiting).rejects.toThrow('caller');
    child.dispose();
    expect(() => new Deadline(60_000, late, AbortSignal.abort(new Error('before'))).check()).toThrow('before');
  });

  it('passes on what is there, and lets go of the signals it listened to', async () => {
    const controller = new AbortController();
    const deadline = new Deadline(60_000, late, controller.signal);
    expect(deadline.guard(5)).toBe(5);
    expect(await deadline.guard(Promise.resolve(6))).toBe(6);
    await expect(deadline.guard(Promise.reject(new Error('own')))).rejects.toThrow('own');
    deadline.dispose();
    controller.abort(new Error('after'));
    expect(deadline.signal.aborted).toBe(false);
  });
});
