import type { Repository } from '@ent/database';
import { expectTypeOf, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import {
  type AccessTokens,
  createPolicy,
  type Decision,
  type PasswordDriver,
  type Principal,
  type RefreshTokenRecord,
  type SessionRecord,
  type Sessions,
  trustedPrincipal,
} from '../src/index.ts';
import { repositoryStores } from '../src/stores.ts';

const policy = createPolicy({
  roles: {
    member: { allow: [{ permission: 'users:read', own: true }] },
    admin: { inherits: ['member'], allow: ['**'] },
  },
  owners: { users: (user: { id: string }) => user.id },
});
const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });

it('what a client sent is no principal', () => {
  // @ts-expect-error no brand
  policy.can({ subject: 'ann', roles: ['admin'] }, 'users:read');
  // @ts-expect-error nobody is no principal
  policy.can(undefined, 'users:read');
  expectTypeOf<Awaited<ReturnType<Sessions['verify']>>>().toEqualTypeOf<Principal>();
  expectTypeOf<Awaited<ReturnType<AccessTokens['verify']>>>().toEqualTypeOf<Principal>();
});

it('a principal cannot be changed', () => {
  // @ts-expect-error read-only
  ann.subject = 'bob';
  // @ts-expect-error read-only
  ann.roles.push('admin');
});

it('a resource has the type that its owner resolver takes', () => {
  policy.can(ann, 'users:read', { id: 'ann' });
  policy.can(ann, 'users:read');
  // @ts-expect-error a user has an id
  policy.can(ann, 'users:read', { name: 'ann' });
  // Nobody owns documents here, so anything may be given.
  policy.can(ann, 'documents:read', { any: 'thing' });
  expectTypeOf(policy.explain(ann, 'users:read')).toEqualTypeOf<Decision>();
});

it('roles are known by name', () => {
  expectTypeOf(policy.roles).toEqualTypeOf<readonly ('member' | 'admin')[]>();
  const value: unknown = 'admin';
  if (policy.isRole(value)) expectTypeOf(value).toEqualTypeOf<'member' | 'admin'>();
  // @ts-expect-error a role that is inherited has to exist
  createPolicy({ roles: { admin: { inherits: ['membre'] } } });
});

it('a driver keeps the type of its features', () => {
  expectTypeOf(argon2()).toExtend<PasswordDriver>();
  expectTypeOf(argon2().features.algorithm).toEqualTypeOf<'argon2id'>();
});

it('repositories of @ent/database fit as they are, with a version field or without', () => {
  type Row<T> = { -readonly [K in keyof T]: T[K] };
  const plain = {} as Repository<Row<SessionRecord>, Row<SessionRecord>>;
  const versioned = {} as Repository<Row<RefreshTokenRecord> & { version: number }, Row<RefreshTokenRecord>>;
  expectTypeOf(repositoryStores).toBeCallableWith({ sessions: plain, refreshTokens: versioned });
});
