import type { Document } from 'mongodb';

/** A call of the server as text for logs, without values: `users.find {"age":{"$gt":?}}`. */
export function statementOf(collection: string, operation: string, parts: readonly unknown[]): string {
  return [`${collection}.${operation}`, ...parts.map(shapeOf)].join(' ');
}

/** A long list says nothing more. */
const MAX_MEMBERS = 8;

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) {
    const shapes = [...new Set(value.slice(0, MAX_MEMBERS).map(shapeOf))];
    return `[${shapes.join()}]`;
  }
  if (!isPlain(value)) return '?';
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${shapeOf(member)}`)
    .join()}}`;
}

function isPlain(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Something of the schema as text, with all that is in it. */
export function fullText(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return `${member}n`;
    return member instanceof RegExp ? String(member) : member;
  });
}
