import type { Passwords, Sessions } from '@ent/auth';
import type { Cache } from '@ent/cache';
import { type Database, isUniqueViolation, type Sort } from '@ent/database';
import { EntError } from '@ent/errors';
import { createCachedUsers } from './cached.ts';
import { userErrors } from './errors.ts';
import type { PublishUserEvent } from './events.ts';
import {
  emailKey,
  type NewUser,
  type StoredUser,
  toUser,
  type User,
  type UserChange,
  type UserQuery,
  users,
} from './user.ts';

export interface UserServiceParts {
  db: Database;
  cache: Cache;
  passwords: Passwords;
  sessions: Sessions;
  publish: PublishUserEvent;
}

export type UserService = ReturnType<typeof createUserService>;

/** What the service does with users. It knows nothing of HTTP, and asks nobody for permission: its routes do. */
export function createUserService({ db, cache, passwords, sessions, publish }: UserServiceParts) {
  const stored = db.repo(users);

  const noUser = (): Error => userErrors.not_found('There is no user with this id.');

  /** The errors of the database that mean something to a client, in the terms of this service. */
  const known = (error: unknown): unknown => {
    if (isUniqueViolation(error, 'emailKey')) {
      return userErrors.email_taken('Another user has this email address; use another one, or log in.', {
        cause: error,
      });
    }
    return isCode(error, 'database.not_found') ? noUser() : error;
  };

  const create = async (input: NewUser, roles: StoredUser['roles'] = ['user']): Promise<User> => {
    const passwordHash = await passwords.hash(input.password);
    const { email, name } = input;
    let created: StoredUser;
    try {
      created = await stored.insert({ email, emailKey: emailKey(email), name, passwordHash, roles });
    } catch (error) {
      throw known(error);
    }
    await publish('user.created', { userId: created.id, version: created.version });
    return toUser(created);
  };

  const cached = createCachedUsers(cache, async (id) => {
    const found = await stored.get(id);
    if (!found) throw noUser();
    return toUser(found);
  });

  /**
   * Changes the fields that are given.
   *
   * @param check is shown the user as stored and may refuse; the change then happens only to that version.
   *   Without it the last change of a field wins.
   * @throws `users.not_found`, `users.email_taken`
   */
  const update = async (id: string, change: UserChange, check?: (current: User) => void): Promise<User> => {
    const { email, name, roles, password } = change;
    const passwordHash = password === undefined ? undefined : await passwords.hash(password);
    const patch = {
      set: { email, emailKey: email === undefined ? undefined : emailKey(email), name, roles, passwordHash },
    };
    let updated: StoredUser | undefined;
    try {
      while (updated === undefined) {
        const version = check && (await checkedVersion(id, check));
        updated = await stored.update(id, patch, { version }).catch(overtaken);
      }
    } catch (error) {
      throw known(error);
    } finally {
      // Also when it failed: what failed may have been the answer, and not the change.
      await cached.changed(id);
    }
    if (passwordHash !== undefined) await sessions.revokeAll(id, { reason: 'password' });
    await publish('user.updated', { userId: id, version: updated.version });
    return toUser(updated);
  };

  const checkedVersion = async (id: string, check: (current: User) => void): Promise<number> => {
    const current = await stored.get(id);
    if (!current) throw noUser();
    check(toUser(current));
    return current.version;
  };

  /** @throws `users.not_found` */
  const remove = async (id: string): Promise<void> => {
    const current = await stored.get(id);
    if (!current) throw noUser();
    let deleted: boolean;
    try {
      deleted = await stored.delete(id);
    } finally {
      await cached.changed(id);
    }
    if (!deleted) throw noUser();
    await sessions.revokeAll(id, { reason: 'deleted' });
    await publish('user.deleted', { userId: id, version: current.version });
  };

  const list = async (query: UserQuery): Promise<{ items: User[]; next: string | null }> => {
    const descending = query.sort.startsWith('-');
    const field = query.sort.replace('-', '') as 'createdAt' | 'email' | 'name';
    const sort: Sort<StoredUser> = [[field, descending ? 'desc' : 'asc']];
    const { items, next } = await stored.window({
      ...(query.email !== undefined && { where: { emailKey: emailKey(query.email) } }),
      sort,
      size: query.limit,
      after: query.cursor,
    });
    return { items: items.map(toUser), next };
  };

  /** The user whose password this is, or undefined. Takes the same time for an address that nobody has. */
  const authenticate = async (email: string, password: string): Promise<User | undefined> => {
    const [found] = await stored.find({ where: { emailKey: emailKey(email) }, limit: 1 });
    const { ok, upgraded } = await passwords.verifyAndUpgrade(password, found?.passwordHash);
    if (!ok || !found) return undefined;
    if (upgraded !== undefined) await stored.update(found.id, { set: { passwordHash: upgraded } });
    return toUser(found);
  };

  /** The roles of a user now, for new access tokens; null when the user is gone. */
  const rolesOf = async (id: string): Promise<StoredUser['roles'] | null> => (await stored.get(id))?.roles ?? null;

  /** Makes the first administrator, if nobody has the address yet. */
  const ensureAdmin = async (email: string, password: string): Promise<'created' | 'present'> => {
    if ((await stored.count({ emailKey: emailKey(email) })) > 0) return 'present';
    try {
      await create({ email, password, name: 'Administrator' }, ['user', 'admin']);
      return 'created';
    } catch (error) {
      // Another instance, starting at the same time, was first.
      if (isCode(error, userErrors.email_taken.code)) return 'present';
      throw error;
    }
  };

  return {
    create,
    /** @throws `users.not_found` */
    get: cached.get,
    update,
    remove,
    list,
    authenticate,
    rolesOf,
    ensureAdmin,
    settleCache: cached.settle,
  };
}

const isCode = (error: unknown, code: string): boolean => EntError.is(error) && error.code === code;

/** `undefined` when somebody else changed the row in between: look again, and try again. */
function overtaken(error: unknown): undefined {
  if (isCode(error, 'database.version_conflict')) return undefined;
  throw error;
}
