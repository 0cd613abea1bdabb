/**
 * What draws the page, as the browser gets it: the numbers come as JSON, and stand in the page as texts alone. Rows and
 * errors keep their elements, so that the focus and what is open stay where they are.
 */
export const SCRIPT = String.raw`'use strict';
const EVERY_MS = 2000;
const SVG = 'http://www.w3.org/2000/svg';
const byId = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
function put(node, text, className) {
  if (node.textContent !== text) node.textContent = text;
  if (className !== undefined && node.className !== className) node.className = className;
}

// Numbers as people read them.
const isNumber = (value) => typeof value === 'number';
const short = (value) => (value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2));
const rate = (value) => (isNumber(value) ? short(value) : '–');
const whole = (value) => (isNumber(value) ? String(value) : '–');
const percent = (value) => (isNumber(value) ? (value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0) + ' %' : '–');
const time = (ms) => (!isNumber(ms) ? '–' : ms >= 1000 ? short(ms / 1000) + ' s' : short(ms) + ' ms');
const bytes = (value) => (isNumber(value) ? short(value / 1048576) + ' MiB' : '–');
const since = (seconds) => {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const at = parts.findIndex(([length]) => seconds >= length);
  if (at === -1) return '0 s';
  const [length, name] = parts[at];
  const rest = parts[at + 1] ? Math.floor((seconds % length) / parts[at + 1][0]) : 0;
  return Math.floor(seconds / length) + ' ' + name + (rest > 0 ? ' ' + rest + ' ' + parts[at + 1][1] : '');
};
const failing = (value) => (value > 0.01 ? 'bad' : value > 0 ? 'warn' : '');
const waiting = (value) => (value > 0 ? 'warn' : '');

const calls = (first) => [
  ['name', first], ['perSecond', 'per s', rate], ['errorRatio', 'failed', percent, failing],
  ['p50', 'p50', time], ['p95', 'p95', time], ['p99', 'p99', time],
];
const TABLES = [
  ['routes', 'Routes', calls('route')],
  ['checks', 'Health', [['name', 'check'], ['status', 'status', String, statusClass], ['ms', 'took', time], ['output', 'code', (code) => code || '']]],
  ['caches', 'Caches', [['name', 'driver'], ['perSecond', 'reads per s', rate], ['hitRatio', 'hits', percent], ['p50', 'p50', time], ['p99', 'p99', time]]],
  ['loads', 'Loads of caches', calls('driver')],
  ['queries', 'Queries', calls('operation')],
  ['pools', 'Connections', [['name', 'pool'], ['inUse', 'used', whole], ['idle', 'idle', whole], ['max', 'most', whole], ['waiting', 'waiting', whole, waiting]]],
  ['published', 'Messages sent', calls('topic')],
  ['handled', 'Messages handled', calls('topic and group')],
  ['groups', 'Queues', [['name', 'topic and group'], ['ready', 'ready', whole], ['delayed', 'delayed', whole], ['leased', 'taken', whole], ['dead', 'dead', whole, (value) => (value > 0 ? 'bad' : '')]]],
  ['traces', 'Traces', [['name', 'trace'], ['first', 'began here with'], ['parts', 'parts', whole], ['slowestMs', 'slowest', time], ['failed', 'failed', whole, (value) => (value > 0 ? 'bad' : '')]]],
];
const TILES = [
  ['Requests per s', (data) => rate(data.requests.perSecond)],
  ['Failed', (data) => percent(data.requests.errorRatio), (data) => failing(data.requests.errorRatio)],
  ['Half of them within', (data) => time(data.requests.p50)],
  ['99 of 100 within', (data) => time(data.requests.p99)],
  ['In flight', (data) => whole(data.requests.active)],
  ['Cache hits', (data) => percent(hits(data.caches))],
  ['Processor', (data) => percent(lastOf(data.process.samples).cpu)],
  ['Event loop late by', (data) => time(lastOf(data.process.samples).loopDelayP99Ms)],
  ['Heap', (data) => bytes(data.process.heapUsed), (data) => (data.process.heapUsed > 0.9 * data.process.heapLimit ? 'bad' : '')],
  ['Memory', (data) => bytes(data.process.rss)],
];
const CHARTS = [
  ['Requests per second', [['all', (data) => column(data.chart.points, 'perSecond')], ['failed', (data) => column(data.chart.points, 'errorsPerSecond')]], rate],
  ['Latency', [['half within', (data) => column(data.chart.points, 'p50')], ['99 of 100 within', (data) => column(data.chart.points, 'p99')]], time],
  ['Process', [['processor', (data) => column(padded(data.process.samples), 'cpu')], ['event loop', (data) => column(padded(data.process.samples), 'loopUtilization')]], percent],
];
const POINTS = 60;

function statusClass(status) { return status === 'pass' ? 'good' : status === 'warn' ? 'warn' : 'bad'; }
function lastOf(list) { return list.at(-1) || {}; }
function column(points, name) { return points.map((point) => (point && isNumber(point[name]) ? point[name] : null)); }
function padded(samples) { return Array(Math.max(0, POINTS - samples.length)).fill(null).concat(samples); }
function hits(caches) {
  const all = caches.reduce((sum, { perSecond }) => sum + perSecond, 0);
  return all === 0 ? null : caches.reduce((sum, { perSecond, hitRatio }) => sum + perSecond * hitRatio, 0) / all;
}
function checksOf({ health }) {
  return Object.entries((health && health.checks) || {}).flatMap(([name, results]) =>
    results.map(({ status, observedValue, output }) => ({ name: name.split(':')[0], status, ms: observedValue, output })));
}

// The elements, made once.
const page = byId('page');
const tiles = TILES.map(([name, read, classOf]) => {
  const value = element('dd');
  return { name, value, update: (data) => put(value, read(data), classOf ? classOf(data) : '') };
});
page.append(element('section', { class: 'wide', 'aria-label': 'Now' },
  element('dl', {}, ...tiles.map(({ name, value }) => element('div', {}, element('dt', {}, name), value)))));

const charts = CHARTS.map(([title, lines, format]) => {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 ' + (POINTS - 1) + ' 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const drawn = lines.map(([name, read], at) => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', 'line-' + (at + 1));
    svg.append(path);
    return { name, read, path, key: element('span', { class: 'key-' + (at + 1) }) };
  });
  const top = element('span');
  page.append(element('section', { 'aria-label': title }, element('h2', {}, title),
    element('figure', {}, svg, element('figcaption', {}, ...drawn.map(({ key }) => key), top))));
  return (data) => {
    const values = drawn.map(({ read }) => read(data));
    const most = Math.max(...values.flat().map(Number), 0) || 1;
    put(top, 'top ' + format(most) + ', the last 5 min');
    drawn.forEach(({ name, path, key }, at) => {
      let pen = 'M';
      const steps = values[at].map((value, x) => {
        if (value === null) { pen = 'M'; return ''; }
        const step = pen + x + ' ' + (98 - (96 * value) / most).toFixed(2);
        pen = 'L';
        // A point alone is a line of no length, which a browser does not draw.
        return step + 'h.01';
      });
      path.setAttribute('d', steps.join(''));
      put(key, name + ' ' + format(values[at].at(-1)));
    });
  };
});

/** Keeps the elements of rows that stay. */
function keep(parent, rows, keyOf, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const children = rows.map((row) => {
    const key = keyOf(row);
    const child = old.get(key) || make(row);
    old.delete(key);
    child.dataset.key = key;
    update(child, row);
    return child;
  });
  for (const gone of old.values()) gone.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] || null);
  });
}

const tables = TABLES.map(([id, title, columns]) => {
  const body = element('tbody');
  const head = element('tr', {}, ...columns.map(([, label]) => element('th', { scope: 'col' }, label)));
  const table = element('table', {}, element('thead', {}, head), body);
  const empty = element('p', { class: 'empty' }, 'Nothing in the last minute.');
  // What scrolls can be reached by keyboard.
  const scroll = element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title }, table);
  const section = element('section', { id, 'aria-label': title }, element('h2', {}, title), empty, scroll);
  section.hidden = true;
  page.append(section);
  return (data) => {
    const rows = id === 'checks' ? checksOf(data) : data[id];
    // A kind of thing that was never there is not shown.
    if (rows.length > 0) section.hidden = false;
    empty.hidden = rows.length > 0;
    scroll.hidden = rows.length === 0;
    keep(body, rows, ({ name }) => name,
      () => element('tr', {}, ...columns.map((_, at) => (at === 0 ? element('th', { scope: 'row' }) : element('td')))),
      (row, values) => columns.forEach(([key, , format = String, classOf], at) =>
        put(row.children[at], format(values[key]), classOf ? classOf(values[key]) : '')));
  };
});

const errorList = element('div');
const noErrors = element('p', { class: 'empty' }, 'None so far.');
page.append(element('section', { id: 'errors', class: 'wide', 'aria-label': 'Recent errors' },
  element('h2', {}, 'Recent errors'), noErrors, errorList));
function updateErrors({ errors }) {
  noErrors.hidden = errors.length > 0;
  keep(errorList, errors, ({ operation, code, message }) => [operation, code, message].join('\n'),
    () => element('details', {}, element('summary', {}, element('time'), ' ', element('span', { class: 'count' }), ' ',
      element('strong'), ' ', element('span')), element('pre')),
    (details, { time: at, count, operation, code, name, message, causes }) => {
      const [when, often, what, text] = details.querySelector('summary').children;
      put(when, new Date(at).toLocaleTimeString());
      put(often, count + ' ×');
      put(what, code);
      put(text, message.split('\n')[0]);
      put(details.querySelector('pre'), [operation + ': ' + name, message].concat(causes.map((cause) => 'because of ' + cause)).join('\n'));
    });
}

function update(data) {
  const { service, version, node, pid, uptimeSeconds, health } = data;
  document.title = (health ? health.status + ' · ' : '') + service + ': live';
  put(byId('about'), [version && 'version ' + version, 'up ' + since(uptimeSeconds), 'process ' + pid, node].filter(Boolean).join(' · '));
  for (const tile of tiles) tile.update(data);
  for (const draw of charts) draw(data);
  for (const fill of tables) fill(data);
  updateErrors(data);
}

// Reading on, one request at a time, and not while nobody looks.
const state = byId('state');
const pause = byId('pause');
let isPaused = false;
let isAsking = false;
async function look() {
  if (isPaused || isAsking || document.hidden) return;
  isAsking = true;
  try {
    const answer = await fetch('data', { cache: 'no-store', signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const data = await answer.json();
    update(data);
    const status = data.health ? data.health.status : 'live';
    put(state, status, data.health ? statusClass(status) : 'good');
  } catch {
    put(state, 'no answer', 'bad');
  }
  isAsking = false;
}
pause.addEventListener('click', () => {
  isPaused = !isPaused;
  pause.setAttribute('aria-pressed', String(isPaused));
  if (isPaused) put(state, 'paused', 'warn');
  else look();
});
document.addEventListener('visibilitychange', look);
setInterval(look, EVERY_MS);
look();
`;
