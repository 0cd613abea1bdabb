import { messagingErrors } from '../errors.ts';

type FieldType = 'string' | 'int' | 'date' | 'json' | 'bytes' | 'boolean';

/** A field of a {@link StoredEntity}. */
interface StoredField {
  readonly name: string;
  readonly column: string;
  readonly type: FieldType;
  readonly as: undefined;
  readonly nullable: boolean;
  readonly generated: false;
}

/** A table or a collection, as `defineEntity` of `@ent/database` describes it: what `db.repo` takes. */
export interface StoredEntity {
  readonly name: string;
  readonly table: string;
  readonly fields: ReadonlyMap<string, StoredField>;
  readonly id: readonly ['id'];
  /** A row without an id gets a UUID version 7. */
  readonly madeUp: 'id';
  readonly generated: readonly [];
  readonly unique: readonly [];
}

/** A message that is not sent yet. */
export interface StoredMessage {
  /** Of the row; sorted by the time of its making. */
  id: string;
  messageId: string;
  topic: string;
  type: string;
  source: string;
  subject: string | null;
  time: Date;
  contentType: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** Messages that have the same one are sent one after the other. */
  orderKey: string | null;
  /** The place among those of the same key: in the order in which their transactions commit. 0 without a key. */
  position: number;
  mandatory: boolean;
  /** How often it was refused. */
  attempts: number;
  /** Not sent before: {@link AT_ONCE}, the time of the next try, or {@link PARKED}. */
  dueAt: Date;
  /** The last failure: an error's code and message. */
  error: string | null;
}

/** What is counted: the positions of a key (`key:<key>`), and the turns of relays ({@link TURN}). */
export interface Mark {
  id: string;
  count: number;
  /** The relay whose turn it is. */
  owner: string | null;
  at: Date;
}

/** A message that a group has handled. */
export interface Seen {
  /** Of group, topic and message. */
  id: string;
  /** How often it came. */
  times: number;
  at: Date;
}

/** For messages that were never tried. No clock is read for it: those of publisher and relay may differ. */
export const AT_ONCE = new Date(0);
/** For messages that are not tried again by themselves. Far off and not null: one index finds what is due. */
export const PARKED = new Date(Date.UTC(9999, 0, 1));

const OUTBOX = 'ent_outbox';
const INBOX = 'ent_inbox';
/** Leaves room for what is appended: `_marks`, and the names of indexes. */
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,49}$/;

/** Which tables: those of another application may be in the same database. */
export interface TableOptions {
  /** The name of the table, and what the names of others begin with. */
  readonly table?: string | undefined;
}

type Spec = FieldType | readonly [FieldType, null];

function entity(name: string, fields: Readonly<Record<string, Spec>>): StoredEntity {
  const described = Object.entries(fields).map(([field, spec]) => {
    const [type, nullable] = typeof spec === 'string' ? [spec, false] : [spec[0], true];
    return [field, { name: field, column: field, type, as: undefined, nullable, generated: false }] as const;
  });
  return { name, table: name, fields: new Map(described), id: ['id'], madeUp: 'id', generated: [], unique: [] };
}

/** The entities of an outbox. */
export function outboxEntities(table = OUTBOX): { readonly messages: StoredEntity; readonly marks: StoredEntity } {
  checkTable(table);
  return {
    messages: entity(table, {
      id: 'string',
      messageId: 'string',
      topic: 'string',
      type: 'string',
      source: 'string',
      subject: ['string', null],
      time: 'date',
      contentType: 'string',
      headers: 'json',
      body: 'bytes',
      orderKey: ['string', null],
      position: 'int',
      mandatory: 'boolean',
      attempts: 'int',
      dueAt: 'date',
      error: ['string', null],
    } satisfies Record<keyof StoredMessage, Spec>),
    marks: entity(`${table}_marks`, {
      id: 'string',
      count: 'int',
      owner: ['string', null],
      at: 'date',
    } satisfies Record<keyof Mark, Spec>),
  };
}

/** The entity of an inbox. */
export function inboxEntity(table = INBOX): StoredEntity {
  checkTable(table);
  return entity(table, { id: 'string', times: 'int', at: 'date' } satisfies Record<keyof Seen, Spec>);
}

function checkTable(table: unknown): void {
  if (typeof table === 'string' && NAME.test(table)) return;
  throw messagingErrors.invalid_options('"table" must be a letter, then letters, digits and "_", at most 50.');
}
