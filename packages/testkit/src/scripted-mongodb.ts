import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { BSON, type Document } from 'mongodb';

/** What comes for a command: a reply, or the connection ends (`lose`), or nothing ever comes (`silence`). */
export type ScriptedAnswer = Reply | 'lose' | 'silence' | ((command: Document) => Reply);
type Reply = Readonly<Record<string, unknown>>;

/** A command that came, without greetings. */
export interface ReceivedCommand {
  readonly name: string;
  readonly body: Document;
  /** Which member of the set it came to. */
  readonly member: number;
}

/** Options of {@link startScriptedMongodb}. */
export interface ScriptedOptions {
  /** How many members the replica set has. Default 1. */
  readonly members?: number;
  /** Greets as a server that belongs to no set. Default `false`. */
  readonly standalone?: boolean;
}

/**
 * A replica set that speaks MongoDB's protocol and stores nothing: what it answers is written down by the test. For
 * what no server on the machine does: labels of errors, a failover, a commit that nobody answers. Its greeting makes a
 * client believe in a primary with transactions.
 */
export interface ScriptedMongodb {
  /** Names all members and the set. */
  readonly url: string;
  readonly commands: readonly ReceivedCommand[];
  /** The names of {@link commands}. */
  names(): readonly string[];
  /** Answers the next commands of this name, one each; after that they are answered as before, as done. */
  next(command: string, ...answers: readonly ScriptedAnswer[]): void;
  /** Answers all commands of this name that have no answer of their own. */
  always(command: string, answer: ScriptedAnswer): void;
  /** Makes another member the primary. */
  elect(member: number): void;
  /** How many connections are open. */
  connections(): number;
  close(): Promise<void>;
}

const SET = 'scripted';
/** MongoDB 7.0. */
const WIRE_VERSION = 21;
const HEAD = 16;
// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const MORE_TO_COME = 1 << 1;

/** Starts one on free ports of the loopback interface. */
export async function startScriptedMongodb(options: ScriptedOptions = {}): Promise<ScriptedMongodb> {
  const set = new ScriptedSet(options.standalone === true);
  for (let member = 0; member < (options.members ?? 1); member += 1) await set.add();
  return set;
}

class ScriptedSet implements ScriptedMongodb {
  readonly commands: ReceivedCommand[] = [];
  readonly #isAlone: boolean;
  readonly #servers: Server[] = [];
  readonly #hosts: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #next = new Map<string, ScriptedAnswer[]>();
  readonly #always = new Map<string, ScriptedAnswer>();
  #primary = 0;
  #term = 1;

  constructor(isAlone: boolean) {
    this.#isAlone = isAlone;
  }

  get url(): string {
    return `mongodb://${this.#hosts.join()}/app${this.#isAlone ? '' : `?replicaSet=${SET}`}`;
  }

