import { afterEach, describe, expect, it } from 'vitest';
import { operationChannel, traced } from '../src/index.ts';

const channel = operationChannel<{ name: string; rows?: number }>('internal-test', 'traced');
const seen: unknown[] = [];
const handlers = {
  start: (event: object) => void seen.push(['start', { ...event }]),
  end() {},
  asyncStart() {},
  asyncEnd: (event: object) => void seen.push(['end', { ...event }]),
  error: (event: object) => void seen.push(['error', { ...event }]),
};

afterEach(() => {
  channel.unsubscribe(handlers);
  seen.length = 0;
});

describe('traced', () => {
  it('gives what the work gives, and keeps it from the subscribers', async () => {
    channel.subscribe(handlers);
    const result = await traced(channel, { name: 'find' }, async (event: { rows?: number }) => {
      event.rows = 2;
      return ['a secret', 'row'];
    });
    expect(result).toEqual(['a secret', 'row']);
    expect(JSON.stringify(seen)).not.toContain('secret');
    expect(seen.at(-1)).toEqual(['end', expect.objectContaining({ name: 'find', rows: 2 })]);
  });

  it('gives undefined back as undefined', async () => {
    channel.subscribe(handlers);
    expect(await traced(channel, { name: 'get' }, async () => undefined)).toBeUndefined();
  });

  it('rejects with the very error of the work', async () => {
    channel.subscribe(handlers);
    const error = new Error('no');
    await expect(traced(channel, { name: 'find' }, () => Promise.reject(error))).rejects.toBe(error);
    expect(seen.map((each) => (each as string[])[0])).toContain('error');
  });

  it('calls the work directly when nobody listens', async () => {
    expect(await traced(channel, { name: 'find' }, async () => 7)).toBe(7);
    expect(seen).toEqual([]);
  });
});
