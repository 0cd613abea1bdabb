import { type ConnectionUrl, parseConnectionUrl } from '@ent/internal';
import { mcpErrors } from '../errors.ts';

/** The one server that a URL of one of the schemes names. @throws `mcp.invalid_options` */
export function serverUrl(
  option: string,
  url: unknown,
  schemes: readonly string[],
  parameters: readonly string[],
): ConnectionUrl {
  const scheme = typeof url === 'string' ? /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase() : undefined;
  if (scheme === undefined || !schemes.includes(scheme)) {
    const known = schemes.map((each) => `${each}:`).join(' or ');
    const got = scheme === undefined ? 'something else' : `the scheme "${scheme}:"`;
    throw mcpErrors.invalid_options(`${option} must be a URL of ${known}; got ${got}.`);
  }
  const errors = { unknown: mcpErrors.invalid_options, invalid: mcpErrors.invalid_options };
  return parseConnectionUrl(scheme, url as string, { hosts: 'one', parameters }, errors);
}
