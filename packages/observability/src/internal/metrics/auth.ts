import { onOperation } from '../../operations.ts';
import type { Place } from '../place.ts';
import type { Stop } from './stop.ts';

/** What is read of `ent:auth:password`; `@ent/auth` documents it in full. */
interface PasswordCheck {
  readonly operation: string;
  readonly outcome?: string;
}

/** Logins by password: `ent:auth:password`. */
export function auth(place: Place): Stop[] {
  const attempts = place.counter({
    name: 'ent.auth.attempts',
    unit: '{attempt}',
    help: 'Password checks, by result.',
    attributes: ['ent.auth.result'],
  });
  const stop = onOperation<PasswordCheck>('ent:auth:password', {
    end({ payload: { operation, outcome }, error }) {
      if (operation === 'verify') attempts.cell(outcome ?? (error === undefined ? 'ok' : 'error')).value++;
    },
  });
  return [stop];
}
