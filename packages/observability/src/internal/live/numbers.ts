import { onOperation } from '../../operations.ts';
import { methodOf } from '../names.ts';
import type { Traced } from '../traced.ts';
import { Table } from './table.ts';
import { Traces } from './traces.ts';
import { type Span, Window } from './window.ts';

/** What is read of the channels of the packages, which document them in full. */
interface HttpRequest extends Traced {
  readonly method: string;
  readonly route?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly aborted?: boolean;
}
interface CacheGet {
  readonly driver: string;
  readonly keys: number;
  readonly hits?: number;
  readonly stale?: number;
}
interface Query {
  readonly operation: string;
  readonly entity?: string;
  readonly errorCode?: string;
}
interface Publishing extends Traced {
  readonly topic: string;
  readonly messages: readonly unknown[];
}
interface Processing extends Traced {
  readonly topic: string;
  readonly group: string;
}

/** The last five minutes, for charts. */
export const CHART: Span = { slots: 61, slotMs: 5000 };
/** The last minute, for tables. */
export const LATELY: Span = { slots: 12, slotMs: 5000 };

/** What the packages do, counted for the last while. */
export class LiveNumbers {
  readonly requests: Window;
  readonly routes: Table;
  /** By driver; a miss is counted as an error. */
  readonly reads: Table;
  readonly loads: Table;
  readonly queries: Table;
  readonly published: Table;
  readonly handled: Table;
  readonly traces: Traces;
  active = 0;
  readonly #stops: (() => void)[];

  constructor(now: () => number) {
    const table = (): Table => new Table(LATELY, now);
    this.requests = new Window(CHART, now);
    this.routes = table();
    this.reads = table();
    this.loads = table();
    this.queries = table();
    this.published = table();
    this.handled = table();
    this.traces = new Traces(now);
    this.#stops = [
      onOperation<HttpRequest>('ent:http:request', {
        start: () => void this.active++,
        end: ({ payload, durationMs }) => this.#request(payload, durationMs),
      }),
      onOperation<CacheGet>('ent:cache:get', {
        end: ({ payload: { driver, keys, hits = 0, stale = 0 }, durationMs }) => {
          const found = hits + stale;
          if (found > 0) this.reads.add(driver, durationMs, false, found);
          if (keys > found) this.reads.add(driver, durationMs, true, keys - found);
        },
      }),
      onOperation<{ readonly driver: string }>('ent:cache:load', {
        end: ({ payload, durationMs, error }) => this.loads.add(payload.driver, durationMs, error !== undefined),
      }),
      onOperation<Query>('ent:database:query', {
        end: ({ payload: { entity, operation, errorCode }, durationMs, error }) => {
          const name = entity === undefined ? operation : `${operation} ${entity}`;
          this.queries.add(name, durationMs, errorCode !== undefined || error !== undefined);
        },
      }),
      onOperation<Publishing>('ent:messaging:publish', {
        end: ({ payload, durationMs, error }) => {
          const { topic, messages } = payload;
          this.published.add(topic, durationMs, error !== undefined, messages.length);
          this.traces.add(payload, `send ${topic}`, durationMs, error !== undefined);
        },
      }),
      onOperation<Processing>('ent:messaging:process', {
        end: ({ payload, durationMs, error }) => {
          const name = `${payload.topic} for ${payload.group}`;
          this.handled.add(name, durationMs, error !== undefined);
          this.traces.add(payload, `handle ${name}`, durationMs, error !== undefined);
        },
      }),
    ];
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** @param toldMs from its start until it was told here, a moment after its end */
  #request(payload: HttpRequest, toldMs: number): void {
    const { method, route, status = 0, aborted, durationMs = toldMs } = payload;
    const name = `${methodOf(method)} ${route ?? '(no route)'}`;
    this.active--;
    // A client's mistake is none of ours.
    const isError = status >= 500 || aborted === true;
    this.requests.add(durationMs, isError);
    this.routes.add(name, durationMs, isError);
    // Its start is now less this: by the shorter time it would begin after what it did first.
    this.traces.add(payload, name, Math.max(toldMs, durationMs), isError);
  }
}
