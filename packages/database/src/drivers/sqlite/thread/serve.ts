import type { MessagePort } from 'node:worker_threads';
import type { DriverCall } from '../../../driver.ts';
import type { SqlOutcome } from '../../../internal/sql/types.ts';
import { whenFree } from '../busy.ts';
import { Connection, MAX_STATEMENTS } from '../connection.ts';
import { openReader, openWriter, optimize } from '../opening.ts';
import { begin, commit, touch } from '../transactions.ts';
import { packedError } from './errors.ts';
import { type Answer, packed, type Request, type ThreadData, type ThreadStatement, type Work } from './protocol.ts';

/** Nobody waits for the answer; what it did is undone. */
class GivenUpError extends Error {}

/** A request as what runs it sees it: it tells what it waits for, and ends when nobody waits for it. */
class ThreadCall implements DriverCall {
  readonly deadlineAt = Infinity;
  readonly #controller = new AbortController();
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  set waitingFor(what: string | undefined) {
    this.#port.postMessage({ waitingFor: what } satisfies Answer);
  }

  stop(): void {
    this.#controller.abort(new GivenUpError('The caller has given up.'));
  }
}

/** The other end of a `ThreadSession`: one connection, which does what it is asked, one request after the other. */
export function serve(port: MessagePort, { file, synchronous, isReader, givenUp }: ThreadData): void {
  let connection: Connection | undefined;
  let call: ThreadCall | undefined;
  let before: Promise<void> = Promise.resolve();

  const opened = (): Connection => {
    if (connection?.client.open !== true) {
      connection = new Connection(isReader ? openReader(file) : openWriter(file, synchronous), isReader);
    }
    return connection;
  };
  const statements = new Map<string, ThreadStatement>();

  /** The same object for the same statement, as the connection knows by it what it has prepared. */
  function theSame(statement: ThreadStatement): ThreadStatement {
    if (!statement.recurs) return statement;
    const name = `${statement.exact} ${statement.single} ${statement.sql}`;
    const known = statements.get(name);
    if (known !== undefined) return known;
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    statements.set(name, statement);
    return statement;
  }

  const isGivenUp = (id: number): boolean => Atomics.load(givenUp, 0) === id;

  async function execute(
    id: number,
    { statement, parameters }: Extract<Work, { op: 'execute' }>,
    own: ThreadCall,
  ): Promise<SqlOutcome> {
    const on = await whenFree(own, opened);
    const same = theSame(statement);
    // What writes alone has a transaction of its own, to be undone where the caller has given up meanwhile. What
    // `db.native` sends may be nothing for a transaction, such as VACUUM.
    const isAlone = statement.kind === 'rows' && !isReader && !on.inTransaction;
    if (!isAlone) return on.execute(own, same, parameters);
    await begin(on, { readOnly: false }, own);
    try {
      const outcome = await on.execute(own, same, parameters);
      if (isGivenUp(id)) throw new GivenUpError('The caller has given up.');
      await commit(on, own);
      return outcome;
    } finally {
      on.rollback();
    }
  }

  function reset(): void {
    if (connection === undefined) return;
    try {
      connection.rollback();
      connection.refuseWrites(false);
      if (connection.isDirty) connection.client.close();
    } catch {
      // It cannot even roll back.
      connection.client.close();
    }
  }

  async function run(id: number, work: Work, own: ThreadCall): Promise<SqlOutcome | undefined> {
    if (isGivenUp(id)) throw new GivenUpError('The caller has given up.');
    switch (work.op) {
      case 'execute':
        return execute(id, work, own);
      case 'begin':
        await begin(await whenFree(own, opened), work, own);
        return undefined;
      case 'commit':
        await commit(opened(), own);
        return undefined;
      case 'touch':
        await touch(await whenFree(own, opened), own);
        return undefined;
      case 'rollback':
        connection?.rollback();
        return undefined;
      case 'reset':
        reset();
        return undefined;
      case 'open':
        await whenFree(own, opened);
        return undefined;
      case 'close':
        reset();
        if (connection !== undefined) {
          optimize(connection.client);
          connection.client.close();
        }
        return undefined;
    }
  }

  async function answer(request: Exclude<Request, { op: 'stop' }>): Promise<void> {
    const { id } = request;
    call = new ThreadCall(port);
    let reply: Answer;
    try {
      const outcome = await run(id, request, call);
      reply = { id, outcome: outcome && packed(outcome) };
    } catch (error) {
      reply = { id, failure: packedError(error) };
    }
    call = undefined;
    port.postMessage(reply);
    if (request.op === 'close') port.close();
  }

  port.on('message', (request: Request) => {
    if (request.op === 'stop') call?.stop();
    else before = before.then(() => answer(request));
  });
}
