import type { GcraSlot } from './shared-gcra.ts';

interface Row {
  id: string;
  arrival: string;
  expiresAt: Date;
}
/** What {@link repositorySlot} needs of a repository. `updateMany` has to check and to change in one statement. */
interface Repository {
  get(id: string, options?: { readonly from: 'primary' }): Promise<Row | null>;
  updateMany(
    patch: { readonly set: { arrival: string; expiresAt: Date } },
    options: { readonly where: { readonly id: string; readonly arrival: string } },
  ): Promise<{ matched: number }>;
  deleteMany(options: { readonly where: { readonly expiresAt: { readonly lt: Date } } }): Promise<unknown>;
}

/** After so many writes the rows that are over are deleted: often enough, and no work for a single attempt. */
const SWEEP_EVERY = 1000;

/**
 * States of limits in a database, as text, which every database compares exactly.
 *
 * @param insertNew inserts a row; false where there is one with its id
 */
export function repositorySlot(repository: Repository, insertNew: (row: Row) => Promise<boolean>): GcraSlot<string> {
  let writes = 0;
  return {
    async read(id) {
      // A replica may be behind, where reads go to such.
      const row = await repository.get(id, { from: 'primary' });
      if (row === null) return undefined;
      const arrival = Number(row.arrival);
      // What another program put there counts for nothing, and is replaced.
      return { arrival: Number.isNaN(arrival) ? 0 : arrival, version: row.arrival };
    },
    async write(id, time, version, expiresInMs) {
      const [arrival, expiresAt] = [String(time), new Date(Math.ceil(time))];
      if (++writes % SWEEP_EVERY === 0) {
        // What stays is deleted the next time.
        repository.deleteMany({ where: { expiresAt: { lt: new Date(time - expiresInMs) } } }).catch(() => {});
      }
      if (version === undefined) return insertNew({ id, arrival, expiresAt });
      const where = { id, arrival: version };
      return (await repository.updateMany({ set: { arrival, expiresAt } }, { where })).matched > 0;
    },
  };
}
