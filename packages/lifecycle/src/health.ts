import { EntError } from '@ent/errors';
import { durationOption, kindOf, refuseUnknown, traced, withDeadline } from '@ent/internal';
import { channels } from './channels.ts';
import { lifecycleErrors } from './errors.ts';
import type { Duration, HealthCheck, HealthOptions } from './options.ts';

/** Outcome words of the health+json draft: `warn` still serves. */
export type HealthStatus = 'pass' | 'warn' | 'fail';

/** One entry of `checks` in the report. */
export interface CheckResult {
  componentType: string;
  status: HealthStatus;
  /** How long the check took, in milliseconds. */
  observedValue: number;
  observedUnit: 'ms';
  /** When it was checked, ISO 8601. */
  time: string;
  /** Why it is not "pass": an error code, never a message, since messages of drivers name hosts and users. */
  output?: string;
}

/** Body of `application/health+json` (draft-inadarei-api-health-check-06). */
export interface HealthBody {
  status: HealthStatus;
  version?: string;
  serviceId?: string;
  output?: string;
  checks?: Record<string, CheckResult[]>;
}

/** An answer to a probe, ready for any HTTP host. */
export interface HealthReport {
  /** 200, or 503 when the status is "fail". */
  statusCode: 200 | 503;
  headers: { 'content-type': 'application/health+json'; 'cache-control': 'no-store' };
  body: HealthBody;
}

/** What a process says of itself to probes; `createLifecycle` keeps `phase` up to date. */
export interface Health {
  /** Where the process is in its life. `starting` and `stopping` fail readiness. */
  phase: 'starting' | 'ready' | 'stopping';
  /**
   * Adds a check. A name that is taken is replaced, so that a part can be swapped.
   * @throws `lifecycle.invalid_options` for what is no check
   */
  register(name: string, check: HealthCheck): void;
  /** Is the process itself running? Looks at no dependency: a restart heals none of them. */
  live(): HealthReport;
  /** Has the start finished? */
  startup(): HealthReport;
  /** May it have traffic? Runs the critical checks; answers within the largest of their timeouts. */
  ready(): Promise<HealthReport>;
  /** Everything, each check by name. */
  report(): Promise<HealthReport>;
}

const OPTIONS = { version: true, serviceId: true, now: true, elapsed: true } as const;
const CHECK_OPTIONS = { check: true, timeout: true, cacheFor: true, critical: true, type: true } as const;

/**
 * Keeps the health checks of a process and answers its probes.
 *
 * Each check has its own timeout, is run once at a time whoever asks, and its outcome is reused for a second, so a hung
 * dependency neither hangs a probe nor piles up calls.
 *
 * @example
 * ```ts
 * import { createHealth } from '@ent/lifecycle';
 *
 * const health = createHealth({ serviceId: 'shop' });
 * health.register('database', { check: async () => console.log('asked') });
 * const { statusCode, body } = await health.ready();
 * console.log(statusCode, body.status);
 * ```
 */
export function createHealth(options: HealthOptions = {}): Health {
  refuseUnknown(options, OPTIONS, 'createHealth', lifecycleErrors.invalid_options);
  const { now = Date.now, elapsed = () => performance.now() } = options;
  const checks = new Map<string, Probe>();
  const about = {
    ...(options.version === undefined ? {} : { version: options.version }),
    ...(options.serviceId === undefined ? {} : { serviceId: options.serviceId }),
  };

  const run = async (
    probes: [string, Probe][],
  ): Promise<{ status: HealthStatus; checks: Record<string, CheckResult[]> }> => {
    const results = await Promise.all(probes.map(([, probe]) => probe.result()));
    const status = results.some((result) => result.status === 'fail')
      ? 'fail'
      : results.some((result) => result.status === 'warn')
        ? 'warn'
        : 'pass';
    return { status, checks: Object.fromEntries(probes.map(([name], i) => [`${name}:responseTime`, [results[i]!]])) };
  };

  const health: Health = {
    phase: 'starting',
    register: (name, check) => void checks.set(name, createProbe(name, check, { now, elapsed })),
    live: () => reply({ status: 'pass', ...about }),
    startup: () =>
      health.phase === 'starting'
        ? reply({ status: 'fail', ...about, output: 'starting' })
        : reply({ status: 'pass', ...about }),
    async ready() {
      if (health.phase !== 'ready') return reply({ status: 'fail', ...about, output: health.phase });
      const { status, checks: results } = await run([...checks].filter(([, probe]) => probe.critical));
      return reply({ status, ...about, checks: results });
    },
    async report() {
      const { status, checks: results } = await run([...checks]);
      if (health.phase !== 'ready') return reply({ status: 'fail', ...about, output: health.phase, checks: results });
      return reply({ status, ...about, checks: results });
    },
  };
  return health;
}

