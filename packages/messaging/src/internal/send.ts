import type { Awaitable } from '@ent/internal';
import type { DriverCall, MessagingDriver, SendResult, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { withCall } from './call.ts';
import { pause, type Timing } from './clock.ts';

/** How long it may take to store a message that failed. */
const STORE_TIMEOUT_MS = 10_000;

/**
 * Sends, and sends again what may not have arrived, until each message has a final answer or the time is up. Without a
 * promise where the driver needs none.
 */
export function sendAll(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  time: Timing,
  call: DriverCall,
): Awaitable<SendResult[]> {
  const results = sendOnce(driver, messages, call);
  const isOpen = (result: SendResult): boolean => mayPass(driver, result);
  if (!(results instanceof Promise))
    return results.some(isOpen) ? sendAgain(driver, messages, results, time, call) : results;
  return results.then((later) => (later.some(isOpen) ? sendAgain(driver, messages, later, time, call) : later));
}

async function sendAgain(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  first: SendResult[],
  time: Timing,
  call: DriverCall,
): Promise<SendResult[]> {
  const results = [...first];
  for (let attempt = 1; ; attempt++) {
    const open = [...messages.keys()].filter((at) => mayPass(driver, results[at]));
    if (open.length === 0) return results;
    const waitMs = time.resend(attempt);
    // No time for another try: what was refused for certain is told so, and not as what may have been stored.
    const isCertain = open.every((at) => results[at]?.status === 'rejected');
    if (isCertain && performance.now() + waitMs >= call.deadlineAt) return results;
    await pause(time.clock, waitMs, call.signal);
    if (call.signal.aborted) return results;
    const batch = open.map((at) => messages[at] as WireMessage);
    const answers = await sendOnce(driver, batch, call);
    for (const [i, at] of open.entries()) results[at] = after(results[at], answers[i] as SendResult);
  }
}

/** What an earlier try may have stored stays open, whatever a later one is told. */
function after(before: SendResult | undefined, now: SendResult): SendResult {
  return before?.status === 'indeterminate' && now.status === 'rejected' ? { ...now, status: 'indeterminate' } : now;
}

/** Never fails: what is thrown leaves open what became of the messages. */
function sendOnce(driver: MessagingDriver, batch: readonly WireMessage[], call: DriverCall): Awaitable<SendResult[]> {
  const unknown = (error: unknown): SendResult[] => batch.map(() => ({ status: 'indeterminate', error }));
  try {
    const answers = driver.send(batch, call);
    return answers instanceof Promise ? answers.catch(unknown) : answers;
  } catch (error) {
    return unknown(error);
  }
}

function mayPass(driver: MessagingDriver, result: SendResult | undefined): boolean {
  if (result === undefined) return false;
  if (result.status !== 'rejected' && result.status !== 'indeterminate') return false;
  const failure = driver.classify(result.error);
  return failure === 'unavailable' || failure === 'lost';
}

/**
 * Sends a message to the one group that keeps it. Never rejects: false when it is not certain that it is there.
 *
 * @param group made where it is missing; undefined for one that is then gone for good
 */
export async function store(
  driver: MessagingDriver,
  message: WireMessage,
  group: string | undefined,
  time: Timing,
  signal: AbortSignal,
): Promise<boolean> {
  const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not confirm a message that failed.`);
  const storing = async (call: DriverCall): Promise<SendResult['status'] | undefined> => {
    const [result] = await sendAll(driver, [message], time, call);
    if (result?.status !== 'unroutable' || group === undefined) return result?.status;
    // Somebody has deleted it, or the broker came back without it.
    await driver.ensure({ topic: message.topic, group }, call);
    return (await sendAll(driver, [message], time, call))[0]?.status;
  };
  try {
    return (await withCall(STORE_TIMEOUT_MS, timeout, signal, storing)) === 'stored';
  } catch {
    return false;
  }
}

/** The one place where a driver's error becomes one of ours. */
export function wrap(driver: MessagingDriver, cause: unknown, what: string, details?: Record<string, unknown>): Error {
  const options = { cause, details };
  switch (driver.classify(cause)) {
    case 'unavailable':
    case 'lost':
      return messagingErrors.unavailable(`${what}: ${brokerAt(driver)} is not available: ${wordsOf(cause)}`, options);
    case 'refused':
      return messagingErrors.rejected(`${what}: ${brokerAt(driver)} refused: ${wordsOf(cause)}`, options);
    default:
      return messagingErrors.driver_failed(`${what}: ${brokerAt(driver)} failed.`, options);
  }
}

/** The broker, as an error names it: with its host and port where the driver tells them. */
export function brokerAt({ name, address }: MessagingDriver): string {
  return address === undefined ? name : `${name} at ${address}`;
}

const MOST_CAUSES = 3;

/** With the words of its causes: "the client cannot connect" says less than the system's "ECONNREFUSED". */
function wordsOf(thrown: unknown): string {
  const words: string[] = [];
  let cause = thrown;
  for (let depth = 0; depth < MOST_CAUSES && cause instanceof Error; depth++) {
    if (cause.message !== '') words.push(cause.message.replace(/\.$/, ''));
    // Node.js tells so of a name with several addresses.
    cause = cause.cause ?? (cause instanceof AggregateError ? (cause.errors[0] as unknown) : undefined);
  }
  return `${words.join(': ') || String(thrown)}.`;
}
