// Bundled in CommonJS, which has no import.meta.url, and run where the packages of the pages are not installed.
import { createHandler, route } from '@ent/http';
import { docs } from '@ent/http/docs';

const routes = [route({ method: 'GET', path: '/', auth: false, responses: { 204: {} }, handler() {} })];
createHandler([...routes, ...docs(routes, { title: 'A', version: '1', pages: [] })]);
try {
  docs(routes, { title: 'A', version: '1' });
} catch ({ code, message }) {
  console.log(code, message);
}
