/** A host as `Host` and URLs have it, as the semantic conventions do: without the brackets, and the port apart. */
export function addressOf(host: string | undefined): { readonly address?: string; readonly port?: number } {
  if (host === undefined || host === '') return {};
  const at = host.lastIndexOf(':');
  const isBare = at < 0 || host.endsWith(']');
  const port = isBare ? Number.NaN : Number(host.slice(at + 1));
  const address = (isBare ? host : host.slice(0, at)).replace(/^\[|\]$/g, '');
  return Number.isInteger(port) ? { address, port } : { address };
}

/** A query with its names alone: values may be tokens, addresses or what somebody looked for. */
export function hiddenQuery(query: string): string {
  return query
    .split('&')
    .map((pair) => {
      const [name = ''] = pair.split('=', 1);
      return pair === name ? name : `${name}=REDACTED`;
    })
    .join('&');
}
