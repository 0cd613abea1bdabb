import { type EntityOf, defineEntity, typed } from '@ent/database';
import { z } from 'zod';
import type { Role } from '../auth/policy.ts';

/** How users are stored. */
export const users = defineEntity({
  name: 'users',
  fields: {
    id: 'string',
    email: 'string',
    // The address in lower case: addresses are unique without regard to case, on every database.
    emailKey: 'string',
    name: 'string',
    passwordHash: 'string',
    roles: typed<Role[]>('json'),
    createdAt: 'date',
    updatedAt: 'date',
    version: 'int',
  },
  unique: [['emailKey']],
  createdAt: 'createdAt',
  updatedAt: 'updatedAt',
  version: 'version',
});

export type StoredUser = EntityOf<typeof users>;

/** A user as the service hands it around and caches it: without the hash of the password. */
export interface User {
  id: string;
  email: string;
  name: string;
  roles: Role[];
  createdAt: string;
  updatedAt: string;
  version: number;
}

export function toUser(stored: StoredUser): User {
  const { id, email, name, roles, createdAt, updatedAt, version } = stored;
  return { id, email, name, roles, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), version };
}

export const emailKey = (email: string): string => email.toLowerCase();

const Email = z.email().max(254);
const Name = z.string().trim().min(1).max(200);
// The policy for passwords is that of @ent/auth; here only what fits into a request.
const Password = z.string().min(8).max(256);
const RoleName = z.enum(['user', 'admin']);

/** A user as clients see it. */
export const UserView = z
  .object({
    id: z.uuid(),
    email: Email,
    name: z.string(),
    roles: z.array(RoleName),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: 'User' });

export const NewUser = z.strictObject({ email: Email, password: Password, name: Name }).meta({ id: 'NewUser' });
export type NewUser = z.output<typeof NewUser>;

export const UserChange = z
  .strictObject({
    email: Email.optional(),
    name: Name.optional(),
    password: Password.optional(),
    roles: z.array(RoleName).min(1).max(2).optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Give at least one field to change.')
  .meta({ id: 'UserChange' });
export type UserChange = z.output<typeof UserChange>;

const SORTS = ['createdAt', '-createdAt', 'email', '-email', 'name', '-name'] as const;

export const UserQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(4096).optional(),
  sort: z.enum(SORTS).default('createdAt'),
  email: z.string().max(254).optional(),
});
export type UserQuery = z.output<typeof UserQuery>;

export const UserPage = z.object({ items: z.array(UserView), next: z.string().nullable() }).meta({ id: 'UserPage' });
