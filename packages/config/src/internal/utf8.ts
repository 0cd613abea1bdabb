import { isUtf8 } from 'node:buffer';

/** Bytes that are no text in UTF-8: read as if they were, they would give other names and values without a word. */
export class NotUtf8 extends Error {
  /** From 1; `undefined` where all of it is another encoding. */
  readonly line: number | undefined;

  constructor(reason: string, line?: number) {
    super(reason);
    this.line = line;
  }
}

/** The text of a file, without the byte order mark that some editors put before it. @throws NotUtf8 */
export function utf8Of(bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    if (isMark(bytes, 0xff, 0xfe) || isMark(bytes, 0xfe, 0xff)) throw new NotUtf8(UTF_16);
    throw new NotUtf8('is not UTF-8 (it looks like Latin-1)', lineOfFault(bytes));
  }
  const text = bytes.toString('utf8');
  // In UTF-16, every letter of a name has one.
  if (text.includes('\0')) throw new NotUtf8(UTF_16);
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

const UTF_16 = 'is not UTF-8 (it looks like UTF-16, or like no text)';

function isMark(bytes: Buffer, first: number, second: number): boolean {
  return bytes[0] === first && bytes[1] === second;
}

function lineOfFault(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    // A line feed is part of no other character.
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
