export { bearer, type BearerAuthenticator } from './bearer.ts';
export { drain } from './drain.ts';
export { httpErrors } from './errors.ts';
export { createHandler, createListener, type HandlerOptions, type ListenerOptions } from './handler.ts';
export { type Mounted, mount } from './mount.ts';
export type { DrainOptions, DrainReport, Duration, ServerOptions } from './options.ts';
export { type HandlerResult, type ResponseSpec, type Responses, type RouteReply, reply } from './responses.ts';
export {
  type Authenticator,
  type Guard,
  type GuardRequest,
  type HandlerInput,
  type Method,
  type PathParams,
  type Route,
  type RouteDocs,
  type RouteSpec,
  route,
  type TypedRoute,
} from './route.ts';
export { createServer, drainable } from './server.ts';
export { type SessionCookieOptions, sessionCookie } from './session-cookie.ts';
export { type VersionsByPath, type VersionsOptions, versions } from './versions.ts';
