import { titleOf } from '@ent/internal';

/**
 * The title of an error whose status is not that of its definition. Problems of the type about:blank are told apart by
 * the status alone, and their title is its phrase (RFC 9457, section 4.2.1); a title of somebody's own stays.
 */
export function titleFor(status: number, definition: { readonly status: number; readonly title: string }): string {
  return definition.title === titleOf(definition.status) ? titleOf(status) : definition.title;
}
