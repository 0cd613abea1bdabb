import type { DriverCall, MessagingDriver, SendResult, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { withCall } from './call.ts';
import { pause, type Timing } from './clock.ts';

/** How long it may take to store a message that failed. */
const STORE_TIMEOUT_MS = 10_000;

/** Sends, and sends again what may not have arrived, until each message has a final answer or the time is up. */
export async function sendAll(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  time: Timing,
  call: DriverCall,
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  let open = messages.map((_, at) => at);
  for (let attempt = 1; ; attempt++) {
    const batch = open.map((at) => messages[at] as WireMessage);
    const answers = await driver
      .send(batch, call)
      .catch((error: unknown): SendResult[] => batch.map(() => ({ status: 'indeterminate', error })));
    for (const [i, at] of open.entries()) results[at] = answers[i] as SendResult;
    open = open.filter((at) => mayPass(driver, results[at] as SendResult));
    if (open.length === 0) return results;
    await pause(time.clock, time.resend(attempt), call.signal);
    if (call.signal.aborted) return results;
  }
}

function mayPass(driver: MessagingDriver, result: SendResult): boolean {
  if (result.status !== 'rejected' && result.status !== 'indeterminate') return false;
  const failure = driver.classify(result.error);
  return failure === 'unavailable' || failure === 'lost';
}

/** Sends a message to the one group that keeps it. Never rejects: false when it is not certain that it is there. */
export async function store(
  driver: MessagingDriver,
  message: WireMessage,
  group: string,
  time: Timing,
  signal: AbortSignal,
): Promise<boolean> {
  const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not confirm a message that failed.`);
  const status = await withCall(STORE_TIMEOUT_MS, timeout, signal, async (call) => {
    const [result] = await sendAll(driver, [message], time, call);
    if (result?.status !== 'unroutable') return result?.status;
    // Somebody has deleted it, or the broker came back without it.
    await driver.ensure({ topic: message.topic, group }, call);
    return (await sendAll(driver, [message], time, call))[0]?.status;
  }).catch(() => undefined);
  return status === 'stored';
}

/** The one place where a driver's error becomes one of ours. */
export function wrap(driver: MessagingDriver, cause: unknown, what: string, details?: Record<string, unknown>): Error {
  const options = { cause, details };
  switch (driver.classify(cause)) {
    case 'unavailable':
    case 'lost':
      return messagingErrors.unavailable(`${what}: ${driver.name} cannot be reached.`, options);
    case 'refused':
      return messagingErrors.rejected(`${what}: ${driver.name} refused.`, options);
    default:
      return messagingErrors.driver_failed(`${what}: ${driver.name} failed.`, options);
  }
}
