import type { ContentCoding } from './content-coding.ts';

// Bytes in another coding are another representation, and have another strong tag (RFC 9110, section 8.8.3.3).
const MARKED = /-(?:gzip|deflate|br|zstd)"$/;

/** The tag of the same version in a coding: `"v"` is `"v-gzip"`. A weak one is the same for both. */
export function markedTag(tag: string, coding: ContentCoding): string {
  return tag.startsWith('W/') ? tag : `${tag.slice(0, -1)}-${coding}"`;
}

/** The tag of a version, whatever the coding that it came in. */
export function plainTag(tag: string): string {
  return tag.replace(MARKED, '"');
}
