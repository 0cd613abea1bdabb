import { missingPackage } from './missing-package.ts';

/** A connection URL, taken apart. Its authority may list several hosts, which `URL` does not take. */
export interface ConnectionUrl {
  /** Without the colon, in lower case: `redis`. */
  readonly scheme: string;
  /** As it was given. It can hold a password: not for messages. */
  readonly text: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** `host`, `host:port` or `[::1]:port`; none for a scheme without hosts. */
  readonly hosts: readonly string[];
  /** What follows the hosts, decoded, with its slash; all behind the scheme where there are no hosts. */
  readonly path: string;
  /** What follows the `?`. Only names that the scheme knows. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** What stands behind one scheme. */
export interface Scheme<Made, Options> {
  readonly hosts: 'none' | 'one' | 'several';
  /** Parameters that it knows; others are refused. */
  readonly parameters: readonly string[];
  /** Imports the driver, whose library is needed only then. */
  open(url: ConnectionUrl, options: Options): Promise<Made>;
}

/** How a package says what is wrong with a URL. */
export interface UrlErrors {
  /** For a scheme that no driver has, or a text that is no URL. */
  readonly unknown: (message: string) => Error;
  /** For a URL of a known scheme that is not right, or whose library is not installed. */
  readonly invalid: (message: string, options?: { readonly cause: unknown }) => Error;
}

/**
 * Opens what a URL names. No message holds any part of the URL but its scheme and the
 * names of parameters: the rest can be a password.
 *
 * @param caller as in `openCache`, for messages
 */
export async function openByUrl<Made, Options>(
  caller: string,
  text: string,
  schemes: Readonly<Record<string, Scheme<Made, Options>>>,
  options: Options,
  errors: UrlErrors,
): Promise<Made> {
  const name = /^([a-z][a-z0-9+.-]*):/i.exec(String(text))?.[1]?.toLowerCase();
  const scheme = name !== undefined && Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (name === undefined || scheme === undefined) {
    const known = Object.keys(schemes).map((each) => `${each}:`);
    const got = name === undefined ? 'something that is not a URL' : `the scheme "${name}:"`;
    throw errors.unknown(`${caller} supports ${known.join(', ')} URLs; got ${got}.`);
  }
  const url = parseConnectionUrl(name, text, scheme, errors);
  try {
    return await scheme.open(url, options);
  } catch (cause) {
    const library = missingPackage(cause);
    if (library === undefined) throw cause;
    throw errors.invalid(
      `${name}: URLs need the package ${library}, which is not installed; run npm install ${library}.`,
      {
        cause,
      },
    );
  }
}

function parseConnectionUrl(
  name: string,
  text: string,
  { hosts: wanted, parameters }: Pick<Scheme<never, never>, 'hosts' | 'parameters'>,
  errors: UrlErrors,
): ConnectionUrl {
  const [address = '', query] = text.slice(name.length + 1).split(/\?(.*)/s, 2);
  const found = parametersOf(name, query, parameters, errors);
  const decode = (part: string): string => decoded(name, part, errors);
  const none = { scheme: name, text, user: undefined, password: undefined, hosts: [], parameters: found };
  if (wanted === 'none') return { ...none, path: decode(address) };

  // Greedy up to the last "@" before the path: a host has none.
  const [, user, list = '', path = ''] = /^\/\/(?:([^/]*)@)?([^/@]*)(\/.*)?$/s.exec(address) ?? [];
  const hosts = list.split(',');
  if (list === '' || !hosts.every((host) => URL.canParse(`http://${host}`) && !/[?#\s]/.test(host))) {
    throw errors.invalid(
      `The host or port of the ${name}: URL is not valid; in a user or password, characters such as / @ : are written %2F %40 %3A.`,
    );
  }
  if (wanted === 'one' && hosts.length > 1) throw errors.invalid(`${name}: URLs have one host; got ${hosts.length}.`);
  const [login, ...rest] = user === undefined ? [] : user.split(':');
  return {
    ...none,
    user: login ? decode(login) : undefined,
    password: rest.length > 0 ? decode(rest.join(':')) : undefined,
    hosts,
    path: decode(path),
  };
}

function parametersOf(
  scheme: string,
  query: string | undefined,
  known: readonly string[],
  errors: UrlErrors,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) {
      const has = known.length === 0 ? 'no parameters' : `the parameters ${known.join(', ')}`;
      throw errors.invalid(`${scheme}: URLs have ${has}; got "${name}".`);
    }
    if (Object.hasOwn(found, name)) throw errors.invalid(`The ${scheme}: URL has the parameter "${name}" twice.`);
    found[name] = value;
  }
  return found;
}

function decoded(scheme: string, text: string, errors: UrlErrors): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw errors.invalid(`A % that means itself is written %25 in a ${scheme}: URL.`, { cause });
  }
}
