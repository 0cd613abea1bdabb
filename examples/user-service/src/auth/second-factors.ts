import type { ThrottleStore } from '@ent/auth';
import { repositoryTotpStore } from '@ent/auth/stores';
import { createTotp } from '@ent/auth/totp';
import { type Database, defineEntity, nullable } from '@ent/database';

/** How second factors are stored: secrets encrypted, recovery codes hashed; see `TotpRecord` of @ent/auth. */
const secondFactors = defineEntity({
  name: 'second_factors',
  fields: {
    id: 'string',
    revision: 'int',
    secret: 'string',
    createdAt: 'date',
    confirmedAt: nullable('date'),
    lastStep: 'int',
    recoveryCodes: 'string',
  },
});

/**
 * Second factors: codes of an authenticator app, and recovery codes.
 *
 * @param attempts where wrong codes are counted
 * @param secret the first encrypts, the others still read what they wrote
 */
export function createSecondFactors(
  db: Database,
  attempts: ThrottleStore,
  issuer: string,
  secret: readonly (string | Uint8Array)[],
) {
  const repository = db.repo(secondFactors);
  const totp = createTotp({
    store: repositoryTotpStore(repository),
    attempts,
    issuer,
    secret,
  });
  const forget = (id: string): Promise<unknown> => repository.deleteMany({ where: { id } });
  return { ...totp, forget };
}

export type SecondFactors = ReturnType<typeof createSecondFactors>;
