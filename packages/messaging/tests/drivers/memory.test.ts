import { describe, it } from 'vitest';
import { memory } from '../../src/drivers/memory.ts';
import { manualClock, testMessagingDriver } from '../../src/testing.ts';
import { connectTo, ordinary } from '../support.ts';

describe('memory, on a clock that is moved by hand', () => {
  const clock = manualClock();
  const broker = memory({ clock });
  testMessagingDriver(
    { it },
    {
      features: broker.features,
      createDriver: () => connectTo(broker),
      clock,
      pass: (ms) => clock.advance(ms),
      disconnect: () => broker.client.disconnect(),
    },
  );
});

describe('memory, in real time', () => {
  const broker = memory({ lease: 3000 });
  testMessagingDriver(
    { it },
    {
      features: broker.features,
      createDriver: () => connectTo(broker),
      disconnect: () => broker.client.disconnect(),
    },
  );
});

for (const missing of [['delayedRetry'], ['countsAttempts'], ['delayedRetry', 'countsAttempts']] as const) {
  describe(`memory without ${missing.join(' and ')}`, () => {
    const clock = manualClock();
    const lacks: readonly string[] = missing;
    const broker = ordinary(memory({ clock }), {
      delayedRetry: !lacks.includes('delayedRetry'),
      countsAttempts: !lacks.includes('countsAttempts'),
    });
    testMessagingDriver(
      { it },
      {
        features: broker.features,
        createDriver: () => connectTo(broker),
        clock,
        pass: (ms) => clock.advance(ms),
        disconnect: () => broker.client.disconnect(),
      },
    );
  });
}
