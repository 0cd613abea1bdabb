import { databaseErrors } from '../../errors.ts';
import type { DriverCall } from '../../driver.ts';
import type { Product } from './errors.ts';
import type { Session } from './session.ts';

/**
 * The transactions that a server has, as intervals of numbers by where they come from: a domain of MariaDB, of which
 * only the last number is told, or the UUID of a server of MySQL.
 */
export type Position = ReadonlyMap<string, readonly (readonly [first: bigint, last: bigint])[]>;

/**
 * How far a server has come, by its GTIDs.
 *
 * https://mariadb.com/docs/server/ha-and-performance/standard-replication/gtid
 */
export const positions = {
  written: (session: Session, _call: DriverCall): Promise<Position> => ask(session, WRITTEN[session.server.product]),
  shown: (session: Session, _call: DriverCall): Promise<Position> => ask(session, SHOWN[session.server.product]),
  covers: (shown: Position, written: Position): boolean =>
    [...written].every(([source, intervals]) =>
      intervals.every(([first, last]) =>
        (shown.get(source) ?? []).some(([from, until]) => from <= first && last <= until),
      ),
    ),
};

// Of the whole server: what a session has written itself is told apart.
const WRITTEN: Readonly<Record<Product, string>> = {
  MariaDB: 'select if(@@global.log_bin, @@global.gtid_current_pos, null) as position',
  MySQL: 'select @@global.gtid_executed as position',
};

/**
 * Null for a server that follows nobody and takes writes, such as one that was promoted. MySQL tells who it follows
 * only to users of some privileges.
 */
const SHOWN: Readonly<Record<Product, string>> = {
  MariaDB: `select if(@@global.read_only, @@global.gtid_slave_pos, (
      select if(variable_value = 'ON', @@global.gtid_slave_pos, null)
      from information_schema.global_status where variable_name = 'SLAVE_RUNNING'
    )) as position`,
  MySQL: 'select if(@@global.read_only, @@global.gtid_executed, null) as position',
};

async function ask(session: Session, sql: string): Promise<Position> {
  const { rows } = await session.execute({ sql, kind: 'rows', returnsRows: true, recurs: true }, []);
  const position = rows[0]?.['position'];
  if (typeof position !== 'string') throw new Error('The server is no replica.');
  return positionOf(session.server.product, position);
}

/** @throws `database.unsupported` where the replicas of this server could not be told to be fresh */
export async function demandPosition(session: Session): Promise<void> {
  const { rows } = await session.execute(
    { sql: WRITTEN[session.server.product], kind: 'rows', returnsRows: true, recurs: true },
    [],
  );
  const position = rows[0]?.['position'];
  if (typeof position === 'string' && position !== '') return;
  throw databaseErrors.unsupported(
    'mysql: replicas need a primary that writes a binary log with GTIDs (log_bin; on MySQL gtid_mode = ON, too); without it nobody knows how far behind they are.',
  );
}

/** Reads `0-1-100,1-1-7` of MariaDB, or `3e11fa47-...:1-5:11-18,...` of MySQL, which may have tags. */
export function positionOf(product: Product, told: string): Position {
  const position = new Map<string, [bigint, bigint][]>();
  const add = (source: string, first: string, last: string): void => {
    const known = position.get(source) ?? [];
    known.push([BigInt(first), BigInt(last)]);
    position.set(source, known);
  };
  for (const part of told.replaceAll(/\s/g, '').split(',').filter(Boolean)) {
    if (product === 'MariaDB') {
      const [domain = '', , last = ''] = part.split('-');
      add(domain, '0', last);
      continue;
    }
    const [uuid = '', ...pieces] = part.split(':');
    let source = uuid;
    for (const piece of pieces) {
      const [first = '', last = first] = piece.split('-');
      if (/^\d/.test(piece)) add(source, first, last);
      else source = `${uuid}:${piece}`;
    }
  }
  return position;
}