  async add(): Promise<void> {
    const member = this.#servers.length;
    const server = createServer((socket) => this.#serve(socket, member));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    this.#servers.push(server);
    this.#hosts.push(`127.0.0.1:${port}`);
  }

  names(): string[] {
    return this.commands.map(({ name }) => name);
  }

  next(command: string, ...answers: readonly ScriptedAnswer[]): void {
    this.#next.set(command, [...(this.#next.get(command) ?? []), ...answers]);
  }

  always(command: string, answer: ScriptedAnswer): void {
    this.#always.set(command, answer);
  }

  elect(member: number): void {
    this.#primary = member;
    this.#term += 1;
  }

  connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #serve(socket: Socket, member: number): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= HEAD && received.length >= received.readInt32LE(0)) {
        const message = received.subarray(0, received.readInt32LE(0));
        received = received.subarray(message.length);
        this.#answer(socket, message, member);
      }
    });
  }

  #answer(socket: Socket, message: Buffer, member: number): void {
    const { body, isOneWay } = read(message);
    const name = Object.keys(body)[0] as string;
    const isGreeting = /^(?:hello|ismaster)$/i.test(name);
    if (!isGreeting) this.commands.push({ name, body, member });
    const answer = isGreeting ? this.#greeting(member) : (this.#next.get(name)?.shift() ?? this.#always.get(name));
    if (answer === 'silence' || isOneWay) return;
    if (answer === 'lose') {
      socket.destroy();
      return;
    }
    const told = typeof answer === 'function' ? answer(body) : (answer ?? done(name, body));
    socket.write(write(message, { ok: 1, ...told }));
  }

  #greeting(member: number): Reply {
    const limits = {
      helloOk: true,
      maxBsonObjectSize: 16 * 1024 * 1024,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      logicalSessionTimeoutMinutes: 30,
      minWireVersion: 0,
      maxWireVersion: WIRE_VERSION,
      readOnly: false,
    };
    if (this.#isAlone) return { ...limits, isWritablePrimary: true, ismaster: true };
    const isPrimary = member === this.#primary;
    return {
      ...limits,
      isWritablePrimary: isPrimary,
      ismaster: isPrimary,
      secondary: !isPrimary,
      setName: SET,
      setVersion: 1,
      hosts: this.#hosts,
      primary: this.#hosts[this.#primary],
      me: this.#hosts[member],
      ...(isPrimary && { electionId: new BSON.ObjectId(this.#term.toString(16).padStart(24, '0')) }),
    };
  }
}

/** As a server answers that has done it, where there was nothing before. */
function done(name: string, body: Document): Reply {
  const cursor = { cursor: { id: 0n, ns: `app.${String(body[name])}`, firstBatch: [] } };
  switch (name) {
    case 'buildInfo':
    case 'buildinfo':
      return { version: '7.0.0' };
    case 'find':
    case 'aggregate':
    case 'listIndexes':
    case 'listCollections':
      return cursor;
    case 'insert':
      return { n: (body['documents'] as Document[]).length };
    case 'update':
      return { n: 1, nModified: 1 };
    case 'delete':
      return { n: 1 };
    case 'findAndModify':
      return { value: null };
    default:
      return {};
  }
}

function read(message: Buffer): { body: Document; isOneWay: boolean } {
  const code = message.readInt32LE(12);
  if (code === OP_QUERY) {
    const name = message.indexOf(0, HEAD + 4);
    return { body: documentAt(message, name + 1 + 8), isOneWay: false };
  }
  if (code !== OP_MSG) throw new Error(`The scripted server does not know the opcode ${code}.`);
  const isOneWay = (message.readUInt32LE(HEAD) & MORE_TO_COME) !== 0;
  const body: Document = {};
  for (let at = HEAD + 4; at < message.length; ) {
    const kind = message[at];
    const size = message.readInt32LE(at + 1);
    if (kind === 0) Object.assign(body, documentAt(message, at + 1));
    else Object.assign(body, sequence(message.subarray(at + 5, at + 1 + size)));
    at += 1 + size;
  }
  return { body, isOneWay };
}

/** Documents that a client sends beside the command, under the name of their field. */
function sequence(section: Buffer): Document {
  const end = section.indexOf(0);
  const documents: Document[] = [];
  for (let at = end + 1; at < section.length; at += section.readInt32LE(at)) documents.push(documentAt(section, at));
  return { [section.toString('utf8', 0, end)]: documents };
}

function documentAt(bytes: Buffer, at: number): Document {
  return BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at)), { useBigInt64: true });
}

function write(request: Buffer, document: Reply): Buffer {
  const body = Buffer.from(BSON.serialize(document));
  const isOld = request.readInt32LE(12) === OP_QUERY;
  const between = Buffer.alloc(isOld ? 20 : 5);
  // One document; in the newer form no flags and a section of kind 0.
  if (isOld) between.writeInt32LE(1, 16);
  const head = Buffer.alloc(HEAD);
  head.writeInt32LE(HEAD + between.length + body.length, 0);
  head.writeInt32LE(request.readInt32LE(4), 8);
  head.writeInt32LE(isOld ? OP_REPLY : OP_MSG, 12);
  return Buffer.concat([head, between, body]);
}
