export { apiKey, type ApiKeyOptions } from './api-key.ts';
export type { RouteAnswer } from './answer.ts';
export { bearer, type BearerAuthenticator, type BearerOptions } from './bearer.ts';
export type { RouteBody } from './body.ts';
export { drain } from './drain.ts';
export { httpErrors } from './errors.ts';
export { eventStream, type EventStreamOptions, lastEventId } from './events.ts';
export { fileAnswer } from './file-answer.ts';
export { formBody, type FormBodyOptions } from './form-body.ts';
export { createHandler, createListener, type HandlerOptions, type ListenerOptions } from './handler.ts';
export { type Mounted, mount } from './mount.ts';
export { negotiated, type Representations } from './negotiated.ts';
export type { DrainOptions, DrainReport, Duration, ServerOptions, TlsOptions } from './options.ts';
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
export type { ServerSentEvent } from './server-sent-event.ts';
export { type SessionCookieOptions, sessionCookie } from './session-cookie.ts';
export { streamBody } from './stream-body.ts';
export { type VersionsByPath, type VersionsOptions, versions } from './versions.ts';
