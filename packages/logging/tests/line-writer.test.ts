// The writer against a descriptor that misbehaves in every way that one can: partial writes, "try again", full disks,
// files that are full. What comes out must be whole records in order, and the numbers must add up.
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { LineWriter, type Target } from '../src/sinks/line-writer.ts';

function chance(seed: number): (below: number) => number {
  const random = randomOf(seed);
  return (below) => Math.floor(random() * below);
}

class Flaky implements Target {
  readonly slice: number;
  readonly files: Buffer[][] = [[]];
  attempts = 0;
  /** What the next writes do. */
  mood: 'well' | 'flaky' | 'again' | 'full' | 'gone' = 'well';
  readonly #limit: number;
  readonly #chance: (below: number) => number;

  constructor(slice: number, limit: number, seed: number) {
    this.slice = slice;
    this.#limit = limit;
    this.#chance = chance(seed);
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get #size(): number {
    return (this.files.at(-1) as Buffer[]).reduce((sum, part) => sum + part.length, 0);
  }

  room(): number {
    return this.#limit - this.#size;
  }

  roll(): void {
    this.files.push([]);
  }

  write(bytes: Buffer, offset: number, length: number): number {
    this.attempts++;
    const dice = this.#chance(10);
    if (this.mood === 'again' || (this.mood === 'flaky' && dice < 3)) throw failure('EAGAIN');
    if (this.mood === 'full' || (this.mood === 'flaky' && dice === 3)) throw failure('ENOSPC');
    if (this.mood === 'gone') throw failure('EPIPE');
    const written = this.mood === 'flaky' && dice < 7 ? 1 + this.#chance(length) : length;
    // A copy: the writer may use its buffer again.
    (this.files.at(-1) as Buffer[]).push(Buffer.from(bytes.subarray(offset, offset + written)));
    return written;
  }

  recover(code: string): boolean {
    return code === 'ENOSPC';
  }

  close(): void {}

