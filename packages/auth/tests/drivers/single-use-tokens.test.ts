import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createSingleUseTokens } from '../../src/single-use-tokens.ts';
import { repositorySingleUseTokenStore } from '../../src/stores.ts';
import { testSingleUseTokenStore } from '../../src/testing.ts';
import { singleUseTokens } from '../fixtures/single-use-entity.ts';
import { onDatabases } from '../support/databases.ts';

const purposes = { 'password-reset': '1h' } as const;

onDatabases([singleUseTokens], (opened) => {
  const storeHere = () => repositorySingleUseTokenStore(opened.db.repo(singleUseTokens));
  testSingleUseTokenStore({ it }, { make: storeHere });

  it('of fifty uses at once in two processes one is let', async () => {
    const tokens = createSingleUseTokens({ store: storeHere(), purposes });
    const { token } = await tokens.issue('password-reset', { subject: 'ann' });
    const path = join(import.meta.dirname, '../fixtures/consume-worker.ts');
    const workers = [1, 2].map(() => fork(path, [opened.url, token, '25'], { execArgv: ['--conditions=@ent/source'] }));
    for (const said of await Promise.all(workers.map((worker) => once(worker, 'message'))))
      expect(said[0]).toBe('ready');
    const answers = workers.map((worker) => once(worker, 'message'));
    const exits = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.send('go');
    const outcomes = (await Promise.all(answers)).flatMap(([said]) => said as string[]);
    expect(outcomes).toHaveLength(50);
    expect(outcomes.filter((outcome) => outcome === 'ann')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'consumed')).toHaveLength(49);
    expect(await Promise.all(exits)).toEqual([
      [0, null],
      [0, null],
    ]);
    await expect(tokens.consume('password-reset', token)).rejects.toMatchObject({ details: { reason: 'consumed' } });
  });

  it('a transaction that fails gives the token back', async () => {
    const tokens = createSingleUseTokens({ store: storeHere(), purposes });
    const { token } = await tokens.issue('password-reset', { subject: 'bob' });
    const failing = opened.db.transaction(async () => {
      await tokens.consume('password-reset', token);
      throw new Error('the new password could not be stored');
    });
    await expect(failing).rejects.toThrow('could not be stored');
    expect(await tokens.consume('password-reset', token)).toEqual({ subject: 'bob', data: undefined });
  });

  it('no row holds the text of a token', async () => {
    const tokens = createSingleUseTokens({ store: storeHere(), purposes });
    const { token } = await tokens.issue('password-reset', { subject: 'eve' });
    expect(JSON.stringify(await opened.db.repo(singleUseTokens).find())).not.toContain(token);
  });
});
