/** What answers of the API have; which of it is there depends on the call, and the tests say so. */
export interface Body {
  id: string;
  state: string;
  status: string;
  total: string;
  code: string;
  items: { id: string; state: string; total: string }[];
  next: string | null;
  history: { event: string; state: string; at: string }[];
  errors: { pointer: string }[];
  available: number;
  access_token: string;
  states: { state: string; orders: number; total: string }[];
  products: { sku: string; pieces: number }[];
}

export interface CallOptions {
  token?: string;
  key?: string;
  body?: unknown;
  /** The address that a proxy would tell. */
  from?: string;
}

/** Plain fetch. */
export async function call(base: string, method: string, path: string, { token, key, body, from }: CallOptions = {}) {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Body };
}
