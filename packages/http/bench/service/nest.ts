import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Module,
  type NestInterceptor,
  Param,
  Res,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { LIMIT, ORIGIN, Refusal, type User, UserView, type Work } from './work.ts';

/** The service as controllers, guards and interceptors, on Fastify, which is faster than its default. */
export async function nestService(work: Work): Promise<Server> {
  class Authenticated implements CanActivate {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { id: string } }>>();
      work.permit(await work.authenticate(request.headers.authorization), request.params.id);
      return true;
    }
  }

  class AsUserView implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler): Observable<UserView> {
      return next.handle().pipe(map((user: unknown) => UserView.parse(user)));
    }
  }

  class Users {
    read(id: string, reply: FastifyReply): User {
      const user = work.user(id);
      void reply.header('etag', work.etag(user)).header('cache-control', 'private, no-cache');
      return user;
    }
  }
  // `@Get(':id')` before the method, for a compiler that knows decorators; node only takes types away.
  const read = Object.getOwnPropertyDescriptor(Users.prototype, 'read') as PropertyDescriptor;
  for (const decorate of [Get(':id'), UseGuards(Authenticated), UseInterceptors(AsUserView)]) {
    decorate(Users.prototype, 'read', read);
  }
  Param('id')(Users.prototype, 'read', 0);
  Res({ passthrough: true })(Users.prototype, 'read', 1);
  Controller('api/v1/users')(Users);

  class Refusals implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): void {
      const status = error instanceof Refusal ? error.status : 500;
      const reply = host.switchToHttp().getResponse<FastifyReply>();
      void reply.code(status).type('application/problem+json').send({ status });
    }
  }

  class AppModule {}
  Module({ controllers: [Users] })(AppModule);

  const adapter = new FastifyAdapter({ genReqId: () => randomUUID() });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: ['error'] });
  app.useGlobalFilters(new Refusals());
  await app.register(helmet);
  await app.register(cors, { origin: [ORIGIN] });
  await app.register(rateLimit, { max: LIMIT, timeWindow: '1 minute' });
  const fastify = adapter.getInstance();
  fastify.addHook('onSend', async (request, reply) => void reply.header('x-request-id', request.id));
  fastify.addHook('onResponse', async (request, reply) => {
    work.answered(request.method, reply.statusCode, reply.elapsedTime);
  });
  await app.init();
  await fastify.ready();
  return app.getHttpServer();
}
