// What an application of NestJS answers through setUpNest, beyond what the suite of hosts asks of each of them.
import 'reflect-metadata';
import { toErrorRecord } from '@ent/errors';
import { accessLog, securityHeaders } from '@ent/middleware';
import { fastifyOptions } from '@ent/middleware/fastify';
import { setUpNest } from '@ent/middleware/nest';
import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpException,
  Module,
  Post,
  PreconditionFailedException,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';

class Things {
  list(): never {
    throw new BadRequestException(['a must be b', 'c is absent']);
  }
  object(): never {
    throw new HttpException({ code: 'MY_CODE', reason: 'for the log' }, 409);
  }
  ours(): never {
    throw new HttpException({ message: ['db-7 is down'] }, 503);
  }
  stale(): never {
    throw new PreconditionFailedException('It was changed.');
  }
  nothing(): never {
    // oxlint-disable-next-line typescript/only-throw-error -- people do
    throw undefined;
  }
  create(body: unknown): unknown {
    return body;
  }
}

// By hand what the decorators do, which the runtime's type stripping does not.
const { prototype } = Things;
const method = (name: keyof Things) =>
  [prototype, name, Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor] as const;
for (const name of ['list', 'object', 'ours', 'stale', 'nothing'] as const) Get(name)(...method(name));
Post()(...method('create'));
Body({ schema: z.object({ name: z.string(), cents: z.int() }) })(prototype, 'create', 0);
Controller()(Things);
class AppModule {}
Module({ controllers: [Things] })(AppModule);

describe.each(['Express', 'Fastify'])('NestJS on %s', (adapter) => {
  async function start() {
    const lines: [level: string, fields: Readonly<Record<string, unknown>>][] = [];
    const logger = {
      info: (_message: string, fields: Readonly<Record<string, unknown>>) => void lines.push(['info', fields]),
      error: (_message: string, fields: Readonly<Record<string, unknown>>) => void lines.push(['error', fields]),
    };
    const middleware = [securityHeaders(), accessLog(logger)];
    const http = adapter === 'Express' ? new ExpressAdapter() : new FastifyAdapter(fastifyOptions({ middleware }));
    const app = await NestFactory.create(AppModule, http, { logger: false });
    app.useGlobalPipes(new StandardSchemaValidationPipe());
    setUpNest(app, adapter === 'Express' ? { middleware } : undefined);
    await app.listen(0, '127.0.0.1');
    onTestFinished(() => app.close());
    const url = await app.getUrl();
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(url + path, init);
      return { headers: response.headers, problem: (await response.json()) as Record<string, unknown> };
    };
    return { ask, lines };
  }

  it('tells what its exceptions and pipes have to say, below 500', async () => {
    const { ask, lines } = await start();
    expect((await ask('/list')).problem).toMatchObject({
      title: 'Bad Request',
      status: 400,
      detail: 'a must be b; c is absent',
      errors: [{ detail: 'a must be b' }, { detail: 'c is absent' }],
    });
    const body = JSON.stringify({ cents: 1.5 });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    expect((await ask('/', init)).problem).toMatchObject({
      status: 400,
      errors: [{ detail: expect.stringMatching(/^name: /) }, { detail: expect.stringMatching(/^cents: /) }],
    });
    const { problem } = await ask('/object');
    expect([problem['title'], problem['detail']]).toEqual(['Conflict', undefined]);
    expect(JSON.stringify((await ask('/ours')).problem)).not.toContain('db-7');
    await expect.poll(() => lines).toHaveLength(4);
    // What is ours to know is in the log.
    expect(toErrorRecord(lines[3]?.[1]['err']).message).toBe('db-7 is down');
  });

  it('gives a problem no ETag, and no name of the framework', async () => {
    const { ask } = await start();
    const { headers, problem } = await ask('/stale');
    expect(problem).toMatchObject({ status: 412, detail: 'It was changed.' });
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect([headers.get('etag'), headers.get('x-powered-by')]).toEqual([null, null]);
  });

  it('logs an error also where nothing was thrown, literally', async () => {
    const { ask, lines } = await start();
    expect((await ask('/nothing')).problem).toMatchObject({ status: 500 });
    await expect.poll(() => lines).toHaveLength(1);
    expect(lines).toEqual([['error', expect.objectContaining({ err: expect.any(Error) })]]);
  });
});
