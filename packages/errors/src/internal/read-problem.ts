import type { EntErrorOptions } from '../options.ts';
import { codeOfStatus, isCode, isStatus, type MakeError, makerOf } from './codes.ts';
import { asIssues, asText } from './members.ts';
import { plainRecord, read } from './safe.ts';

interface Reading {
  readonly make: MakeError;
  readonly message: string;
  readonly options: EntErrorOptions;
}

/**
 * Takes from the problem details of somebody else's answer what has the right type.
 *
 * @param answered the status of that answer, where it is known
 */
export function readProblem(value: unknown, answered: unknown): Reading {
  const said = read(value, 'status');
  const status = isStatus(answered) ? answered : isStatus(said) ? said : 500;
  const code = read(value, 'code');
  const seconds = read(value, 'retryAfter');
  const title = asText(read(value, 'title'), 'A service answered with a problem.');
  return {
    make: makerOf(code) ?? (makerOf(codeOfStatus(status)) as MakeError),
    message: asText(read(value, 'detail'), title),
    options: {
      status,
      code: isCode(code) ? code : codeOfStatus(status),
      issues: asIssues(read(value, 'errors')),
      details: plainRecord(read(value, 'details')),
      retryAfterMs: typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : undefined,
    },
  };
}
