import { describe, expect, it } from 'vitest';
import { Call, Deadlines } from '../src/index.ts';

const late = (): Error => new Error('late');

describe('Call', () => {
  it('makes no timer and no signal before somebody asks', () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const call = new Call(60_000, late);
    call.check();
    expect(call.guard(7)).toBe(7);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before);
    expect(call.signal.aborted).toBe(false);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before + 1);
    call.dispose();
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before);
  });

  it('rejects what is still waiting at the deadline, and aborts its signal with the same error', async () => {
    const call = new Call(5, () => new Error('late'));
    const error: unknown = await Promise.resolve(call.guard(new Promise<never>(() => {}))).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ message: 'late' });
    expect(call.signal.reason).toBe(error);
    expect(() => call.check()).toThrow('late');
  });

  it('shares a timer with the calls that get the same time, each of which ends at its own', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const [before, deadlines] = [timers(), new Deadlines(30)];
    const calls = Array.from({ length: 50 }, (_, n) => {
      return new Call(30, () => new Error(`late ${n}`), undefined, undefined, deadlines);
    });
    const [first, ...others] = calls as [Call, ...Call[]];
    const outcomes = others.map((call) =>
      Promise.resolve(call.guard(new Promise<never>(() => {}))).catch((error: unknown) => (error as Error).message),
    );
    expect([await first.guard(Promise.resolve(7)), timers()]).toEqual([7, before + 1]);
    first.dispose();
    expect(await Promise.all(outcomes)).toEqual(others.map((_, n) => `late ${n + 1}`));
    expect(() => first.check()).not.toThrow('late 1');
    for (const call of others) call.dispose();
    // One of somebody else may have ended meanwhile.
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('takes a timer of its own where the time is another one, or none', () => {
    const deadlines = new Deadlines(1);
    const call = new Call(60_000, late, undefined, undefined, deadlines);
    call.watch(() => {});
    call.dispose();
    const endless = new Call(Infinity, late, undefined, undefined, new Deadlines(Infinity));
    endless.watch(() => {});
    endless.dispose();
    expect(call.signal.aborted || endless.signal.aborted).toBe(false);
  });

  it('tells what it waited for', async () => {
    const call = new Call(5, ({ waitingFor }) => new Error(`late, waiting for ${waitingFor}`));
    call.waitingFor = 'a connection';
    await expect(call.guard(new Promise<never>(() => {}))).rejects.toThrow('late, waiting for a connection');
  });

  it('ends with its caller and with the call around it', () => {
    const caller = new AbortController();
    const own = new Call(60_000, late, caller.signal);
    const outer = new Call(60_000, late);
    const inner = new Call(Infinity, late, undefined, outer);
    const [ownSignal, innerSignal] = [own.signal, inner.signal];
    const [gone, ended] = [new Error('gone'), new Error('ended')];
    caller.abort(gone);
    outer.abort(ended);
    expect([ownSignal.reason, innerSignal.reason]).toEqual([gone, ended]);
    expect(() => inner.check()).toThrow('ended');
    for (const call of [own, outer, inner]) call.dispose();
  });

  it('tells the deadline that comes first, its own or that of the call around it', () => {
    const outer = new Call(1_000, late);
    expect(new Call(Infinity, late, undefined, outer).deadlineAt).toBe(outer.deadlineAt);
    expect(new Call(60_000, late, undefined, outer).deadlineAt).toBe(outer.deadlineAt);
    expect(new Call(5, late, undefined, outer).deadlineAt).toBeLessThan(outer.deadlineAt);
  });

  it('is over at once for a caller that has given up before', () => {
    const call = new Call(60_000, late, AbortSignal.abort(new Error('gone')));
    expect(() => call.check()).toThrow('gone');
    expect(call.signal.aborted).toBe(true);
    call.dispose();
  });

  it('leaves no listener on the signal of its caller', async () => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.add(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.delete(args[1]);
      remove(...args);
    };
    const call = new Call(60_000, late, signal);
    await call.guard(Promise.resolve());
    expect(listeners.size).toBe(1);
    call.dispose();
    expect(listeners.size).toBe(0);
  });

  it('sleeps, but not past its deadline', async () => {
    await expect(new Call(60_000, late).sleep(1)).resolves.toBeUndefined();
    await expect(new Call(5, late).sleep(60_000)).rejects.toThrow('late');
  });
});
