import { compiled, membersOf, sharedBy } from '../../internal/compiled.ts';
import { instantAt } from '../../internal/sql/instants.ts';
import type { MysqlField } from './client.ts';

/** What mysql2's packet has, from which it reads an answer. */
interface Packet {
  readonly buffer: Uint8Array;
  offset: number;
  readInt8(): number;
  readSInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readSInt32(): number;
  readSInt64(): number | string;
  readDouble(): number;
  readLengthCodedString(encoding: string): string;
  readLengthCodedBuffer(): Uint8Array;
}

/** A column, with what its values are read by. */
interface Column extends Pick<MysqlField, 'name' | 'columnType'> {
  readonly encoding: string;
  readonly characterSet: number;
  readonly flags: number;
  readonly decimals: number;
}

type Parser = new () => { next(packet: Packet): object };

/** The part of mysql2's command that makes what reads its rows. */
interface Command {
  buildParserFromFields?: (this: Command, columns: readonly Column[], connection: unknown) => Parser;
}

type Read = (packet: Packet, encoding: string) => unknown;
/** Of the protocol. https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const TYPES = { tiny: 1, long: 3, double: 5, timestamp: 7, longlong: 8, datetime: 12, newdecimal: 246, blob: 252 };
const [VAR_STRING, STRING] = [253, 254];
/** The character set of bytes, and the flag of integers without a sign. */
const [BINARY, UNSIGNED] = [63, 32];

/** What reads the rows of a statement, and the columns that it is for: those of a table may change. */
interface Known {
  readonly columns: readonly Column[];
  /** Undefined where they are left to mysql2. */
  readonly parser: Parser | undefined;
}

const known = new WeakMap<object, Known>();

/**
 * Has the rows of a command read here, where mysql2 would make a text of each date, since its own dates lose
 * microseconds and the first century: to write that text and to read it takes longer than all else of a row. Columns of
 * other types than those here, or whose dates have microseconds, are left to mysql2, with their rows.
 *
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
 *
 * @param statement what is executed, for which the same columns mostly come again
 */
export function readDatesOf(execution: unknown, statement: object): void {
  const command = execution as Command;
  const theirs = command.buildParserFromFields;
  if (theirs === undefined) return;
  command.buildParserFromFields = function (columns, connection) {
    let found = known.get(statement);
    if (found === undefined || !isAlike(found.columns, columns)) {
      const copy = columns.map(copyOf);
      found = { columns: copy, parser: parserOf(copy) };
      known.set(statement, found);
    }
    return found.parser ?? theirs.call(this, columns, connection);
  };
}

/** A column of mysql2 keeps the packet that it came in. */
function copyOf({ name, columnType, encoding, characterSet, flags, decimals }: Column): Column {
  return { name, columnType, encoding, characterSet, flags, decimals };
}

function isAlike(columns: readonly Column[], others: readonly Column[]): boolean {
  if (columns.length !== others.length) return false;
  for (let index = 0; index < columns.length; index += 1) {
    const [column, other] = [columns[index] as Column, others[index] as Column];
    if (column.name !== other.name || column.columnType !== other.columnType || column.flags !== other.flags)
      return false;
    if (column.characterSet !== other.characterSet || column.decimals !== other.decimals) return false;
  }
  return true;
}

const parserOf = sharedBy((columns: readonly Column[]): Parser | undefined => {
  const reads = columns.map(readOf);
  if (!reads.includes(instant) || reads.includes(undefined)) return undefined;
  const next = compiledOver(columns, reads as Read[]) ?? ((packet) => rowOf(packet, columns, reads as Read[]));
  return class {
    next(packet: Packet): object {
      return next(packet);
    }
  };
});

/** {@link rowOf} as one function of these columns. */
function compiledOver(columns: readonly Column[], reads: readonly Read[]): ((packet: Packet) => object) | undefined {
  const members = membersOf(columns.map(({ name }) => name))?.map((name, index) => {
    const isNull = `buffer[nulls + ${(index + 2) >> 3}] & ${1 << ((index + 2) & 7)}`;
    return `${name}: ${isNull} ? null : read${index}(packet, encoding${index})`;
  });
  const source = `
    const [${columns.map((_column, index) => `read${index}, encoding${index}`).join()}] = c0;
    return (packet) => {
      const { buffer } = packet;
      const nulls = packet.offset + 1;
      packet.offset = nulls + ${(columns.length + 9) >> 3};
      return { ${members?.join()} };
    };`;
  return members && compiled(source, [columns.flatMap(({ encoding }, index) => [reads[index], encoding])]);
}

function rowOf(packet: Packet, columns: readonly Column[], reads: readonly Read[]): object {
  const row: Record<string, unknown> = {};
  // A byte that is always the same, and a bit for each column that is null, the first two of which are nobody's.
  const nulls = packet.offset + 1;
  packet.offset = nulls + ((columns.length + 9) >> 3);
  for (let index = 0; index < columns.length; index += 1) {
    const { name, encoding } = columns[index] as Column;
    const isNull = ((packet.buffer[nulls + ((index + 2) >> 3)] as number) >> ((index + 2) & 7)) & 1;
    row[name] = isNull === 1 ? null : (reads[index] as Read)(packet, encoding);
  }
  return row;
}

function readOf({ columnType, characterSet, flags, decimals }: Column): Read | undefined {
  switch (columnType) {
    case TYPES.datetime:
    case TYPES.timestamp:
      return decimals <= 3 ? instant : undefined;
    case TYPES.tiny:
      return (flags & UNSIGNED) === 0 ? (packet) => packet.readSInt8() : undefined;
    case TYPES.long:
      return (flags & UNSIGNED) === 0 ? (packet) => packet.readSInt32() : undefined;
    case TYPES.longlong:
      return (flags & UNSIGNED) === 0 ? (packet) => packet.readSInt64() : undefined;
    case TYPES.double:
      return (packet) => packet.readDouble();
    case TYPES.newdecimal:
      return (packet) => packet.readLengthCodedString('ascii');
    case TYPES.blob:
    case VAR_STRING:
    case STRING:
      return characterSet === BINARY ? bytes : text;
    default:
      return undefined;
  }
}

const text: Read = (packet, encoding) => packet.readLengthCodedString(encoding);
const bytes: Read = (packet) => packet.readLengthCodedBuffer();

/** An invalid date for what no Date can be. What is zero at the end is not sent. */
function instant(packet: Packet): Date {
  const length = packet.readInt8();
  if (length < 4) return new Date(Number.NaN);
  const [year, month, day] = [packet.readInt16(), packet.readInt8(), packet.readInt8()];
  const seconds = length < 7 ? 0 : packet.readInt8() * 3600 + packet.readInt8() * 60 + packet.readInt8();
  const microseconds = length < 11 ? 0 : packet.readInt32();
  return new Date(instantAt(year, month, day, seconds) + microseconds / 1000);
}
