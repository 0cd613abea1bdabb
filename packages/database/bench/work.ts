import { parseArgs } from 'node:util';
import { bench } from '../../../scripts/bench.ts';
import { uuidv7 } from '../src/index.ts';

/** A row as the application has it. */
export interface User {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: Date;
  readonly version: number;
}

/** What each subject does, in the way that its own documentation shows for it, and without a cache of entities. */
export interface Subject {
  get(id: string): unknown;
  /** The first `limit` rows with an id above this, in order. */
  find(after: string, limit: number): unknown;
  insert(user: User): unknown;
  insertMany(users: readonly User[]): unknown;
  /** Another name, and the next version. */
  rename(id: string, name: string): unknown;
  /** Stores the user, or gives the one with this email another name and the next version. */
  upsert(user: User): unknown;
  /** Five statements: begin, get, insert, rename, commit. */
  transaction(read: string, user: User, renamed: string): unknown;
  /** Reads rows in order of their id, a batch at a time, and stops after this many; absent where it cannot. */
  stream?(rows: number): unknown;
  close(): unknown;
}

export interface Subjects {
  readonly raw: Subject;
  readonly others: Readonly<Record<string, Subject>>;
}

/** Rows that each subject's table has at the start. */
const ROWS = 100_000;
const MANY = 1000;
const DEEP = 10_000;
/** Calls at once in the rows that say so, and connections of each pool. */
export const CALLERS = 16;

/** The same ones in each process, in the order of their making. */
export const seeds: readonly User[] = Array.from({ length: ROWS }, (_, n) => ({
  ...newUser(`user${n}@example.org`),
  id: `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
}));

function newUser(email: string): User {
  return { id: uuidv7(), email, name: 'Ann', roles: ['user'], createdAt: new Date(), version: 1 };
}

let fresh = 0;
const next = (): User => newUser(`new${(fresh += 1)}@example.org`);
let turn = 0;
function anyOf(users: readonly User[]): User {
  turn = (turn + 7919) % users.length;
  return users[turn] as User;
}
const anyId = (): string => anyOf(seeds).id;

type Row = [work: string, what: (subject: Subject) => unknown, how?: { perTurn?: number; rounds?: number }];

const STREAM = 'stream 100,000';

/** What is measured. */
function rowsOf(): readonly Row[] {
  const deep = (seeds[DEEP] as User).id;
  const few = { perTurn: 1, rounds: 7 };
  return [
    ['get by id', (subject) => subject.get(anyId())],
    ['find 20', (subject) => subject.find(anyId(), 20)],
    ['page of 20 after 10,000', (subject) => subject.find(deep, 20)],
    ['insert', (subject) => subject.insert(next())],
    ['update', (subject) => subject.rename(anyId(), 'Bob')],
    ['upsert', (subject) => subject.upsert(anyOf(seeds))],
    ['transaction of 5 statements', (subject) => subject.transaction(anyId(), next(), anyId())],
    [`get by id, ${CALLERS} callers`, (subject) => together(() => subject.get(anyId())), { perTurn: 10 }],
    [`insert, ${CALLERS} callers`, (subject) => together(() => subject.insert(next())), { perTurn: 10 }],
    ['insert 1,000', (subject) => subject.insertMany(Array.from({ length: MANY }, next)), few],
    [STREAM, (subject) => subject.stream?.(ROWS), few],
  ];
}

/** Runs every row of the table on all subjects of one server. */
export async function benchAll(server: string, { raw, others }: Subjects, perTurn: number): Promise<void> {
  for (const [work, what, how] of rowsOf()) {
    const able = Object.entries(others).filter(([, subject]) => work !== STREAM || 'stream' in subject);
    await bench(`${server}: ${work}`, {
      perTurn,
      ...how,
      raw: () => what(raw),
      subjects: Object.fromEntries(able.map(([name, subject]) => [name, () => what(subject)])),
    });
  }
  for (const subject of [raw, ...Object.values(others)]) await subject.close();
}

/** How a subject is made, and whether it can stream. */
export interface Maker {
  readonly make: () => Subject | Promise<Subject>;
  readonly streams?: boolean;
}

/**
 * The same by the time of the processor, each subject in a process of its own in which no other one is made: what they
 * share, such as the library and the code that is measured with, is compiled for who uses it most.
 *
 * @param makers `raw` first
 */
export async function benchApart(
  server: string,
  makers: Readonly<Record<string, Maker>>,
  perTurn: number,
): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' } }, strict: false });
  const [, own] = JSON.parse(String(values.only ?? '[]')) as [string?, string?];
  const made = own === undefined ? undefined : await makers[own]?.make();
  for (const [work, what, how] of rowsOf()) {
    const run = (): unknown => what(made as Subject);
    const able = Object.keys(makers).filter((name) => work !== STREAM || makers[name]?.streams === true);
    const subjects = Object.fromEntries(able.filter((name) => name !== 'raw').map((name) => [name, run]));
    await bench(`${server}: ${work}`, { perTurn, clock: 'cpu', isolate: true, ...how, raw: run, subjects });
  }
  await made?.close();
}

/** Single statements of `db.native` beside the same ones of Kysely itself. */
export async function benchNative(server: string, { raw, others }: Subjects, perTurn: number): Promise<void> {
  const rows: readonly Row[] = [
    ['native get by id', (subject) => subject.get(anyId())],
    ['native find 20', (subject) => subject.find(anyId(), 20)],
    ['native insert', (subject) => subject.insert(next())],
    ['native update', (subject) => subject.rename(anyId(), 'Bob')],
  ];
  for (const [work, what] of rows) {
    const subjects = Object.entries(others).map(([name, subject]) => [name, () => what(subject)] as const);
    await bench(`${server}: ${work}`, { perTurn, raw: () => what(raw), subjects: Object.fromEntries(subjects) });
  }
}

function together(call: () => unknown): Promise<unknown[]> {
  return Promise.all(Array.from({ length: CALLERS }, () => call()));
}
