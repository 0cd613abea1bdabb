import type { MessagingDriver, SendResult, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { pause, type Timing } from './clock.ts';

/** Sends, and sends again what may not have arrived, until each message has a final answer or the signal aborts. */
export async function sendAll(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  time: Timing,
  signal: AbortSignal,
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  let open = messages.map((_, at) => at);
  for (let attempt = 1; ; attempt++) {
    const batch = open.map((at) => messages[at] as WireMessage);
    const answers = await driver
      .send(batch, { signal })
      .catch((error: unknown): SendResult[] => batch.map(() => ({ status: 'indeterminate', error })));
    for (const [i, at] of open.entries()) results[at] = answers[i] as SendResult;
    open = open.filter((at) => mayPass(driver, results[at] as SendResult));
    if (open.length === 0) return results;
    await pause(time.clock, time.resend(attempt), signal);
    if (signal.aborted) return results;
  }
}

function mayPass(driver: MessagingDriver, result: SendResult): boolean {
  if (result.status !== 'rejected' && result.status !== 'indeterminate') return false;
  const failure = driver.classify(result.error);
  return failure === 'unavailable' || failure === 'lost';
}

/** The one place where a driver's error becomes one of ours. */
export function wrap(driver: MessagingDriver, cause: unknown, what: string, details?: Record<string, unknown>): Error {
  const options = { cause, details };
  switch (driver.classify(cause)) {
    case 'unavailable':
    case 'lost':
      return messagingErrors.unavailable(`${what}: ${driver.name} can not be reached.`, options);
    case 'refused':
      return messagingErrors.rejected(`${what}: ${driver.name} refused.`, options);
    default:
      return messagingErrors.driver_failed(`${what}: ${driver.name} failed.`, options);
  }
}
