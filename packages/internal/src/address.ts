import { isIPv6, SocketAddress } from 'node:net';

// "192.0.2.1:4711", "[2001:db8::1]", "[2001:db8::1]:80". Without brackets nobody can tell a port from the last group.
const WITH_PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}|\[([\da-fA-F:.]+(?:%[^\]]+)?)\](?::\d{1,5})?)$/;

/** An address without the port and the brackets that some proxies write around it; anything else as it is. */
export function bareAddress(text: string): string {
  const match = WITH_PORT.exec(text);
  return match?.[1] ?? match?.[2] ?? text;
}

/**
 * One form for all ways to write an address, and one key for all that one client can have: an IPv4 address as it is,
 * also where it comes in IPv6 form (`::ffff:192.0.2.1`) or with its port; of an IPv6 address the first 64 bits, since a
 * single host owns the rest and could use another one for each attempt. What is no address is its own key.
 */
export function addressKey(given: string): string {
  if (!given.includes(':')) return given;
  const address = bareAddress(given);
  // Without the zone: `fe80::1%eth0`.
  const bare = address.split('%', 1)[0] as string;
  if (!isIPv6(bare)) return address;
  // The constructor reads any spelling; `address` is the canonical one of inet_ntop.
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical);
  if (mapped) return mapped[1] as string;
  // A dotted quad at the end stands for two groups.
  const [before, after] = canonical.replace(/[\d.]+\.\d+$/, '0:0').split('::') as [string, string?];
  const [head, tail] = [groupsOf(before), groupsOf(after ?? '')];
  while (head.length + tail.length < 8) head.push('0');
  return `${[...head, ...tail].slice(0, 4).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
