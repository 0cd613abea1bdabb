import { declareHost } from './suite/suite.ts';
import { expressHost } from './suite/rows/express.ts';
import { koaHost } from './suite/rows/koa.ts';
import { node } from './suite/rows/replies.ts';

for (const host of [node, expressHost, koaHost]) declareHost(host);
