import { basename } from 'node:path';
import { chain } from '@ent/internal';
import type { DriverPool } from '../../../driver.ts';
import type { SqlDriverParts } from '../../../internal/sql/driver.ts';
import type { SqlOutcome, SqlStatement } from '../../../internal/sql/types.ts';
import { isExact } from '../connection.ts';
import { ThreadPool } from './pool.ts';
import type { ThreadStatement } from './protocol.ts';
import type { ThreadSession } from './session.ts';

type Own = 'name' | 'features' | 'dialect' | 'classify' | 'namespace' | 'lock' | 'client' | 'pool';
type Parts = Omit<SqlDriverParts<ThreadSession, never>, Own> & { readonly pool: DriverPool };

/** What is different where the connections are in threads: each step is a message, and its answer another one. */
export function threadParts(file: string, synchronous: 'normal' | 'full'): Parts {
  const pool = new ThreadPool(file, synchronous);
  const statements = new WeakMap<SqlStatement, ThreadStatement>();

  function threadStatement(statement: SqlStatement): ThreadStatement {
    const known = statements.get(statement);
    if (known !== undefined) return known;
    const { sql, kind, returnsRows, single, recurs } = statement;
    const made: ThreadStatement = { sql, kind, returnsRows, single, recurs, exact: isExact(statement) };
    if (recurs) statements.set(statement, made);
    return made;
  }

  return {
    pool: { name: basename(file), max: pool.max },
    connect: (call) => pool.connect(call),
    ping: (session, call) => chain(session.ask({ op: 'touch' }, call), () => pool.expectRoom()),
    close: () => pool.close(),
    sessions: pool,
    execute(session, statement, parameters, call) {
      if (statement.kind !== 'rows') session.isUsed = true;
      const work = { op: 'execute', statement: threadStatement(statement), parameters: parameters.map(alone) } as const;
      return session.ask(work, call) as Promise<SqlOutcome>;
    },
    begin(session, { readOnly, foreignKeys }, call) {
      session.isUsed = true;
      return done(session.ask({ op: 'begin', readOnly, foreignKeys }, call));
    },
    commit: (session, call) => done(session.ask({ op: 'commit' }, call)),
    rollback: (session, call) => done(session.ask({ op: 'rollback' }, call)),
  };
}

async function done(asked: Promise<unknown>): Promise<void> {
  await asked;
}

/** Bytes without the rest of the memory that they are a part of: all of it would be copied. */
function alone(value: unknown): unknown {
  if (!(value instanceof Uint8Array) || value.byteLength === value.buffer.byteLength) return value;
  return new Uint8Array(value);
}
