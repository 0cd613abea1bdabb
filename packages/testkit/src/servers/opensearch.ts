import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installedFolder } from '../installed-folder.ts';
import { ask } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';

const java = (): string | undefined => findProgram('java');

/** Where `scripts/install-services.sh opensearch` puts the jars and the program that starts a node. */
const folder = (): string => installedFolder('opensearch-2.19.1');

/** One node of OpenSearch, without a login and without plugins, such as that for ISM. */
export const opensearch: Recipe = {
  name: 'opensearch',
  title: 'OpenSearch',
  programs: () => [java(), existsSync(join(folder(), 'OneNode.class')) ? folder() : undefined],
  installName: 'opensearch',
  // The one who has the jars: those of root's cache are for nobody else.
  users: [],
  stopSignal: 'SIGTERM',
  startTimeoutMs: 300_000,
  url: ({ host, port }) => `http://${host}:${port}`,
  command: ({ dir, host, port, sidePorts }) => ({
    file: java() as string,
    args: [
      '-Xmx512m',
      // It lives for some seconds: to compile well what runs twice would take longer than it saves.
      '-XX:TieredStopAtLevel=1',
      '-cp',
      `${folder()}:${join(folder(), '*')}`,
      'OneNode',
      dir,
      host,
      String(port),
      String(sidePorts[0]),
    ],
  }),
  ping: (site) =>
    ask(
      site,
      `GET /_cluster/health?wait_for_status=yellow&timeout=1s HTTP/1.1\r\nhost: ${site.host}\r\n\r\n`,
      (answer) => {
        if (!answer.includes('\r\n')) return false;
        if (!answer.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error('expected 200');
        return true;
      },
    ),
};
