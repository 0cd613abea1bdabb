import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '@ent/internal';

/** Makes an empty migration, and answers its files. One that stays empty is refused by `up`. */
export async function createMigration(folder: string, name: string, code: 'sql' | 'mongodb' | undefined) {
  if (!/^[A-Za-z0-9][\w-]{0,99}$/.test(name)) {
    throw new UsageError(`NAME must be letters, digits, "_" and "-", such as add_users; got "${name}".`);
  }
  await mkdir(folder, { recursive: true });
  const full = `${timeOf(new Date())}_${name}`;
  const files =
    code === undefined
      ? { [`${full}.up.sql`]: '', [`${full}.down.sql`]: '' }
      : { [`${full}.ts`]: codeOf(full, code === 'sql' ? 'SqlNative' : 'MongodbNative', code) };
  const made: string[] = [];
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file);
    // Another one of this second is not written over.
    await writeFile(path, text, { flag: 'wx' });
    made.push(path);
  }
  return made;
}

/** In UTC: people of several zones order their migrations by it. */
function timeOf(date: Date): string {
  return date.toISOString().slice(0, 19).replaceAll(/\D/g, '');
}

function codeOf(name: string, native: string, module: 'sql' | 'mongodb'): string {
  return `import type { ${native} } from '@ent/database/${module}';

export async function up(native: ${native}): Promise<void> {
  throw new Error('${name} is not written yet.');
}

export async function down(native: ${native}): Promise<void> {
  throw new Error('${name} is not written yet.');
}
`;
}
