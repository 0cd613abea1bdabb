// What the driver for MongoDB makes of its options and URLs, and of texts and numbers, without a server.
import { inspect } from 'node:util';
import { mongodb, type MongodbOptions, mongodbFeatures } from '@ent/database/mongodb';
import { openDatabase } from '@ent/database/open';
import { MongoClient } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { plainOf } from '../src/drivers/mongodb/codec.ts';
import { settingsOf } from '../src/drivers/mongodb/options.ts';
import { foldedPattern, literalPattern } from '../src/drivers/mongodb/patterns.ts';
import { fullText, statementOf } from '../src/drivers/mongodb/statement.ts';
import { rejection } from './fixtures/people.ts';

describe('options', () => {
  it('of a URL are those of MongoDB, and ours', () => {
    const { client, ...settings } = settingsOf({
      url: 'mongodb://ann:p%40ss@db1,db2:27018/my%20app?replicaSet=rs0&maxPoolSize=7&minPoolSize=2&maxIdleTimeMS=5000&connectTimeoutMS=900&waitQueueTimeoutMS=300&transactions=false&decimals=text&appName=api',
      database: 'app',
    });
    expect(settings).toEqual({
      isOurs: true,
      database: 'app',
      transactions: false,
      decimals: 'text',
      max: 7,
      acquireTimeoutMs: 300,
      leakAfterMs: undefined,
    });
    expect(client.options).toMatchObject({
      hosts: [
        { host: 'db1', port: 27017 },
        { host: 'db2', port: 27018 },
      ],
      credentials: { username: 'ann', password: 'p@ss' },
      replicaSet: 'rs0',
      appName: 'api',
      maxPoolSize: 0,
      minPoolSize: 2,
      maxIdleTimeMS: 5000,
      connectTimeoutMS: 900,
      serverSelectionTimeoutMS: 900,
    });
  });

  it('have defaults: transactions, Decimal128, ten calls at a time', () => {
    const driver = mongodb({ url: 'mongodb://localhost/app' });
    expect(driver.features).toEqual(mongodbFeatures);
    expect([driver.name, driver.namespace]).toEqual(['mongodb', 'app']);
    expect(settingsOf({ url: 'mongodb://localhost/app' }).max).toBe(10);
    const alone = mongodb({ url: 'mongodb://localhost/app?transactions=false' }).features;
    expect([alone.transactions, alone.isolation, alone.decimalOrder]).toEqual([false, [], true]);
    expect(mongodb({ url: 'mongodb://localhost/app', decimals: 'text' }).features.decimalOrder).toBe(false);
  });

  it.each([
    [{ url: 'postgres://localhost/app' }, /url must be like/],
    [{ url: 'mongodb:///app' }, /url must be like/],
    [{ url: 'mongodb://localhost' }, /name of the database is missing/],
    [{ url: 'mongodb://localhost/app', database: 'a.b' }, /name of the database is missing or not right/],
    [{ url: 'mongodb://localhost/app?transactions=no' }, /transactions must be true or false/],
    [{ url: 'mongodb://localhost/app', transactions: 1 }, /transactions must be true or false/],
    [{ url: 'mongodb://localhost/app?decimals=float' }, /decimals must be/],
    [{ url: 'mongodb://localhost/app?maxPoolSize=many' }, /max must be a whole number/],
    [{ url: 'mongodb://localhost/app?maxPoolSize=5', max: 6 }, /max is given twice/],
    [{ url: 'mongodb://localhost/app?nonsense=1' }, /option nonsense is not supported/],
    [{ url: 'mongodb://localhost/app?w=0' }, /w=0 answers before/],
    [{ url: 'mongodb://localhost/app?readPreference=secondary' }, /reads go to the primary/],
    [{ url: 'mongodb://localhost/app', pool: 5 }, /pool/],
    [{ client: {}, database: 'app' }, /client must be a MongoClient/],
    [{ client: new MongoClient('mongodb://localhost', { writeConcern: { w: 0 } }), database: 'app' }, /w=0/],
    [{ client: new MongoClient('mongodb://localhost') }, /name of the database/],
    [undefined, /mongodb/],
  ])('that are not right are refused: %#', (options, message) => {
    expect(() => mongodb(options as unknown as MongodbOptions)).toThrow(
      expect.objectContaining({
        code: 'database.invalid_definition',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it('that are not right never show a password', async () => {
    for (const url of [
      'mongodb://ann:hunter2@localhost:port/app',
      'mongodb://ann:hunter2@localhost/app?hunter2=1&tls=hunter2',
      'mongodb://ann:hunter2@localhost/app?w=0',
      'mongodb://ann:hunter2@@localhost/app?readConcernLevel=hunter2',
      'mongodb+srv://ann:hunter2@localhost:1/app',
    ]) {
      const error = await rejection(openDatabase(url));
      expect([error.code, inspect(error, { depth: null }).replace('option hunter2', '').includes('hunter2')]).toEqual([
        'database.invalid_definition',
        false,
      ]);
    }
  });
});

describe('patterns', () => {
  const texts = ['a.b', '^$', '[x]', '(a|b)*', '{1}', '\\d', '-', '/', '?+', 'Zürich', '日本', '😀', '\n'];
  it('of a text match it and nothing else', () => {
    for (const text of texts) {
      const pattern = new RegExp(`^${literalPattern(text)}$`, 'u');
      expect(texts.filter((other) => pattern.test(other))).toEqual([text]);
    }
  });

  it('without case match what has the same lower case', () => {
    const all = [
      'straße',
      'STRASSE',
      'ſ',
      's',
      'S',
      'K',
      'k',
      '\u212a',
      'İ',
      'i̇',
      'I',
      'i',
      'ΑΣ',
      'ας',
      'Ǆ',
      'ǅ',
      'ǆ',
      'É',
      'é',
      '𐐀',
      '𐐨',
    ];
    for (const text of all) {
      const pattern = new RegExp(`^${foldedPattern(text)}$`, 'u');
      const expected = all.filter((other) => other.toLowerCase() === text.toLowerCase());
      expect({ text, found: all.filter((other) => pattern.test(other)) }).toEqual({ text, found: expected });
    }
  });
});

describe('decimals', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['1.10', '1.1'],
    ['1E+3', '1000'],
    ['1.23E-7', '0.000000123'],
    ['-1.5E+2', '-150'],
    ['1234567890123456789012345678901234', '1234567890123456789012345678901234'],
    ['0E-10', '0'],
    ['100.00', '100'],
  ])('Decimal128 %s is %s', (text, expected) => expect(plainOf(text)).toBe(expected));
  it.each(['NaN', 'Infinity'])('%s is none', (text) => expect(() => plainOf(text)).toThrow(TypeError));
});

describe('statements', () => {
  it('show no value, but all of a schema', () => {
    expect(statementOf('users', 'find', [{ email: { $in: ['a', 'b'] }, $or: [{ age: 5 }, { at: new Date() }] }])).toBe(
      'users.find {"email":{"$in":[?]},"$or":[{"age":?},{"at":?}]}',
    );
    expect(fullText({ key: { a: 1 }, of: /x/, big: 5n })).toBe('{"key":{"a":1},"of":"/x/","big":"5n"}');
  });
});
