export {
  type DropOperation,
  droppedChannel,
  type RecordOperation,
  recordChannel,
  type RotateOperation,
  rotatedChannel,
} from './channels.ts';
export { getContext, withContext } from './context.ts';
export { createLogger } from './create.ts';
export type { DropReason, LineForm, LogDriver, LogFeatures, LogHost, SinkStats } from './driver.ts';
export type { WinstonDriver } from './drivers/winston.ts';
export { loggingErrors } from './errors.ts';
export { LOG_FORMATS, type LogFormat } from './formats/formats.ts';
export { REDACTED_NAMES } from './internal/redact.ts';
export { isLogLevel, LOG_LEVELS, type LogLevel } from './levels.ts';
export type { Logger, LogStats } from './logger.ts';
export type { CreateLoggerOptions, Duration, LogFields, LoggerOptions, ServiceInfo } from './options.ts';
export { type ConsoleSinkOptions, consoleSink } from './sinks/console.ts';
export { type FileSinkOptions, fileSink } from './sinks/file.ts';
export type { LogSink } from './sinks/sink.ts';
export { type TransportSinkOptions, transportSink } from './sinks/transport.ts';
