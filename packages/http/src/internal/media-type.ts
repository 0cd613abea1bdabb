// RFC 9110, section 8.3.1; a range of them has a wildcard (section 12.5.1).
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;
const MEDIA_RANGE = /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/;

/** Whether a text is a media type without parameters, such as `text/csv`. */
export function isMediaType(value: unknown): value is string {
  return typeof value === 'string' && MEDIA_TYPE.test(value);
}

/** The same, or all types of a kind: `image/*`. */
export function isMediaRange(value: unknown): value is string {
  return typeof value === 'string' && MEDIA_RANGE.test(value);
}
