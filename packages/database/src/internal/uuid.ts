import { randomFillSync } from 'node:crypto';

// Random bytes for 256 ids at a time: one call of the generator for each would dominate the cost of an id.
const POOL = Buffer.alloc(10 * 256);
let used = POOL.length;
let lastMs = 0;
let counter = 0;

/**
 * A UUID version 7 (RFC 9562, section 5.7): sorted by time of creation, so that an index grows at its end.
 *
 * Within a process the ids strictly increase: `rand_a` is a counter (section 6.2, method 1) that starts at a random
 * place in each millisecond; when it is exhausted the id borrows the next millisecond. `nowMs` may stand still or go
 * back; ids do not.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (used === POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  const at = used;
  used += 10;
  if (nowMs > lastMs) {
    lastMs = nowMs;
    // The top bit stays free, so that at least 2,048 ids follow in the same millisecond.
    counter = POOL.readUInt16BE(at) & 0x7ff;
  } else {
    counter += 1;
    if (counter > 0xfff) {
      lastMs += 1;
      counter = 0;
    }
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const sequence = (0x7000 | counter).toString(16);
  const variant = (0x8000 | (POOL.readUInt16BE(at + 2) & 0x3fff)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-${sequence}-${variant}-${POOL.toString('hex', at + 4, at + 10)}`;
}
