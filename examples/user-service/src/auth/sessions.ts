import { defineEntity, nullable } from '@ent/database';

/** How logins are stored; see `SessionRecord` of @ent/auth. */
export const sessions = defineEntity({
  name: 'sessions',
  fields: {
    id: 'string',
    subject: 'string',
    createdAt: 'date',
    lastUsedAt: 'date',
    expiresAt: 'date',
    revokedAt: nullable('date'),
    revokedReason: nullable('string'),
    amr: 'string',
    userAgent: nullable('string'),
    address: nullable('string'),
    jkt: nullable('string'),
  },
});

/** How refresh tokens are stored: by their hash; see `RefreshTokenRecord` of @ent/auth. */
export const refreshTokens = defineEntity({
  name: 'refresh_tokens',
  fields: {
    id: 'string',
    sessionId: 'string',
    nonce: 'string',
    createdAt: 'date',
    expiresAt: 'date',
    spentAt: nullable('date'),
    successorId: nullable('string'),
  },
});