function reply(body: HealthBody): HealthReport {
  return {
    statusCode: body.status === 'fail' ? 503 : 200,
    headers: { 'content-type': 'application/health+json', 'cache-control': 'no-store' },
    body,
  };
}

/** Times for people, and lengths of time, which a wall clock that is set back must not make longer. */
interface Clocks {
  readonly now: () => number;
  readonly elapsed: () => number;
}

interface Probe {
  critical: boolean;
  result(): Promise<CheckResult>;
}

function createProbe(name: string, options: HealthCheck, { now, elapsed }: Clocks): Probe {
  if (typeof name !== 'string') {
    throw lifecycleErrors.invalid_options(`register: the name of a check must be a text; got ${kindOf(name)}.`);
  }
  refuseUnknown(options, CHECK_OPTIONS, `The health check "${name}"`, lifecycleErrors.invalid_options);
  const given: unknown = Reflect.get(options, 'check');
  if (typeof given !== 'function') {
    throw lifecycleErrors.invalid_options(
      `The health check "${name}": check must be a function; got ${kindOf(given)}.`,
    );
  }
  const duration = (value: Duration, option: string): number =>
    durationOption(value, `${option} of the health check "${name}"`, lifecycleErrors.invalid_options);
  const timeoutMs = duration(options.timeout ?? '2s', 'timeout');
  const cacheMs = options.cacheFor === 0 ? 0 : duration(options.cacheFor ?? '1s', 'cacheFor');
  const critical = options.critical ?? true;
  let last: { at: number; result: CheckResult } | undefined;
  let asking: Promise<CheckResult> | undefined;
  // The check itself, which can outlive its timeout; while it hangs no second one is started.
  let hanging: Promise<unknown> | undefined;

  const timeoutError = (): Error =>
    lifecycleErrors.check_timeout(`The health check "${name}" took longer than ${timeoutMs} ms.`);

  const call = async (signal: AbortSignal): Promise<unknown> => {
    const running = (async () => options.check(signal))();
    hanging = running;
    const settled = (): void => {
      if (hanging === running) hanging = undefined;
    };
    running.then(settled, settled);
    return running;
  };

  const ask = async (): Promise<CheckResult> => {
    const startedAt = elapsed();
    let error: unknown;
    try {
      if (hanging) throw timeoutError();
      await traced(channels.check, { check: name, critical }, async () => {
        const outcome = await withDeadline(call, timeoutMs, timeoutError);
        if (outcome === false) throw lifecycleErrors.check_failed(`The health check "${name}" answered false.`);
      });
    } catch (thrown) {
      error = thrown ?? new Error('rejected');
    }
    const at = elapsed();
    const result: CheckResult = {
      componentType: options.type ?? 'component',
      status: error === undefined ? 'pass' : critical ? 'fail' : 'warn',
      observedValue: Math.round(at - startedAt),
      observedUnit: 'ms',
      time: new Date(now()).toISOString(),
      ...(error === undefined ? {} : { output: EntError.from(error).code }),
    };
    last = { at, result };
    return result;
  };

  return {
    critical,
    async result() {
      if (last && elapsed() - last.at < cacheMs) return last.result;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
  };
}
