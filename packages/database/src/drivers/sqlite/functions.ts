/** The part of a connection that {@link registerFunctions} needs. */
interface FunctionHost {
  function(
    name: string,
    options: { deterministic: boolean; safeIntegers?: boolean },
    body: (...values: never[]) => unknown,
  ): unknown;
}

/** A sum that does not fit its field. */
export class OverflowError extends RangeError {}

export function registerFunctions(connection: FunctionHost): void {
  const exact = { deterministic: true, safeIntegers: true };
  connection.function('ent_fold', { deterministic: true }, (value: unknown) =>
    typeof value === 'string' ? value.toLowerCase() : value,
  );
  connection.function('ent_add_int', exact, (a: unknown, b: bigint) => {
    const sum = bigint(a) + b;
    return within(sum, Number.isSafeInteger(Number(sum)));
  });
  connection.function('ent_add_bigint', exact, (a: unknown, b: bigint) => {
    const sum = bigint(a) + b;
    return within(sum, BigInt.asIntN(64, sum) === sum);
  });
  connection.function('ent_add_double', { deterministic: true }, (a: number, b: number) => {
    const sum = a + b;
    return within(sum, Number.isFinite(sum));
  });
}

function bigint(stored: unknown): bigint {
  if (typeof stored === 'bigint') return stored;
  throw new OverflowError('The stored value is no integer.');
}

function within<T>(sum: T, fits: boolean): T {
  if (fits) return sum;
  throw new OverflowError('The sum does not fit the field.');
}
