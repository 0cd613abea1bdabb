import { authErrors } from '@ent/auth';
import { type Database, isUniqueViolation } from '@ent/database';
import { userErrors } from './errors.ts';
import { administrators, users } from './user.ts';

const ID = 'administrators';

/**
 * Who is an administrator, in one row beside the roles of each user. Whoever changes who is one writes that row in the
 * same transaction, and only in the version that was read: of two that would leave nobody, one comes too late.
 */
export function createAdministrators(db: Database) {
  const stored = db.repo(administrators);

  /** Makes the row, at the first start and on data from before there was one. */
  const settle = async (): Promise<void> => {
    if (await stored.get(ID)) return;
    const userIds: string[] = [];
    for await (const { id, roles } of db.repo(users).stream()) if (roles.includes('admin')) userIds.push(id);
    try {
      await stored.insert({ id: ID, userIds });
    } catch (error) {
      // Another instance, starting at the same time, was first.
      if (!isUniqueViolation(error)) throw error;
    }
  };

  /**
   * Says whether that may be, before the user is changed, and answers what notes it: both in the transaction that
   * changes the user.
   *
   * @param by who changes it; has to be an administrator still, since its token may be of before it lost the role
   * @throws `users.last_administrator` when none would be left; what notes it, `database.version_conflict` when
   *   somebody was faster
   */
  const changing = async (userId: string, is: boolean, by?: string): Promise<() => Promise<unknown>> => {
    const row = await stored.get(ID);
    const userIds = row?.userIds ?? [];
    if (by !== undefined && !userIds.includes(by)) {
      throw authErrors.forbidden('Who changes roles is no administrator any more.');
    }
    const next = [...userIds.filter((id) => id !== userId), ...(is ? [userId] : [])];
    if (next.length === 0 && userIds.length > 0) {
      throw userErrors.last_administrator('Make another user an administrator first.');
    }
    // Written even where nothing changes: then too nobody may have taken the role away meanwhile.
    return () => stored.update(ID, { set: { userIds: next } }, { version: row?.version });
  };

  return { settle, changing };
}
