import { createSingleUseTokens, type SingleUseTokens } from '@ent/auth/single-use-tokens';
import { repositorySingleUseTokenStore } from '@ent/auth/stores';
import { type Database, defineEntity, nullable } from '@ent/database';

/** How tokens that work once are stored: by their hash; see `SingleUseTokenRecord` of @ent/auth. */
export const singleUseTokens = defineEntity({
  name: 'single_use_tokens',
  fields: {
    id: 'string',
    purpose: 'string',
    subject: 'string',
    data: nullable('string'),
    createdAt: 'date',
    expiresAt: 'date',
    consumedAt: nullable('date'),
  },
});

/** What they are for. */
export type Purpose = 'email-verification' | 'password-reset' | 'second-factor';

export function createTokens(db: Database): SingleUseTokens<Purpose> {
  return createSingleUseTokens({
    store: repositorySingleUseTokenStore(db.repo(singleUseTokens)),
    // The last is not mailed: it is what a client has between its password and its code.
    purposes: { 'email-verification': '24h', 'password-reset': '30m', 'second-factor': '5m' },
  });
}
