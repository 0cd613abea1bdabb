import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import {
  allowInsecureRequests,
  type AuthorizationServer as ServerMetadata,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  None,
  PrivateKeyJwt,
} from 'oauth4webapi';
import type { ClientAuthentication } from '../client-authentication.ts';
import { authErrors } from '../errors.ts';
import type { Clock, Duration } from '../options.ts';
import { discover, endpointOf, type Metadata, trustedUrl } from './discovery.ts';
import { fetchJson, type FetchPlan, readAll } from './fetch-json.ts';

/** How another server is asked. */
export interface ServerOptions {
  readonly issuer: string;
  readonly timeout?: Duration | undefined;
  readonly allowHttp?: boolean | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly now?: Clock | undefined;
}

// No answer of these endpoints is near it.
const MAX_BYTES = 262_144;
const CLIENT = { id: true, secret: true, method: true, key: true } as const;

/** An authorization server as it describes itself, and what the requests to it have in common. */
export class AuthorizationServer {
  readonly issuer: string;
  readonly timeoutMs: number;
  readonly #allowHttp: boolean;
  readonly #plan: FetchPlan;
  #metadata: Promise<Metadata> | undefined;
  /** What was made of the metadata: oauth4webapi keeps the keys of a server by this object. */
  #server: { readonly of: Metadata; readonly made: ServerMetadata } | undefined;

  /** @throws `auth.configuration`; `what` is the name of the factory */
  constructor(options: ServerOptions, what: string) {
    const { issuer, allowHttp = false, now = Date.now, fetch: given = fetch } = options;
    for (const [name, value] of Object.entries({ fetch: given, now })) {
      if (typeof value !== 'function') throw authErrors.configuration(`${what}: "${name}" must be a function.`);
    }
    const start = trustedUrl(issuer, `${what}: "issuer"`, allowHttp);
    if (start.search !== '' || start.hash !== '') {
      throw authErrors.configuration(`${what}: "issuer" must have no query and no fragment.`);
    }
    this.issuer = issuer;
    this.timeoutMs = durationOption(options.timeout ?? '5s', 'timeout', authErrors.configuration);
    this.#allowHttp = allowHttp;
    this.#plan = { fetch: given, timeoutMs: this.timeoutMs, maxBytes: MAX_BYTES };
  }

  /** Its metadata, fetched once; after a failure anew. */
  metadata(): Promise<Metadata> {
    this.#metadata ??= discover(this.issuer, (url) => fetchJson(url, this.#plan)).catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#metadata;
  }

  /** Fetches the metadata anew with the next request: they may have changed where one fails. */
  forget(): void {
    this.#metadata = undefined;
  }

  /** The metadata for oauth4webapi, whose addresses of these names were looked at. */
  async server(names: readonly string[]): Promise<ServerMetadata> {
    const metadata = await this.metadata();
    if (this.#server?.of !== metadata) {
      const endpoints = names.map((name) => [name, endpointOf(metadata, name, this.#allowHttp).href] as const);
      this.#server = { of: metadata, made: { ...(metadata as ServerMetadata), ...Object.fromEntries(endpoints) } };
    }
    return this.#server.made;
  }

  /** What oauth4webapi gets with a request. */
  requestOptions(signal: AbortSignal = AbortSignal.timeout(this.timeoutMs)) {
    return {
      signal,
      // Addresses are looked at above, where http within this machine is told from http.
      // oxlint-disable-next-line typescript/no-deprecated -- to make it stand out
      [allowInsecureRequests]: true,
      [customFetch]: (url: string, init: object): Promise<Response> => this.#fetch(url, init),
    };
  }

  async #fetch(url: string, init: object): Promise<Response> {
    const response = await this.#plan.fetch(url, init);
    const { status, headers } = response;
    const bytes = await readAll(new URL(url), response, this.#plan.maxBytes);
    return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
  }
}

/** A client as oauth4webapi has it. */
export interface KnownClient {
  readonly client: Client;
  readonly authentication: ClientAuth;
}

/** @throws `auth.configuration` for what is no client; `what` names the option */
export function clientOf(given: ClientAuthentication | { readonly id: string }, what: string): KnownClient {
  refuseUnknown(given, CLIENT, what, authErrors.configuration);
  const { id, secret, method = 'client_secret_basic', key } = given as Record<string, unknown>;
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(id)) throw authErrors.configuration(`${what}.id must be a text; got ${kindOf(id)}.`);
  const client = { client_id: id };
  if (secret !== undefined && key !== undefined) {
    throw authErrors.configuration(`${what} has either "secret" or "key".`);
  }
  if (key !== undefined) {
    const { privateKey, kid } = Object(key) as { privateKey?: unknown; kid?: unknown };
    if (!(privateKey instanceof CryptoKey) || !isText(kid)) {
      throw authErrors.configuration(`${what}.key must be a signing key, as of importKey().`);
    }
    return { client, authentication: PrivateKeyJwt({ key: privateKey, kid }) };
  }
  if (secret === undefined) return { client, authentication: None() };
  if (!isText(secret)) throw authErrors.configuration(`${what}.secret must be a text; got ${kindOf(secret)}.`);
  const methods = { client_secret_basic: ClientSecretBasic, client_secret_post: ClientSecretPost };
  if (typeof method !== 'string' || !Object.hasOwn(methods, method)) {
    throw authErrors.configuration(`${what}.method must be "client_secret_basic" or "client_secret_post".`);
  }
  return { client, authentication: methods[method as keyof typeof methods](secret) };
}
