import { kindOf } from '@ent/internal';
import { lifecycleErrors } from './errors.ts';
import type { CheckResult, HealthReport, HealthStatus } from './health.ts';

/** The words of Spring Boot's health: `OUT_OF_SERVICE` while a process starts or stops. */
export type SpringStatus = 'UP' | 'DOWN' | 'OUT_OF_SERVICE';

/** What Spring Boot's health tells of one check. */
export interface SpringComponent {
  status: SpringStatus;
  details: {
    /** How long the check took, in milliseconds. */
    durationMs: number;
    /** When it was checked, ISO 8601. */
    time: string;
    /** Why it is not `UP`: an error code. */
    error?: string;
  };
}

/** A probe's answer in the form of Spring Boot's health, ready for any HTTP host. */
export interface SpringHealthReport {
  /** That of the report it was made of: 200, or 503 for `DOWN` and `OUT_OF_SERVICE`. */
  statusCode: HealthReport['statusCode'];
  headers: { 'content-type': 'application/vnd.spring-boot.actuator.v3+json'; 'cache-control': 'no-store' };
  body: {
    status: SpringStatus;
    /** Each check by name; absent where none was asked. */
    components?: Record<string, SpringComponent>;
  };
}

const COMPONENT: Readonly<Record<HealthStatus, SpringStatus>> = { pass: 'UP', warn: 'DOWN', fail: 'DOWN' };

/**
 * A report in the form of Spring Boot's `/actuator/health`, for dashboards and registries that read that. A check that
 * is not critical and fails is `DOWN` by itself and leaves the whole `UP`, as it leaves the answer 200.
 *
 * @param report what `live`, `startup`, `ready` or `report` of a `Health` answered
 * @throws `lifecycle.invalid_options` for anything else
 *
 * @example
 * ```ts
 * import { createHealth, springHealth } from '@ent/lifecycle';
 *
 * const health = createHealth();
 * health.phase = 'ready';
 * health.register('database', { check: async () => {} });
 * const { statusCode, body } = springHealth(await health.report());
 * console.log(statusCode, body.status, body.components?.['database']?.status); // 200 UP UP
 * ```
 */
export function springHealth(report: HealthReport): SpringHealthReport {
  const given = report as Partial<HealthReport> | null | undefined;
  if (!Object.hasOwn(COMPONENT, given?.body?.status ?? '')) {
    throw lifecycleErrors.invalid_options(`springHealth takes a report of a Health; got ${kindOf(report)}.`);
  }
  const { statusCode, body } = report;
  const { status, output, checks } = body;
  const components = Object.entries(checks ?? {}).map(([key, [check]]): [string, SpringComponent] => [
    key.replace(/:responseTime$/, ''),
    componentOf(check as CheckResult),
  ]);
  return {
    statusCode,
    headers: { 'content-type': 'application/vnd.spring-boot.actuator.v3+json', 'cache-control': 'no-store' },
    body: {
      // A report has an output of its own only for what the process is doing.
      status: status !== 'fail' ? 'UP' : output === undefined ? 'DOWN' : 'OUT_OF_SERVICE',
      ...(checks && { components: Object.fromEntries(components) }),
    },
  };
}

function componentOf({ status, observedValue, time, output }: CheckResult): SpringComponent {
  return {
    status: COMPONENT[status],
    details: { durationMs: observedValue, time, ...(output !== undefined && { error: output }) },
  };
}
