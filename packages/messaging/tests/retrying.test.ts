import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as Retry from '../src/internal/retry.ts';
import type * as Send from '../src/internal/send.ts';
import type * as Setup from '../src/internal/setup.ts';
import { createMessaging } from '../src/index.ts';
import { type Core, retryCases } from './retry-cases.ts';

describe('retries on a broker that keeps none', () => {
  it.each(Object.keys(retryCases))('%s', async (name) => {
    await retryCases[name]?.({ createMessaging });
  });
});

// The cases are worth what they find: each mutant is the core with one bug.

const RETRY = '../src/internal/retry.ts';
const SEND = '../src/internal/send.ts';
const SETUP = '../src/internal/setup.ts';

/** Puts a bug into one function of a module. */
function bug<M extends object, Name extends keyof M>(path: string, name: Name, change: (real: M[Name]) => M[Name]) {
  return () =>
    vi.doMock(path, async (original) => {
      const module = await original<M>();
      return { ...module, [name]: change(module[name]) };
    });
}

/** Each with the cases that find it. */
const mutants: Readonly<Record<string, { readonly put: () => void; readonly found: string }>> = {
  'acknowledges before it has stored': {
    put: bug<typeof Send, 'store'>(SEND, 'store', (real) => async (...args) => {
      void real(...args);
      return true;
    }),
    found: 'are stored before the message is acknowledged',
  },
  'takes what it could not store for stored': {
    put: bug<typeof Send, 'store'>(SEND, 'store', (real) => async (...args) => {
      await real(...args);
      return true;
    }),
    found: 'that cannot be stored leave the message where it is, and call no handler in a hot loop',
  },
  'never gets to acknowledge': {
    put: bug<typeof Send, 'store'>(SEND, 'store', (real) => async (...args) => {
      await real(...args);
      return false;
    }),
    found: 'that wait hold no lease for long, and are not forgotten',
  },
  'loses the not-before': {
    put: bug<typeof Retry, 'retryOf'>(
      RETRY,
      'retryOf',
      (real) => (message, attempts, _waitMs, setup) => real(message, attempts, 0, setup),
    ),
    found: 'come when their time has come, however long that is',
  },
  'does not count the attempt': {
    put: bug<typeof Retry, 'retryOf'>(
      RETRY,
      'retryOf',
      (real) => (message, _attempts, waitMs, setup) => real(message, 0, waitMs, setup),
    ),
    found: 'are counted across processes, and dead letters have them all',
  },
  'gives retries ids of their own': {
    put: bug<typeof Retry, 'retryOf'>(RETRY, 'retryOf', (real) => (...args) => ({ ...real(...args), id: 'another' })),
    found: 'that are stored and not acknowledged make a duplicate under the same id',
  },
  'shows its headers': {
    put: bug<typeof Retry, 'retriedArrivalOf'>(RETRY, 'retriedArrivalOf', (real) => (delivery, setup, unburied) => {
      const arrival = real(delivery, setup, unburied);
      return { ...arrival, message: { ...arrival.message, headers: delivery.message.headers } };
    }),
    found: 'bring the message as it was published, and show nothing of theirs',
  },
  'trusts the clock of another machine': {
    put: bug<typeof Retry, 'retriedArrivalOf'>(RETRY, 'retriedArrivalOf', (real) => (delivery, setup, unburied) => {
      const waitMs = Number(delivery.message.headers['ent-retry-not-before']) - setup.time.clock.now();
      return { ...real(delivery, setup, unburied), waitMs: Math.max(0, waitMs) };
    }),
    found: 'wait no longer than planned for a process whose clock is behind',
  },
  'does not see how long the broker kept a message back': {
    put: bug<typeof Retry, 'retriedArrivalOf'>(
      RETRY,
      'retriedArrivalOf',
      (real) => (delivery, setup, unburied) => real({ ...delivery, leftMs: undefined }, setup, unburied),
    ),
    found: 'kept back by the broker wait no longer than planned for a process whose clock is behind',
  },
  'lets no broker keep a message back': {
    put: bug<typeof Setup, 'setupOf'>(SETUP, 'setupOf', (real) => (...args) => {
      const setup = real(...args);
      const features = { ...setup.driver.features, delays: false };
      return { ...setup, driver: { ...setup.driver, features } };
    }),
    found: 'kept back by the broker hold up none that waits for less, and nobody has them meanwhile',
  },
  'blames what waits for the death of its process': {
    put: bug<typeof Retry, 'retriedArrivalOf'>(RETRY, 'retriedArrivalOf', (real) => (delivery, setup, unburied) => {
      const arrival = real(delivery, setup, unburied);
      const attempt = arrival.attempt + (delivery.attempt ?? 1) - 1;
      return { ...arrival, attempt, deadly: attempt > setup.maxAttempts };
    }),
    found: 'that wait are not to blame for the death of their process',
  },
  'lets all groups of a topic see a retry': {
    put: bug<typeof Setup, 'setupOf'>(SETUP, 'setupOf', (real) => (...args) => {
      const setup = real(...args);
      return { ...setup, retries: { topic: `${setup.topic}.retry`, group: setup.group } };
    }),
    found: 'are for the group that failed alone, also where dots make names alike',
  },
  'takes dots in names lightly': {
    put: bug<typeof Setup, 'setupOf'>(SETUP, 'setupOf', (real) => (...args) => {
      const setup = real(...args);
      return { ...setup, retries: { topic: `${setup.topic}.${setup.group}.retry`, group: 'retry' } };
    }),
    found: 'are for the group that failed alone, also where dots make names alike',
  },
};

describe('the cases find a core that', () => {
  afterEach(() => {
    for (const path of [RETRY, SEND, SETUP]) vi.doUnmock(path);
    vi.resetModules();
  });

  it.each(Object.keys(mutants))('%s', async (name) => {
    const mutant = mutants[name]!;
    vi.resetModules();
    mutant.put();
    const core: Core = await import('../src/index.ts');
    await expect(retryCases[mutant.found]!(core)).rejects.toThrow();
  });
});
