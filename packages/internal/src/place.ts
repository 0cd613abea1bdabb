/** What Node says of a socket that could not be opened. */
interface SocketFault {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** A chain of causes that is longer is not one of ours. */
const DEEPEST = 8;

/**
 * Where a connection could not be made, and Node's word for why: `127.0.0.1:5432 (ECONNREFUSED)`, `db.local
 * (ENOTFOUND)`; undefined where neither an error nor what caused it tells. It is made of the fields of Node's errors,
 * which know no credentials, and not of messages.
 */
export function placeOf(error: unknown, depth = 0): string | undefined {
  if (depth === DEEPEST || typeof error !== 'object' || error === null) return undefined;
  const { code, syscall, address, port, hostname, cause, errors } = error as SocketFault;
  // A name that stands for several addresses: each was tried.
  if (Array.isArray(errors)) {
    const places = errors.flatMap((each) => placeOf(each, depth + 1) ?? []);
    if (places.length > 0) return [...new Set(places)].join(', ');
  }
  if (typeof syscall === 'string' && typeof code === 'string') {
    if (typeof address === 'string') return `${hostAndPort(address, port)} (${code})`;
    if (typeof hostname === 'string') return `${hostname} (${code})`;
  }
  return placeOf(cause, depth + 1);
}

/** `db:5432`, `[::1]:5432`; the path of a Unix socket, or a host without a port, as it is. */
export function hostAndPort(host: string, port: unknown): string {
  if (typeof port !== 'number' || host.startsWith('/')) return host;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
