// The page of administrators. It calls the API of the service that it comes from, and nothing else; what it is told
// stays in this tab: a reload asks for the password again. Texts of users only ever become text nodes.
const PAGE_SIZE = 10;
const HEALTH_EVERY_MS = 5000;

const byId = (id) => document.getElementById(id);
const state = { tokens: undefined, half: undefined, cursors: [''], next: null, user: undefined, timer: undefined };

/** A problem of the API, in its own words. */
class Refused extends Error {}

async function send(method, path, body, token) {
  const answer = await fetch(path, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const isJson = (answer.headers.get('content-type') ?? '').includes('json');
  return { status: answer.status, body: isJson ? await answer.json() : {} };
}

/** Calls as who is signed in; where the access token has ended, with the next one. */
async function call(method, path, body) {
  let answer = await send(method, path, body, state.tokens?.access_token);
  if (answer.status === 401 && state.tokens !== undefined) {
    const renewed = await send('POST', '/api/v1/auth/refresh', { refresh_token: state.tokens.refresh_token });
    if (renewed.status !== 200) {
      showSignIn();
      throw new Refused('The session has ended. Sign in again.');
    }
    state.tokens = renewed.body;
    answer = await send(method, path, body, state.tokens.access_token);
  }
  if (answer.status >= 400) throw new Refused(answer.body.detail ?? answer.body.title ?? `Status ${answer.status}.`);
  return answer.body;
}

const cell = (name, ...children) => {
  const element = document.createElement(name);
  element.append(...children);
  return element;
};

function button(label, name, act) {
  const element = cell('button', label);
  element.type = 'button';
  if (name !== label) element.setAttribute('aria-label', name);
  element.addEventListener('click', () => void attempt(act));
  return element;
}

function rowOf(header, ...cells) {
  const first = cell('th', header);
  first.scope = 'row';
  return cell('tr', first, ...cells.map((each) => cell('td', each)));
}

const fill = (table, rows) => byId(table).tBodies[0].replaceChildren(...rows);
const time = (iso) => new Date(iso).toLocaleString();

/** Does what was asked for, and says what came in between. */
async function attempt(act) {
  byId('message').textContent = '';
  try {
    await act();
  } catch (error) {
    byId('message').textContent = error instanceof Refused ? error.message : 'The service gives no answer.';
  }
}

function showSignIn() {
  clearInterval(state.timer);
  Object.assign(state, { tokens: undefined, half: undefined, user: undefined });
  byId('sign-in').reset();
  for (const id of ['code', 'who', 'signed-in', 'user']) byId(id).hidden = true;
  byId('sign-in').hidden = false;
  byId('sign-in').elements.email.focus();
}

async function signIn() {
  const { email, password, code } = Object.fromEntries(new FormData(byId('sign-in')));
  const answer =
    state.half === undefined
      ? await send('POST', '/api/v1/auth/login', { email, password })
      : await send('POST', '/api/v1/auth/login/second-factor', { second_factor_token: state.half, code });
  if (answer.status >= 400) throw new Refused(answer.body.detail ?? answer.body.title);
  if (answer.status === 202) {
    state.half = answer.body.second_factor_token;
    byId('code').hidden = false;
    byId('sign-in').elements.code.focus();
    return;
  }
  state.tokens = answer.body;
  state.cursors = [''];
  try {
    await listUsers();
  } catch (error) {
    // Who is no administrator is not left signed in here.
    await signOut().catch(() => {});
    throw error;
  }
  byId('who').firstElementChild.textContent = email;
  byId('sign-in').hidden = true;
  for (const id of ['who', 'signed-in']) byId(id).hidden = false;
  state.timer = setInterval(() => void showHealth(), HEALTH_EVERY_MS);
  await showHealth();
}

async function signOut() {
  const { refresh_token } = state.tokens;
  try {
    await call('POST', '/api/v1/auth/logout', { refresh_token });
  } finally {
    showSignIn();
  }
}

async function listUsers() {
  const { search, sort } = Object.fromEntries(new FormData(byId('search')));
  const query = new URLSearchParams({ limit: String(PAGE_SIZE), sort });
  if (search !== '') query.set('search', search);
  if (state.cursors.at(-1) !== '') query.set('cursor', state.cursors.at(-1));
  const { items, next } = await call('GET', `/api/v1/users/?${query}`);
  state.next = next;
  fill(
    'users',
    items.map((user) => {
      const open = button(user.email, user.email, () => showUser(user));
      open.className = 'link';
      return rowOf(open, user.name, user.roles.join(', '), time(user.createdAt));
    }),
  );
  byId('page').textContent = `page ${state.cursors.length}`;
  byId('previous').disabled = state.cursors.length === 1;
  byId('next').disabled = next === null;
}

async function showUser(user) {
  state.user = user;
  byId('user-title').textContent = user.email;
  for (const box of byId('roles').elements.roles) box.checked = user.roles.includes(box.value);
  const path = `/api/v1/users/${user.id}/sessions`;
  const { items } = await call('GET', path);
  fill(
    'sessions',
    items.map((session) => {
      const end = button('End', `End the session of ${time(session.createdAt)}`, async () => {
        await call('DELETE', `${path}/${encodeURIComponent(session.id)}`);
        await showUser(user);
      });
      const device = session.current ? `${session.userAgent ?? ''} (this one)` : (session.userAgent ?? '');
      return rowOf(time(session.lastUsedAt), session.address ?? '', device, end);
    }),
  );
  byId('user').hidden = false;
}

async function saveRoles() {
  const roles = new FormData(byId('roles')).getAll('roles');
  const user = await call('PUT', `/api/v1/users/${state.user.id}`, { roles });
  await Promise.all([listUsers(), showUser(user)]);
}

async function endAll() {
  await call('DELETE', `/api/v1/users/${state.user.id}/sessions`);
  await showUser(state.user);
}

async function showHealth() {
  const { body } = await send('GET', '/health').catch(() => ({ body: { status: 'no answer' } }));
  const status = byId('health-status');
  status.textContent = body.status;
  status.dataset.status = body.status;
  fill(
    'health',
    Object.entries(body.checks ?? {}).map(([name, [check]]) => {
      const said = cell('span', check.status);
      said.dataset.status = check.status;
      return rowOf(name.replace(/:.*/, ''), said, `${Math.round(check.observedValue)} ms`, check.output ?? '');
    }),
  );
}

const onSubmit = (id, act) =>
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(act);
  });
const onClick = (id, act) => byId(id).addEventListener('click', () => void attempt(act));

onSubmit('sign-in', signIn);
onSubmit('search', () => {
  state.cursors = [''];
  return listUsers();
});
onSubmit('roles', saveRoles);
onClick('sign-out', signOut);
onClick('end-all', endAll);
onClick('previous', () => {
  state.cursors.pop();
  return listUsers();
});
onClick('next', () => {
  state.cursors.push(state.next);
  return listUsers();
});
showSignIn();
