// A hundred variables, loaded, beside zod alone parsing the same ones with the coercions of its own. The mark is at
// most 1.5 times the cost, that is 0.67 times the rate.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { z } from 'zod';
import { bench } from '../../../scripts/bench.ts';
import { defineConfig } from '../src/index.ts';

const env: Record<string, string> = {};
for (let i = 0; i < 100; i += 4) {
  env[`APP_NAME_${i}`] = `value-${i}`;
  env[`APP_COUNT_${i}`] = String(i);
  env[`APP_FLAG_${i}`] = 'true';
  env[`APP_MODE_${i}`] = 'b';
}
Object.assign(process.env, env);

/** The schema as one writes it for zod alone, and for defineConfig. */
function schemaOf(number: () => z.ZodNumber | z.ZodCoercedNumber, boolean: () => z.ZodType<boolean>): z.ZodObject {
  const shape: Record<string, z.ZodType> = {};
  for (let i = 0; i < 100; i += 4) {
    shape[`APP_NAME_${i}`] = z.string().min(1);
    shape[`APP_COUNT_${i}`] = number().int().min(0);
    shape[`APP_FLAG_${i}`] = boolean();
    shape[`APP_MODE_${i}`] = z.enum(['a', 'b']).default('a');
  }
  return z.object(shape);
}
const alone = (): z.ZodObject => schemaOf(() => z.coerce.number(), z.stringbool);
const ours = (): z.ZodObject => schemaOf(z.number, z.boolean);

// What a program does, once: the schema is made and used for the first time.
await bench('100 variables at start: the schema, and process.env through it', {
  perTurn: 1,
  clock: 'cpu',
  raw: () => alone().parse(process.env),
  subjects: { '@ent': () => defineConfig(ours(), { dir: false }).load() },
});

const known = alone();
const config = defineConfig(ours(), { dir: false });
await bench('100 variables of process.env again', {
  perTurn: 10,
  clock: 'cpu',
  raw: () => known.parse(process.env),
  subjects: { '@ent': () => config.load() },
});

const dir = mkdtempSync(join(tmpdir(), 'ent-config-bench-'));
try {
  const file = join(dir, '.env');
  writeFileSync(
    file,
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  await bench('100 variables of a .env file again', {
    perTurn: 10,
    clock: 'cpu',
    raw: () => known.parse(parse(readFileSync(file))),
    subjects: { '@ent': () => config.load({ dir, env: {} }) },
  });
} finally {
  rmSync(dir, { recursive: true });
}

// No source here: an object that is in memory already. zod alone takes some 80 ns a variable.
await bench('100 variables of an object again', {
  perTurn: 100,
  clock: 'cpu',
  raw: () => known.parse(env),
  subjects: { '@ent': () => config.load({ env }) },
});
