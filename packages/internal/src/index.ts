export { activeSpan, OTEL_REGISTRY, OTEL_SPAN, type SpanIds } from './active-span.ts';
export { addressKey, bareAddress } from './address.ts';
export { type Awaitable, chain, isThenable } from './awaitable.ts';
export { type Backoff, type BackoffPlan, exponentialBackoff } from './backoff.ts';
export { type BearerFault, type BearerReading, MAX_TOKEN_LENGTH, readBearer } from './bearer.ts';
export { Call } from './call.ts';
export { operationChannel } from './channels.ts';
export {
  type ContextFields,
  type ContextRecord,
  currentContext,
  currentContextRecord,
  runWithContext,
} from './context.ts';
export { withDeadline } from './deadline.ts';
export { Deadlines, TimedCall } from './deadlines.ts';
export { demandHooks } from './demand-hooks.ts';
export { type Duration, durationOption, toMilliseconds } from './duration.ts';
export { Fifo, type Ticket } from './fifo.ts';
export { gcra } from './gcra.ts';
export { GcraTable } from './gcra-table.ts';
export { GrowingBytes } from './growing-bytes.ts';
export { jsonPointer } from './json-pointer.ts';
export { jsonKeeps, type Keeps, type Loss, lossIn, surelyKeeps } from './lossless.ts';
export { memcachedSlot } from './memcached-slot.ts';
export { missingPackage } from './missing-package.ts';
export {
  type ConnectionUrl,
  openByUrl,
  type OwnSchemes,
  parseConnectionUrl,
  type Scheme,
  type UrlErrors,
  truthIn,
} from './open.ts';
export { outsideContext } from './outside.ts';
export { pause } from './pause.ts';
export { type Limits, type Plain, plain } from './plain.ts';
export { hostAndPort, placeOf } from './place.ts';
export {
  commandOf,
  numberOption,
  parseCommandLine,
  readsEnvFile,
  refuseOptions,
  requiredArgument,
  runProgram,
  startProgram,
  UsageError,
} from './program.ts';
export { type SeenError, RecentErrors } from './recent-errors.ts';
export { CENSOR, isSecret, Redactor } from './redact.ts';
export { redisCode } from './redis-code.ts';
export { Offline, RedisConnection, type RedisConnectable } from './redis-connection.ts';
export { clusterOptions, RedisNodes } from './redis-nodes.ts';
export { Script } from './redis-script.ts';
export { slotOf } from './redis-slot.ts';
export { REDIS_SCHEMES, type RedisServers, redisServers } from './redis-url.ts';
export { demandMethods, demandOptions, demandSignal, kindOf, refuseUnknown } from './refuse-unknown.ts';
export { secretsIn } from './secrets-in.ts';
export { Semaphore } from './semaphore.ts';
export { repositorySlot } from './repository-slot.ts';
export { type GcraSlot, SharedGcra } from './shared-gcra.ts';
export { titleOf } from './status-titles.ts';
export { type Case, declareCases, rejectionOf, rejectsWith, type TestRunner, until } from './suite.ts';
export { Terminal } from './terminal.ts';
export { startTimer, type Timer } from './timer.ts';
export { ENCLOSE, enclosed, type Enclosing, type Telling, traced } from './trace.ts';
export { throwUncaught } from './uncaught.ts';
