import { createApp } from './app.ts';
import { config } from './config.ts';
import { run } from './run.ts';

await run('order-service', config, createApp);
