import type { Place } from '../place.ts';
import { listen, type Stop } from './stop.ts';

/** Log lines: `ent:logging:record` and `ent:logging:dropped`, which are plain channels. */
export function logging(place: Place): Stop[] {
  const records = place.counter({
    name: 'ent.log.records',
    unit: '{record}',
    help: 'Log lines that were made, by level.',
    attributes: ['ent.log.level'],
  });
  const dropped = place.counter({
    name: 'ent.log.records_dropped',
    unit: '{record}',
    help: 'Log lines that were lost, by sink and reason.',
    attributes: ['ent.log.sink', 'ent.log.reason'],
  });
  const onRecord = (message: unknown): void => void records.cell((message as { level: string }).level).value++;
  const onDropped = (message: unknown): void => {
    const { sink, reason, count } = message as { sink: string; reason: string; count: number };
    dropped.cell(sink, reason).value += count;
  };
  return [listen({ 'ent:logging:record': onRecord, 'ent:logging:dropped': onDropped })];
}
