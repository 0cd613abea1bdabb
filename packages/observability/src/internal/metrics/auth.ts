import { onOperation } from '../../operations.ts';
import { CounterFamily, type Place } from '../families.ts';
import type { Stop } from './stop.ts';

/** What is read of `ent:auth:password`; `@ent/auth` documents it in full. */
interface PasswordCheck {
  readonly operation: string;
  readonly outcome?: string;
}

/** Logins by password: `ent:auth:password`. */
export function auth(place: Place): Stop[] {
  const attempts = new CounterFamily(place, {
    name: 'auth_attempts_total',
    help: 'Password checks, by result.',
    labelNames: ['result'],
  });
  const stop = onOperation<PasswordCheck>('ent:auth:password', {
    end({ payload: { operation, outcome }, error }) {
      if (operation === 'verify') attempts.cell(outcome ?? (error === undefined ? 'ok' : 'error')).value++;
    },
  });
  return [stop];
}
