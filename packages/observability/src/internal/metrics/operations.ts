import type { Place } from '../place.ts';
import { auth } from './auth.ts';
import { cache } from './cache.ts';
import { database } from './database.ts';
import { health } from './health.ts';
import { httpClient } from './http-client.ts';
import { httpServer } from './http-server.ts';
import { logging } from './logging.ts';
import { messaging } from './messaging.ts';
import type { Stop } from './stop.ts';

/** The metrics of all that packages publish. */
export function operations(place: Place): Stop[] {
  const all = [httpServer, httpClient, cache, database, messaging, auth, health, logging];
  return all.flatMap((each) => each(place));
}
