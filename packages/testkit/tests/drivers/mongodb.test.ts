import { MongoClient } from 'mongodb';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

describeWithServer('mongodb', { killable: true }, (server) => {
  it.each(['stop', 'kill'] as const)('has its documents after %s and start', async (how) => {
    const collection = uniqueName('kept');
    const before = await new MongoClient(server.url).connect();
    await before.db().collection(collection).insertOne({ value: 'here' });
    await before.close();

    await server[how]();
    await expect(new MongoClient(server.url, { serverSelectionTimeoutMS: 300 }).connect()).rejects.toThrow(
      'ECONNREFUSED',
    );
    await server.start();

    const after = await new MongoClient(server.url).connect();
    expect(await after.db().collection(collection).findOne()).toMatchObject({ value: 'here' });
    await after.close();
  });
});
