import type { StandardSchema } from '../options.ts';

/** The value as the schema answers it, or undefined when it does not fit. Without a schema, any value does. */
export async function fits<T>(
  schema: StandardSchema<T> | undefined,
  value: unknown,
): Promise<{ readonly value: T } | undefined> {
  if (schema === undefined) return { value: value as T };
  const result = await schema['~standard'].validate(value);
  return result.issues === undefined ? { value: result.value } : undefined;
}
