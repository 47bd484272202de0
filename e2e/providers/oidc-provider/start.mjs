// An OpenID provider for journeys: node start.mjs --redirect URI [--redirect URI] [--port N] [--rotate]
//   [--client-auth client_secret_basic|client_secret_post] [--alg RS256|PS256|ES256|EdDSA]
//
// Prints one line of JSON when it is ready: issuer, client_id, client_secret, people. Signs in whoever
// `login_hint` names; without one it shows a plain page to choose from. It also serves the API that the
// sample flows call, which answers only to an access token of its own.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { Provider } from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    redirect: { type: 'string', multiple: true, default: [] },
    'client-auth': { type: 'string', default: 'client_secret_basic' },
    alg: { type: 'string', default: 'RS256' },
    rotate: { type: 'boolean', default: false },
  },
});

const PEOPLE = {
  ann: person('ann', 'Ann', 'Archer', [{ from: 'Vienna', to: 'Ljubljana' }, { from: 'Ljubljana', to: 'Trieste' }]),
  ben: person('ben', 'Ben', 'Baker', [{ from: 'Hamburg', to: 'Aarhus' }]),
  carol: { ...person('carol', 'Carol', 'Cooper', []), denies: true },
};
const KEYS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};

const client = { id: 'usher', secret: randomBytes(32).toString('base64url') };
const server = createServer();
server.listen(Number(options.port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  server.on('request', (request, response) => {
    answer(provider, request, response).catch((error) => {
      console.error(error);
      send(response, 500, 'text/plain', 'internal error');
    });
  });
  const people = Object.values(PEOPLE).map(({ id, name, denies }) => ({ id, name, does: denies ? 'denies' : 'signs in' }));
  console.log(JSON.stringify({ issuer, client_id: client.id, client_secret: client.secret, people }));
});

function configuration() {
  return {
    clients: [{
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: options.redirect,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: options['client-auth'],
      id_token_signed_response_alg: options.alg,
    }],
    jwks: { keys: [signingKey(options.alg)] },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    claims: {
      openid: ['sub'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username'],
      email: ['email', 'email_verified'],
    },
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    issueRefreshToken: async (_, issuedTo) => issuedTo.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: options.rotate,
    pkce: { required: () => true },
    findAccount: async (_, id) => PEOPLE[id] && { accountId: id, claims: async () => PEOPLE[id].claims },
    ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86_400, Session: 86_400, Grant: 86_400,
      Interaction: 600 },
  };
}

async function answer(provider, request, response) {
  const { pathname } = new URL(request.url, 'http://here');
  if (pathname.startsWith('/interaction/')) return interact(provider, request, response);
  if (pathname === '/api/trips') return trips(provider, request, response);
  return provider.callback()(request, response);
}

/** Sign-in and consent, by themselves where `login_hint` says who it is. */
async function interact(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'consent') {
    const consent = { grantId: await agree(provider, session.accountId, params, prompt.details, grantId) };
    return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  }
  const chosen = request.method === 'POST' ? (await form(request)).get('person') : params.login_hint;
  if (!chosen) return send(response, 200, 'text/html; charset=utf-8', choicePage());
  const known = PEOPLE[chosen];
  const result = known && !known.denies ? { login: { accountId: chosen } } : { error: 'access_denied' };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function agree(provider, accountId, params, details, grantId) {
  const grant = (grantId && await provider.Grant.find(grantId)) || new provider.Grant({ accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
  return grant.save();
}

/** Answers as the person whose token it is, and says who that was. */
async function trips(provider, request, response) {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ');
  const token = scheme.toLowerCase() === 'bearer' && value ? await provider.AccessToken.find(value) : undefined;
  const who = token?.isValid && PEOPLE[token.accountId];
  if (!who) return send(response, 401, 'application/json', '{"error":"invalid_token"}');
  const rows = who.trips.map((trip) => ({ ...trip, subject: who.id }));
  return send(response, 200, 'application/json', JSON.stringify(rows));
}

function choicePage() {
  const buttons = Object.values(PEOPLE)
    .map(({ id, name }) => `<p><button name="person" value="${id}">${name}</button></p>`)
    .join('');
  return `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in as</h1><form method="post">${buttons}
    <p><button name="person" value="nobody">No, go back</button></p></form>`;
}

function send(response, status, type, body) {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}

async function form(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

function signingKey(alg) {
  const [type, parameters] = KEYS[alg];
  const { privateKey } = generateKeyPairSync(type, parameters);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: randomBytes(6).toString('hex') };
}

function person(id, given, family, trips) {
  const name = `${given} ${family}`;
  const email = `${id}@people.example`;
  const claims = { sub: id, name, given_name: given, family_name: family, preferred_username: id, email, email_verified: true };
  return { id, name, trips, claims };
}
