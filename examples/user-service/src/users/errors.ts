import { ConflictError, defineErrors, NotFoundError } from '@ent/errors';

/** What can go wrong with users, beyond what the packages say. */
export const userErrors = defineErrors('users', {
  email_taken: { class: ConflictError, title: 'The email address is taken', expose: true },
  last_administrator: { class: ConflictError, title: 'The last administrator', expose: true },
  session_not_found: { class: NotFoundError, title: 'No such session', expose: true },
  not_found: { class: NotFoundError, title: 'No such user', expose: true },
});
