import { GrowingBytes, parseConnectionUrl } from '@ent/internal';
import { mcpErrors } from '../errors.ts';

/** Answers that are longer are not read to their end. */
const MOST_BYTES = 8 * 1024 * 1024;

/** An HTTP API that is read as JSON, by GET alone. */
export class Endpoint {
  readonly secrets: readonly string[];
  readonly #what: string;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param what whose it is, for messages
   * @param option whose value the URL is
   * @throws `mcp.invalid_options` for another scheme than http and https, or a URL that is none
   */
  constructor(what: string, option: string, url: unknown) {
    const scheme = typeof url === 'string' ? /^(https?):\/\//i.exec(url)?.[1]?.toLowerCase() : undefined;
    if (scheme === undefined) throw mcpErrors.invalid_options(`${option} must be an http: or https: URL.`);
    const parts = parseConnectionUrl(scheme, url as string, { hosts: 'one', parameters: [] }, URL_ERRORS);
    const { user = '', password = '', hosts, path } = parts;
    this.#what = what;
    this.#base = `${scheme}://${hosts[0]}${path.replace(/\/+$/, '')}`;
    const login = Buffer.from(`${user}:${password}`).toString('base64');
    this.#headers = { accept: 'application/json', ...(user !== '' && { authorization: `Basic ${login}` }) };
    this.secrets = password === '' ? [] : [password, login];
  }

  /**
   * @param path its parts, which are encoded here
   * @throws `mcp.not_found` for 404, `mcp.refused` for 400, 401 and 403, `mcp.unavailable` for the rest
   */
  async get(path: readonly string[], query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    const url = new URL(`${this.#base}/${path.map(encodeURIComponent).join('/')}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    let status: number;
    let text: string;
    try {
      // Not to another host: the login would go there.
      const response = await fetch(url, { headers: this.#headers, signal, redirect: 'error' });
      status = response.status;
      text = await this.#read(response);
    } catch (error) {
      signal.throwIfAborted();
      if (mcpErrors.refused.code === (error as { code?: unknown }).code) throw error;
      const { cause } = error as { cause?: { code?: unknown } };
      const why = typeof cause?.code === 'string' ? cause.code : 'the connection was lost';
      throw mcpErrors.unavailable(`${this.#what} cannot be reached (${why}).`, { cause: error });
    }
    if (status === 404) throw mcpErrors.not_found(`${this.#what} has no such thing${reasonIn(text)}.`);
    if (status === 401 || status === 403) {
      throw mcpErrors.refused(`${this.#what} does not let this user ask that (${status})${reasonIn(text)}.`);
    }
    if (status === 400) throw mcpErrors.invalid_argument(`${this.#what} does not understand that${reasonIn(text)}.`);
    if (status !== 200) throw mcpErrors.unavailable(`${this.#what} answered ${status}${reasonIn(text)}.`);
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw mcpErrors.unavailable(`${this.#what} answered what is no JSON: is it another server?`, { cause });
    }
  }

  async #read(response: Response): Promise<string> {
    const body = new GrowingBytes();
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      if (body.size + chunk.length > MOST_BYTES)
        throw mcpErrors.refused(`The answer of ${this.#what} is longer than 8 MiB: ask for less.`);
      body.add(chunk);
    }
    return new TextDecoder().decode(body.all());
  }
}

const URL_ERRORS = { unknown: mcpErrors.invalid_options, invalid: mcpErrors.invalid_options };

/**
 * What a server says of its refusal: RabbitMQ in `reason`, OpenSearch in `error.reason`, or in that of the first cause.
 */
function reasonIn(text: string): string {
  try {
    const { reason, error } = JSON.parse(text) as {
      reason?: unknown;
      error?: { reason?: unknown; root_cause?: { reason?: unknown }[] };
    };
    const [first] = error?.root_cause ?? [];
    const found = [first?.reason, error?.reason, reason].find((each) => typeof each === 'string');
    return found === undefined ? '' : `: ${found.slice(0, 300)}`;
  } catch {
    return '';
  }
}
