import type { MessagingDriver } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { checkName } from '../message.ts';

const SEGMENT = /^(?:\*|[\w-]+)$/;
const MOST_LETTERS = 200;

/** Whether it stands for many topics: no name has these characters. */
export function isPattern(topic: string): boolean {
  return topic.includes('*') || topic.includes('#');
}

/**
 * What somebody subscribes to by a driver: a topic, or a pattern where it takes those.
 *
 * @throws `messaging.invalid_options`, `messaging.unsupported`
 */
export function checkSubscribable({ name, features }: MessagingDriver, topic: unknown): string {
  const checked = checkSubscribed(topic);
  if (!isPattern(checked) || features.wildcards) return checked;
  throw messagingErrors.unsupported(`${name} takes no patterns of topics, such as "${checked}": name the topics.`);
}

/** Whether it is a pattern as it should be. */
export function isWholePattern(topic: string): boolean {
  const segments = topic.split('.');
  const isWhole = segments.every((segment, at) =>
    segment === '#' ? at === segments.length - 1 : SEGMENT.test(segment),
  );
  return isWhole && isPattern(topic) && topic.length <= MOST_LETTERS;
}

/** A topic, or a pattern. */
export function checkSubscribed(topic: unknown): string {
  if (typeof topic !== 'string' || !isPattern(topic)) return checkName('topic', topic);
  if (isWholePattern(topic)) return topic;
  throw messagingErrors.invalid_options(
    `${JSON.stringify(topic.slice(0, 64))} is no pattern of topics: its segments between dots are "*" for any one, or text; the last may be "#" for all that follow. At most ${MOST_LETTERS} characters.`,
  );
}

/** Tells whether a topic fits. `*` is one segment, `#` all that follow, be it none: as the topics of AMQP have it. */
export function matcherOf(pattern: string): (topic: string) => boolean {
  const segments = pattern.split('.').map((segment) => segment.replace('*', '[^.]*'));
  const rest = segments.at(-1) === '#' ? segments.pop() : undefined;
  const first = segments.join(String.raw`\.`);
  const following = first === '' ? '.*' : String.raw`(?:\..*)?`;
  const whole = new RegExp(`^${first}${rest === undefined ? '' : following}$`);
  return (topic) => whole.test(topic);
}

/**
 * A name for what belongs to a pattern: its dead letters, its retries. `*` is `-` there and `#` is `--`; a segment that
 * looks so gets a `_` in front, lest two patterns share one.
 */
export function plainNameOf(topic: string): string {
  if (!isPattern(topic)) return topic;
  const segments = topic.split('.').map((segment) => {
    if (segment === '*') return '-';
    return segment === '#' ? '--' : segment.replace(/^(_*-{1,2})$/, '_$1');
  });
  return ['pattern', ...segments].join('.');
}
