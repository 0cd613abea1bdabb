import { durationOption } from '@ent/internal';
import type { $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import type { ServerSentEvent } from '../server-sent-event.ts';
import { refuseUnsayable } from './json-only.ts';
import { compileJson } from './responder.ts';

/** An event as it is sent. */
export type EventText = (event: ServerSentEvent<unknown>) => string | Promise<string>;

// WHATWG HTML, section 9.2.6: each of them ends a line.
const LINE_END = /\r\n|\n|\r/;
/** What would begin another field; a client ignores an id with a NUL. */
const NOT_IN_A_LINE = /[\r\n\0]/;

/** Makes events of a route text: the data as JSON by its schema, or as it is. */
export function compileEvent(name: string, schema: $ZodType | undefined): EventText {
  if (schema === undefined) {
    return (event) => {
      const { data } = demandEvent(name, event);
      if (data !== undefined && typeof data !== 'string') {
        throw httpErrors.response_invalid(`${name} gave an event whose data is no text: declare a schema for it.`);
      }
      return textOf(name, event, data);
    };
  }
  refuseUnsayable(schema, 'output', `${name}: the data of an event`);
  const json = compileJson(name, schema);
  return (event) => {
    const { data } = demandEvent(name, event);
    if (data === undefined) return textOf(name, event, undefined);
    const text = json(data);
    return typeof text === 'string' ? textOf(name, event, text) : text.then((late) => textOf(name, event, late));
  };
}

function demandEvent(name: string, event: unknown): ServerSentEvent<unknown> {
  if (typeof event === 'object' && event !== null) return event;
  throw httpErrors.response_invalid(`${name} gave what is no event: an object with data, event, id or retry.`);
}

function textOf(name: string, { event, id, retry }: ServerSentEvent<unknown>, data: string | undefined): string {
  let text = '';
  if (event !== undefined) text += line(name, 'event', event);
  if (id !== undefined) text += line(name, 'id', id);
  if (retry !== undefined) {
    text += `retry: ${Math.ceil(durationOption(retry, `${name}: retry of an event`, httpErrors.response_invalid))}\n`;
  }
  if (data !== undefined) for (const part of data.split(LINE_END)) text += `data: ${part}\n`;
  return `${text}\n`;
}

function line(name: string, field: 'event' | 'id', value: unknown): string {
  if (typeof value === 'string' && !NOT_IN_A_LINE.test(value)) return `${field}: ${value}\n`;
  throw httpErrors.response_invalid(`${name} gave an event whose ${field} is no text, or has a line break or NUL.`);
}
