import { EntError } from '@ent/errors';

/** Inserts a row, and gives false where somebody was faster: where there is one with its id. */
export async function insertNew<Row>(repository: { insert(row: Row): Promise<unknown> }, row: Row): Promise<boolean> {
  try {
    await repository.insert(row);
    return true;
  } catch (error) {
    if (EntError.is(error) && error.status === 409) return false;
    throw error;
  }
}
