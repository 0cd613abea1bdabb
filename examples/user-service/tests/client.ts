import assert from 'node:assert/strict';
import { admin } from './service.ts';

export interface User {
  id: string;
  email: string;
  name: string;
  roles: string[];
  createdAt: string;
  updatedAt: string;
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
}

/** What answers of this API have; which of it is there depends on the call, and the tests say so. */
export interface AnyBody {
  status: number;
  code: string;
  instance?: string;
  errors: { pointer: string; in: string; code: string; detail: string }[];
  items: User[];
  next: string | null;
  checks: Record<string, unknown>;
  openapi: string;
  paths: Record<string, object>;
}

export interface Answer<Body = unknown> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface CallOptions {
  token?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  raw?: string | Uint8Array;
}

export const password = 'tr0ub4dor and three';
let counter = 0;
export const newEmail = (): string => `user${++counter}.${Date.now().toString(36)}@example.com`;

/**
 * A client of one running service: plain fetch, and the few flows that most tests begin with.
 *
 * @param always headers of each call
 */
export function client(base: string, always: Record<string, string> = {}) {
  const call = async <Body = AnyBody>(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer<Body>> => {
    const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const response = await fetch(base + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...always,
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: body as string }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as Body };
  };

  /** The same, and once more as often as a busy machine has hashed no password within the time that it gives one. */
  const callInTurn: typeof call = async (method, path, options) => {
    for (;;) {
      const answer = await call<AnyBody>(method, path, options);
      if (answer.body.code !== 'auth.overloaded') return answer as Answer<never>;
    }
  };

  const register = async (email = newEmail(), name = 'Ada'): Promise<User> => {
    const answer = await callInTurn<User>('POST', '/api/v1/users/', { body: { email, password, name } });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };

  const login = async (email: string, secret = password): Promise<Tokens> => {
    const answer = await callInTurn<Tokens>('POST', '/api/v1/auth/login', { body: { email, password: secret } });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };

  return {
    call,
    callInTurn,
    register,
    login,
    refresh: (token: string) => call<Tokens>('POST', '/api/v1/auth/refresh', { body: { refresh_token: token } }),
    loginAdmin: () => login(admin.email, admin.password),
    async newUser(name = 'Ada'): Promise<User & { token: string; tokens: Tokens }> {
      const user = await register(newEmail(), name);
      const tokens = await login(user.email);
      return { ...user, token: tokens.access_token, tokens };
    },
  };
}

export type Client = ReturnType<typeof client>;
