export { type CallOperation, channels } from './channels.ts';
export { mcpErrors } from './errors.ts';
export { type McpHandler, mcpHandler, type McpHandlerOptions } from './http.ts';
export { createMcp, type Mcp, type McpOptions } from './mcp.ts';
export type {
  CachesPort,
  ConfigPort,
  ErrorsPort,
  HealthPort,
  LetterPort,
  MessagingPort,
  MetricsPort,
  MigrationsPort,
  RoutePort,
  ServicePorts,
} from './ports.ts';
export { serviceTools } from './service.ts';
export { serveStdio, type StdioConnection, type StdioOptions } from './stdio.ts';
export { defineTool, type Tool, type ToolCall } from './tool.ts';
export { type CacheStats, type ProcessWatch, type SeenError, watchProcess, type WatchOptions } from './watch.ts';
