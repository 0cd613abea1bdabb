import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/**
 * One form for all ways to write an address, and one key for all that one client can have: an IPv4 address as it is, also
 * where it comes in IPv6 form (`::ffff:192.0.2.1`); of an IPv6 address the first 64 bits, since a single host owns the rest
 * and could use another one for each attempt. What is no address is its own key.
 */
export function addressKey(address: string): string {
  if (isIPv4(address)) return address;
  const bare = address.split('%', 1)[0] as string;
  if (!isIPv6(bare)) return address;
  // The constructor reads any spelling; `address` is the canonical one of inet_ntop.
  const canonical = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical);
  if (mapped) return mapped[1] as string;
  const [head, tail] = canonical.split('::') as [string, string | undefined];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted quad at the end stands for two groups.
  const groups = after.flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
  const zeros = Array.from({ length: 8 - before.length - groups.length }, () => '0');
  return `${[...before, ...(tail === undefined ? [] : zeros), ...groups].slice(0, 4).join(':')}::/64`;
}
