import { declareHost } from './suite/suite.ts';
import { fastifyHost } from './suite/rows/fastify.ts';
import { nestOnExpress, nestOnFastify } from './suite/rows/nest.ts';

for (const host of [fastifyHost, nestOnExpress, nestOnFastify]) declareHost(host);
