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

/** What stands behind one scheme of ours. */
export interface Scheme<Driver, Options> {
  readonly hosts: 'none' | 'one' | 'several';
  /** Parameters that it knows; others are refused. Undefined: `open` sees to that. */
  readonly parameters: readonly string[] | undefined;
  /** Imports the driver, whose library is needed only then. */
  open(url: ConnectionUrl, options: Options): Promise<Driver>;
}

/** What a parameter says of an option that is `true` or `false`; another text stays, for the driver to refuse. */
export function truthIn(parameter: string): boolean {
  return parameter === 'true' || (parameter === 'false' ? false : (parameter as never));
}

/** Schemes that an application adds: modules, each with a function that makes a driver of a URL. */
export type OwnSchemes<Driver> = Readonly<
  Record<string, () => Promise<{ openDriver(url: string): Driver | Promise<Driver> }>>
>;

/** How a package says what is wrong with a URL. */
export interface UrlErrors {
  /** For a scheme that no driver has, or a text that is no URL. */
  readonly unknown: (message: string) => Error;
  /** For a URL of a known scheme that is not right, or whose library is not installed. */
  readonly invalid: (message: string, options?: { readonly cause: unknown }) => Error;
}

/**
 * Makes the driver that a URL names. No message holds any part of the URL but its scheme and the
 * names of parameters: the rest can be a password.
 *
 * @param caller as in `openCache`, for messages
 * @param own what the application adds. It goes before ours: a scheme that a later version gains changes nothing there
 */
export async function openByUrl<Driver extends object, Options>(
  caller: string,
  text: string,
  schemes: Readonly<Record<string, Scheme<Driver, Options>>>,
  options: Options,
  errors: UrlErrors,
  own: OwnSchemes<Driver> = {},
): Promise<Driver> {
  expectSchemes(caller, own, errors);
  const name = /^([a-z][a-z0-9+.-]*):/i.exec(String(text))?.[1]?.toLowerCase();
  const added = name !== undefined && Object.hasOwn(own, name) ? own[name] : undefined;
  const scheme = name !== undefined && Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (name === undefined || (added ?? scheme) === undefined) {
    const known = [...new Set([...Object.keys(schemes), ...Object.keys(own)])].map((each) => `${each}:`);
    const got = name === undefined ? 'something that is not a URL' : `the scheme "${name}:"`;
    throw errors.unknown(`${caller} supports ${known.join(', ')} URLs; got ${got}.`);
  }
  try {
    if (added !== undefined) return await openOwn(caller, name, text, added, errors);
    const ours = scheme as Scheme<Driver, Options>;
    return await ours.open(parseConnectionUrl(name, text, ours, errors), options);
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

/** All of them, at once: one that no URL of today names would be found out on the day of the change. */
function expectSchemes(caller: string, own: unknown, errors: UrlErrors): void {
  if (typeof own !== 'object' || own === null || Array.isArray(own)) {
    throw errors.invalid(`${caller}: drivers is an object of schemes, such as { myscheme: () => import('a-driver') }.`);
  }
  for (const [scheme, load] of Object.entries(own)) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
      const name = JSON.stringify(scheme.slice(0, 64));
      throw errors.invalid(
        `${caller}: drivers has ${name}, which is no scheme; they are in lower case, without a colon.`,
      );
    }
    if (typeof load !== 'function') {
      throw errors.invalid(`${caller}: drivers.${scheme} must be a function, such as () => import('a-driver').`);
    }
  }
}

async function openOwn<Driver extends object>(
  caller: string,
  scheme: string,
  url: string,
  load: OwnSchemes<Driver>[string],
  errors: UrlErrors,
): Promise<Driver> {
  const module: Partial<Awaited<ReturnType<typeof load>>> | undefined = await load();
  if (typeof module?.openDriver !== 'function') {
    throw errors.invalid(
      `${caller}: the module of ${scheme}: URLs has no function openDriver, which makes the driver.`,
    );
  }
  const driver: unknown = await module.openDriver(url);
  if (typeof driver !== 'object' || driver === null || !('features' in driver)) {
    throw errors.invalid(`${caller}: openDriver of ${scheme}: URLs made no driver.`);
  }
  return driver as Driver;
}

/** Takes a URL of this scheme apart. @throws what `errors.invalid` makes */
export function parseConnectionUrl(
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
  known: readonly string[] | undefined,
  errors: UrlErrors,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (known?.includes(name) === false) {
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
