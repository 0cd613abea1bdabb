import { fastifyOptions } from '@ent/middleware/fastify';
import { setUpNest } from '@ent/middleware/nest';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { middleware } from './middleware.ts';
import { AppModule } from './nest-module.ts';

const adapter = new FastifyAdapter(fastifyOptions({ middleware }));
const app = await NestFactory.create(AppModule, adapter, { logger: ['error'] });
setUpNest(app);
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(await app.getUrl());
