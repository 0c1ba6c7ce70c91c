// An OpenID provider on 127.0.0.1: whoever asks is logged in as `account`, and /_test/ stands for what people and
// operators do. Its one argument is JSON, the fields of `settings`; it prints its issuer in a line once it listens.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { importJWK, SignJWT } from 'jose';
import Provider from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

const commandLine = {
  client_id: 'ogdc-cli', application_type: 'native', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
};
const settings = {
  port: 0, account: 'ada', claims: {}, audience: 'ogdc', scopes: 'ogdc:submit ogdc:admin', form: 'at+jwt', device: true,
  seconds: 3600, refreshSeconds: 64800, clients: [commandLine], ...JSON.parse(process.argv[2] ?? '{}'),
};
const newKey = (alg = 'RS256') => ({
  ...(alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 }))
    .privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID(),
});
const state = { keys: settings.keys ?? [newKey()], seen: [] };
const adapter = createMemoryAdapter(); // of all providers that follow each other here, so that tokens outlive new keys

// What Keycloak's access tokens are like where no audience is mapped, as DataONE's are.
function likeKeycloak(ctx, token, jwt) {
  jwt.header = { typ: 'JWT' };
  Object.assign(jwt.payload, { typ: 'Bearer', azp: jwt.payload.client_id, client_id: undefined, aud: { toJSON() {} } });
}

function makeProvider() {
  const server = { scope: settings.scopes, audience: settings.audience, accessTokenFormat: 'jwt', accessTokenTTL: settings.seconds };
  const provider = new Provider(issuer, {
    adapter,
    clients: settings.clients,
    jwks: { keys: state.keys },
    cookies: { keys: ['of tests alone'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', ...settings.scopes.split(' ')],
    claims: { profile: Object.keys(settings.claims), openid: ['sub'] },
    ttl: { RefreshToken: settings.refreshSeconds, AccessToken: settings.seconds },
    rotateRefreshToken: true,
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    clientBasedCORS: () => true, // pages fetch tokens, too
    extraTokenClaims: (ctx, token) => (token.accountId ? { preferred_username: token.accountId, ...settings.claims } : {}),
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, ...settings.claims }) }),
    loadExistingGrant: async (ctx) => provider.Grant.find(await grantFor(provider, ctx.oidc.client.clientId, ctx.oidc.session.accountId)),
    interactions: { url: (ctx, interaction) => `/_test/login/${interaction.uid}` },
    formats: { customizers: { jwt: settings.form === 'keycloak' ? likeKeycloak : undefined } },
    features: {
      devInteractions: { enabled: false }, clientCredentials: { enabled: true }, revocation: { enabled: true },
      deviceFlow: { enabled: settings.device },
      resourceIndicators: {
        enabled: true, defaultResource: () => 'urn:ogdc', useGrantedResource: () => true, getResourceServerInfo: () => server,
      },
    },
  });
  return provider;
}

async function grantFor(provider, clientId, accountId) {
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(`openid offline_access profile email ${settings.scopes}`);
  grant.addResourceScope('urn:ogdc', settings.scopes);
  return grant.save();
}

const actions = {
  async approve({ user_code, account = settings.account, deny = false }) {
    const code = await provider.DeviceCode.findByUserCode(user_code.replaceAll('-', ''));
    if (deny) Object.assign(code, { error: 'access_denied' });
    else {
      Object.assign(code, {
        accountId: account, grantId: await grantFor(provider, code.clientId, account), scope: code.params.scope,
        resource: 'urn:ogdc', authTime: Math.floor(Date.now() / 1000),
      });
    }
    await code.save();
    return {};
  },
  // A new signing key; those before stay published where `keep` says so.
  async rotate({ keep = true, alg = 'RS256' }) {
    state.keys = [newKey(alg), ...(keep ? state.keys : [])];
    provider = makeProvider();
    return {};
  },
  async sign({ payload, header = {} }) {
    const key = await importJWK(state.keys[0], state.keys[0].alg);
    return { token: await new SignJWT(payload).setProtectedHeader({ alg: state.keys[0].alg, kid: state.keys[0].kid, ...header }).sign(key) };
  },
  set: async (changes) => { Object.assign(settings, changes); provider = makeProvider(); return {}; },
  requests: async () => ({ requests: state.seen }),
  keys: async () => ({ keys: state.keys }),
};

async function serve(request, response) {
  const [, test, action] = request.url.split('?')[0].split('/');
  if (test !== '_test') {
    state.seen.push(`${request.method} ${request.url.split('?')[0]}`);
    return provider.callback()(request, response);
  }
  if (action === 'login') return provider.interactionFinished(request, response, { login: { accountId: settings.account }, consent: {} });
  const answer = await actions[action](JSON.parse((await text(request)) || '{}'));
  return response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
}

const server = createServer((request, response) => serve(request, response).catch((error) => {
  response.writeHead(500).end(`${error.stack}\n`);
}));
await new Promise((ready) => { server.listen(settings.port, '127.0.0.1', ready); });
const issuer = `http://127.0.0.1:${server.address().port}`;
let provider = makeProvider();
process.stdin.on('end', () => process.exit()).resume(); // whoever started it is gone
console.log(issuer);
