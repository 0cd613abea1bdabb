import { tracingChannel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { onOperation } from '../src/index.ts';

interface Payload {
  n: number;
}
const channel = tracingChannel<Payload, Payload>('ent:test:operation');

function record() {
  const started: number[] = [];
  const ended: { n: number; error: unknown }[] = [];
  const stop = onOperation<Payload>('ent:test:operation', {
    start: (payload) => void started.push(payload.n),
    end: ({ payload, error, durationMs }) => {
      expect(durationMs).toBeGreaterThanOrEqual(0);
      ended.push({ n: payload.n, error });
    },
  });
  return { started, ended, stop };
}

describe('onOperation', () => {
  it('tells start and end of each operation once: one that resolves, one that rejects, one that throws at once', async () => {
    const { started, ended, stop } = record();
    const error = new Error('no');
    await channel.tracePromise(async () => 1, { n: 1 });
    await expect(channel.tracePromise(() => Promise.reject(error), { n: 2 })).rejects.toBe(error);
    const throwing = (): Promise<void> => {
      throw error;
    };
    await expect((async () => channel.tracePromise(throwing, { n: 3 }))()).rejects.toBe(error);
    stop();
    expect(started).toEqual([1, 2, 3]);
    expect(ended).toEqual([
      { n: 1, error: undefined },
      { n: 2, error },
      { n: 3, error },
    ]);
  });

  it('tells interleaved operations apart', async () => {
    const { ended, stop } = record();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const first = channel.tracePromise(() => gates[0].promise, { n: 1 });
    const second = channel.tracePromise(() => gates[1].promise, { n: 2 });
    gates[1].resolve();
    await second;
    gates[0].resolve();
    await first;
    stop();
    expect(ended.map((one) => one.n)).toEqual([2, 1]);
  });

  it('leaves out an operation that began before, and says nothing after it was stopped', async () => {
    const gate = Promise.withResolvers<void>();
    const silence = record();
    const running = channel.tracePromise(() => gate.promise, { n: 1 });
    silence.stop();
    const late = record();
    gate.resolve();
    await running;
    await channel.tracePromise(async () => {}, { n: 2 });
    late.stop();
    await channel.tracePromise(async () => {}, { n: 3 });
    expect(silence.ended).toEqual([]);
    expect(late.ended.map((one) => one.n)).toEqual([2]);
    expect(channel.hasSubscribers).toBe(false);
  });

  it('leaves out an operation that began before, also where somebody else has listened all the time', async () => {
    const gate = Promise.withResolvers<void>();
    const first = record();
    const running = channel.tracePromise(() => gate.promise, { n: 1 });
    const late = record();
    gate.resolve();
    await running;
    first.stop();
    late.stop();
    expect([first.ended.length, late.ended.length]).toEqual([1, 0]);
  });

  it.each<[string, unknown[]]>([
    ['no channel', []],
    ['no listener', ['ent:test:operation']],
    ['a listener to what is no event', ['ent:test:operation', { ended() {} }]],
  ])('refuses %s, when it is called', (_, args) => {
    const listen = onOperation as (...args: unknown[]) => unknown;
    expect(() => listen(...args)).toThrow(expect.objectContaining({ code: 'observability.invalid_options' }));
    expect(channel.hasSubscribers).toBe(false);
  });
});
