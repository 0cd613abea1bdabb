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

/**
 * The administrators, by their ids, in one row: whoever changes who is one changes it too, so that two of them meet.
 */
export const administrators = defineEntity({
  name: 'administrators',
  fields: { id: 'string', userIds: typed<string[]>('json'), version: 'int' },
  version: 'version',
});

export const emailKey = (email: string): string => email.toLowerCase();

/**
 * An address whose parts have lengths that exist (RFC 5321, section 4.5.3.1). The domain may be an international
 * one in its ASCII form, down to the last label.
 */
const EMAIL =
  /^(?=[^@]{1,64}@)[A-Za-z0-9_'+-]+(?:\.[A-Za-z0-9_'+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?:[A-Za-z]{2,63}|xn--[A-Za-z0-9-]{0,58}[A-Za-z0-9])$/;
/** No NUL and no half of a character: not every database can keep them, or look for them. */
export const STORABLE = /^[^\u0000\ud800-\udfff]*$/u;

const Email = z.email({ pattern: EMAIL }).max(254);
// Lengths are those of what is sent; a name of blanks is none.
const Name = z.string().min(1).max(200).regex(/\S/).regex(STORABLE).trim();
// The policy for passwords is that of @ent/auth; here only what fits into a request.
export const Password = z.string().min(8).max(256).regex(STORABLE);
const RoleName = z.enum(['user', 'admin']);
const Roles = z
  .array(RoleName)
  .min(1)
  .max(2)
  .refine((roles) => new Set(roles).size === roles.length, 'Name each role once.')
  .meta({ uniqueItems: true });

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
  .meta({
    id: 'User',
    examples: [
      {
        id: '01a226bb-43cf-723a-8c68-595f3c9a6185',
        email: 'ada@example.com',
        name: 'Ada',
        roles: ['user'],
        createdAt: '2026-01-31T12:00:00.000Z',
        updatedAt: '2026-01-31T12:00:00.000Z',
      },
    ],
  });

export const NewUser = z
  .strictObject({ email: Email, password: Password, name: Name })
  .meta({ id: 'NewUser', examples: [{ email: 'ada@example.com', password: 'tr0ub4dor and three', name: 'Ada' }] });
export type NewUser = z.output<typeof NewUser>;

export const UserChange = z
  .strictObject({
    email: Email.optional(),
    name: Name.optional(),
    password: Password.optional(),
    roles: Roles.optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Give at least one field to change.')
  .meta({ id: 'UserChange', minProperties: 1, examples: [{ name: 'Ada Lovelace' }] });
export type UserChange = z.output<typeof UserChange>;

const SORTS = ['createdAt', '-createdAt', 'email', '-email', 'name', '-name'] as const;

export const UserQuery = z.strictObject({
  limit: z.int().min(1).max(100).default(20),
  cursor: z.string().max(4096).optional(),
  sort: z.enum(SORTS).default('createdAt'),
  email: z.string().max(254).regex(STORABLE).optional(),
  search: z
    .string()
    .min(1)
    .max(200)
    .regex(STORABLE)
    .optional()
    .meta({ description: 'A part of the address or of the name, in upper or lower case.' }),
});
export type UserQuery = z.output<typeof UserQuery>;

export const UserPage = z.object({ items: z.array(UserView), next: z.string().nullable() }).meta({ id: 'UserPage' });
