import type { RedisConnectable } from '@ent/internal';

/** The commands that are used; the three client types have them in common, but not their generic types. */
export interface Commands extends RedisConnectable {
  get(key: string): Promise<Buffer | null>;
  getDel(key: string): Promise<Buffer | null>;
  mGet(keys: string[]): Promise<(Buffer | null)[]>;
  set(key: string, value: Buffer, options?: object): Promise<unknown>;
  unlink(key: string): Promise<number>;
  exists(key: string): Promise<number>;
  pTTL(key: string): Promise<number>;
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>;
  evalSha(sha: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: (string | Buffer)[] }): Promise<unknown>;
  withCommandOptions(options: object): Commands;
}
