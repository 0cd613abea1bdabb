import type { SendResult, WireMessage } from '../../driver.ts';
import type { RedisStreamsClient } from './client.ts';
import { fieldsOf } from './entry.ts';
import { type Commands, isRefusal, type Link } from './link.ts';

/** So much may take longer to be sent than a server may take to answer. */
const LARGE_BYTES = 1_000_000;

/** Messages that are sent by one call: the stream of each, and its fields. */
interface Batch {
  readonly parcels: readonly (readonly [stream: string, fields: ReturnType<typeof fieldsOf>])[];
  readonly bytes: number;
  readonly resolve: (results: SendResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Messages on their way. Those that are published in one turn go together, for the price of one call. */
export class Outbox {
  readonly #link: Link<RedisStreamsClient>;
  /** What is sent with this turn, by the stream of its first message. */
  #turn = new Map<string, Batch[]>();

  constructor(link: Link<RedisStreamsClient>) {
    this.#link = link;
  }

  send(messages: readonly WireMessage[], streamOf: (topic: string) => string): Promise<SendResult[]> {
    // Read at once: the sender may change it afterwards.
    const parcels = messages.map((message) => [streamOf(message.topic), fieldsOf(message)] as const);
    const bytes = messages.reduce((sum, { body }) => sum + body.byteLength, 0);
    return new Promise((resolve, reject) => {
      const [stream] = parcels[0]!;
      // Behind all that is published just now, which is already on its way here.
      if (this.#turn.size === 0) queueMicrotask(() => this.#flush());
      const together = this.#turn.get(stream);
      const batch = { parcels, bytes, resolve, reject };
      if (together === undefined) this.#turn.set(stream, [batch]);
      else together.push(batch);
    });
  }

  #flush(): void {
    const turn = this.#turn;
    this.#turn = new Map();
    for (const [stream, batches] of turn) {
      const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0);
      const work = async (commands: Commands) => {
        const failures = await Promise.all(batches.map((batch) => addAll(commands, batch)));
        const failure = failures.find((each) => each !== undefined);
        // Told already, each message its own; but the connection has to hear that its server is a replica by now.
        if (failure !== undefined) throw failure;
      };
      this.#link.run(stream, work, bytes > LARGE_BYTES).catch((error: unknown) => {
        for (const batch of batches) batch.reject(error);
      });
    }
  }
}

/** Tells what became of each message, and answers the first error. */
async function addAll(commands: Commands, { parcels, resolve }: Batch): Promise<Error | undefined> {
  const adding = parcels.map(([stream, fields]) => add(commands, stream, fields));
  const results = adding.length === 1 ? [await adding[0]!] : await Promise.all(adding);
  resolve(results);
  for (const result of results) if ('error' in result) return result.error as Error;
  return undefined;
}

function add(commands: Commands, stream: string, fields: ReturnType<typeof fieldsOf>): Promise<SendResult> {
  return commands.xAddNoMkStream(stream, '*', fields).then(answerOf, failureOf);
}

const STORED: SendResult = { status: 'stored' };
/** A stream is there as soon as it has a group. */
const UNROUTABLE: SendResult = { status: 'unroutable' };

function answerOf(id: string | null): SendResult {
  return id === null ? UNROUTABLE : STORED;
}

function failureOf(error: unknown): SendResult {
  return { status: isRefusal(error) ? 'rejected' : 'indeterminate', error };
}
