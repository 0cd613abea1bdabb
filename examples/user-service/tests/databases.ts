import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';

/** A server for the service; `url` is known in tests and hooks. */
export interface DatabaseServer {
  readonly url: string;
}

/** Where the users of the service are, on each database server: with few connections, so that they are waited for. */
export function describeWithEachDatabase(tests: (database: DatabaseServer) => void): void {
  describeWithServer('postgres', (server) => {
    tests({
      get url() {
        return `${server.url}?max=5`;
      },
    });
  });
  describeWithServer('mariadb', (server) => {
    tests({
      get url() {
        return `${server.url}?max=5`;
      },
    });
  });
  describeWithServer('mongodb', (server) => {
    const name = uniqueName('users');
    tests({
      get url() {
        return server.url.replace(/[^/]*$/, `${name}?maxPoolSize=5&transactions=false&decimals=text`);
      },
    });
  });
}
