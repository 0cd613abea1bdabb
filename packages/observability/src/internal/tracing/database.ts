import type { Stop } from '../metrics/stop.ts';
import { codeOf } from '../metrics/code-of.ts';
import { fail, isPart, KIND, type Spans } from './spans.ts';

/** What is read of the channels of `@ent/database`, which documents them in full. */
interface Query {
  readonly system: string;
  readonly namespace: string;
  readonly operation: string;
  readonly entity?: string;
  readonly statement?: string;
  readonly rows?: number;
  readonly errorCode?: string;
}
interface Transaction {
  readonly system: string;
  readonly namespace: string;
  readonly kind: 'transaction' | 'savepoint';
  readonly attempts: number;
  readonly outcome?: string;
}

/** Queries and transactions. What polls a database by itself has no trace to be a part of, and no span. */
export function database(spans: Spans): Stop[] {
  const queries = spans.of<Query>('ent:database:query', {
    begin({ system, namespace, operation, entity }, parent) {
      if (!isPart(parent)) return undefined;
      return {
        name: `${operation} ${entity ?? namespace}`,
        options: {
          kind: KIND.client,
          attributes: {
            'db.system.name': system,
            'db.namespace': namespace,
            'db.operation.name': operation,
            ...(entity !== undefined && { 'db.collection.name': entity }),
          },
        },
        parent,
      };
    },
    end(span, { statement, rows, errorCode }, error) {
      if (statement !== undefined) span.setAttribute('db.query.text', statement);
      if (rows !== undefined) span.setAttribute('db.response.returned_rows', rows);
      if (error !== undefined) fail(span, errorCode ?? codeOf(error));
    },
  });
  const transactions = spans.of<Transaction>('ent:database:transaction', {
    begin({ system, namespace, kind }, parent) {
      if (!isPart(parent)) return undefined;
      const attributes = { 'db.system.name': system, 'db.namespace': namespace };
      return { name: `${kind} ${namespace}`, options: { kind: KIND.internal, attributes }, parent };
    },
    end(span, { attempts, outcome }, error) {
      span.setAttribute('ent.transaction.attempts', attempts);
      if (outcome !== undefined) span.setAttribute('ent.transaction.outcome', outcome);
      if (error !== undefined) fail(span, codeOf(error));
    },
  });
  return [queries, transactions];
}
