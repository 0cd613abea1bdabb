import { setUpNest } from '@ent/middleware/nest';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { middleware } from './middleware.ts';
import { AppModule } from './nest-module.ts';

const app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: ['error'] });
setUpNest(app, { middleware });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
console.log(await app.getUrl());
