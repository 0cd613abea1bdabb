import { EntError } from '@ent/errors';

/**
 * Inserts a row unless there is one with its id. Whatever database it is, that is a conflict.
 *
 * @returns whether it is new
 */
export async function insertNew<Row>(repository: { insert(row: Row): Promise<unknown> }, row: Row): Promise<boolean> {
  try {
    await repository.insert(row);
    return true;
  } catch (error) {
    if (EntError.is(error) && error.status === 409) return false;
    throw error;
  }
}
