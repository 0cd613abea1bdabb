import { declareHost } from '../support/hosts/suite.ts';
import { fastifyHost } from '../support/hosts/rows/fastify.ts';
import { nestOnExpress, nestOnFastify } from '../support/hosts/rows/nest.ts';

for (const host of [fastifyHost, nestOnExpress, nestOnFastify]) declareHost(host);
