import { describe, it } from 'vitest';
import { type MemoryBroker, memory } from '../../src/drivers/memory.ts';
import type { MessagingDriver } from '../../src/index.ts';
import { manualClock, testMessagingDriver } from '../../src/testing.ts';

/** Several drivers on one broker: each may be closed, the broker stays. */
function connectTo(broker: MessagingDriver<MemoryBroker>): MessagingDriver<MemoryBroker> {
  let closed = false;
  const alive = (): void => {
    if (closed) throw new Error('closed');
  };
  return {
    ...broker,
    ping: async () => alive(),
    send: async (batch, call) => {
      alive();
      return broker.send(batch, call);
    },
    open: async (spec, call) => {
      alive();
      return broker.open(spec, call);
    },
    close: async () => {
      closed = true;
    },
  };
}

describe('memory, on a clock that is moved by hand', () => {
  const clock = manualClock();
  const broker = memory({ clock });
  testMessagingDriver(
    { it },
    {
      make: () => connectTo(broker),
      clock,
      pass: (ms) => clock.advance(ms),
      disconnect: () => broker.client.disconnect(),
    },
  );
});

describe('memory, in real time', () => {
  const broker = memory({ lease: 1000 });
  testMessagingDriver({ it }, { make: () => connectTo(broker), disconnect: () => broker.client.disconnect() });
});
