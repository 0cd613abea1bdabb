import { toErrorRecord } from '@ent/errors';
import { plain, RecentErrors, Redactor, withDeadline } from '@ent/internal';
import { readGroups } from '../groups.ts';
import { readPools } from '../pools.ts';
import { CHART, LATELY, LiveNumbers } from './numbers.ts';
import { ProcessWatch } from './runtime.ts';

const MOST_ERRORS = 50;
/** A part that takes longer is left out. */
const PATIENCE_MS = 2000;
/** What all who look get: the parts, such as brokers, are asked once. */
const KEEP_MS = 1000;
const LIMITS = { items: 200, chars: 2000, depth: 8, values: 10_000 };

/** What the page is about, and whom it asks. */
export interface Sources {
  readonly service: string;
  readonly version: string | undefined;
  /** The body of the health report. */
  readonly health: (() => unknown) | undefined;
  /** Values that must not be shown. */
  readonly secrets: () => Iterable<string>;
}

/** Gathers what the page shows. */
export class Snapshots {
  readonly errors = new RecentErrors(MOST_ERRORS, toErrorRecord);
  readonly #now = (): number => performance.now();
  readonly #numbers = new LiveNumbers(this.#now);
  readonly #process = new ProcessWatch(CHART.slots - 1, CHART.slotMs);
  readonly #sources: Sources;
  #last: { readonly at: number; readonly text: Promise<string> } | undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** JSON without secrets, at most a second old. */
  text(): Promise<string> {
    const now = this.#now();
    if (this.#last === undefined || now - this.#last.at >= KEEP_MS) this.#last = { at: now, text: this.#text() };
    return this.#last.text;
  }

  close(): void {
    this.#numbers.close();
    this.#process.close();
    this.errors.close();
    this.#last = undefined;
  }

  async #text(): Promise<string> {
    const numbers = this.#numbers;
    const [health, groups] = await Promise.all([this.#health(), readGroups(PATIENCE_MS)]);
    const { service, version, secrets } = this.#sources;
    const shown = {
      service,
      version,
      node: process.version,
      pid: process.pid,
      time: new Date(),
      uptimeSeconds: Math.round(process.uptime()),
      health,
      process: { ...this.#process.memory(), samples: this.#process.samples },
      requests: { ...numbers.requests.summary(LATELY.slots), active: numbers.active },
      chart: { slotMs: CHART.slotMs, points: numbers.requests.points() },
      routes: numbers.routes.rows(),
      caches: numbers.reads.rows().map(({ errorRatio, ...row }) => ({ ...row, hitRatio: 1 - errorRatio })),
      loads: numbers.loads.rows(),
      queries: numbers.queries.rows(),
      pools: readPools().map(({ pool, max, idle, inUse, waiting }) => ({ name: pool, max, idle, inUse, waiting })),
      published: numbers.published.rows(),
      handled: numbers.handled.rows(),
      groups: groups.map(({ topic, group, counts }) => ({ name: `${topic} for ${group}`, ...counts })),
      traces: numbers.traces.rows(),
      errors: this.errors.list(),
    };
    return JSON.stringify(plain(shown, LIMITS, new Redactor(secrets())).value);
  }

  /** The body of the report; the code of what went wrong where there is none. */
  async #health(): Promise<unknown> {
    const { health } = this.#sources;
    if (health === undefined) return undefined;
    const late = (): Error => new Error('The report of health came too late.');
    try {
      return await withDeadline(async () => health(), PATIENCE_MS, late);
    } catch (error) {
      this.errors.record(error, 'live:health');
      return { status: 'fail', output: 'no report' };
    }
  }
}
