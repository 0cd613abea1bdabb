// Two hundred tenants at once, as in tenancy.test.ts; in a file of its own, since FerretDB takes its time.
import { mongodb } from '@ent/database/mongodb';
import { describeWithServer } from '@ent/testkit/vitest';
import { tenantsOn } from '../fixtures/hostile-tenants.ts';
import { placeOn } from '../fixtures/mongodb.ts';

describeWithServer('mongodb', (server) => {
  tenantsOn(async () => mongodb({ ...placeOn(server.url), max: 3 }), 2);
});
