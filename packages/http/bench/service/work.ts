// What each of the compared services does for `GET /api/v1/users/{id}`, by the libraries that people take for it.
import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import pino from 'pino';
import { Histogram } from 'prom-client';
import { z } from 'zod';

/** The origin whose pages may call. */
export const ORIGIN = 'https://app.example.com';
export const LIMIT = 1_000_000_000;
export const ROUTE = '/api/v1/users/:id';

const ISSUER = 'user-service';
const CACHED_MS = 60_000;
const WINDOW_MS = 60_000;

export const UserView = z.object({
  id: z.uuid(),
  email: z.email(),
  name: z.string(),
  roles: z.array(z.enum(['user', 'admin'])),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type UserView = z.output<typeof UserView>;

/** The same for those that write by JSON Schema. */
const text = { type: 'string' };
export const userSchema = {
  type: 'object',
  required: Object.keys(UserView.shape),
  properties: {
    id: text,
    email: text,
    name: text,
    roles: { type: 'array', items: text },
    createdAt: text,
    updatedAt: text,
  },
};

export interface User extends UserView {
  readonly version: number;
}

/** Who calls, with the roles of now. */
export interface Caller {
  readonly subject: string;
  readonly roles: readonly string[];
}

/** An answer that is no user. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

export interface Work {
  /** For the one who measures. */
  readonly token: string;
  readonly userId: string;
  readonly log: pino.Logger;
  /** Who sends the header; a refusal for nobody. */
  authenticate(authorization: string | undefined): Promise<Caller>;
  /** Refuses who may not read that user. */
  permit(caller: Caller, id: string): void;
  user(id: string): User;
  etag(user: User): string;
  /** One line and one observation for an answer. */
  answered(method: string, status: number, durationMs: number): void;
  /** Counts a call of an address, and gives the headers that say what is left. */
  admit(address: string): Readonly<Record<string, string>>;
}

/**
 * @param once whether the signature of a token is checked once, and what the token says is kept until it expires
 */
export async function createWork(folder: string, { once }: { once: boolean }): Promise<Work> {
  const db = new Database(join(folder, 'users.db'));
  db.pragma('journal_mode = WAL');
  db.exec(`
    CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, name TEXT, roles TEXT, createdAt TEXT, updatedAt TEXT, version INTEGER);
    CREATE TABLE sessions (id TEXT PRIMARY KEY, subject TEXT, expiresAt INTEGER, revokedAt INTEGER);
  `);
  const [id, sessionId, now] = [randomUUID(), randomUUID(), new Date().toISOString()];
  db.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, 1)').run(id, 'ada@example.com', 'Ada', '["user"]', now, now);
  db.prepare('INSERT INTO sessions VALUES (?, ?, ?, NULL)').run(sessionId, id, Date.now() + 3_600_000);

  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const token = await signed(privateKey, id, sessionId);
  const claimsOf = once ? keptClaims(publicKey) : checkedClaims(publicKey);

  // A session that was ended and a role that was taken away count at once.
  const findSession = db.prepare<
    [string],
    { subject: string; expiresAt: number; revokedAt: number | null; roles: string }
  >(
    'SELECT s.subject, s.expiresAt, s.revokedAt, u.roles FROM sessions s JOIN users u ON u.id = s.subject WHERE s.id = ?',
  );
  const findUser = db.prepare<[string], Omit<User, 'roles'> & { roles: string }>('SELECT * FROM users WHERE id = ?');
  const users = new LRUCache<string, User>({ max: 10_000, ttl: CACHED_MS });
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of requests.',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  });
  const calls = new LRUCache<string, { left: number; until: number }>({ max: 100_000 });
  // Lines leave together: what pino advises for speed.
  const log = pino(pino.destination({ dest: join(folder, 'log'), sync: false, minLength: 4096 }));

  return {
    token,
    userId: id,
    log,
    async authenticate(authorization) {
      if (!authorization?.startsWith('Bearer ')) throw new Refusal(401);
      const { sub, sid } = await claimsOf(authorization.slice(7));
      const session = findSession.get(sid);
      if (session === undefined || session.revokedAt !== null || session.expiresAt <= Date.now())
        throw new Refusal(401);
      if (session.subject !== sub) throw new Refusal(401);
      return { subject: sub, roles: JSON.parse(session.roles) as string[] };
    },
    permit({ subject, roles }, wanted) {
      if (subject !== wanted && !roles.includes('admin')) throw new Refusal(403);
    },
    user(wanted) {
      const cached = users.get(wanted);
      if (cached !== undefined) return cached;
      const row = findUser.get(wanted);
      if (row === undefined) throw new Refusal(404);
      const user = { ...row, roles: JSON.parse(row.roles) as User['roles'] };
      users.set(wanted, user);
      return user;
    },
    etag: (user) => `"${createHash('sha256').update(`${user.id}:${user.version}`).digest('base64url')}"`,
    answered(method, status, durationMs) {
      log.info(
        {
          'http.request.method': method,
          'http.route': ROUTE,
          'http.response.status_code': status,
          'event.duration': Math.round(durationMs * 1e6),
        },
        `${method} ${ROUTE} ${status}`,
      );
      durations.observe(
        { http_request_method: method, http_route: ROUTE, http_response_status_code: status },
        durationMs / 1000,
      );
    },
    admit(address) {
      const at = Date.now();
      let call = calls.get(address);
      if (call === undefined || call.until <= at) calls.set(address, (call = { left: LIMIT, until: at + WINDOW_MS }));
      if (--call.left < 0) throw new Refusal(429);
      return {
        'ratelimit-policy': `"default";q=${LIMIT};w=60`,
        ratelimit: `"default";r=${call.left};t=${Math.ceil((call.until - at) / 1000)}`,
      };
    },
  };
}

interface Claims {
  readonly sub: string;
  readonly sid: string;
}

function signed(key: KeyObject, subject: string, sid: string): Promise<string> {
  return new SignJWT({ sid, roles: ['user'] })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setSubject(subject)
    .setIssuedAt()
    .setJti(randomUUID())
    .setExpirationTime('1h')
    .sign(key);
}

type ClaimsOf = (token: string) => Claims | Promise<Claims>;

async function check(token: string, key: KeyObject): Promise<Claims & { readonly exp: number }> {
  const expected = { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt', algorithms: ['EdDSA'] };
  try {
    const { payload } = await jwtVerify(token, key, expected);
    return payload as unknown as Claims & { exp: number };
  } catch {
    throw new Refusal(401);
  }
}

function checkedClaims(key: KeyObject): ClaimsOf {
  return (token) => check(token, key);
}

function keptClaims(key: KeyObject): ClaimsOf {
  const kept = new LRUCache<string, Claims>({ max: 10_000 });
  return (token) =>
    kept.get(token) ??
    check(token, key).then((claims) => {
      kept.set(token, claims, { ttl: claims.exp * 1000 - Date.now() });
      return claims;
    });
}
