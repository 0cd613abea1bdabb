import { repositoryStores } from '@ent/auth/stores';
import { defineEntity, nullable } from '@ent/database';
import { openDatabase } from '@ent/database/open';

const sessions = defineEntity({
  name: 'sessions',
  fields: {
    id: 'string',
    subject: 'string', // with an index
    createdAt: 'date',
    lastUsedAt: 'date',
    expiresAt: 'date', // with an index
    revokedAt: nullable('date'),
    revokedReason: nullable('string'),
    amr: 'string',
    userAgent: nullable('string'),
    address: nullable('string'),
  },
});
const refreshTokens = defineEntity({
  name: 'refresh_tokens',
  fields: {
    id: 'string',
    sessionId: 'string',
    nonce: 'string',
    createdAt: 'date',
    expiresAt: 'date', // with an index
    spentAt: nullable('date'),
    successorId: nullable('string'),
  },
});
const db = await openDatabase('sqlite:./data/app.db');
const stores = repositoryStores({ sessions: db.repo(sessions), refreshTokens: db.repo(refreshTokens) });
console.log(await stores.sessions.list('user-1'));
