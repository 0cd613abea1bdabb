import { OPTIONAL_SERVERS, SERVER_NAMES, type ServerName } from './server.ts';

/** Other spellings that people will try. */
const ALIASES: Readonly<Record<string, ServerName>> = {
  mysql: 'mariadb',
  postgresql: 'postgres',
  mongo: 'mongodb',
  ferretdb: 'mongodb',
};

/** What `ENT_TEST_<NAME>_URL` says about a server; `ENT_TEST_MYSQL_URL` serves for `mariadb` as well. */
export function givenUrls(name: ServerName, env: NodeJS.ProcessEnv = process.env): readonly string[] | undefined {
  const variables = variablesOf(name);
  const variable = variables.find((candidate) => env[candidate]);
  if (!variable) return undefined;
  // Clusters and sentinels have several addresses, separated by commas.
  const urls = (env[variable] as string).split(',').map((url) => url.trim());
  for (const url of urls) {
    if (!URL.canParse(url)) throw new Error(`${variable} must be a URL, or several with commas between them.`);
    if (!new URL(url).port) throw new Error(`${variable} must name the port of the server.`);
  }
  return urls;
}

/** The variables that may give a server by URL, the documented one first. */
export function variablesOf(name: ServerName): readonly string[] {
  const variable = `ENT_TEST_${name.toUpperCase().replaceAll('-', '_')}_URL`;
  return name === 'mariadb' ? [variable, 'ENT_TEST_MYSQL_URL'] : [variable];
}

/**
 * Whether `ENT_TEST_REQUIRE` demands this server: `all`, or names separated by commas. Where it does,
 * an absent server is a failure and not a skip.
 */
export function isRequired(name: ServerName, env: NodeJS.ProcessEnv = process.env): boolean {
  const wanted = (env['ENT_TEST_REQUIRE'] ?? '')
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter(Boolean);
  if (wanted.includes('all') && !OPTIONAL_SERVERS.has(name)) return true;
  const names = wanted.filter((word) => word !== 'all').map((word) => ALIASES[word] ?? word);
  const unknown = names.find((word) => !(SERVER_NAMES as readonly string[]).includes(word));
  if (unknown !== undefined) {
    throw new Error(`ENT_TEST_REQUIRE names "${unknown}"; it takes "all" or some of ${SERVER_NAMES.join(', ')}.`);
  }
  return names.includes(name);
}
