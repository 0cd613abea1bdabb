// What a library can hold of OWASP ASVS 5.0.0, by the numbers of its requirements, for docs/security.md.
import { createLogger, LOG_FORMATS, type LogFormat } from '@ent/logging';
import { expect, it } from 'vitest';
import { lineSink } from './fixtures/line-sink.ts';

/** A line in each format that is JSON. */
function linesOf(message: string): Map<LogFormat, string[]> {
  const lines = new Map<LogFormat, string[]>();
  for (const format of LOG_FORMATS.filter((each) => each !== 'pretty')) {
    const written: string[] = [];
    createLogger({ format, sinks: [lineSink((line) => written.push(line))] }).info(message, { userId: 'ann' });
    lines.set(format, written);
  }
  return lines;
}

it('ASVS 16.2.2: each line has its time, in UTC', () => {
  for (const [line = ''] of linesOf('x').values()) {
    const record = JSON.parse(line) as Record<string, string>;
    const time = record['@timestamp'] ?? record['timestamp'] ?? record['time'];
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
  }
});

it('ASVS 16.2.4: each record is one line of JSON, in a form that log stores know', () => {
  for (const lines of linesOf('first\nsecond').values()) {
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
    expect(JSON.stringify(JSON.parse(lines[0] as string))).toContain('ann');
  }
});
