import { ErrorReply } from 'redis';
import type { SendResult, WireMessage } from '../../driver.ts';
import type { RedisStreamsClient } from './client.ts';
import { fieldsOf } from './entry.ts';
import { type Commands, isRefusal, type Link } from './link.ts';
import { addAll } from './scripts.ts';

/** So much may take longer to be sent than a server may take to answer. */
const LARGE_BYTES = 1_000_000;

/** How much goes into one step of the server, which does nothing else meanwhile. */
const STEP_MESSAGES = 200;
const STEP_BYTES = 250_000;
/** A longer body goes by a command of its own: to copy it for the script costs the server more than a command does. */
const ALONE_BYTES = 2_000;

/** Messages that are sent by one call. */
interface Batch {
  readonly results: SendResult[];
  left: number;
  readonly resolve: (results: SendResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** One of them. */
interface Parcel {
  readonly fields: ReturnType<typeof fieldsOf>;
  readonly bytes: number;
  readonly batch: Batch;
  readonly at: number;
}

/** Messages on their way. Those that are published in one turn go together, for the price of one call. */
export class Sender {
  readonly #link: Link<RedisStreamsClient>;
  /** What is sent with this turn, by its stream. */
  #turn = new Map<string, Parcel[]>();

  constructor(link: Link<RedisStreamsClient>) {
    this.#link = link;
  }

  send(messages: readonly WireMessage[], streamOf: (topic: string) => string): Promise<SendResult[]> {
    // Read at once: the sender may change it afterwards.
    const fields = messages.map(fieldsOf);
    return new Promise((resolve, reject) => {
      // Behind all that is published just now, which is already on its way here.
      if (this.#turn.size === 0) queueMicrotask(() => this.#flush());
      const batch: Batch = { results: Array.from({ length: fields.length }), left: fields.length, resolve, reject };
      for (const [at, { topic, body }] of messages.entries()) {
        const stream = streamOf(topic);
        const parcel: Parcel = { fields: fields[at]!, bytes: body.byteLength, batch, at };
        const together = this.#turn.get(stream);
        if (together === undefined) this.#turn.set(stream, [parcel]);
        else together.push(parcel);
      }
    });
  }

  #flush(): void {
    const turn = this.#turn;
    this.#turn = new Map();
    for (const [stream, parcels] of turn) {
      const bytes = parcels.reduce((sum, parcel) => sum + parcel.bytes, 0);
      const work = async (commands: Commands) => {
        const failures = await Promise.all(stepsOf(parcels).map((step) => add(commands, stream, step)));
        const failure = failures.find((each) => each !== undefined);
        // Told already, each message its own; but the connection has to hear that its server is a replica by now.
        if (failure !== undefined) throw failure;
      };
      this.#link.run(stream, work, bytes > LARGE_BYTES).catch((error: unknown) => {
        for (const { batch } of parcels) batch.reject(error);
      });
    }
  }
}

function stepsOf(parcels: readonly Parcel[]): Parcel[][] {
  const steps: Parcel[][] = [];
  let bytes = 0;
  for (const parcel of parcels) {
    // What goes alone leaves no room beside it.
    const size = parcel.bytes > ALONE_BYTES ? Infinity : parcel.bytes;
    const step = steps.at(-1);
    bytes += size;
    if (step !== undefined && step.length < STEP_MESSAGES && bytes <= STEP_BYTES) {
      step.push(parcel);
    } else {
      steps.push([parcel]);
      bytes = size;
    }
  }
  return steps;
}

/**
 * Tells what became of each message, and answers the error that there was. Several go by a script: for a client, and
 * for the server, a command costs more than a short message that it adds.
 */
async function add(commands: Commands, stream: string, step: readonly Parcel[]): Promise<Error | undefined> {
  try {
    const [stored, problem] =
      step.length === 1 ? await addOne(commands, stream, step[0]!) : await addMany(commands, stream, step);
    const error = problem === undefined ? undefined : new ErrorReply(problem);
    settle(step, stored, error === undefined ? UNROUTABLE : failureOf(error));
    return error;
  } catch (error) {
    settle(step, 0, failureOf(error));
    return error as Error;
  }
}

/** How many are stored, from the first on, and what kept the next one from it, if not that there is no stream. */
type Added = readonly [stored: number, problem?: string];

async function addOne(commands: Commands, stream: string, { fields }: Parcel): Promise<Added> {
  return [(await commands.xAddNoMkStream(stream, '*', fields)) === null ? 0 : 1];
}

async function addMany(commands: Commands, stream: string, step: readonly Parcel[]): Promise<Added> {
  const values = step.flatMap(({ fields }) => [fields.meta, fields.body]);
  // By its text and not its digest: the server may not know that, and what is sent next would come before it.
  return (await commands.eval(addAll, { keys: [stream], arguments: values })) as Added;
}

/** The first of them are stored; what became of the others. */
function settle(step: readonly Parcel[], stored: number, others: SendResult): void {
  for (const [i, { batch, at }] of step.entries()) {
    batch.results[at] = i < stored ? STORED : others;
    if (--batch.left === 0) batch.resolve(batch.results);
  }
}

const STORED: SendResult = { status: 'stored' };
/** A stream is there as soon as it has a group. */
const UNROUTABLE: SendResult = { status: 'unroutable' };

function failureOf(error: unknown): SendResult {
  return { status: isRefusal(error) ? 'rejected' : 'indeterminate', error };
}
