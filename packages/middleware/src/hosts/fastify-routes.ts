import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance } from 'fastify';
import { hasBody } from '../body.ts';
import { exchangeOf } from './exchange-of.ts';

const CONTEXT = Symbol('context');

/** Tells exchanges the patterns of their routes, and keeps their context where Fastify reads a body. */
export function tellRoutes(app: Pick<FastifyInstance, 'addHook'>): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const exchange = exchangeOf(request);
    if (exchange !== undefined) exchange.route = request.routeOptions.url;
    done();
  });
  // After all hooks of onRequest, which may have added to the context: who calls.
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    const exchange = exchangeOf(request);
    if (exchange !== undefined && hasBody(exchange)) exchange.state.set(CONTEXT, AsyncLocalStorage.snapshot());
    done();
  });
  app.addHook('preValidation', (request, _reply, done) => {
    const inContext = exchangeOf(request)?.state.get(CONTEXT) as (<T>(work: () => T) => T) | undefined;
    if (inContext === undefined) done();
    else inContext(done);
  });
}
