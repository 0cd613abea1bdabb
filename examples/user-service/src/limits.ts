import { repositoryThrottleStore } from '@ent/auth/stores';
import { type Database, defineEntity } from '@ent/database';

/** How login attempts are stored: keys are hashed. */
const loginAttempts = defineEntity({
  name: 'login_attempts',
  fields: { id: 'string', arrival: 'string', expiresAt: 'date' },
});

/** Where guesses of passwords and codes are counted: beside the users, so that no outage of the cache forgets them. */
export const attemptsIn = (db: Database) => repositoryThrottleStore(db.repo(loginAttempts));
