import { declareHost } from '../support/hosts/suite.ts';
import { expressHost } from '../support/hosts/rows/express.ts';
import { koaHost } from '../support/hosts/rows/koa.ts';
import { node } from '../support/hosts/rows/replies.ts';

for (const host of [node, expressHost, koaHost]) declareHost(host);
