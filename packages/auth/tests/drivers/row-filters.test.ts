import { defineEntity, nullable } from '@ent/database';
import { itInDepth } from '@ent/testkit/vitest';
import { beforeAll, expect, it } from 'vitest';
import { createPolicy, trustedPrincipal } from '../../src/index.ts';
import { onDatabases } from '../support/databases.ts';
import { randomPolicies } from '../support/random-policies.ts';

const docs = defineEntity({
  name: 'docs',
  fields: {
    id: 'string',
    owner: nullable('string'),
    status: nullable('string'),
    team: nullable('string'),
    size: nullable('int'),
    open: nullable('boolean'),
    at: nullable('date'),
  },
});

onDatabases([docs], (opened) => {
  beforeAll(async () => {
    const { doc } = randomPolicies(1);
    await opened.db.repo(docs).insertMany(Array.from({ length: 200 }, (_, n) => doc(`d${n}`)));
  });

  itInDepth(
    'the rows that a filter finds are those that the policy allows, one by one',
    { full: 5_000, ci: 150, of: 'policies' },
    async ({ count, seed }) => {
      const random = randomPolicies(seed);
      const rows = await opened.db.repo(docs).find();
      let mixed = 0;
      for (let round = 0; round < count; round++) {
        const policy = random.policy();
        const principal = random.principal();
        const allowed = rows.filter((row) => policy.can(principal, 'docs:read', row)).map(({ id }) => id);
        const where = policy.filterFor(principal, 'docs:read');
        const found = (await opened.db.repo(docs).find({ where })).map(({ id }) => id);
        if (found.toSorted().join() !== allowed.toSorted().join()) {
          expect.fail(`round ${round}: ${JSON.stringify({ where, found, allowed }, undefined, 1)}`);
        }
        if (found.length > 0 && found.length < rows.length) mixed++;
      }
      // Neither all nor nothing, often enough: the rounds say something.
      expect(mixed).toBeGreaterThan(count / 10);
    },
  );

  it('a filter is a part of another one, and pages, counts and changes go by it', async () => {
    const policy = createPolicy({
      roles: {
        member: {
          allow: [{ permission: 'docs:*', own: true }],
          deny: [{ permission: 'docs:delete', where: { open: true } }],
        },
      },
      owners: { docs: 'owner' },
    });
    const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
    const repo = opened.db.repo(docs);
    const mine = (await repo.find()).filter(({ owner }) => owner === 'ann');
    const readable = policy.filterFor(ann, 'docs:read');
    expect(await repo.count({ where: readable })).toBe(mine.length);
    const page = await repo.window({ where: { $and: [readable, { status: 'a' }] }, limit: 100 });
    expect(page.items.map(({ id }) => id).toSorted()).toEqual(
      mine
        .filter(({ status }) => status === 'a')
        .map(({ id }) => id)
        .toSorted(),
    );
    const deletable = policy.filterFor(ann, 'docs:delete');
    // What nobody knows to be closed is not deleted.
    expect(await repo.count({ where: deletable })).toBe(mine.filter(({ open }) => open === false).length);
    expect(await repo.count({ where: policy.filterFor(ann, 'users:read') })).toBe(0);
  });

  it('a claim of another kind than the field finds nothing, or is refused: it never widens', async () => {
    const policy = createPolicy({
      roles: {
        member: { allow: [{ permission: 'docs:read', where: { size: { gte: { principal: 'claims.level' } } } }] },
      },
    });
    for (const level of ['0', [0], { a: 0 }, true, null, Number.NaN]) {
      const eve = trustedPrincipal({ subject: 'eve', roles: ['member'], claims: { level } });
      expect(await opened.db.repo(docs).find({ where: policy.filterFor(eve, 'docs:read') })).toEqual([]);
    }
  });
});
