import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generateKey } from '@ent/auth';

/** A private key as PKCS #8 PEM, and the file it was made in, if it was made now or at an earlier start. */
export interface ServiceKey {
  pem: string;
  madeIn?: string;
}

/**
 * The key that signs tokens: the one from the settings, or for development one that is made at the first start and kept
 * beside the database, so that sessions survive a restart.
 *
 * @param folder where the made key is kept; undefined keeps it only in memory
 */
export async function loadServiceKey(configured: string | undefined, folder: string | undefined): Promise<ServiceKey> {
  if (configured !== undefined) return { pem: configured };
  if (folder === undefined) return { pem: (await generateKey()).pem, madeIn: 'memory' };
  const file = join(folder, 'jwt-private-key.pem');
  return { pem: (await readIfPresent(file)) ?? (await makeOnce(file)), madeIn: file };
}

/**
 * Of several instances that start at the same time one makes the key, and
 * all use it: `link` is atomic and never replaces.
 */
async function makeOnce(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const { pem } = await generateKey();
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, pem, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, file);
    return pem;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await unlink(draft);
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
