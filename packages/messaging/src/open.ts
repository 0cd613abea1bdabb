import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import type { MessagingOptions } from './options.ts';

/** Options of {@link openMessaging}: those of `createMessaging` but the driver, which the URL names. */
export type OpenMessagingOptions = Omit<MessagingOptions, 'driver'>;

// Imported when asked for: a driver's library is needed only where its URL is used.
const SCHEMES: Record<string, (url: URL, options: OpenMessagingOptions) => Promise<MessagingDriver>> = {
  'memory:': async (url, { clock }) => {
    const { memory } = await import('./drivers/memory.ts');
    const { lease, maxQueued } = parameters(url, ['lease', 'maxQueued']);
    return memory({
      ...(clock && { clock }),
      ...(lease !== undefined && { lease }),
      ...(maxQueued !== undefined && { maxQueued: Number(maxQueued) }),
    });
  },
};

/**
 * Opens messaging by a URL, for settings that come from the environment. Each call of a `memory:` URL makes a broker of its own.
 *
 * | URL | driver |
 * |---|---|
 * | `memory:` with `?lease=30s`, `&maxQueued=100000` | `memory()` |
 *
 * @throws `messaging.unknown_scheme` with the supported ones; `messaging.invalid_options`
 *
 * @example
 * ```ts
 * import { openMessaging } from '@ent/messaging/open';
 *
 * const messaging = await openMessaging(process.env.BROKER_URL ?? 'memory:', { source: 'shop' });
 * await messaging.close();
 * ```
 */
export async function openMessaging(url: string, options: OpenMessagingOptions = {}): Promise<Messaging> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const open = parsed && Object.hasOwn(SCHEMES, parsed.protocol) ? SCHEMES[parsed.protocol] : undefined;
  if (!parsed || !open) {
    // Not the whole URL: it can hold a password.
    const got = parsed ? `the scheme "${parsed.protocol}"` : 'something that is not a URL';
    throw messagingErrors.unknown_scheme(`openMessaging supports ${Object.keys(SCHEMES).join(', ')} URLs; got ${got}.`);
  }
  return createMessaging({ ...options, driver: await open(parsed, options) });
}

function parameters<Name extends string>(url: URL, known: readonly Name[]): { [N in Name]?: string } {
  const found: { [N in Name]?: string } = {};
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name as Name)) {
      throw messagingErrors.invalid_options(
        `${url.protocol} URLs have the parameters ${known.join(', ')}; got "${name}".`,
      );
    }
    found[name as Name] = value;
  }
  return found;
}
