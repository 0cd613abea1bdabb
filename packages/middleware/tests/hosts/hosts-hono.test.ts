// By itself: the server of Hono puts classes of its own in the place of the global Request and Response.
import { declareHost } from '../support/hosts/suite.ts';
import { honoHost } from '../support/hosts/rows/hono.ts';

declareHost(honoHost);
