import type { MessagePort } from 'node:worker_threads';
import { openReader } from '../opening.ts';
import { TOUCH } from '../transactions.ts';
import { packedError } from './errors.ts';
import type { BackupData, BackupNews } from './protocol.ts';

/** Between two looks at what the main thread says. */
const PAGES = 1000;

/** Copies a file to a new one, page by page, as it is now. */
export async function serveBackup(port: MessagePort, { file, target }: BackupData): Promise<void> {
  const tell = (news: BackupNews): void => port.postMessage(news);
  let isStopped = false;
  port.on('message', () => {
    isStopped = true;
  });
  try {
    const client = openReader(file);
    try {
      // One snapshot for the whole: else each write of another connection would start the copy again.
      client.exec('begin');
      client.prepare(TOUCH).get();
      await client.backup(target, {
        progress({ totalPages, remainingPages }) {
          if (isStopped) throw new Error('The backup was stopped.');
          tell({ totalPages, remainingPages });
          return PAGES;
        },
      });
    } finally {
      client.close();
    }
    tell({ failure: undefined });
  } catch (error) {
    tell({ failure: packedError(error) });
  }
  port.close();
}
