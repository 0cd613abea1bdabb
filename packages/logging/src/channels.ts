import { channel } from 'node:diagnostics_channel';
import type { DropReason } from './driver.ts';
import type { LogLevel } from './levels.ts';

/** Payload of {@link recordChannel}. */
export interface RecordOperation {
  readonly level: LogLevel;
}

/** Payload of {@link droppedChannel}. */
export interface DropOperation {
  readonly sink: string;
  readonly count: number;
  readonly reason: DropReason;
}

/** Payload of {@link rotatedChannel}. */
export interface RotateOperation {
  readonly path: string;
  /** Where the full file went. */
  readonly rotatedTo: string;
}

// Plain channels, not tracing channels: these operations are told when they are done, and nobody asks how long they
// took. A count of lines by level, of lost lines by sink and reason, and of rotations is made by subscribing.

/** `ent:logging:record`: a line was made. Payload {@link RecordOperation}. */
export const recordChannel = channel('ent:logging:record');
/** `ent:logging:dropped`: lines were lost. Payload {@link DropOperation}. */
export const droppedChannel = channel('ent:logging:dropped');
/** `ent:logging:rotated`: a log file was full and moved aside. Payload {@link RotateOperation}. */
export const rotatedChannel = channel('ent:logging:rotated');
