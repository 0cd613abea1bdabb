import { createHash } from 'node:crypto';
import type { Entity, EntityField, EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { demandEntity } from '../internal/demand-entity.ts';

/** Makes rows, the same ones in the same order for a seed. Made by {@link fakes}. */
export interface Fakes {
  /** As {@link fake}. */
  readonly fake: <T extends object, New, Key extends string>(entity: Entity<T, New, Key>, given?: Partial<New>) => New;
  /** As {@link fakeMany}. */
  readonly fakeMany: <T extends object, New, Key extends string>(
    entity: Entity<T, New, Key>,
    count: number,
    given?: Partial<New> | ((at: number) => Partial<New>),
  ) => New[];
}

/**
 * Makes rows by a seed: each row of an entity is another one than those before, and the next process with this seed
 * makes the same again.
 *
 * ```ts
 * import { defineEntity } from '@ent/database';
 * import { fakes } from '@ent/database/test-helpers';
 *
 * const users = defineEntity({ name: 'users', fields: { id: 'string', email: 'string' }, unique: [['email']] });
 * console.log(fakes(7).fake(users).email === fakes(7).fake(users).email); // true
 * ```
 */
export function fakes(seed: number | string = 0): Fakes {
  const counts = new Map<string, number>();
  const next = ({ name }: EntityModel): number => {
    const n = (counts.get(name) ?? 0) + 1;
    counts.set(name, n);
    return n;
  };
  const make: Fakes = {
    fake(entity, given) {
      demandEntity(entity, 'fake:');
      return rowOf(entity, seed, next(entity), given ?? {}) as never;
    },
    fakeMany(entity, count, given) {
      demandEntity(entity, 'fakeMany:');
      if (!Number.isSafeInteger(count) || count < 0)
        throw databaseErrors.invalid_value(`fakeMany: the count must be a whole number; got ${String(count)}.`);
      const givenAt = typeof given === 'function' ? given : () => given;
      return Array.from({ length: count }, (_, at) => make.fake(entity, givenAt(at)));
    },
  };
  return make;
}

const ours = fakes();

/**
 * A valid row of an entity, to insert: each field that an insert needs has a value of its type, those of keys one that
 * no row before had. What the insert fills in, a field that may be null, and the tenant are left out; what refers to
 * another row, and text of which only some is allowed, is yours to give.
 *
 * ```ts
 * import { defineEntity, nullable } from '@ent/database';
 * import { fake } from '@ent/database/test-helpers';
 *
 * const users = defineEntity({
 *   name: 'users',
 *   fields: { id: 'string', email: 'string', logins: 'int', seenAt: nullable('date') },
 *   unique: [['email']],
 * });
 * const { email, logins } = fake(users, { logins: 3 });
 * console.log(email.endsWith('@example.org'), logins); // true 3
 * ```
 *
 * @param given these values in place of ours
 * @throws `database.invalid_value` for an enum without a value, since the database alone knows its labels;
 *   `database.invalid_definition` for what is no entity
 */
export const fake: Fakes['fake'] = ours.fake;

/**
 * Several rows as of {@link fake}, each another one.
 *
 * ```ts
 * import { defineEntity } from '@ent/database';
 * import { fakeMany } from '@ent/database/test-helpers';
 *
 * const tags = defineEntity({ name: 'tags', fields: { id: 'string', label: 'string' }, unique: [['label']] });
 * console.log(new Set(fakeMany(tags, 50).map(({ label }) => label)).size); // 50
 * ```
 *
 * @param given these values in place of ours, perhaps by the place in the list
 */
export const fakeMany: Fakes['fakeMany'] = ours.fakeMany;

type Given = Readonly<Record<string, unknown>>;

function rowOf(entity: EntityModel, seed: number | string, n: number, given: Given): Given {
  const { version, createdAt, updatedAt, deletedAt, tenant, madeUp } = entity;
  const managed = new Set([version, createdAt, updatedAt, deletedAt, tenant]);
  const row: Record<string, unknown> = {};
  for (const field of entity.fields.values()) {
    const { name, nullable, generated } = field;
    if (managed.has(name) || nullable || generated || Object.hasOwn(given, name)) continue;
    const isKey = [entity.id, ...entity.unique].some((key) => key.includes(name));
    const random = createHash('sha256')
      .update(JSON.stringify([seed, entity.name, name, n]))
      .digest();
    row[name] = name === madeUp ? uuidOf(random) : valueOf(entity, field, n, isKey, random);
  }
  return { ...row, ...given };
}

const START = Date.UTC(2024, 0, 1);
const SECONDS_OF_A_YEAR = 365 * 86_400;

/** @param isKey no two rows may have the same */
function valueOf(entity: EntityModel, field: EntityField, n: number, isKey: boolean, random: Buffer): unknown {
  const some = random.readUInt32BE();
  const number = isKey ? n : some % 1000;
  // Whole seconds, which every column keeps.
  const time = START + (isKey ? n : some % SECONDS_OF_A_YEAR) * 1000;
  switch (field.type) {
    case 'string':
      return textOf(entity, field, n, time, random);
    case 'int':
      return number;
    case 'bigint':
      return BigInt(number);
    case 'decimal':
      return decimalOf(field, number);
    case 'double':
      return number / 8;
    case 'boolean':
      return some % 2 === 0;
    case 'date':
      return new Date(time);
    case 'json':
      return field.as?.endsWith('[]') ? [] : {};
    case 'bytes':
      return new Uint8Array(random.subarray(0, 8));
  }
}

function textOf(entity: EntityModel, { name, as }: EntityField, n: number, time: number, random: Buffer): string {
  const at = new Date(time).toISOString();
  switch (as) {
    case 'uuid':
    case 'binary(16)':
      return uuidOf(random);
    case 'objectId':
      return random.toString('hex', 0, 12);
    case 'date':
      return new Date(START + n * 86_400_000).toISOString().slice(0, 10);
    case 'timestamptz':
    case 'timestamp':
      return at.replace('Z', '000Z');
    case 'enum':
      throw databaseErrors.invalid_value(
        `fake: say a value for ${entity.name}.${name}; the database alone knows the labels of an enum.`,
        {
          issues: [{ pointer: `#/${name}`, code: 'required', detail: 'is an enum, whose labels are not known here' }],
          details: { entity: entity.name },
        },
      );
    default:
      return /e-?mail/i.test(name) ? `person${n}@example.org` : `${name} ${n}`;
  }
}

/** As a UUID version 4 looks, of bytes that are given. */
function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Of `numeric(4,2)` the digits before the point are two. */
function decimalOf({ as }: EntityField, number: number): string {
  const [, total, after] = /^numeric\((\d+),(\d+)\)$/.exec(as ?? '') ?? [];
  const whole = total === undefined ? 34 : Number(total) - Number(after);
  return String(whole < 1 ? 0 : number % 10 ** Math.min(whole, 9));
}
