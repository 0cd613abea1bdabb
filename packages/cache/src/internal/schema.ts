import type { StandardSchema } from '../options.ts';

/** The value as the schema answers it, or undefined when it does not fit. */
export async function fits<T>(schema: StandardSchema<T>, value: unknown): Promise<{ readonly value: T } | undefined> {
  const result = await schema['~standard'].validate(value);
  return result.issues === undefined ? { value: result.value } : undefined;
}
