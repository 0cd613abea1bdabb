import { defineEntity, typed } from '../src/index.ts';

/** What the benchmarks of all databases store. */
export const users = defineEntity({
  name: 'users',
  fields: {
    id: 'string',
    email: 'string',
    name: 'string',
    roles: typed<string[]>('json'),
    createdAt: 'date',
    version: 'int',
  },
  unique: [['email']],
  createdAt: 'createdAt',
  version: 'version',
});
