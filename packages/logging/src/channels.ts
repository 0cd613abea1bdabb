import { channel } from 'node:diagnostics_channel';
import type { DropReason } from './driver.ts';
import type { LogLevel } from './levels.ts';

/** Payload of {@link recordChannel}. */
export interface RecordEvent {
  readonly level: LogLevel;
}

/** Payload of {@link droppedChannel}. */
export interface DroppedEvent {
  readonly sink: string;
  readonly count: number;
  readonly reason: DropReason;
}

/** Payload of {@link rotatedChannel}. */
export interface RotatedEvent {
  readonly path: string;
  /** Where the full file went. */
  readonly rotatedTo: string;
}

// Plain channels, not tracing channels: these are events without a duration. A count of lines by level, of lost lines
// by sink and reason, and of rotations is made by subscribing.

/** `ent:logging:record`: a line was made. Payload {@link RecordEvent}. */
export const recordChannel = channel('ent:logging:record');
/** `ent:logging:dropped`: lines were lost. Payload {@link DroppedEvent}. */
export const droppedChannel = channel('ent:logging:dropped');
/** `ent:logging:rotated`: a log file was full and moved aside. Payload {@link RotatedEvent}. */
export const rotatedChannel = channel('ent:logging:rotated');
