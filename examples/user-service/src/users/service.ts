import { hash } from 'node:crypto';
import type { PasswordCall, Passwords, Sessions } from '@ent/auth';
import type { Cache } from '@ent/cache';
import { type Database, type Filter, isUniqueViolation, type Sort } from '@ent/database';
import { EntError } from '@ent/errors';
import { createAdministrators } from './administrators.ts';
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
  /** Ends what was mailed to a user to set a new password. */
  endPasswordResets: (userId: string) => Promise<unknown>;
  /** Removes what else is kept about a user, with the user. */
  forget: (userId: string) => Promise<unknown>;
  publish: PublishUserEvent;
}

export type UserService = ReturnType<typeof createUserService>;

/** What the service does with users. It knows nothing of HTTP, and asks nobody for permission: its routes do. */
export function createUserService(parts: UserServiceParts) {
  const { db, cache, passwords, sessions, endPasswordResets, forget, publish } = parts;
  const stored = db.repo(users);
  const administrators = createAdministrators(db);
  // Without transactions the parts come one after the other; `app.ts` warns of that.
  const together = <R>(work: () => Promise<R>): Promise<R> =>
    db.features.transactions ? db.transaction(work) : work();

  const taken = (cause?: unknown): Error =>
    userErrors.email_taken('Another user has this email address; use another one, or log in.', { cause });
  const noUser = (): Error => userErrors.not_found('There is no user with this id.');

  /** The errors of the database that mean something to a client, in the terms of this service. */
  const known = (error: unknown): unknown => {
    // Not every database says which key it is; ids are random, so it is the address.
    if (isUniqueViolation(error)) return taken(error);
    return isCode(error, 'database.not_found') ? noUser() : error;
  };

  const create = async (
    input: NewUser,
    { from, roles = ['user'] }: { from?: string; roles?: StoredUser['roles'] } = {},
  ): Promise<User> => {
    const { email, name } = input;
    // Looked at before the costly work, too; the database has the last word.
    if ((await stored.count({ where: { emailKey: emailKey(email) } })) > 0) throw taken();
    const passwordHash = await passwords.hash(input.password, { from, about: [email, name] });
    const row = { email, emailKey: emailKey(email), name, passwordHash, roles };
    let created: StoredUser;
    try {
      created = await untilAlone(() => insert(row));
    } catch (error) {
      throw known(error);
    }
    return toUser(created);
  };

  const cached = createCachedUsers(cache, async (id) => {
    // Anything may stand in a path.
    if (!isUuid(id)) throw noUser();
    const found = await stored.get(id);
    if (!found) throw noUser();
    return toUser(found);
  });

  const insert = (row: Parameters<typeof stored.insert>[0]): Promise<StoredUser> =>
    together(async () => {
      const user = await stored.insert(row);
      if (row.roles.includes('admin')) await (await administrators.changing(user.id, true))();
      await publish('user.created', { userId: user.id, version: user.version });
      return user;
    });

  /**
   * Changes the fields that are given.
   *
   * @param by who changes it, where roles are given
   * @param check is shown the user as stored and may refuse; the change then happens only to that version.
   *   Without it the last change of a field wins.
   * @throws `users.not_found`, `users.email_taken`, `users.last_administrator`
   */
  const update = async (
    id: string,
    change: UserChange,
    { by, from, check }: { by: string; from: string; check?: ((current: User) => void) | undefined },
  ): Promise<User> => {
    const { email, name, roles, password } = change;
    const about = [email, name].filter((word) => word !== undefined);
    const passwordHash =
      password === undefined
        ? undefined
        : await passwords.hash(password, { from, about: [...about, ...(await wordsAbout(id))] });
    const patch = {
      set: { email, emailKey: email === undefined ? undefined : emailKey(email), name, roles, passwordHash },
    };
    /** What was opened with the old password, and what was mailed to the old address. */
    const endOld = async (): Promise<void> => {
      if (passwordHash !== undefined) await sessions.revokeAll(id, { reason: 'password' });
      if (passwordHash !== undefined || email !== undefined) await endPasswordResets(id);
    };
    const write = async (): Promise<StoredUser> => {
      const version = check && (await checkedVersion(id, check));
      return together(async () => {
        const isAdmin = roles?.includes('admin');
        const note = isAdmin === undefined ? undefined : await administrators.changing(id, isAdmin, by);
        // Without a transaction too the list never names somebody who is none, so that one is left.
        if (isAdmin === false) await note?.();
        const user = await stored.update(id, patch, { version });
        if (isAdmin === true) await note?.();
        // With the change: no crash in between leaves a session that was opened with the old password.
        await endOld();
        await publish('user.updated', { userId: id, version: user.version });
        return user;
      });
    };
    let updated: StoredUser;
    try {
      updated = await untilAlone(write);
    } catch (error) {
      throw known(error);
    } finally {
      // Also when it failed: what failed may have been the answer, and not the change.
      await cached.changed(id);
    }
    // Again, for a login that read the old hash, or a mail for the old address, while the change was on its way.
    await endOld();
    return toUser(updated);
  };

  const checkedVersion = async (id: string, check: (current: User) => void): Promise<number> => {
    const current = await stored.get(id);
    if (!current) throw noUser();
    check(toUser(current));
    return current.version;
  };

  /**
   * @param check as for an update
   * @throws `users.not_found`, `users.last_administrator`
   */
  const remove = async (id: string, check?: (current: User) => void): Promise<void> => {
    const erase = async (): Promise<void> => {
      const current = await stored.get(id);
      if (!current) throw noUser();
      check?.(toUser(current));
      const { version } = current;
      await together(async () => {
        if (current.roles.includes('admin')) await (await administrators.changing(id, false))();
        // In this version: as somebody who has just become an administrator, it would be counted for ever.
        if (!(await stored.delete(id, { version }))) throw noUser();
        await sessions.revokeAll(id, { reason: 'deleted' });
        await forget(id);
        await publish('user.deleted', { userId: id, version });
      });
    };
    try {
      await untilAlone(erase);
    } finally {
      await cached.changed(id);
    }
    await sessions.revokeAll(id, { reason: 'deleted' });
  };

  const list = async (query: UserQuery): Promise<{ items: User[]; next: string | null }> => {
    const descending = query.sort.startsWith('-');
    const field = query.sort.replace('-', '') as 'createdAt' | 'email' | 'name';
    const sort: Sort<StoredUser> = [[field, descending ? 'desc' : 'asc']];
    const { email, search } = query;
    const where: Filter<StoredUser> = {
      ...(email !== undefined && { emailKey: emailKey(email) }),
      ...(search !== undefined && {
        $or: [{ emailKey: { contains: emailKey(search) } }, { name: { contains: search, ignoreCase: true } }],
      }),
    };
    const { items, next } = await stored.window({
      where,
      sort,
      limit: query.limit,
      after: query.cursor,
    });
    return { items: items.map(toUser), next };
  };

  /**
   * The user whose password this is, or undefined. Takes the same time for an address that nobody has. `confirm` says
   * whether it still is the password, for when the session is there: the password may be changed meanwhile. `proof` is
   * for asking that later, of `isProof`, without the password.
   */
  const authenticate = async (
    email: string,
    password: string,
    call?: PasswordCall,
  ): Promise<{ user: User; proof: string; confirm: () => Promise<boolean> } | undefined> => {
    const [found] = await stored.find({ where: { emailKey: emailKey(email) }, limit: 1 });
    const { ok, upgraded } = await passwords.verifyAndUpgrade(password, found?.passwordHash, call);
    if (!ok || !found) return undefined;
    const { id, passwordHash } = found;
    // Only in the place of the hash that was looked at: a new password is not undone.
    if (upgraded !== undefined) {
      await stored.updateMany({ set: { passwordHash: upgraded } }, { where: { id, passwordHash } });
    }
    const confirm = async (): Promise<boolean> => {
      const current = await stored.get(id);
      if (!current) return false;
      if (current.passwordHash === (upgraded ?? passwordHash)) return true;
      // Another login of the same password may have upgraded it.
      return passwords.verify(password, current.passwordHash, call);
    };
    return { user: toUser(found), proof: proofOf(upgraded ?? passwordHash), confirm };
  };

  /** Whether what `authenticate` gave is still of the user's password. */
  const isProof = async (id: string, proof: string): Promise<boolean> => {
    const current = await stored.get(id);
    return current !== null && proofOf(current.passwordHash) === proof;
  };

  /** The user as stored, and not as cached; undefined where there is none. */
  const find = async (id: string): Promise<User | undefined> => {
    const found = await stored.get(id);
    return found ? toUser(found) : undefined;
  };

  /** What a new password of a user must not be, as a policy of @ent/auth has it. */
  const wordsAbout = async (id: string): Promise<string[]> => {
    const found = await stored.get(id, { select: ['email', 'name'] });
    return found ? [found.email, found.name] : [];
  };

  const findByEmail = async (email: string): Promise<User | undefined> => {
    const [found] = await stored.find({ where: { emailKey: emailKey(email) }, limit: 1 });
    return found && toUser(found);
  };

  /** A password that was reset. False where the user is gone. */
  const setPasswordHash = async (id: string, passwordHash: string): Promise<boolean> => {
    try {
      await untilAlone(() =>
        together(async () => {
          const { version } = await stored.update(id, { set: { passwordHash } });
          await publish('user.updated', { userId: id, version });
        }),
      );
      return true;
    } catch (error) {
      if (isCode(error, 'database.not_found')) return false;
      throw error;
    } finally {
      await cached.changed(id);
    }
  };

  /** The roles of a user now, for new access tokens; null when the user is gone. */
  const rolesOf = async (id: string): Promise<StoredUser['roles'] | null> =>
    (await stored.get(id, { select: ['roles'] }))?.roles ?? null;

  /** Makes the first administrator, if nobody has the address yet. */
  const ensureAdmin = async (email: string, password: string): Promise<'created' | 'present'> => {
    if ((await stored.count({ where: { emailKey: emailKey(email) } })) > 0) return 'present';
    try {
      await create({ email, password, name: 'Administrator' }, { roles: ['user', 'admin'] });
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
    find,
    findByEmail,
    wordsAbout,
    setPasswordHash,
    update,
    remove,
    list,
    authenticate,
    isProof,
    settleAdministrators: administrators.settle,
    rolesOf,
    ensureAdmin,
    settleCache: cached.settle,
  };
}

/** Which hash of a password it was, and nothing else about it. */
const proofOf = (passwordHash: string): string => hash('sha256', passwordHash, 'base64url');

const isUuid = (id: string): boolean => /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id);

const isCode = (error: unknown, code: string): boolean => EntError.is(error) && error.code === code;

/** Looks again and tries again for as long as somebody else changed a row in between. */
async function untilAlone<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCode(error, 'database.version_conflict')) throw error;
    }
  }
}
