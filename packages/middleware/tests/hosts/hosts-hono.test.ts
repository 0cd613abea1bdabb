// By itself: the server of Hono puts classes of its own in the place of the global Request and Response.
import { declareHost } from './suite/suite.ts';
import { honoHost } from './suite/rows/hono.ts';

declareHost(honoHost);
