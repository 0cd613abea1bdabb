import type { Exchange } from '@ent/middleware';
import type { NodeExchange } from '@ent/middleware/node';
import { Connections } from './connections.ts';

/**
 * Calls back when the server of an exchange has waited for load balancers and is about to close: the moment for answers
 * that would go on forever to end. At once where that has been already; never on a host without `drain()`.
 *
 * @returns what forgets it
 */
export function whenDraining(exchange: Exchange, call: () => void): () => void {
  const socket = (exchange as Partial<NodeExchange>).req?.socket;
  return (socket && Connections.around(socket)?.whenEnding(call)) ?? ((): void => {});
}
