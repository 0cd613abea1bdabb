import { run } from '../run.ts';
import { createProviderApp } from './app.ts';
import { config } from './config.ts';

await run('payment-provider', config, createProviderApp);
