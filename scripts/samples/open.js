// Bundled with lru-cache installed and no other library, then run where nothing is installed.
import { openCache } from '@ent/cache/open';
import { openDatabase } from '@ent/database/open';
import { openMessaging } from '@ent/messaging/open';

async function main() {
  const cache = await openCache('memory:', { ttl: '1m' });
  await cache.set('a', 'kept');
  console.log(await cache.get('a'));
  await cache.close();
  const messaging = await openMessaging('memory:');
  await messaging.close();
  for (const open of [() => openCache('redis://127.0.0.1:1'), () => openDatabase('sqlite::memory:')]) {
    await open().then(
      ({ driver }) => console.log(`opened ${driver.name}`),
      ({ code, message }) => console.log(code, message),
    );
  }
}
// A bundle in CommonJS has no top-level await.
main().catch((error) => console.log(error.stack));
