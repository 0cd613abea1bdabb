import { CounterFamily, type Place } from '../families.ts';
import { listen, type Stop } from './stop.ts';

/** Log lines: `ent:logging:record` and `ent:logging:dropped`, which are plain channels. */
export function logging(place: Place): Stop[] {
  const records = new CounterFamily(place, {
    name: 'log_records_total',
    help: 'Log lines that were made, by level.',
    labelNames: ['level'],
  });
  const dropped = new CounterFamily(place, {
    name: 'log_records_dropped_total',
    help: 'Log lines that were lost, by sink and reason.',
    labelNames: ['sink', 'reason'],
  });
  const onRecord = (message: unknown): void => void records.cell((message as { level: string }).level).value++;
  const onDropped = (message: unknown): void => {
    const { sink, reason, count } = message as { sink: string; reason: string; count: number };
    dropped.cell(sink, reason).value += count;
  };
  return [listen({ 'ent:logging:record': onRecord, 'ent:logging:dropped': onDropped })];
}
