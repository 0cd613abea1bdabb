export { runInBareApp } from './bare-app.ts';
export { randomOf } from './depth.ts';
export { isRequired } from './environment.ts';
export { freePorts } from './free-ports.ts';
export { bytesPerRound, heldBytes } from './heap.ts';
export { installedFolder } from './installed-folder.ts';
export { findProgram } from './programs.ts';
export { type FaultProxy, startProxy } from './proxy.ts';
export {
  OPTIONAL_SERVERS,
  type PgBouncer,
  type RedisCluster,
  type RedisSentinel,
  type Replicated,
  SERVER_NAMES,
  type Server,
  type ServerName,
  type Servers,
} from './server.ts';
export {
  runService,
  type RunningService,
  type ServiceOptions,
  type ServiceProcess,
  startService,
} from './service.ts';
export { NotInstalledError, type StartOptions, startServer, whyMissing } from './start.ts';
export { uniqueName } from './unique-name.ts';
export { writtenDown } from './written-down.ts';
