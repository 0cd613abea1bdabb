import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { operationChannel } from '../src/index.ts';

const prototype = Object.getPrototypeOf(tracingChannel('ent:test:any')) as object;
const own = Object.getOwnPropertyDescriptor(prototype, 'hasSubscribers') as PropertyDescriptor;
afterEach(() => void Object.defineProperty(prototype, 'hasSubscribers', own));

describe.each([
  ['of Node', own],
  ['of Bun, which do not know whether somebody listens', { configurable: true, value: undefined }],
])('channels %s', (runtime, descriptor) => {
  it.each(['start', 'end', 'asyncStart', 'asyncEnd', 'error'])('say that somebody listens to %s', (event) => {
    Object.defineProperty(prototype, 'hasSubscribers', descriptor);
    const channel = operationChannel('test', `${runtime.slice(0, 7)}:${event}`);
    expect(channel.hasSubscribers).toBe(false);
    const listen = (): void => {};
    const name = channel[event as 'start'].name as string;
    subscribe(name, listen);
    expect(channel.hasSubscribers).toBe(true);
    unsubscribe(name, listen);
    expect(channel.hasSubscribers).toBe(false);
  });
});
