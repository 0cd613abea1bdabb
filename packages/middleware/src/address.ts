import { isIP } from 'node:net';
import { addressKey as keyOf, bareAddress, kindOf } from '@ent/internal';
import proxyAddr from 'proxy-addr';
import { middlewareErrors } from './errors.ts';

/** Says whether the address of a hop may be believed. */
export type TrustProxy = (address: string, hop: number) => boolean;

/** Compiles a list of trusted proxies; `undefined` when there are none. */
export function compileTrust(proxies: readonly string[]): TrustProxy | undefined {
  if (!Array.isArray(proxies) || !proxies.every((each) => typeof each === 'string')) {
    throw middlewareErrors.invalid_options(`trustProxies must be a list of texts; got ${kindOf(proxies)}.`);
  }
  if (proxies.length === 0) return undefined;
  try {
    return proxyAddr.compile([...proxies]);
  } catch (cause) {
    throw middlewareErrors.invalid_options(
      `trustProxies: ${JSON.stringify(proxies)} must hold IP addresses, CIDR ranges, or "loopback", "linklocal", "uniquelocal".`,
      { cause },
    );
  }
}

/**
 * Address of the client: the last hop of `X-Forwarded-For`, read from the right, that is not a trusted proxy.
 *
 * Anything a client writes to the left of that is ignored. When a trusted proxy wrote something that is no address
 * ("unknown"), the answer is the peer of the connection. A port and brackets around an address are no part of it.
 */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  trust: TrustProxy | undefined,
): string {
  const peer = plainAddress(remote ?? '');
  if (trust === undefined || forwardedFor === undefined || peer === '') return peer;
  const hops = forwardedFor.split(',').map((hop) => bareAddress(hop.trim()));
  const request = { socket: { remoteAddress: peer }, headers: { 'x-forwarded-for': hops.join(', ') } };
  const client = plainAddress(proxyAddr(request as unknown as Parameters<typeof proxyAddr>[0], trust));
  return isIP(client) === 0 ? peer : client;
}

/** An IPv4 address that a dual-stack socket shows as `::ffff:192.0.2.1` is written as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * The key under which an address is counted: IPv4 as it is; IPv6 by its first 64 bits, since a single client has them
 * all and would otherwise never meet its limit. Different spellings of one address give one key.
 *
 * @throws `middleware.invalid_options` for what is no text
 */
export function addressKey(address: string): string {
  if (typeof address !== 'string') {
    throw middlewareErrors.invalid_options(`addressKey takes an address as text; got ${kindOf(address)}.`);
  }
  return keyOf(address);
}
