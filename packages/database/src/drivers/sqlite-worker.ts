/**
 * What runs in the threads of `sqlite({ file, thread: true })` and of `backup`. The driver starts it; to import it
 * elsewhere does nothing.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { BackupData, ThreadData } from './sqlite/thread/protocol.ts';
import { serve } from './sqlite/thread/serve.ts';
import { serveBackup } from './sqlite/thread/serve-backup.ts';

const data = workerData as ThreadData | BackupData | null;
if (!isMainThread && parentPort !== null) {
  if (data?.kind === 'ent-sqlite') serve(parentPort, data);
  else if (data?.kind === 'ent-sqlite-backup') void serveBackup(parentPort, data);
}
