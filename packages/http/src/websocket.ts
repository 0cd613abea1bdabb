export { acceptWebSockets, type AcceptWebSocketsOptions } from './websocket/accept.ts';
export { type WebSocketInput, type WebSocketRoute, webSocket, type WebSocketSpec } from './websocket/route.ts';