  texts(): string[] {
    return this.files.map((parts) => Buffer.concat(parts).toString());
  }
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

function writerOn(target: Target, maxBuffer: number) {
  const elsewhere: number[] = [];
  const writer = new LineWriter(target, {
    name: 'test',
    maxBuffer,
    notice: (count) => `lost ${count}\n`,
    onDropped: () => {},
    lastResort: (notice) => void elsewhere.push(noticed(notice)),
  });
  return { writer, elsewhere };
}

/** The lost lines that whole notices in a text tell of. */
const noticed = (text: string): number =>
  Array.from(text.matchAll(/^lost (\d+)\n/gm), ([, count]) => Number(count)).reduce((sum, n) => sum + n, 0);

const dropped = (writer: LineWriter): number => Object.values(writer.stats().dropped).reduce((sum, n) => sum + n, 0);

async function keepsItsRecords(seed: number): Promise<void> {
  const random = chance(seed);
  const limit = [300, 5000, Infinity][seed % 3] as number;
  const target = new Flaky([64, 500, 4096, 65_536][seed % 4] as number, limit, seed);
  const { writer, elsewhere } = writerOn(target, 3000);
  const total = 400;
  for (let n = 0; n < total; n++) {
    if (n % 20 === 0) target.mood = (['well', 'flaky', 'again', 'full', 'flaky'] as const)[random(5)] as 'well';
    const text = `record ${n} ${'é€😀'.repeat(random(random(10) === 0 ? 80 : 12))}`;
    writer.write(random(4) === 0 ? `${text}\n    continued ${n}\n` : `${text}\n`);
    // To flush is to try again at once, without the wait between two tries.
    if (random(3) === 0) void writer.flush(1);
    if (random(10) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  // A few seeds end with lines that nobody takes, some of them half written.
  const isStuck = seed % 5 === 0;
  target.mood = isStuck ? 'again' : 'well';
  await writer.close(isStuck ? 20 : 60_000);
  const texts = target.texts();
  // The first line of a file may be cut short where nobody takes its rest.
  const begins = isStuck ? /^(record|lost|$|r(e(c(or?)?)?)?$|l(os?)?$)/ : /^(record|lost|$)/;
  for (const text of texts) expect(text).toMatch(begins);
  const all = texts.join('');
  const numbers = Array.from(all.matchAll(/^record (\d+) (?:é€😀)*\n(?! {4}(?!continued \1\n))/gm), ([, n]) =>
    Number(n),
  );
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(all.replace(/^(record \d+ (é€😀)*\n( {4}continued \d+\n)?|lost \d+\n)/gm, '').split('\n')).toHaveLength(1);
  if (!isStuck) expect(all).toMatch(/^$|\n$/);
  expect(numbers.length + dropped(writer)).toBeGreaterThanOrEqual(total);
  // Where a record was cut in two at the end, it counts as lost and yet its head may have arrived.
  expect(numbers.length + dropped(writer)).toBeLessThanOrEqual(total + (isStuck ? 1 : 0));
  expect(elsewhere.reduce((sum, n) => sum + n, noticed(all))).toBe(dropped(writer));
  expect(writer.stats().pending).toBe(0);
  if (limit !== Infinity) {
    // One record alone can be longer than a file should be.
    for (const text of texts) {
      const records = text.split(/\n(?! )/).filter((record) => record !== '');
      if (records.length > 1) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit);
    }
  }
}

describe('whatever the descriptor does', () => {
  itInDepth('records are whole, in order and accounted for', { full: 10_000, ci: 60, of: 'seeds' }, async (round) => {
    for (let seed = round.seed; seed < round.seed + round.count; seed++) {
      await keepsItsRecords(seed).catch((cause: unknown) => {
        throw new Error(`It failed with the seed ${seed}.`, { cause });
      });
    }
  });
});

describe('the buffer', () => {
  it('has room again for what was written', async () => {
    const target = new Flaky(4096, Infinity, 1);
    const { writer } = writerOn(target, 1000);
    for (let n = 0; n < 500; n++) {
      writer.write(`record ${n}\n`);
      if (n % 50 === 49) expect(await writer.flush(60_000)).toBe(true);
    }
    expect(dropped(writer)).toBe(0);
    expect(writer.stats().written).toBe(500);
  });
});

describe('whoever hears of a new file', () => {
  it.each(['write and close', 'finish'])('may log: the line is written with the others (%s)', async (end) => {
    const target = new Flaky(4096, 100, 1);
    const { writer } = writerOn(target, 10_000);
    let rolled = 0;
    target.roll = () => {
      target.files.push([]);
      if (rolled < 5) writer.write(`rolled ${rolled++}\n`);
    };
    for (let n = 0; n < 100; n++) writer.write(`record ${n}\n`);
    if (end === 'finish') writer.finish(60_000);
    await writer.close(60_000);
    const all = target.texts().join('');
    expect(Array.from(all.matchAll(/^rolled \d/gm))).toHaveLength(5);
    expect(Array.from(all.matchAll(/^record (\d+)$/gm), ([, n]) => Number(n))).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    );
    expect(dropped(writer)).toBe(0);
  });
});

describe('the end of the process', () => {
  it('is not held up by a disk that is full', () => {
    const target = new Flaky(4096, Infinity, 1);
    target.mood = 'full';
    const { writer } = writerOn(target, 3000);
    writer.write('record 0\n');
    writer.finish(60_000);
    expect(target.attempts).toBe(1);
    expect(writer.stats()).toMatchObject({ written: 0, dropped: { timeout: 1 } });
  });

  it('counts the line behind a notice that went out', () => {
    const target = new Flaky(4096, Infinity, 1);
    target.mood = 'again';
    const { writer, elsewhere } = writerOn(target, 100);
    for (let n = 0; n < 20; n++) writer.write(`record ${n}\n`);
    const before = dropped(writer);
    // The notice goes out at the second try, and the line that came behind it does not.
    const write = target.write.bind(target);
    let tries = 0;
    target.write = (bytes, offset, length) => {
      const text = bytes.toString('utf8', offset, offset + length);
      const isRefused = text.startsWith('lost') && ++tries === 1;
      if (isRefused) writer.write('late\n');
      target.mood = isRefused || text.startsWith('late') ? 'again' : 'well';
      return write(bytes, offset, length);
    };
    writer.finish(500);
    expect(dropped(writer)).toBe(before + 1);
    expect(elsewhere).toEqual([1]);
  });

  it('counts no notice as a lost line', () => {
    const target = new Flaky(4096, Infinity, 1);
    target.mood = 'again';
    const { writer, elsewhere } = writerOn(target, 100);
    for (let n = 0; n < 20; n++) writer.write(`record ${n}\n`);
    const before = dropped(writer);
    // The lines go out, and the notice is stuck.
    const write = target.write.bind(target);
    target.write = (bytes, offset, length) => {
      target.mood = bytes.toString('utf8', offset).startsWith('lost') ? 'again' : 'well';
      return write(bytes, offset, length);
    };
    writer.finish(500);
    expect(dropped(writer)).toBe(before);
    // Whoever reads the target never saw it.
    expect(elsewhere).toEqual([before]);
    expect(writer.stats()).toMatchObject({ pending: 0 });
  });

  it('comes at once to lines for a reader that is gone', () => {
    const target = new Flaky(4096, Infinity, 1);
    target.mood = 'gone';
    const { writer } = writerOn(target, 3000);
    writer.write('record 0\n');
    writer.finish(60_000);
    writer.write('record 1\n');
    expect(target.attempts).toBe(1);
    expect(writer.stats()).toMatchObject({ written: 0, dropped: { sink_failed: 2 } });
  });
});
