import { ENCLOSE, type Enclosing, OTEL_REGISTRY, OTEL_SPAN } from '@ent/internal';
import type {
  Context,
  ContextManager,
  Span,
  SpanKind,
  SpanOptions,
  SpanStatusCode,
  TextMapGetter,
  TextMapPropagator,
  TextMapSetter,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import { channels } from '../../channels.ts';
import { type EndedOperation, onOperation } from '../../operations.ts';
import { listen, type Stop } from '../metrics/stop.ts';
import { SPAN, type Traced } from '../traced.ts';

/** What the application's SDK has registered; each part may be absent. */
interface OtelRegistry {
  readonly trace?: TracerProvider;
  readonly context?: ContextManager;
  readonly propagation?: TextMapPropagator;
}

// By their numbers: to take them from the API would be the only thing that it is loaded for, and a copy of it that is
// newer than the one that the SDK was registered with would find no SDK.
export const KIND = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } satisfies Record<string, SpanKind>;
const ERROR: SpanStatusCode = 2;
const BAGGAGE = Symbol.for('OpenTelemetry Baggage Key');
/** What the spans and metrics are by. */
export const NAME = '@ent/observability';

/** How the span of an operation begins. */
export interface Beginning {
  readonly name: string;
  readonly options: SpanOptions;
  /** What it is a part of. */
  readonly parent: Context;
}

/** How the operations of a channel become spans. */
export interface Recipe<Payload extends object> {
  /** `undefined` for an operation that has no span. */
  begin(payload: Payload, active: Context): Beginning | undefined;
  /** The context that the operation runs in: for what is sent along with it. */
  within?(payload: Payload, context: Context): void;
  /** Adds what is known at the end; only where somebody will see it. */
  end(span: Span, payload: Payload, error: unknown): void;
}

/** Starts spans by the SDK that is registered when an operation begins; before there is one, none. */
export class Spans {
  readonly #given: TracerProvider | undefined;
  #registered: OtelRegistry | undefined;
  #provider: TracerProvider | undefined;
  #tracer: Tracer | undefined;

  constructor(provider: TracerProvider | undefined) {
    this.#given = provider;
  }

  /** Made by the first registration, and then the same object for good; SDKs come and go inside of it. */
  get #registry(): OtelRegistry | undefined {
    this.#registered ??= (globalThis as { [OTEL_REGISTRY]?: OtelRegistry })[OTEL_REGISTRY];
    return this.#registered;
  }

  /** Without a context manager nothing could be a part of anything: then nothing is traced. */
  active(): Context | undefined {
    const registry = this.#registry;
    if (registry === undefined || (this.#given ?? registry.trace) === undefined) return undefined;
    return registry.context?.active();
  }

  start({ name, options, parent }: Beginning): Span | undefined {
    const provider = this.#given ?? this.#registry?.trace;
    if (provider !== this.#provider) {
      this.#tracer = provider?.getTracer(NAME);
      this.#provider = provider;
    }
    return this.#tracer?.startSpan(name, options, parent);
  }

  over(context: Context, span: Span): Context {
    return context.setValue(OTEL_SPAN, span);
  }

  within<R>(context: Context, work: () => R): R {
    const manager = this.#registry?.context;
    return manager === undefined ? work() : manager.with(context, work);
  }

  /** The context of one who sent something: nothing of it is that of the one who takes it. */
  extract<Carrier>(active: Context, carrier: Carrier, getter: TextMapGetter<Carrier>): Context {
    let bare = active;
    if (bare.getValue(OTEL_SPAN) !== undefined) bare = bare.deleteValue(OTEL_SPAN);
    if (bare.getValue(BAGGAGE) !== undefined) bare = bare.deleteValue(BAGGAGE);
    return this.#registry?.propagation?.extract(bare, carrier, getter) ?? bare;
  }

  inject<Carrier>(context: Context, carrier: Carrier, setter: TextMapSetter<Carrier>): void {
    this.#registry?.propagation?.inject(context, carrier, setter);
  }

  /** The operations of a channel as spans, each the active one while its operation runs. */
  of<Payload extends object>(channel: string, recipe: Recipe<Payload>): Stop {
    const mine = Symbol('span');
    type Marked = Payload & Enclosing & Traced & { [mine]?: Span | undefined };
    const start = guarded(channel, (payload: Payload) => {
      const active = this.active();
      if (active === undefined) return;
      const beginning = recipe.begin(payload, active);
      const span = beginning && this.start(beginning);
      if (span === undefined) {
        recipe.within?.(payload, active);
        return;
      }
      const context = this.over(beginning!.parent, span);
      (payload as Marked)[mine] = span;
      (payload as Marked)[SPAN] = span;
      (payload as Marked)[ENCLOSE] = (work) => this.within(context, work);
      recipe.within?.(payload, context);
    });
    const finish = guarded(channel, (payload: Marked & { readonly error?: unknown }) => {
      const span = payload[mine];
      if (span === undefined) return;
      payload[mine] = undefined;
      if (span.isRecording()) recipe.end(span, payload, payload.error);
      span.end();
    });
    // Not by `onOperation`, which asks for the time twice: a span has its own.
    // Nor at `end`: our packages publish `asyncEnd` of all that they began, also of what threw at once.
    return listen({
      [`tracing:${channel}:start`]: (message) => start(message as Payload),
      [`tracing:${channel}:asyncEnd`]: (message) => finish(message as Marked),
    });
  }

  /** As {@link of}, for operations of which only their end tells whether they are worth a span: none is active then. */
  afterwards<Payload extends object>(channel: string, recipe: Omit<Recipe<Payload>, 'within'>): Stop {
    const end = guarded(channel, ({ payload, durationMs, error }: EndedOperation<Payload>) => {
      const active = this.active();
      const beginning = active && recipe.begin(payload, active);
      if (beginning === undefined) return;
      const { name, options, parent } = beginning;
      const endedAt = Date.now();
      const span = this.start({ name, options: { ...options, startTime: endedAt - durationMs }, parent });
      if (span?.isRecording() === true) recipe.end(span, payload, error);
      span?.end(endedAt);
    });
    return onOperation<Payload>(channel, { end });
  }
}

/** The active span; a remote one where what another process sent is made active by hand. */
export function spanOf(context: Context): Span | undefined {
  return context.getValue(OTEL_SPAN) as Span | undefined;
}

/**
 * Whether a span of this process is the active one, and nobody will see it: what is a part of it would not be seen
 * either. What has no parent, or one of another process, is for the sampler to say.
 */
export function isUnseen(context: Context): boolean {
  const span = spanOf(context);
  return span !== undefined && isOfNobody(span);
}

/** Whether there is a trace to be a part of, and somebody will see it: not for what happens by itself, now and then. */
export function isPart(context: Context): boolean {
  const span = spanOf(context);
  return span !== undefined && !isOfNobody(span);
}

function isOfNobody(span: Span): boolean {
  return !span.isRecording() && span.spanContext().isRemote !== true;
}

/**
 * Marks a span as failed. The message of the error stays out: it may hold what a trace is no place for. The log has
 * it, under the same ids.
 */
export function fail(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: ERROR });
}

/** What a subscriber throws ends the process: so that what an SDK throws harms nobody, it is published. */
export function guarded<T>(operation: string, hear: (message: T) => void): (message: T) => void {
  return (message) => {
    try {
      hear(message);
    } catch (error) {
      if (channels.trace.hasSubscribers) channels.trace.error.publish({ operation, error });
    }
  };
}
