import type { Attributes, Context, Link, TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { Stop } from '../metrics/stop.ts';
import { codeOf } from '../metrics/code-of.ts';
import { fail, isUnseen, KIND, spanOf, type Spans } from './spans.ts';

type Headers = Record<string, string>;

/** What is read of the channels of `@ent/messaging`, which documents them in full. */
interface Publishing {
  readonly driver: string;
  readonly topic: string;
  readonly messages: readonly { readonly id: string; readonly headers: Headers }[];
}
interface Processing {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  readonly messageId: string;
  readonly headers: Readonly<Headers>;
  readonly attempt: number;
  readonly outcome?: string;
}
interface Batch {
  readonly driver: string;
  readonly group: string;
  readonly messages: readonly { readonly topic: string; readonly headers: Readonly<Headers> }[];
}
interface Relaying {
  readonly driver: string;
  readonly messages: readonly { readonly topic: string; readonly headers: Readonly<Headers> }[];
  readonly postponed: number;
  readonly parked: readonly unknown[];
  readonly trouble?: string;
}

/** Messages that are published, relayed by an outbox and handled: from producer to consumer one trace. */
export function messaging(spans: Spans): Stop[] {
  return [publishing(spans), processing(spans), batches(spans), relaying(spans)];
}

function publishing(spans: Spans): Stop {
  return spans.of<Publishing>('ent:messaging:publish', {
    begin({ driver, topic, messages }, parent) {
      if (isUnseen(parent)) return undefined;
      // What an outbox keeps is sent later, by its relay.
      const operation = driver === 'outbox' ? 'create' : 'send';
      const attributes = attributesOf(driver, topic, operation === 'create' ? 'create' : 'publish', operation);
      const [message] = messages;
      if (messages.length > 1) attributes['messaging.batch.message_count'] = messages.length;
      else if (message !== undefined) attributes['messaging.message.id'] = message.id;
      const name = `${operation === 'create' ? 'create' : 'publish'} ${topic}`;
      return { name, options: { kind: KIND.producer, attributes }, parent };
    },
    within({ messages }, context) {
      for (const { headers } of messages) spans.inject(context, headers, HEADERS);
    },
    end(span, _payload, error) {
      if (error !== undefined) fail(span, codeOf(error));
    },
  });
}

function processing(spans: Spans): Stop {
  return spans.of<Processing>('ent:messaging:process', {
    begin({ driver, topic, group, messageId, headers, attempt }, active) {
      const attributes = attributesOf(driver, topic, 'process', 'process');
      attributes['messaging.consumer.group.name'] = group;
      attributes['messaging.message.id'] = messageId;
      if (attempt > 1) attributes['ent.messaging.attempt'] = attempt;
      // Who woke the subscription is not who sent this message.
      const parent = spans.extract(active, headers, HEADERS);
      return { name: `process ${topic}`, options: { kind: KIND.consumer, attributes }, parent };
    },
    end(span, { outcome }, error) {
      if (outcome !== undefined) span.setAttribute('ent.messaging.outcome', outcome);
      if (error !== undefined) fail(span, codeOf(error));
    },
  });
}

/** A batch handler works for several traces at once: links to all, and beside it the span of each message. */
function batches(spans: Spans): Stop {
  return spans.of<Batch>('ent:messaging:batch', {
    begin({ driver, group, messages }, active) {
      const { name, attributes, links } = ofMany(spans, active, driver, messages, 'process_batch', 'process');
      attributes['messaging.consumer.group.name'] = group;
      return { name, options: { kind: KIND.consumer, attributes, links }, parent: active };
    },
    end(span, _payload, error) {
      if (error !== undefined) fail(span, codeOf(error));
    },
  });
}

/** A relay sends messages of several traces in one batch: a span of its own, with links to all. */
function relaying(spans: Spans): Stop {
  return spans.afterwards<Relaying>('ent:messaging:relay', {
    begin({ driver, messages }, active) {
      if (messages.length === 0) return undefined;
      const { name, attributes, links } = ofMany(spans, active, driver, messages, 'relay', 'send');
      return { name, options: { kind: KIND.client, attributes, links }, parent: active };
    },
    end(span, { postponed, parked, trouble }, error) {
      if (postponed > 0) span.setAttribute('ent.outbox.postponed', postponed);
      if (parked.length > 0) span.setAttribute('ent.outbox.parked', parked.length);
      if (error !== undefined) fail(span, codeOf(error));
      else if (trouble !== undefined) fail(span, trouble);
    },
  });
}

function ofMany(
  spans: Spans,
  active: Context,
  driver: string,
  messages: Batch['messages'],
  operation: string,
  type: string,
): { readonly name: string; readonly attributes: Attributes; readonly links: Link[] } {
  const links: Link[] = [];
  for (const { headers } of messages) {
    const sender = spanOf(spans.extract(active, headers, HEADERS))?.spanContext();
    if (sender !== undefined) links.push({ context: sender });
  }
  const topics = new Set(messages.map(({ topic }) => topic));
  const [topic] = topics.size === 1 ? topics : [undefined];
  const attributes = attributesOf(driver, topic, operation, type);
  attributes['messaging.batch.message_count'] = messages.length;
  return { name: topic === undefined ? operation : `${operation} ${topic}`, attributes, links };
}

function attributesOf(driver: string, topic: string | undefined, operation: string, type: string): Attributes {
  const attributes: Attributes = {
    'messaging.system': driver,
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
  };
  if (topic !== undefined) attributes['messaging.destination.name'] = topic;
  return attributes;
}

const HEADERS: TextMapGetter<Headers> & TextMapSetter<Headers> = {
  get: (headers, name) => headers[name],
  keys: (headers) => Object.keys(headers),
  set: (headers, name, value) => {
    headers[name] = value;
  },
};
