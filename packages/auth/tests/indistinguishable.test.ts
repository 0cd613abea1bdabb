import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import { createPasswords } from '../src/index.ts';

/** Welch's t of two samples: above 4.5 they are, with hardly a doubt, of two kinds (as in ISO/IEC 17825). */
function welch(a: readonly number[], b: readonly number[]): number {
  const of = (sample: readonly number[]) => {
    const mean = sample.reduce((sum, each) => sum + each, 0) / sample.length;
    const variance = sample.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (sample.length - 1);
    return { mean, error: variance / sample.length };
  };
  const [one, two] = [of(a), of(b)];
  return (one.mean - two.mean) / Math.sqrt(one.error + two.error);
}

/** Without the slowest tenth of all, which are those of the machine. */
function usual(
  samples: readonly { readonly known: boolean; readonly ms: number }[],
): Record<'known' | 'unknown', number[]> {
  const limit = samples.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.ceil(samples.length * 0.9) - 1] as number;
  const times = (known: boolean): number[] =>
    samples.filter((sample) => sample.known === known && sample.ms <= limit).map(({ ms }) => ms);
  return { known: times(true), unknown: times(false) };
}

const name = 'a login takes as long for an account that there is as for one that there is not';
itInDepth(name, { full: 20_000, ci: 8, of: 'logins' }, async ({ count, seed }) => {
  const random = randomOf(seed);
  const passwords = createPasswords({ driver: argon2() });
  const stored = await passwords.hash('nine otters paint the harbour');
  const samples: { known: boolean; ms: number }[] = [];
  for (let login = 0; login < count; login++) {
    const known = random() < 0.5;
    const began = performance.now();
    expect(await passwords.verify('nine otters paint the house', known ? stored : undefined)).toBe(false);
    samples.push({ known, ms: performance.now() - began });
  }
  const { known, unknown } = usual(samples);
  const t = welch(known, unknown);
  console.log(`Welch's t over ${count} logins: ${t.toFixed(2)}`);
  // A few say nothing: they show that it runs.
  if (count >= 1000) expect(Math.abs(t)).toBeLessThan(4.5);
});
