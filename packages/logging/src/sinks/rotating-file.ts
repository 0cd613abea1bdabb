import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { rotatedChannel } from '../channels.ts';
import type { Target } from './line-writer.ts';

export interface RotatingFileOptions {
  readonly path: string;
  readonly maxBytes: number;
  readonly daily: boolean;
  readonly keep: number;
  readonly mode: number;
}

const CHECK_MS = 1000;
const PAUSE_MS = 60_000;

/** A file that is appended to, and moved aside when it is full or a day is over. */
export class RotatingFile implements Target {
  readonly slice = 65_536;
  readonly #options: RotatingFileOptions;
  #fd = -1;
  #inode = 0;
  #size = 0;
  /** The day (UTC) that the file's lines are of. */
  #day = '';
  // Both by the monotonic clock: one that is set back must not make an hour of a second.
  #checkedAt = 0;
  /** Moving failed; until then the file just grows: better a large file than lost lines. */
  #pausedUntil = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  open(): void {
    const { path, mode } = this.#options;
    mkdirSync(dirname(path), { recursive: true });
    // O_APPEND: each write lands whole at the end, also with several processes on one file.
    this.#fd = openSync(path, 'a', mode);
    const stat = fstatSync(this.#fd);
    this.#inode = stat.ino;
    this.#size = stat.size;
    this.#day = dayOf(stat.size > 0 ? stat.mtimeMs : Date.now());
    this.#checkedAt = performance.now();
  }

  room(): number {
    const now = performance.now();
    if (now - this.#checkedAt >= CHECK_MS) {
      this.#checkedAt = now;
      if (!this.#isOurs()) this.#reopen();
    }
    if (now < this.#pausedUntil) return Number.POSITIVE_INFINITY;
    if (this.#options.daily) {
      const today = dayOf(Date.now());
      if (this.#day !== today && !this.isEmpty) return 0;
      this.#day = today;
    }
    return this.#options.maxBytes - this.#size;
  }

  roll(): void {
    const { path } = this.#options;
    // Another process may have moved it already; what stands there now is then not ours to move.
    const ours = this.#isOurs();
    this.close();
    const rotatedTo = ours ? this.#moveAside() : undefined;
    this.open();
    if (rotatedTo !== undefined && rotatedChannel.hasSubscribers) rotatedChannel.publish({ path, rotatedTo });
  }

  write(bytes: Buffer, offset: number, length: number): number {
    if (this.#fd === -1) this.open();
    const written = writeSync(this.#fd, bytes, offset, length);
    this.#size += written;
    return written;
  }

  recover(): boolean {
    // The descriptor may be the trouble (a share that was remounted); the next write opens the file again.
    this.close();
    return true;
  }

  close(): void {
    if (this.#fd === -1) return;
    try {
      closeSync(this.#fd);
    } catch {
      // It is gone, which is what we wanted.
    }
    this.#fd = -1;
  }

  #reopen(): void {
    this.close();
    this.open();
  }

  #isOurs(): boolean {
    return statSync(this.#options.path, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  #moveAside(): string | undefined {
    let name: string | undefined;
    try {
      name = this.#claimName();
      renameSync(this.#options.path, name);
    } catch {
      this.#pausedUntil = performance.now() + PAUSE_MS;
      if (name !== undefined) remove(name);
      return undefined;
    }
    this.#prune();
    return name;
  }

  /**
   * A free name for the full file, taken by creating it: of two processes
   * that want the same one, one goes on to the next.
   */
  #claimName(): string {
    const { path, mode } = this.#options;
    const last = this.#rotated().findLast((file) => file.day === this.#day);
    for (let n = (last?.n ?? 0) + 1; ; n++) {
      const { stem, extension } = split(path);
      const name = join(dirname(path), `${stem}.${this.#day}.${n}${extension}`);
      try {
        closeSync(openSync(name, 'wx', mode));
        return name;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  #prune(): void {
    const { path, keep } = this.#options;
    for (const file of this.#rotated().slice(0, -keep)) remove(join(dirname(path), file.name));
  }

  /** The files that were moved aside, oldest first. */
  #rotated(): { name: string; day: string; n: number }[] {
    const { stem, extension } = split(this.#options.path);
    const files: { name: string; day: string; n: number }[] = [];
    for (const name of readdirSync(dirname(this.#options.path))) {
      if (!name.startsWith(`${stem}.`) || !name.endsWith(extension)) continue;
      const match = /^(\d{4}-\d\d-\d\d)\.(\d+)$/.exec(name.slice(stem.length + 1, name.length - extension.length));
      if (match !== null) files.push({ name, day: match[1] as string, n: Number(match[2]) });
    }
    return files.toSorted((a, b) => (a.day === b.day ? a.n - b.n : a.day < b.day ? -1 : 1));
  }
}

function split(path: string): { stem: string; extension: string } {
  const extension = extname(path);
  return { stem: basename(path, extension), extension };
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process deleted it first, or nobody may; the next rotation tries again.
  }
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
