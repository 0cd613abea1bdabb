import { createLogger } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import { lineSink } from './fixtures/line-sink.ts';

function register(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider());
}

afterEach(() => {
  context.disable();
  trace.disable();
});

const memoryLogger = () => createLogger({ driver: memoryDriver() });

describe('trace and span ids', () => {
  it('are those of the active span, also after an await', async () => {
    register();
    const logger = memoryLogger();
    const tracer = trace.getTracer('test');
    await tracer.startActiveSpan('outer', async (outer) => {
      logger.info('outer');
      await new Promise((resolve) => setImmediate(resolve));
      await tracer.startActiveSpan('inner', async (inner) => {
        await Promise.resolve();
        logger.info('inner');
        expect(logger.driver.records.at(-1)).toMatchObject(idsOf(inner));
      });
      logger.info('outer again');
      expect(logger.driver.records[0]).toMatchObject(idsOf(outer));
      expect(logger.driver.records.at(-1)).toMatchObject(idsOf(outer));
    });
    logger.info('outside');
    expect(logger.driver.records.at(-1)).not.toHaveProperty('traceId');
  });

  it('of many requests do not mix', async () => {
    register();
    const logger = memoryLogger();
    const tracer = trace.getTracer('test');
    await Promise.all(
      Array.from({ length: 50 }, () =>
        tracer.startActiveSpan('request', { root: true }, async (span) => {
          for (let i = 0; i < 5; i++) {
            await new Promise((resolve) => setImmediate(resolve));
            logger.info('x', { expected: span.spanContext().spanId });
          }
        }),
      ),
    );
    expect(logger.driver.records).toHaveLength(250);
    expect(logger.driver.records.filter((record) => record.spanId !== record.fields['expected'])).toEqual([]);
  });

  it('stand where ECS and OpenTelemetry want them', () => {
    register();
    const found: Record<string, unknown>[] = [];
    for (const format of ['ecs', 'otel'] as const) {
      const logger = createLogger({
        sinks: [{ ...lineSink((line) => found.push(JSON.parse(line) as Record<string, unknown>)), format }],
      });
      trace.getTracer('test').startActiveSpan('s', (span) => {
        logger.info('x');
        const { traceId, spanId } = span.spanContext();
        const expected =
          format === 'ecs'
            ? { 'trace.id': traceId, 'span.id': spanId }
            : { trace_id: traceId, span_id: spanId, trace_flags: '01' };
        expect(found.at(-1)).toMatchObject(expected);
      });
    }
  });

  it('are absent where there is no SDK, no span, or an invalid one', () => {
    const logger = memoryLogger();
    logger.info('no SDK');
    register();
    logger.info('no span');
    const invalid = { traceId: '0'.repeat(32), spanId: '"}{"', traceFlags: TraceFlags.NONE };
    context.with(trace.setSpanContext(ROOT_CONTEXT, invalid), () => logger.info('invalid'));
    expect(logger.driver.records).toHaveLength(3);
    for (const record of logger.driver.records) expect(record).not.toHaveProperty('traceId');
  });

  it('do not fail a line when the context manager does', () => {
    class Broken extends AsyncLocalStorageContextManager {
      override active(): never {
        throw new Error('broken');
      }
    }
    context.setGlobalContextManager(new Broken());
    const logger = memoryLogger();
    logger.info('x');
    expect(logger.driver.records).toHaveLength(1);
  });
});

function idsOf(span: { spanContext(): { traceId: string; spanId: string } }): object {
  const { traceId, spanId } = span.spanContext();
  return { traceId, spanId };
}
