import type { RedisClientType } from 'redis';

/** What a message survives once it is stored, as the settings of its server say. */
export interface RedisStreamsDurability {
  /** Nothing, or the end of the server's process. Not the loss of a machine: no replica is waited for. */
  readonly survives: 'memory' | 'disk';
  /**
   * When what was written reaches the disk itself, which outlives the machine's power: before each answer (`always`),
   * within a second, or when the machine likes (`no`). `off` without an append-only file; undefined where the server
   * does not allow to ask.
   */
  readonly appendfsync: 'always' | 'everysec' | 'no' | 'off' | undefined;
  /** How many replicas are connected; a failover loses what none of them had yet. */
  readonly replicas: number;
}

export async function durabilityOf(server: RedisClientType): Promise<RedisStreamsDurability> {
  const [persistence, replication] = await Promise.all([server.info('persistence'), server.info('replication')]);
  const replicas = Number(fieldOf(replication, 'connected_slaves'));
  if (fieldOf(persistence, 'aof_enabled') !== '1') return { survives: 'memory', appendfsync: 'off', replicas };
  // Hosted servers have no CONFIG.
  const settings = await server.configGet('appendfsync').catch(() => undefined);
  const appendfsync = settings?.['appendfsync'] as 'always' | 'everysec' | 'no' | undefined;
  return { survives: 'disk', appendfsync, replicas };
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}
