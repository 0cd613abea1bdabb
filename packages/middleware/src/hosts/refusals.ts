import { middlewareErrors } from '../errors.ts';

/** The reason of the signal of an exchange. */
export function aborted(): Error {
  return middlewareErrors.request_aborted('The connection closed before the answer was complete.');
}

export function cutShort(): Error {
  return middlewareErrors.request_aborted('The connection closed before the whole body arrived.');
}

export function tooLarge(max: number): Error {
  return middlewareErrors.body_too_large(`The body is larger than ${max} bytes.`);
}

export function consumed(by: string): Error {
  return middlewareErrors.body_consumed(`Something read the body before ${by} was called.`);
}
