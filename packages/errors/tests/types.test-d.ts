import { describe, expectTypeOf, it } from 'vitest';
import {
  CacheError,
  ConflictError,
  defineErrors,
  EntError,
  type ErrorRecord,
  type Issue,
  issuesFromZod,
  NotFoundError,
  type Problem,
  type Retryable,
  type WireError,
} from '../src/index.ts';

describe('types', () => {
  it('an error', () => {
    const error = new NotFoundError('x');
    expectTypeOf(error).toExtend<EntError>();
    expectTypeOf(error.code).toEqualTypeOf<string>();
    expectTypeOf(error.retryable).toEqualTypeOf<Retryable>();
    expectTypeOf(error.issues).toEqualTypeOf<readonly Issue[] | undefined>();
    expectTypeOf(error.toProblem({ instance: '/x' })).toEqualTypeOf<Problem>();
    expectTypeOf(error.toJSON()).toEqualTypeOf<Problem>();
    expectTypeOf(error.toWire()).toEqualTypeOf<WireError>();
    expectTypeOf(error.toLog()).toEqualTypeOf<ErrorRecord>();
    expectTypeOf(EntError.from(1)).toEqualTypeOf<EntError>();
    expectTypeOf(issuesFromZod(1)).toEqualTypeOf<Issue[]>();
    // @ts-expect-error what an error is cannot be changed
    error.expose = true;
    // @ts-expect-error an error says what went wrong
    new NotFoundError();
    // @ts-expect-error no such option
    new NotFoundError('x', { expose: true });
  });

  it('what is left out may be given as undefined', () => {
    const missing: { text?: string; number?: number; yes?: boolean } = {};
    new NotFoundError('x', { code: missing.text, status: missing.number, details: undefined, issues: undefined });
    new NotFoundError('x', { issues: [{ pointer: '#', in: undefined, code: 'c', detail: 'd' }] });
    EntError.fromWire({}, { trust: missing.yes });
    issuesFromZod({}, { in: undefined, prefix: undefined });
    defineErrors('types_left_out', {
      x: { class: NotFoundError, status: missing.number, title: missing.text, expose: missing.yes, type: missing.text },
    });
  });

  it('instanceof narrows in both branches', () => {
    const error: unknown = new NotFoundError('x');
    if (error instanceof NotFoundError) expectTypeOf(error).toEqualTypeOf<NotFoundError>();
    const ours: EntError = new NotFoundError('x');
    if (ours instanceof NotFoundError) expectTypeOf(ours.status).toEqualTypeOf<number>();
    else expectTypeOf(ours).toEqualTypeOf<EntError>();
    if (EntError.is(error)) expectTypeOf(error).toEqualTypeOf<EntError>();
  });

  it('a factory knows its code and class', () => {
    class Mine extends ConflictError {
      readonly extra: number = 1;
    }
    const errors = defineErrors('types', { timeout: { class: CacheError }, mine: { class: Mine } });
    expectTypeOf(errors.timeout.code).toEqualTypeOf<'types.timeout'>();
    expectTypeOf(errors.timeout('x').code).toEqualTypeOf<'types.timeout'>();
    expectTypeOf(errors.timeout('x')).toExtend<CacheError>();
    expectTypeOf(errors.mine('x').extra).toEqualTypeOf<number>();
    // @ts-expect-error no such key
    void errors.other;
    // @ts-expect-error a status is a number
    defineErrors('types', { bad: { class: CacheError, status: '404' } });
  });
});
