import { EntError } from '@ent/errors';
import { outsideContext, refuseUnknown } from '@ent/internal';
import type { DriverCall, MessagingDriver, SendResult, SubscriptionSpec, WireMessage } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { withCall } from './internal/call.ts';
import { countOption } from './internal/checks.ts';
import { pause, type Timing } from './internal/clock.ts';
import { totalOf } from './internal/figures.ts';
import { letterOf, originOf, type DeadLetter } from './internal/dead-letter.ts';
import { sendAll, wrap } from './internal/send.ts';
import { DEAD_GROUP } from './internal/setup.ts';
import { Taking } from './internal/taking.ts';
import { checkName } from './message.ts';

export type { DeadLetter } from './internal/dead-letter.ts';

/** Which dead letters, and how a run over them is watched and ended. */
export interface DeadLetterSelection {
  /** Those with these ids, among the first 10,000. Default: all that are there at the start. */
  readonly ids?: readonly string[] | undefined;
  /** Ends it after what is under way. The others stay, in their order; a later call goes on with them. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step with how many are done, and of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** How dead letters are replayed. */
export interface ReplayOptions extends DeadLetterSelection {
  /** How many in a second, at the most. Default: as fast as the broker takes them. */
  readonly rate?: number | undefined;
}

/** What became of a run over dead letters. */
export interface DeadLettersDone {
  readonly done: number;
  /** Those of the ids that were not found. */
  readonly missing: readonly string[];
  /** How many letters are there now, as far as the broker tells: RabbitMQ leaves out those that somebody has. */
  readonly left: number;
}

/** The dead letters of one topic for them. What is done with them survives the end of this process at any moment. */
export interface DeadLetters {
  readonly topic: string;
  /** How many there are, those included that somebody is looking at, where the broker tells of them. */
  count(): Promise<number>;
  /**
   * The first ones, oldest first. They stay where they are: a driver that `browses` shows them, from another they are
   * taken, and given back in their old places. Meanwhile nobody else gets those.
   *
   * @param options `limit`: at most so many, up to 10,000; default 100
   */
  list(options?: { readonly limit?: number | undefined }): Promise<DeadLetter[]>;
  /** One of the first 10,000 by its id. */
  show(id: string): Promise<DeadLetter | undefined>;
  /**
   * Gives letters to the group again in which they died, and to no other, as they were published: the same id, bytes,
   * time and headers, at their first attempt. A letter that does not tell its group stays. Each is stored there before
   * it is removed here, so that one may come twice when the process ends in between; none is lost.
   *
   * @throws `messaging.unavailable`, `messaging.rejected`, `messaging.timeout` where one could not be stored: it and
   *   those behind it stay
   */
  replay(options?: ReplayOptions): Promise<DeadLettersDone>;
  /** Removes letters. */
  purge(options?: DeadLetterSelection): Promise<DeadLettersDone>;
}

/** How many are held at the most to find some among them, and how many are worked on at once. */
const MOST_HELD = 10_000;
const AT_ONCE = 100;
/** How often, and how long after one another, is looked whether what was given back is there: two seconds in all. */
const MOST_LOOKS = 100;
const LOOK_MS = 20;
const SELECTION = { ids: true, signal: true, onProgress: true } as const;

/** What {@link deadLettersOf} needs. */
interface Setup {
  readonly driver: MessagingDriver;
  readonly timeoutMs: number;
  readonly time: Timing;
  /** Aborts when messaging closes. */
  readonly closing: AbortSignal;
}

/** Does something with a few letters. Those that it answers are removed; after a failure it is not called again. */
type Step = (
  letters: readonly WireMessage[],
  stop: AbortSignal,
) => Promise<{ readonly removed: readonly WireMessage[]; readonly failure?: Error | undefined }>;

/** @throws `messaging.invalid_options` for a malformed name */
export function deadLettersOf(topic: string, { driver, timeoutMs, time, closing }: Setup): DeadLetters {
  const spec: SubscriptionSpec = { topic: checkName('dead letter topic', topic), group: DEAD_GROUP };
  const what = `The dead letters of "${topic}"`;

  const ask = async <T>(work: (call: DriverCall) => Promise<T>): Promise<T> => {
    const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not answer within ${timeoutMs} ms.`);
    try {
      return await withCall(timeoutMs, timeout, undefined, work);
    } catch (error) {
      throw EntError.is(error) ? error : wrap(driver, error, what);
    }
  };
  const open = (prefetch: number): Promise<Taking> =>
    ask(async (call) => new Taking(await outsideContext(() => driver.subscribe({ ...spec, prefetch }, call)), time));
  const ready = async (): Promise<number> => (await ask((call) => driver.count(spec, call)))?.ready ?? 0;
  const count = async (): Promise<number> => totalOf(await ask((call) => driver.count(spec, call)));

  /** Gives back what was not done. A broker may take a moment for it, in which it would not be counted. */
  const giveBack = async (taking: Taking, left: number): Promise<void> => {
    await taking.close();
    for (let tries = 0; tries < MOST_LOOKS && (await ready()) < left; tries++)
      await pause(time.clock, LOOK_MS, closing);
  };

  /** Looks at the first ones, and leaves them. */
  const first = async (limit: number): Promise<WireMessage[]> => {
    if (driver.browse) return ask((call) => driver.browse!(spec, limit, call));
    // All of them: what comes back goes behind what has come back before, so that some alone would lose their places.
    const most = Math.min(MOST_HELD, await ready());
    if (most === 0) return [];
    const taking = await open(most);
    const found: WireMessage[] = [];
    try {
      while (found.length < most) {
        const some = await taking.take(most - found.length, closing);
        if (some.length === 0) break;
        found.push(...some);
      }
    } finally {
      await giveBack(taking, most);
    }
    return found.slice(0, limit);
  };

  /** Takes letters, a few at a time, until those that there were at the start are through. The others go back. */
  const run = async (selection: DeadLetterSelection, atOnce: number, step: Step): Promise<DeadLettersDone> => {
    const { ids, signal, onProgress } = selection;
    const wanted = ids && new Set(checkIds(ids));
    const counted = await ask((call) => driver.count(spec, call));
    // Those that somebody has may be of a process that died, and come when their lease has ended.
    const all = counted ? counted.ready + (counted.leased ?? 0) : 0;
    const there = Math.min(all, wanted ? MOST_HELD : Infinity);
    const total = wanted?.size ?? there;
    const stop = signal ? AbortSignal.any([signal, closing]) : closing;
    let [done, looked, failure] = [0, 0, undefined as Error | undefined];
    const taking = there > 0 && total > 0 && !stop.aborted ? await open(wanted ? there : atOnce) : undefined;
    try {
      while (taking && looked < there && done < total && !stop.aborted && failure === undefined) {
        const letters = await taking.take(Math.min(atOnce, there - looked), stop);
        if (letters.length === 0) break;
        looked += letters.length;
        const chosen = wanted ? letters.filter(({ id }) => wanted.delete(id)) : letters;
        if (chosen.length === 0) continue;
        const { removed, failure: why } = await step(chosen, stop);
        failure = why;
        await taking.done(removed);
        done += removed.length;
        if (removed.length > 0) onProgress?.(done, total);
      }
    } finally {
      if (taking) await giveBack(taking, Math.max(0, (counted?.ready ?? 0) - done));
    }
    if (failure) throw failure;
    return { done, missing: [...(wanted ?? [])], left: await count() };
  };

  return {
    topic,
    count,
    async list(options = {}) {
      refuseUnknown(options, { limit: true }, 'list', messagingErrors.invalid_options);
      const limit = Math.min(MOST_HELD, countOption(options.limit ?? 100, 'limit', 1));
      return (await first(limit)).map(letterOf);
    },
    async show(id) {
      const found = (await first(MOST_HELD)).find((message) => message.id === id);
      return found && letterOf(found);
    },
    async replay(options = {}) {
      refuseUnknown(options, { ...SELECTION, rate: true }, 'replay', messagingErrors.invalid_options);
      const { rate = Infinity } = options;
      if (!(rate > 0)) throw messagingErrors.invalid_options('"rate" must be a number of letters in a second.');
      const made = new Set<string>();
      let before = 0;
      const store = async (letters: readonly WireMessage[], call: DriverCall): Promise<SendResult[]> => {
        for (const { topic: origin, pattern: to = origin, group = '' } of letters) {
          // A group that is gone would not get it, and the other groups of its topic pass over it.
          if (!made.has(`${to}/${group}`)) await driver.ensure({ topic: to, group }, call);
          made.add(`${to}/${group}`);
        }
        return sendAll(driver, letters, time, call);
      };
      return run(options, Math.max(1, Math.min(AT_ONCE, Math.floor(rate / 10))), async (letters, stop) => {
        const replayable = letters.filter((letter) => originOf(letter) !== undefined);
        if (before > 0 && rate < Infinity) await pause(time.clock, (before / rate) * 1000, stop);
        if (replayable.length === 0 || stop.aborted) return { removed: [] };
        before = replayable.length;
        try {
          const results = await ask((call) =>
            store(
              replayable.map((letter) => originOf(letter)!),
              call,
            ),
          );
          const failed = results.find(({ status }) => status !== 'stored');
          const removed = replayable.filter((_, at) => results[at]?.status === 'stored');
          return { removed, failure: failed && wrap(driver, 'error' in failed ? failed.error : undefined, what) };
        } catch (error) {
          return { removed: [], failure: error as Error };
        }
      });
    },
    async purge(options = {}) {
      refuseUnknown(options, SELECTION, 'purge', messagingErrors.invalid_options);
      return run(options, AT_ONCE, async (removed) => ({ removed }));
    },
  };
}

/** JavaScript gives anything. */
function checkIds(ids: unknown): readonly string[] {
  if (Array.isArray(ids) && ids.every((id) => typeof id === 'string')) return ids;
  throw messagingErrors.invalid_options('"ids" must be a list of the ids of dead letters.');
}
