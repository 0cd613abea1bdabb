import 'reflect-metadata';
import { createServer, type Server } from 'node:http';
import { bearer, createListener, route } from '@ent/http';
import { createExpressListener } from '@ent/middleware/express';
import { fastifyOptions, fastifyProblems } from '@ent/middleware/fastify';
import { createFetchHandler } from '@ent/middleware/fetch';
import { createHonoHandler } from '@ent/middleware/hono';
import { createKoaListener } from '@ent/middleware/koa';
import { setUpNest } from '@ent/middleware/nest';
import { createNodeListener } from '@ent/middleware/node';
import { createAdaptorServer } from '@hono/node-server';
import { Controller, Get, Headers, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { z } from 'zod';
import type { Sessions } from '../../src/index.ts';

/** A server that is not listening yet, and how it is ended. `GET /` answers who called, as JSON. */
export interface Hosted {
  readonly server: Server;
  close(): unknown;
}

type Authenticate = (authorization: string | undefined) => Promise<{ id: string }>;

const ofServer = (server: Server): Hosted => ({ server, close: () => server.close() });

class Me {
  authenticate: Authenticate | undefined;
  get(authorization: string | undefined) {
    return this.authenticate?.(authorization);
  }
}
// By hand what the decorators do, which the runtime's type stripping does not.
Headers('authorization')(Me.prototype, 'get', 0);
Get('/')(Me.prototype, 'get', Object.getOwnPropertyDescriptor(Me.prototype, 'get') as PropertyDescriptor);
Controller()(Me);
class App {}
Module({ controllers: [Me] })(App);

/** The same application on each host: it asks `sessions` who calls. */
export const hosts: Readonly<Record<string, (sessions: Sessions) => Hosted | Promise<Hosted>>> = {
  'node:http': (sessions) => {
    const authenticate = authenticateBy(sessions);
    const listener = createNodeListener(async (exchange) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await authenticate(exchange.header('authorization'))),
    }));
    return ofServer(createServer(listener));
  },
  '@ent/http': (sessions) => {
    const me = route({
      method: 'GET',
      path: '/',
      auth: bearer((token) => sessions.verify(token)),
      responses: { 200: z.object({ id: z.string() }) },
      handler: ({ principal }) => ({ id: principal.subject }),
    });
    return ofServer(createServer(createListener([me])));
  },
  Express: (sessions) => {
    const authenticate = authenticateBy(sessions);
    const app = express();
    app.get('/', async (req, res) => {
      res.json(await authenticate(req.headers.authorization));
    });
    return ofServer(createServer(createExpressListener(app, {})));
  },
  Fastify: async (sessions) => {
    const authenticate = authenticateBy(sessions);
    const app = fastify(fastifyOptions({}));
    await app.register(fastifyProblems);
    app.get('/', (request) => authenticate(request.headers.authorization));
    await app.ready();
    return { server: app.server, close: () => app.close() };
  },
  Koa: (sessions) => {
    const authenticate = authenticateBy(sessions);
    const app = new Koa();
    const listener = createKoaListener(app, {});
    app.use(async (context) => {
      context.body = await authenticate(context.headers.authorization);
    });
    return ofServer(createServer(listener));
  },
  Hono: (sessions) => {
    const authenticate = authenticateBy(sessions);
    const app = new Hono();
    const fetch = createHonoHandler(app, {});
    app.get('/', async (c) => c.json(await authenticate(c.req.header('authorization'))));
    return ofServer(createAdaptorServer({ fetch }) as Server);
  },
  fetch: (sessions) => {
    const authenticate = authenticateBy(sessions);
    const fetch = createFetchHandler(async (exchange) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await authenticate(exchange.header('authorization'))),
    }));
    return ofServer(createAdaptorServer({ fetch }) as Server);
  },
  'NestJS on Express': async (sessions) => {
    const app = await NestFactory.create<NestExpressApplication>(App, new ExpressAdapter(), { logger: false });
    setUpNest(app, {});
    app.get(Me).authenticate = authenticateBy(sessions);
    await app.init();
    return { server: app.getHttpServer(), close: () => app.close() };
  },
  'NestJS on Fastify': async (sessions) => {
    const adapter = new FastifyAdapter(fastifyOptions({}));
    const app = await NestFactory.create<NestFastifyApplication>(App, adapter, { logger: false });
    setUpNest(app);
    app.get(Me).authenticate = authenticateBy(sessions);
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    return { server: app.getHttpServer(), close: () => app.close() };
  },
};

function authenticateBy(sessions: Sessions): Authenticate {
  return async (authorization) => ({ id: (await sessions.authenticate(authorization)).subject });
}
